"""The scheduler of a SIMULATED server: requests in queues, batches that take as long as the formula says."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final

from spacegen.tune.simulated.effective import Effective
from spacegen.tune.simulated.formula import Pace, memory
from spacegen.tune.simulated.log import Batch, Log
from spacegen.tune.simulated.words import memory_words

__all__ = ["Engine", "OutOfMemoryError", "Request"]

_LOGGED: Final = 40
"""How many steps of decoding a line of the log is about."""
_SHORTEST: Final = 0.002
"""Sleeping for less is not worth it: what is owed adds up."""


class OutOfMemoryError(Exception):
    """The memory of the launch does not suffice for a batch; `words` are the server's."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(*words)
        self.words = words


@dataclass(eq=False, slots=True)
class Request:
    """A prompt of so many tokens, and how many are wanted. `made` counts the tokens as they come."""

    prompt: int
    wanted: int
    left: int = 0
    made: int = 0
    gone: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.left = self.prompt

    async def progress(self, interval: int) -> AsyncGenerator[int, None]:
        """How many tokens there are: at the first, then when `interval` more have come, and at the end."""
        seen = 0
        while seen < self.wanted:
            await self.news.wait()
            self.news.clear()
            if not seen or self.made - seen >= interval or self.made >= self.wanted:
                seen = self.made
                yield seen

    @property
    def held(self) -> int:
        """Its tokens in the cache."""
        return self.prompt - self.left + self.made


class Engine:
    """The replicas of a launch; requests go to the one with the fewest."""

    def __init__(self, launch: Effective, log: Log, speed: float, *, broken: tuple[str, ...] = ()) -> None:
        self.replicas = [_Replica(launch, log, speed, i, broken) for i in range(launch.replicas)]
        self.served = 0
        self.prompt_tokens = 0
        self.made_tokens = 0

    async def run(self) -> None:
        """Serves until it is cancelled. Raises OutOfMemoryError."""
        work = [asyncio.create_task(replica.run()) for replica in self.replicas]
        try:
            await asyncio.gather(*work)
        finally:
            for task in work:
                task.cancel()

    def submit(self, prompt: int, wanted: int) -> Request:
        request = Request(max(prompt, 1), max(wanted, 1))
        min(self.replicas, key=lambda r: len(r.waiting) + len(r.running)).take(request)
        return request

    def done(self, request: Request) -> None:
        """Says that nobody waits for a request any more."""
        request.gone = True
        self.served += 1
        self.prompt_tokens += request.prompt
        self.made_tokens += request.made

    @property
    def rate(self) -> float:
        """Tokens a second, of the last batches of decoding."""
        return sum(replica.rate for replica in self.replicas)


class _Replica:
    """One scheduler: it looks at the queue between batches, and prefers prefill."""

    def __init__(
        self, launch: Effective, log: Log, speed: float, number: int, broken: tuple[str, ...]
    ) -> None:
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []
        self.rate = 0.0
        self._launch, self._log, self._speed, self._number = launch, log, speed, number
        self._broken = broken
        self._pace = Pace(launch)
        self._tokens = memory(launch, 0).tokens
        self._news = asyncio.Event()
        self._due = time.monotonic()
        self._steps, self._made, self._spent = 0, 0, 0.0

    def take(self, request: Request) -> None:
        self.waiting.append(request)
        self._news.set()

    async def run(self) -> None:
        while True:
            self.running = [r for r in self.running if not r.gone and r.made < r.wanted]
            self.waiting = deque(r for r in self.waiting if not r.gone)
            if self.waiting and (batch := self._batch()):
                await self._prefill(batch)
            elif self.running:
                await self._decode()
            else:
                self._news.clear()
                await self._news.wait()
                self._due = time.monotonic()

    def _batch(self) -> list[tuple[Request, int]]:
        """The requests of the next prefill, and how many tokens of each: a chunk that memory has room for."""
        found: list[tuple[Request, int]] = []
        room, tokens = self._launch.chunk, self._tokens - sum(r.prompt + r.wanted for r in self.running)
        places = self._launch.most_running - len(self.running)
        for request in self.waiting:
            tokens -= request.prompt + request.wanted
            if len(found) >= places or not room or (tokens < 0 and (found or self.running)):
                break
            found.append((request, min(request.left, room)))
            room -= found[-1][1]
        return found

    async def _prefill(self, batch: list[tuple[Request, int]]) -> None:
        longest = max(request.prompt + request.wanted for request, _ in batch)
        needs = memory(self._launch, longest)
        if words := self._broken or (memory_words(needs, self._launch) if needs.failing else ()):
            raise OutOfMemoryError(words)
        fresh = sum(tokens for _, tokens in batch)
        seconds = self._pace.prefill(fresh) * (0.78 if self._launch.mixed else 1.0)
        running, queued = len(self.running), len(self.waiting) - len(batch)
        pending = sum(request.left for request in self.waiting) - fresh
        told = Batch(running, queued, 0, self._share, fresh / seconds, len(batch), fresh, pending)
        self._log.prefill(told, self._number)
        await self._take_time(seconds)
        for request, tokens in batch:
            request.left -= tokens
            if not request.left:
                self.waiting.remove(request)
                self.running.append(request)
                self._give(request)

    async def _decode(self) -> None:
        held = sum(request.held for request in self.running)
        seconds = self._pace.step(len(self.running), held / len(self.running))
        await self._take_time(seconds)
        for request in self.running:
            self._give(request)
        self._steps += 1
        self._made += len(self.running)
        self._spent += seconds
        if self._steps == _LOGGED:
            self.rate = self._made / self._spent
            graph = len(self.running) <= self._launch.graphs
            told = Batch(len(self.running), len(self.waiting), held, self._share, self.rate, graph=graph)
            self._log.decode(told, self._number)
            self._steps, self._made, self._spent = 0, 0, 0.0

    @property
    def _share(self) -> float:
        return sum(request.held for request in self.running) / max(self._tokens, 1)

    def _give(self, request: Request) -> None:
        request.made += 1
        request.news.set()

    async def _take_time(self, seconds: float) -> None:
        self._due += seconds / self._speed
        owed = self._due - time.monotonic()
        # Even where nothing is owed, others get their turn.
        await asyncio.sleep(owed if owed > _SHORTEST else 0)
