"""How many requests a SIMULATED scheduler lets run: room for the tokens that it expects them to make."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from spacegen.errors import Fault, UsageError
from spacegen.tune.simulated.prefixes import Beginnings

__all__ = ["EOS", "Endings", "Expected", "Request", "share_in", "to_retract"]

EOS: Final = "SPACEGEN_SIM_EOS"
"""The variable with the share of its tokens that an answer has on average, where it may end by itself."""

# As in sglang's scheduler: what it expects at first, at last, and how soon; how far it looks ahead.
_FIRST: Final = 0.7
_LAST: Final = 0.14
_STEPS: Final = 600
_AHEAD: Final = 20
_MOST: Final = 4096


@dataclass(eq=False, slots=True)
class Request:
    """A prompt of so many tokens, how many are wanted, and how many there will be.

    `left` counts the tokens that prefill has not seen, `made` those of the answer so far; `asked`, `first`
    and `done` are seconds of the server's clock. `fixed` says that the answer does not end by itself.
    """

    prompt: int
    wanted: int
    ends: int = 0
    fixed: bool = True
    asked: float = 0.0
    left: int = 0
    made: int = 0
    first: float = 0.0
    done: float = 0.0
    gone: bool = False
    beginnings: Beginnings = ()
    cached: int | None = None
    """How many tokens of the prompt were in the cache; None until its prefill begins."""
    due: int = 1
    """How many tokens there are when somebody is told next."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.left = self.prompt
        self.ends = self.ends or self.wanted

    @property
    def held(self) -> int:
        """Its tokens in the cache."""
        return self.prompt - self.left + self.made

    @property
    def ended(self) -> bool:
        return self.gone or self.made >= self.ends

    def give(self, at: float) -> bool:
        """One more token. Whether it is the last."""
        self.made += 1
        if self.made == 1:
            self.first = at
        if self.made >= self.ends:
            self.done = at
            self.news.set()
            return True
        if self.made >= self.due:
            self.news.set()
        return False

    def find(self, tokens: int) -> int:
        """Takes so many tokens of the prompt from the cache when its prefill begins, but the last is computed
        in any case. How many they are."""
        self.cached = min(tokens, self.prompt - 1)
        self.left -= self.cached
        return self.cached

    def retract(self) -> None:
        """Gives back what it holds: prompt and answer are to be prefilled once more."""
        self.left = self.prompt + self.made

    async def progress(self, interval: int) -> AsyncGenerator[int, None]:
        """How many tokens there are: at the first, then when `interval` more have come, and at the end."""
        seen = 0
        while seen < self.ends:
            await self.news.wait()
            self.news.clear()
            if self.made >= self.due or self.made >= self.ends:
                seen = self.made
                self.due = seen + interval
                yield seen

    async def finished(self) -> None:
        """Waits for all of its tokens."""
        self.due = self.ends
        while self.made < self.ends:
            await self.news.wait()
            self.news.clear()


class Endings:
    """Where answers end by themselves: `share` of what is wanted on average, between half of that and half
    as much again; the same for the same requests in the same order."""

    def __init__(self, share: float = 1.0) -> None:
        self._share = share
        self._random = random.Random(0)  # noqa: S311 - no secrets

    def __call__(self, wanted: int) -> int:
        if self._share >= 1:
            return wanted
        return min(wanted, max(1, round(wanted * self._share * self._random.uniform(0.5, 1.5))))


class Expected:
    """The share of the tokens still wanted for which room is kept.

    It falls with each step from 0.7 to 0.098 times `caution` (schedule_conservativeness), and is what it
    turns out to be whenever requests had to be retracted.
    """

    def __init__(self, caution: float) -> None:
        first = min(_FIRST * caution, 1.0)
        self.ratio = first
        self._least = first * _LAST
        self._step = (first - self._least) / _STEPS

    def decay(self) -> None:
        self.ratio = max(self.ratio - self._step, self._least)

    def learn(self, running: Iterable[Request]) -> None:
        """What the requests that go on running say of how long answers are."""
        known = list(running)
        made = sum(request.made + _AHEAD for request in known)
        self.ratio = min(1.0, made / (sum(request.wanted for request in known) + 1))

    def room(self, running: Iterable[Request]) -> float:
        """The tokens kept free for running requests: for `fixed` answers all of theirs."""
        return sum(
            min(request.wanted - request.made, _MOST) * (1.0 if request.fixed else self.ratio)
            for request in running
        )

    @staticmethod
    def needed(request: Request) -> int:
        """What must be free for a request to start: all that it may come to."""
        return request.left + min(request.wanted - request.made, _MOST)


def to_retract(running: Sequence[Request], free: int) -> list[Request]:
    """The requests to retract where the next step finds no room: those with the fewest tokens, until the
    others have some steps to go; one goes on in any case."""
    if free >= len(running):
        return []
    ranked = sorted(running, key=lambda request: (-request.made, request.prompt))
    found: list[Request] = []
    while len(ranked) > 1 and (not found or free < len(ranked) * _AHEAD):
        found.append(ranked.pop())
        free += found[-1].held
    return found


def share_in(environment: Mapping[str, str]) -> float:
    """The share of the variable, 1 without it. Raises UsageError."""
    text = environment.get(EOS)
    try:
        share = float(text) if text else 1.0
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        hint = "0.1 has answers end after a tenth of the tokens that they may have"
        raise UsageError(Fault(f"{EOS} is `{text}`, which is no share", hint=hint))
    return share
