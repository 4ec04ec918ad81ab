"""What is wrong with a config: data first, and the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spacegen.errors import Fault, did_you_mean
from spacegen.language.expr import Scalar
from spacegen.language.model import Rule
from spacegen.language.scalars import write_scalar
from spacegen.questions.edits import shorten, words
from spacegen.questions.why.conflict import Conflict, rule_data, rule_lines

__all__ = ["BrokenRule", "OutsideValue", "UnknownKey", "Verdict", "assignments", "listed", "shown"]


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """A key that is no parameter of the space."""

    name: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class OutsideValue:
    """A value that the space does not search; `type_fits` says that rules can be asked about it all the
    same, `nearly` is a value of the domain that it misses by a rounding error."""

    parameter: str
    value: object
    allowed: tuple[Scalar, ...]
    type_fits: bool
    nearly: Scalar = None

    def as_dict(self) -> dict[str, Any]:
        """The value as plain data."""
        return {"parameter": self.parameter, "value": self.value, "allowed": list(self.allowed)}

    def lines(self) -> Iterator[str]:
        """What is wrong with it, and what is close."""
        known = shorten(", ".join(map(words, self.allowed)))
        yield f"`{self.parameter}` = {shown(self.value)} is outside its domain: {known}"
        if self.nearly is not None:
            yield f"  hint: did you mean {words(self.nearly)}?"
        elif isinstance(self.value, str) and (hint := did_you_mean(self.value, map(str, self.allowed))):
            yield f"  hint: {hint}"
        elif (
            type(self.value) is int
            and self.value in (0, 1)
            and any(v is bool(self.value) for v in self.allowed)
        ):
            yield f"  hint: did you mean {words(bool(self.value))}?"
        elif near := _around(self.value, self.allowed):
            yield f"  hint: close to it {'is' if len(near) == 1 else 'are'} {' and '.join(map(words, near))}"


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that is false for the config, and the values that make it so."""

    rule: Rule
    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a config; `completions` counts the solutions that agree with it, with its values
    outside the domains taken as they are (None where a rule or a type already says no, and where there are
    some but too many to count: then `uncounted` is true).

    `wrong` is what the server would not take, `passed` the arguments that it takes and nobody searches.
    """

    config: Mapping[str, object]
    unknown: tuple[UnknownKey, ...] = ()
    outside: tuple[OutsideValue, ...] = ()
    broken: tuple[BrokenRule, ...] = ()
    missing: tuple[str, ...] = ()
    completions: int | None = None
    uncounted: bool = False
    conflict: Conflict | None = field(default=None, compare=False)
    wrong: tuple[Fault, ...] = ()
    passed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the config names every parameter."""
        return not self.missing

    @property
    def valid(self) -> bool:
        """Whether the config is a solution, or a part of one."""
        return not (self.unknown or self.outside or self.broken or self.wrong) and self.completions != 0

    def __bool__(self) -> bool:
        return self.valid

    def with_faults(self, wrong: tuple[Fault, ...], notes: tuple[str, ...]) -> Verdict:
        """The same verdict with more that is wrong, and more to say."""
        if not wrong and not notes:
            return self
        return replace(self, wrong=(*self.wrong, *wrong), notes=(*self.notes, *notes))

    def as_dict(self) -> dict[str, Any]:
        """The verdict as plain data."""
        found: dict[str, Any] = {"valid": self.valid, "complete": self.complete}
        if not self.outside:
            found |= self._counted()
        if self.missing:
            found["free"] = list(self.missing)
        if self.broken:
            found["broken"] = [{**rule_data(b.rule), "values": dict(b.values)} for b in self.broken]
        if self.outside:
            found["outside"] = [o.as_dict() for o in self.outside]
        if self.unknown:
            found["unknown"] = [{"name": u.name, "hint": u.hint} for u in self.unknown]
        if self.wrong:
            found["wrong"] = [{"message": w.message, "hint": w.hint} for w in self.wrong]
        if self.passed:
            found["passed"] = list(self.passed)
        if self.notes:
            found["notes"] = list(self.notes)
        if self.conflict is not None:
            rules = [rule_data(rule) for rule in self.conflict.rules]
            found["conflict"] = {"rules": rules, "values": dict(self.conflict.values)}
        return found

    def _counted(self) -> dict[str, Any]:
        if self.uncounted:
            return {"completions": None, "uncounted": True}
        return {} if self.completions is None else {"completions": self.completions}

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        if not self.valid:
            return f"invalid: {'; '.join(self._complaints())}"
        if self.complete:
            return "valid"
        if self.uncounted:
            return "valid so far: too many completions to count"
        return f"valid so far: can be completed in {_ways(self.completions)}"

    def _complaints(self) -> Iterator[str]:
        if self.broken:
            yield f"breaks {listed(f'`{b.rule.id}`' for b in self.broken)}"
        for o in self.outside:
            yield f"`{o.parameter}` = {shown(o.value)} is outside its domain"
        for u in self.unknown:
            yield f"`{u.name}` is no parameter"
        yield from (w.message for w in self.wrong)
        if self.completions == 0 and not self.complete:
            yield "cannot be completed"

    def __str__(self) -> str:
        if self.valid:
            return "\n".join([self.headline, *self._free(), *self._said()])
        wrong = (*self._broken(), *(f"  {line}" for line in self.flaws()), *self._stuck())
        return "\n".join(["invalid", *wrong, *self._said()])

    def flaws(self) -> Iterator[str]:
        """What is wrong besides rules, in lines."""
        for o in self.outside:
            yield from o.lines()
        if foreign := [f"`{o.parameter}`" for o in self.outside if not o.type_fits]:
            has = "has" if len(foreign) == 1 else "have"
            it = "it" if len(foreign) == 1 else "them"
            yield f"{listed(foreign)} {has} the wrong type, so no rule about {it} was tried"
        yield from self._unknown()
        for w in self.wrong:
            yield w.message
            if w.hint:
                yield f"  hint: {w.hint}"

    def remarks(self) -> Iterator[str]:
        """What else there is to say, in lines."""
        if self.passed:
            yield f"note: not searched, so passed through: {', '.join(f'`{name}`' for name in self.passed)}"
        yield from (f"note: {note}" for note in self.notes)

    def _free(self) -> Iterator[str]:
        if self.missing:
            yield f"  free: {shorten(', '.join(self.missing))}"

    def _broken(self) -> Iterator[str]:
        for broken in self.broken:
            yield from rule_lines(broken.rule)
            yield f"    here: {assignments(broken.values)}"

    def _unknown(self) -> Iterator[str]:
        for u in self.unknown:
            yield f"`{u.name}` is no parameter of this space"
            if u.hint:
                yield f"  hint: {u.hint}"

    def _said(self) -> Iterator[str]:
        return (f"  {line}" for line in self.remarks())

    def _stuck(self) -> Iterator[str]:
        if self.conflict is not None:
            yield "  no values of the free parameters complete it: " + str(self.conflict).replace(
                "\n", "\n  "
            )


def _around(value: object, allowed: Iterable[Scalar]) -> list[Scalar]:
    """The next values of a domain on both sides of a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    numbers = [v for v in allowed if isinstance(v, int | float) and not isinstance(v, bool)]
    below, above = [v for v in numbers if v < value], [v for v in numbers if v > value]
    return [*([max(below)] if below else []), *([min(above)] if above else [])]


def assignments(values: Mapping[str, Scalar]) -> str:
    """Names and values on one line."""
    return ", ".join(f"{name} = {words(value)}" for name, value in values.items())


def listed(items: Iterable[str], most: int = 8) -> str:
    """The items with commas; past `most`, how many more there are."""
    everything = list(items)
    more = f" and {len(everything) - most} more" if len(everything) > most else ""
    return ", ".join(everything[:most]) + more


def shown(value: object) -> str:
    """Any value of a config, briefly; strings that could be taken for other values are quoted."""
    match value:
        case str():
            return shorten(write_scalar(value), 80)
        case None | bool() | int() | float():
            return words(value)
        case _:
            return f"a {'list' if isinstance(value, list) else 'mapping'}"


def _ways(count: int | None) -> str:
    return "1 way" if count == 1 else f"{count:,} ways"
