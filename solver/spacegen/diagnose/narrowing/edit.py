"""Edits of a space: clauses over its parameters, and which of them imply or contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from spacegen.language.expr import Compare, Const, Expr, In, IsNull, Not, Or, Ref, Scalar
from spacegen.language.model import Domain, Rule, identity, is_number, same_value
from spacegen.language.unparse import unparse
from spacegen.tune.values import Value

__all__ = ["MARK", "STEM", "Basis", "Edit", "Kept", "condition", "holds", "union"]

MARK: Final = "spacegen"
"""The first word of the `source` that tells edits of ours apart in a space."""
STEM: Final = "found-"
"""How the ids of rules begin that edits become."""


class Basis(StrEnum):
    """What an edit is based on. A failure never gives way to newer evidence, the others do."""

    FAILURE = "failure"
    ADVICE = "advice"
    MEASURED = "measured"


class Kept(Value):
    """A parameter and the values of its domain that it keeps, in the order of the domain."""

    parameter: str
    values: tuple[Scalar, ...]

    def has(self, value: Any) -> bool:
        """Whether it keeps this value of a config."""
        return any(same_value(value, one) for one in self.values)

    def within(self, other: Kept) -> bool:
        """Whether the other one has the same parameter and keeps all these values, too."""
        mine, others = set(map(identity, self.values)), set(map(identity, other.values))
        return self.parameter == other.parameter and mine <= others

    def shared(self, other: Kept) -> Kept:
        """The values that both keep."""
        others = set(map(identity, other.values))
        return Kept(parameter=self.parameter, values=tuple(v for v in self.values if identity(v) in others))


class Edit(Value):
    """A clause: any config that is left satisfies at least one of `ways`, each about another parameter."""

    finding: str
    """The id of what was found."""
    basis: Basis
    ways: tuple[Kept, ...]
    because: str
    """Evidence and summary in one line: `log line N of FILE: …`."""
    tries: tuple[dict[str, Scalar], ...] = ()
    """What to try for each way out, the best first: a value that it keeps, and what has to change with it."""
    launch: int | None = None
    """The number of the launch that it comes from; None if it comes from a file."""
    own: int | None = None
    """How many of the ways, the first ones, do what the finding asks for; the others are configs that it says
    nothing about. None if all do."""

    @property
    def source(self) -> str:
        """What tells the edit apart in a space file: `spacegen/failure/ID`, with `/N` where only N of its
        ways are its own."""
        own = "" if self.own is None else f"/{self.own}"
        return f"{MARK}/{self.basis}/{self.finding}{own}"

    @staticmethod
    def origin(source: str | None) -> tuple[Basis, str, int | None] | None:
        """The basis of an edit with this source, the id of its finding and how many ways are its own; None
        for any other rule."""
        match (source or "").split("/"):
            case [mark, basis, finding] if mark == MARK and basis in set(Basis):
                return Basis(basis), finding, None
            case [mark, basis, finding, own] if mark == MARK and basis in set(Basis) and own.isdecimal():
                return Basis(basis), finding, int(own)
            case _:
                return None

    @property
    def own_ways(self) -> tuple[Kept, ...]:
        """The ways that do what the finding asks for."""
        return self.ways if self.own is None else self.ways[: self.own]

    @property
    def elsewhere(self) -> frozenset[tuple[str, frozenset[tuple[str, Scalar]]]]:
        """The configs that the finding says nothing about: values by parameter."""
        others = self.ways[len(self.own_ways) :]
        return frozenset((way.parameter, frozenset(map(identity, way.values))) for way in others)

    @property
    def form(self) -> str:
        """What it is in an overlay: `pin`, `restrict` or `rule`."""
        if len(self.ways) > 1:
            return "rule"
        return "restrict" if len(self.ways[0].values) > 1 else "pin"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that the clause is about."""
        return tuple(way.parameter for way in self.ways)

    def implies(self, other: Edit) -> bool:
        """Whether every config that satisfies this one satisfies the other one, too."""
        return all(any(way.within(wider) for wider in other.ways) for way in self.ways)

    def same_as(self, other: Edit) -> bool:
        """Whether the same configs satisfy both."""
        return self.implies(other) and other.implies(self)

    def contradicts(self, other: Edit) -> bool:
        """Whether both are about one and the same parameter and leave no value of it. If one of them is
        advice, null counts only if one of them keeps nothing else: advice does not mean it. Configs that they
        say nothing about do not count, if these are the same or only one of them has any."""
        if len(self.own_ways) > 1 or len(other.own_ways) > 1:
            return False
        if self.elsewhere and other.elsewhere and self.elsewhere != other.elsewhere:
            return False
        mine, others = self.ways[0], other.ways[0]
        if mine.parameter != others.parameter:
            return False
        left = mine.shared(others).values
        if self.basis is other.basis is Basis.FAILURE:
            return not left
        return not left or (left == (None,) and len(mine.values) > 1 and len(others.values) > 1)

    def joined(self, other: Edit) -> Edit:
        """Both clauses as one, if they are about one and the same parameter; advice if either of them is."""
        basis = self.basis if other.basis is Basis.FAILURE else other.basis
        ways = (self.ways[0].shared(other.ways[0]), *self.ways[1:])
        return self.model_copy(update={"basis": basis, "ways": ways})

    def text(self, domains: Mapping[str, Domain]) -> str:
        """The clause in the language of spaces."""
        return unparse(self.condition(domains))

    def condition(self, domains: Mapping[str, Domain]) -> Expr:
        """The clause as an expression."""
        parts = tuple(condition(way, domains[way.parameter]) for way in self.ways)
        return parts[0] if len(parts) == 1 else Or(parts)

    def rule(self, id: str, condition: Expr) -> Rule:
        """The clause as a rule of a space; `condition` is how it is written."""
        return Rule(id, condition, unparse(condition), self.because, source=self.source)


def holds(edit: Edit, config: Mapping[str, Any], *, but: str | None = None) -> bool:
    """Whether a config satisfies an edit; if `but` is given, by another parameter than that one."""
    return any(
        way.parameter != but and way.parameter in config and way.has(config[way.parameter])
        for way in edit.ways
    )


def union(ways: Iterable[Kept], domains: Mapping[str, Domain]) -> tuple[Kept, ...]:
    """The ways, with those of a parameter as one, in order of first mention."""
    kept: dict[str, set[tuple[str, Scalar]]] = {}
    for way in ways:
        kept.setdefault(way.parameter, set()).update(map(identity, way.values))
    return tuple(
        Kept(parameter=name, values=tuple(v for v in domains[name] if identity(v) in values))
        for name, values in kept.items()
    )


def condition(way: Kept, domain: Domain) -> Expr:
    """The shortest expression that is false for all other values of the domain, and not for these."""
    ref, kept = Ref(way.parameter), way.values
    if len(kept) == 1:
        return IsNull(ref) if kept[0] is None else Compare("==", ref, Const(kept[0]))
    if (bound := _bound(ref, kept, domain)) is not None:
        return bound
    codes = set(map(identity, kept))
    others = tuple(Const(value) for value in domain if identity(value) not in codes)
    if others == (Const(None),):
        return Not(IsNull(ref))
    if others and 2 * len(others) <= len(kept):
        return Not(In(ref, others))
    return In(ref, tuple(map(Const, kept)))


def _bound(ref: Ref, kept: tuple[Scalar, ...], domain: Domain) -> Expr | None:
    """The same as a comparison with one number, if possible. None rejects null, so null has to be kept."""
    numbers, plain = sorted(filter(is_number, domain)), list(filter(is_number, kept))
    with_null = None in domain
    if (None in kept) is not with_null or len(numbers) + with_null < len(domain) or not plain:
        return None
    low, high = min(plain), max(plain)
    if sorted(plain) == [v for v in numbers if v <= high] and high < numbers[-1]:
        return Compare("<=", ref, Const(high))
    if sorted(plain) == [v for v in numbers if v >= low] and low > numbers[0]:
        return Compare(">=", ref, Const(low))
    return None
