"""From configs that a server refuses or alters to the smallest combinations of values that make it do so.

Each config is shrunk against the server itself: values are taken away, so that the server's defaults stand
in, as long as it still fails in the same way (delta debugging, Zeller and Hildebrandt 2002). A combination
that a config has which the server takes is completed by a value that it needs beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from spacegen.launch.preflight import Judgement

__all__ = ["Ask", "Failure", "Learner", "Lesson", "failures", "minimal"]

Values: TypeAlias = Mapping[str, Any]
Ask: TypeAlias = Callable[[Values], Judgement]

_MOST_COMPLETIONS: Final = 8


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which a server does not run a config as it is written.

    `name` is the same for configs that fail in the same way: the line that raises, or the altered parameter.
    """

    kind: Literal["rejects", "alters"]
    name: str
    because: str
    where: str | None = None

    def of(self, judgement: Judgement) -> bool:
        """Whether a config fails in this way, too."""
        return any((f.kind, f.name) == (self.kind, self.name) for f in failures(judgement))


def failures(judgement: Judgement) -> tuple[Failure, ...]:
    """The ways in which a config fails: one if it is rejected, one for each altered parameter."""
    if judgement.outcome == "rejected":
        words = judgement.message.splitlines()[0] if judgement.message else str(judgement.error)
        return (Failure("rejects", f"{judgement.stage} {judgement.where or words}", words, judgement.where),)
    return tuple(
        Failure("alters", name, f"the server runs {name} {json.dumps(after)} instead of {json.dumps(given)}")
        for name, (given, after) in judgement.altered.items()
    )


@dataclass(frozen=True, slots=True)
class Lesson:
    """A combination of values with which a server fails, whatever else is at its default."""

    failure: Failure
    values: Values

    def explains(self, failure: Failure, config: Values) -> bool:
        """Whether a config fails in this way because it has the combination."""
        same = (failure.kind, failure.name) == (self.failure.kind, self.failure.name)
        return same and _has(config, self.values)


def _has(config: Values, values: Values) -> bool:
    """Whether a config has these values; what it does not give, it has as null."""
    return all(_key(config.get(name)) == _key(value) for name, value in values.items())


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def minimal(values: Values, fails: Callable[[Values], bool]) -> dict[str, Any]:
    """A part of the values that fails, and none of whose values can be taken away; the whole must fail."""
    kept = dict(values)
    size = max(1, len(kept) // 2)
    while True:
        smaller = _without_a_chunk(kept, size, fails)
        if smaller is not None:
            kept = smaller
            size = max(1, min(size, len(kept) // 2))
        elif size == 1:
            return kept
        else:
            size //= 2


def _without_a_chunk(values: Values, size: int, fails: Callable[[Values], bool]) -> dict[str, Any] | None:
    """The values without each chunk of `size` that is not needed, or nothing where all are."""
    kept, names = dict(values), list(values)
    for start in range(0, len(names), size):
        chunk = names[start : start + size]
        tried = {name: value for name, value in kept.items() if name not in chunk}
        if fails(tried):
            kept = tried
    return kept if len(kept) < len(values) else None


@dataclass(slots=True)
class Learner:
    """Learns from configs one after the other; `taken` are configs that run as they are written."""

    ask: Ask
    taken: Sequence[Values]
    lessons: list[Lesson] = field(default_factory=list)
    _answers: dict[str, Judgement] = field(default_factory=dict)

    def learn(self, config: Values) -> Iterator[Lesson]:
        """What a config teaches beyond the lessons so far; nothing if it fails no more."""
        for failure in failures(self._judged(config)):
            if not any(lesson.explains(failure, config) for lesson in self.lessons):
                values = self._completed(failure, self._shrunk(failure, config), config)
                self.lessons.append(Lesson(failure, values))
                yield self.lessons[-1]

    def _judged(self, config: Values) -> Judgement:
        given = {name: value for name, value in config.items() if value is not None}
        key = _key(given)
        if key not in self._answers:
            self._answers[key] = self.ask(given)
        return self._answers[key]

    def _shrunk(self, failure: Failure, config: Values) -> dict[str, Any]:
        given = {name: value for name, value in config.items() if value is not None}
        return minimal(given, lambda part: failure.of(self._judged(part)))

    def _completed(self, failure: Failure, values: dict[str, Any], config: Values) -> dict[str, Any]:
        """The combination with what it needs beside it, so that no config has it that the server takes."""
        for _ in range(_MOST_COMPLETIONS):
            rescued = next((taken for taken in self.taken if _has(taken, values)), None)
            if rescued is None:
                break
            name = self._rescuer(failure, values, rescued)
            if name is None:
                break
            beside = {**values, name: config.get(name)}
            values = beside if failure.of(self._judged(beside)) else {**values, name: None}
        return values

    def _rescuer(self, failure: Failure, values: Values, taken: Values) -> str | None:
        """A parameter whose value in a config that is taken keeps the combination from failing."""
        others = {n: v for n, v in taken.items() if n not in values and v is not None}

        def saves(part: Values) -> bool:
            return not failure.of(self._judged({**values, **part}))

        if not saves(others):
            return None
        return next(iter(minimal(others, saves)), None)
