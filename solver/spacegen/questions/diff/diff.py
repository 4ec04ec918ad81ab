"""What two spaces have in common and what only one of them has, in exact numbers, and why.

Both sides have the same parameters (`align`). The solutions of both are those of one space: the values that
both sides have, under the rules of both. A solution of one side that the other lacks has a value that the
other lacks, or breaks a rule of the other; these are its causes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from spacegen.engines.plan import compile_model
from spacegen.engines.protocol import Engine
from spacegen.language.expr import Scalar
from spacegen.language.model import Model, Rule
from spacegen.questions.diff.align import Aligned
from spacegen.questions.diff.changes import Changes, changes
from spacegen.questions.diff.sides import Side, Sides

__all__ = ["Cause", "Comparison", "Only", "RuleCause", "ValueCause", "compare"]


@dataclass(frozen=True, slots=True)
class RuleCause:
    """A rule of the other side that solutions of this side break. `instead` is the rule of that id here.

    `excludes` counts the solutions of this side that break it, with values that the other side has; `alone`
    those of them that nothing else keeps out of the other side.
    """

    rule: Rule
    instead: Rule | None
    excludes: int
    alone: int

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        rule = self.rule
        optional = {
            "was": None if self.instead is None else self.instead.text,
            "because": rule.because,
            "kind": rule.kind,
            "place": rule.place,
        }
        found: dict[str, Any] = {"rule": rule.id, "text": rule.text}
        found |= {key: value for key, value in optional.items() if value is not None}
        return found | {"excludes": self.excludes, "alone": self.alone}


@dataclass(frozen=True, slots=True)
class ValueCause:
    """Values of a parameter that the other side lacks; it has `others`. `counts` has the number of solutions
    of this side with each of them, `excludes` their sum, `alone` those that no rule keeps out as well."""

    parameter: str
    values: tuple[Scalar, ...]
    counts: tuple[int, ...]
    others: tuple[Scalar, ...]
    excludes: int
    alone: int

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "parameter": self.parameter,
            "values": list(self.values),
            "counts": list(self.counts),
            "others": list(self.others),
            "excludes": self.excludes,
            "alone": self.alone,
        }


Cause: TypeAlias = RuleCause | ValueCause


@dataclass(frozen=True, slots=True)
class Only:
    """The solutions of one side that the other lacks: how many of how many, what keeps them out (what keeps
    out most first), and one of them, with all that keeps it out."""

    count: int
    of: int
    causes: tuple[Cause, ...]
    example: Mapping[str, Scalar] | None
    reasons: tuple[Cause, ...]

    @property
    def share(self) -> float:
        """Which part of the side the other lacks (0 where it has no solution at all)."""
        return self.count / self.of if self.of else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data; reasons are numbers of causes."""
        return {
            "count": self.count,
            "share": self.share,
            "causes": [cause.as_dict() for cause in self.causes],
            "example": None if self.example is None else dict(self.example),
            "reasons": [self.causes.index(cause) for cause in self.reasons],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two spaces beside each other. `both` solutions are in both; `shared` is one of them. The examples stay
    as near to the defaults as they can. `notes` says what the user should know of the engines."""

    both: int
    shared: Mapping[str, Scalar] | None
    only_old: Only
    only_new: Only
    changes: Changes
    notes: tuple[str, ...]

    def __str__(self) -> str:
        old, new = self.only_old.count, self.only_new.count
        return f"{old:,} only in old, {self.both:,} in both, {new:,} only in new"

    @property
    def same(self) -> bool:
        """Whether both have the same solutions."""
        return self.only_old.count == self.only_new.count == 0

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "old": self.only_old.of,
            "new": self.only_new.of,
            "both": {"count": self.both, "example": None if self.shared is None else dict(self.shared)},
            "only_old": self.only_old.as_dict(),
            "only_new": self.only_new.as_dict(),
            "changes": self.changes.as_dict(),
        }


def compare(aligned: Aligned[Any]) -> Comparison:
    """The solutions of both sides, and those of each alone, by the engine of the new one. Raises EngineError
    where it cannot count them."""
    notes: dict[str, None] = {}

    def counting(model: Model) -> Engine:
        engine = compile_model(model, aligned.new.engine_name, aligned.new.timeout)
        notes.update(dict.fromkeys(engine.notes))
        return engine

    sides = Sides.of(aligned.old.model, aligned.new.model, counting)
    both = sides.count(sides.shared, sides.rules)
    shared = sides.example(sides.shared, sides.rules, sides.new.defaults) if both else None
    only_old = _only(sides, sides.old, sides.new, both)
    only_new = _only(sides, sides.new, sides.old, both)
    return Comparison(both, shared, only_old, only_new, changes(aligned), tuple(notes))


def _only(sides: Sides, this: Side, other: Side, both: int) -> Only:
    of = sides.count(this.domains, this.rules)
    if of == both:
        return Only(0, of, (), None, ())
    found: list[Cause] = [*_values(sides, this, other), *_rules(sides, this, other, both)]
    causes = tuple(sorted((c for c in found if c.excludes), key=lambda c: -c.excludes))
    main = max(causes, key=lambda c: c.alone)
    example = _example(sides, this, other, main if main.alone else causes[0])
    reasons = tuple(cause for cause in causes if _applies(sides, cause, example))
    return Only(of - both, of, causes, this.moved.original(example), reasons)


def _values(sides: Sides, this: Side, other: Side) -> list[Cause]:
    lost = sides.lost(this)
    counts = sides.marginals(this, lost)
    found: list[Cause] = []
    for name, values in lost.items():
        numbers = tuple(
            n for value, n in zip(this.domains[name], counts[name], strict=True) if value in values
        )
        alone = sides.count(*sides.only_at(name, this, other))
        found.append(
            ValueCause(name, tuple(values), numbers, tuple(other.domains[name]), sum(numbers), alone)
        )
    return found


def _rules(sides: Sides, this: Side, other: Side, both: int) -> list[Cause]:
    found: list[Cause] = []
    for rule in other.own:
        domains = sides.comparable(this, rule)
        kept = sides.count(domains, (*this.rules, rule))
        excludes = sides.count(domains, this.rules) - kept
        alone = sides.count(sides.shared, sides.without(rule)) - both if excludes else 0
        id = other.ids[rule.id]
        found.append(RuleCause(other.given[id], this.given.get(id), excludes, alone))
    return found


def _example(sides: Sides, this: Side, other: Side, cause: Cause) -> Mapping[str, Scalar]:
    """A solution of this side that a cause keeps out of the other; if it can be, nothing else does."""
    if isinstance(cause, ValueCause):
        domains, rules = sides.only_at(cause.parameter, this, other)
        if not cause.alone:
            domains, rules = sides.at_lost(cause.parameter, this), this.rules
        return sides.example(domains, rules, this.defaults)
    rule = next(rule for rule in other.own if other.ids[rule.id] == cause.rule.id)
    if cause.alone:
        return sides.example_against(rule, sides.shared, sides.without(rule), this.defaults)
    return sides.example_against(rule, sides.comparable(this, rule), this.rules, this.defaults)


def _applies(sides: Sides, cause: Cause, config: Mapping[str, Scalar]) -> bool:
    if isinstance(cause, ValueCause):
        return not sides.has(cause.parameter, config)
    return sides.breaks(cause.rule, config)
