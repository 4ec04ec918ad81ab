"""Two spaces over the same parameters, taken apart: the values and rules that they share, and the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from spacegen.engines.clauses import split
from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import IsTrue, Not, Scalar
from spacegen.language.model import Domain, Model, NoDefault, Rule
from spacegen.language.walk import scope
from spacegen.questions.diff.changes import form
from spacegen.questions.diff.inactive import Moved, move_inactive
from spacegen.questions.diff.variants import Domains, Variants
from spacegen.questions.why.together import Compile

__all__ = ["Side", "Sides"]


@dataclass(frozen=True, slots=True)
class Side:
    """One space. `rules` has all of its conditions, `own` those that the other lacks, both under ids that no
    other rule of either side has; `ids` leads back to the ids of the space, and `given` to its rules."""

    domains: Domains
    rules: tuple[Rule, ...]
    own: tuple[Rule, ...]
    ids: Mapping[str, str]
    given: Mapping[str, Rule]
    moved: Moved

    @property
    def defaults(self) -> dict[str, Scalar]:
        """The defaults that are known."""
        return _defaults(self.moved.model)


@dataclass(frozen=True, slots=True)
class Sides:
    """Both spaces. `shared` are the values that both have."""

    old: Side
    new: Side
    shared: Domains
    variants: Variants

    @classmethod
    def of(cls, old: Model, new: Model, compile_model: Compile) -> Self:
        """The sides of two models that have the same parameters. Where the old one leaves a parameter
        inactive, it counts as having the default of the new one there."""
        names = [p.name for p in new.parameters]
        moved = move_inactive(old, _defaults(new))
        before, after = _distinct(moved.model.conditions), _distinct(new.conditions)
        common = tuple(replace(r, id=f"both:{r.id}") for key, r in after.items() if key in before)
        old_own = [r for key, r in before.items() if key not in after]
        new_own = [r for key, r in after.items() if key not in before]
        old_side = _side(moved, names, "old", common, old_own)
        new_side = _side(Moved(new, ()), names, "new", common, new_own)
        shared = {name: _in_both(old_side.domains[name], new_side.domains[name]) for name in names}
        return cls(old_side, new_side, shared, Variants(compile_model))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of both sides."""
        return (*self.old.rules, *self.new.own)

    def without(self, rule: Rule) -> tuple[Rule, ...]:
        """The rules of both sides but one."""
        return tuple(other for other in self.rules if other is not rule)

    def count(self, domains: Domains, rules: Iterable[Rule]) -> int:
        """The number of solutions of these domains and rules. Raises EngineError."""
        return self.variants.count(domains, rules)

    def marginals(self, side: Side, names: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """For each value of these parameters, how many solutions of a side have it. Raises EngineError."""
        return self.variants.marginals(side.domains, side.rules, names)

    def lost(self, side: Side) -> dict[str, Domain]:
        """The values of a side that the other lacks, of parameters that have such values."""
        found = {
            name: Domain(tuple(v for v in domain if v not in self.shared[name]))
            for name, domain in side.domains.items()
        }
        return {name: domain for name, domain in found.items() if domain}

    def has(self, name: str, config: Mapping[str, Scalar]) -> bool:
        """Whether both sides have the value of a parameter in a config."""
        return config[name] in self.shared[name]

    def at_lost(self, name: str, side: Side) -> Domains:
        """The domains of a side, one parameter at the values that the other lacks."""
        return {**side.domains, name: self.lost(side)[name]}

    def only_at(self, name: str, side: Side, other: Side) -> tuple[Domains, tuple[Rule, ...]]:
        """What only the values of one parameter keep out of the other side: rules of the other side have
        nothing to say about values that it lacks."""
        domains = {**self.shared, name: self.lost(side)[name]}
        return domains, (*side.rules, *(r for r in other.own if name not in scope(r.condition)))

    def comparable(self, side: Side, rule: Rule) -> Domains:
        """The domains of a side, those that a rule of the other mentions only with values that it has."""
        mentioned = scope(rule.condition)
        return {**side.domains, **{name: self.shared[name] for name in mentioned}}

    def breaks(self, rule: Rule, config: Mapping[str, Scalar]) -> bool:
        """Whether a config breaks a rule, by values that both sides have."""
        names = scope(rule.condition)
        if not all(self.has(name, config) for name in names):
            return False
        return not not_false(rule.condition, {name: column([config[name]]) for name in names}).all()

    def example(
        self, domains: Domains, rules: Iterable[Rule], defaults: Mapping[str, Scalar]
    ) -> dict[str, Scalar]:
        """The solution nearest to the defaults; there must be one."""
        return self.variants.nearest(domains, rules, defaults)

    def example_against(
        self, rule: Rule, domains: Domains, rules: Iterable[Rule], defaults: Mapping[str, Scalar]
    ) -> dict[str, Scalar]:
        """A solution near the defaults that breaks a rule; there must be one."""
        rules = tuple(rules)
        clauses = split(rule.condition)
        # Each clause by itself is over fewer parameters than their conjunction.
        for i, clause in enumerate(clauses):
            broken = Rule(f"broken:{rule.id}:{i}", IsTrue(Not(clause)), "")
            if self.count(domains, (*rules, broken)):
                return self.example(domains, (*rules, broken), defaults)
        raise AssertionError("no solution breaks the rule")


def _distinct(rules: Iterable[Rule]) -> dict[str, Rule]:
    """The rules by form; of equal ones the first."""
    found: dict[str, Rule] = {}
    for rule in rules:
        found.setdefault(form(rule), rule)
    return found


def _side(moved: Moved, names: list[str], word: str, common: tuple[Rule, ...], own: list[Rule]) -> Side:
    renamed = tuple(replace(rule, id=f"{word}:{rule.id}") for rule in own)
    model = moved.model
    return Side(
        domains={name: model[name].domain for name in names},
        rules=(*common, *renamed),
        own=renamed,
        ids={now.id: rule.id for now, rule in zip(renamed, own, strict=True)},
        given={rule.id: rule for rule in model.conditions},
        moved=moved,
    )


def _defaults(model: Model) -> dict[str, Scalar]:
    return {p.name: p.default for p in model.parameters if not isinstance(p.default, NoDefault)}


def _in_both(old: Domain, new: Domain) -> Domain:
    return Domain(tuple(value for value in new if value in old))
