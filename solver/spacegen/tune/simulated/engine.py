"""The scheduler of a SIMULATED server: requests in queues, batches that take as long as the formula says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from spacegen.servers.attention_groups import CAUTION, scaled
from spacegen.tune.simulated.admission import Endings, Expected, Request, to_retract
from spacegen.tune.simulated.effective import Effective
from spacegen.tune.simulated.formula import Pace, memory
from spacegen.tune.simulated.log import Batch, Log
from spacegen.tune.simulated.prefixes import Beginnings, Prefixes
from spacegen.tune.simulated.words import memory_words

__all__ = ["Engine", "OutOfMemoryError"]

_LOGGED: Final = 40
"""How many steps of decoding a line of the log is about."""
_SHORTEST: Final = 0.002
"""Sleeping for less is not worth it: what is owed adds up."""


class OutOfMemoryError(Exception):
    """The memory of the launch does not suffice for a batch; `words` are the server's."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(*words)
        self.words = words


class Engine:
    """The replicas of a launch; requests go to the one with the fewest."""

    def __init__(
        self, launch: Effective, log: Log, *, endings: Endings | None = None, broken: tuple[str, ...] = ()
    ) -> None:
        self.replicas = [_Replica(launch, log, i, broken) for i in range(launch.replicas)]
        self.groups = launch.groups
        self.served = 0
        self.prompt_tokens = 0
        self.made_tokens = 0
        self.cached_tokens = 0
        self._endings = endings or Endings()
        self._clock = log.clock

    async def run(self) -> None:
        """Serves until it is cancelled. Raises OutOfMemoryError."""
        work = [asyncio.create_task(replica.run()) for replica in self.replicas]
        try:
            await asyncio.gather(*work)
        finally:
            for task in work:
                task.cancel()

    def submit(
        self,
        prompts: Sequence[int],
        wanted: Sequence[int],
        *,
        fixed: bool = True,
        shared: Sequence[Beginnings] = (),
    ) -> list[Request]:
        """Requests with prompts of so many tokens, all asked at once; answers that are not `fixed` may end
        before they have as many as are wanted. `shared` are the beginnings of the prompts; without them no
        prompt has tokens in the cache."""
        asked, found = self._clock.now(), []
        for prompt, most, begins in zip(prompts, wanted, shared or [()] * len(prompts), strict=True):
            most = max(most, 1)
            request = Request(max(prompt, 1), most, most if fixed else self._endings(most), fixed, asked)
            request.beginnings = begins
            min(self.replicas, key=lambda r: len(r.waiting) + len(r.running)).take(request)
            found.append(request)
        return found

    def done(self, request: Request) -> None:
        """Says that nobody waits for a request any more."""
        request.gone = True
        for replica in self.replicas:
            replica.stale = True
        self.served += 1
        self.prompt_tokens += request.prompt
        self.made_tokens += request.made
        self.cached_tokens += request.cached or 0

    def flush(self) -> None:
        """Forgets all prompts."""
        for replica in self.replicas:
            replica.prefixes.clear()

    @property
    def rate(self) -> float:
        """Tokens a second, of the last batches of decoding."""
        return sum(replica.rate for replica in self.replicas)


class _Replica:
    """One scheduler: it looks at the queue between batches, and prefers prefill."""

    def __init__(self, launch: Effective, log: Log, number: int, broken: tuple[str, ...]) -> None:
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []
        self.rate = 0.0
        self.retracted = 0
        self.prefixes = Prefixes()
        self.stale = False
        """Whether a request is done, or nobody waits for one any more."""
        self._pending, self._cached = 0, 0
        """The tokens that prefill has not seen, and those of the next batch that it need not see."""
        self._used = 0
        """The tokens in the cache; prompts that are being prefilled in chunks hold some, too."""
        self._launch, self._log, self._number = launch, log, number
        self._broken = broken
        self._pace = Pace(launch)
        self.tokens = memory(launch, 0).tokens
        self._expected = Expected(scaled(CAUTION, launch.caution, launch.groups))
        self._news = asyncio.Event()
        self._at = 0.0
        self._idle, self._full = True, False
        self._steps, self._made, self._spent = 0, 0, 0.0

    def take(self, request: Request) -> None:
        if self._idle:
            self._at = max(self._at, request.asked)
            self._idle = False
        # Where the work takes longer than it should, the clock of the process is ahead of the batches.
        request.asked = min(request.asked, self._at)
        self.waiting.append(request)
        self._pending += request.left
        self._news.set()

    async def run(self) -> None:
        while True:
            self._clear()
            if self._may_begin and (batch := self._batch()):
                await self._prefill(batch)
            elif self.running:
                await self._decode()
            else:
                self._idle, self._full = True, False
                self._news.clear()
                await self._news.wait()

    @property
    def _may_begin(self) -> bool:
        """Whether a request waits that may have room; a prompt in chunks has."""
        return bool(self.waiting) and (not self._full or self.waiting[0].held > 0)

    def _clear(self) -> None:
        """Forgets the requests that are done, or that nobody waits for."""
        if not self.stale:
            return
        self.stale = False
        ended = [request for request in self.running if request.ended]
        gone = [request for request in self.waiting if request.gone]
        self._used -= sum(request.held for request in (*ended, *gone))
        self._pending -= sum(request.left for request in gone)
        if ended:
            self.running = [request for request in self.running if not request.ended]
            self._full = False
        if gone:
            self.waiting = deque(request for request in self.waiting if not request.gone)

    def _batch(self) -> list[tuple[Request, int]]:
        """The requests of the next prefill, and how many tokens of each: a chunk that memory has room for."""
        found: list[tuple[Request, int]] = []
        tokens = self.tokens - self._used - self._expected.room(self.running)
        room, places = self._launch.chunk, self._launch.most_running - len(self.running)
        for request in self.waiting:
            if not room:
                break
            tokens -= self._expected.needed(request)
            lacking = tokens < 0 and not request.held and bool(found or self.running)
            if lacking or len(found) >= places:
                self._full = True
                break
            self._find(request)
            found.append((request, min(request.left, room)))
            room -= found[-1][1]
        return found

    def _find(self, request: Request) -> None:
        """Looks in the cache for the prompt of a request that begins."""
        if request.cached is None:
            cached = request.find(self.prefixes.found(request.beginnings))
            self._used += cached
            self._pending -= cached
            self._cached += cached

    async def _prefill(self, batch: list[tuple[Request, int]]) -> None:
        longest = max(request.prompt + request.wanted for request, _ in batch)
        needs = memory(self._launch, longest)
        if words := self._broken or (memory_words(needs, self._launch) if needs.failing else ()):
            raise OutOfMemoryError(words)
        fresh = sum(tokens for _, tokens in batch)
        cached, self._cached = self._cached, 0
        seconds = self._pace.prefill(fresh) * (0.78 if self._launch.mixed else 1.0)
        running, queued = len(self.running), len(self.waiting) - len(batch)
        self._pending -= fresh
        told = Batch(
            running, queued, 0, self.share, fresh / seconds, len(batch), fresh, self._pending, cached
        )
        self._log.prefill(told, self._number, self._at)
        await self._take_time(seconds)
        self._used += fresh
        for request, tokens in batch:
            request.left -= tokens
            if not request.left:
                self.waiting.remove(request)
                self.running.append(request)
                self._used += 1
                self.stale |= request.give(self._at)
                if self._launch.radix:
                    self.prefixes.keep(request.beginnings, self.tokens - self._used)

    async def _decode(self) -> None:
        self._make_room()
        running, chunked = len(self.running), self.waiting[0].held if self.waiting else 0
        seconds = self._pace.step(running, (self._used - chunked) / running)
        await self._take_time(seconds)
        for request in self.running:
            if request.give(self._at):
                self.stale = True
        self._used += running
        self._steps += 1
        self._made += running
        self._spent += seconds
        if self._steps == _LOGGED:
            self.rate = self._made / self._spent
            graph = running <= self._launch.graphs * self._launch.groups
            told = Batch(running, len(self.waiting), self._used, self.share, self.rate, graph=graph)
            self._log.decode(told, self._number, self._at)
            self._steps, self._made, self._spent = 0, 0, 0.0

    def _make_room(self) -> None:
        """Retracts requests where the next step has no room; else less is expected of those that run."""
        back = to_retract(self.running, self.tokens - self._used)
        if not back:
            self._expected.decay()
            return
        gained, before = sum(request.held for request in back), self._expected.ratio
        gone = set(map(id, back))
        self.running = [request for request in self.running if id(request) not in gone]
        self._used -= gained
        for request in back:
            request.retract()
            self._pending += request.left
        self.waiting.extend(back)
        self._expected.learn(self.running)
        self._full = False
        self.retracted += len(back)
        self._log.retracted(len(back), gained, (before, self._expected.ratio), self._number, self._at)

    @property
    def share(self) -> float:
        """Of the cache that is in use."""
        return min(1.0, self._used / max(self.tokens, 1))

    async def _take_time(self, seconds: float) -> None:
        self._at += seconds
        owed = self._log.clock.owed(self._at)
        # Even where nothing is owed, others get their turn.
        await asyncio.sleep(owed if owed > _SHORTEST else 0)
