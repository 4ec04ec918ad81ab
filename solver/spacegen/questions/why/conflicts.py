"""Which rules and values cannot hold together: every conflict that matters, each of them minimal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from spacegen.engines.protocol import Engine
from spacegen.errors import EngineError
from spacegen.language.expr import Scalar
from spacegen.language.model import Model, Rule
from spacegen.questions.why.conflict import Conflict, is_hint, is_own
from spacegen.questions.why.quickxplain import minimal
from spacegen.questions.why.together import Compile, Together, codes_of, possible

__all__ = ["MOST", "find_conflict", "find_conflicts"]

MOST: Final = 64
"""Past so many conflicts a config is not explained but replaced."""

_NOTHING: Final[Mapping[str, Scalar]] = MappingProxyType({})


def find_conflict(
    model: Model, compile_model: Compile, fixed: Mapping[str, Scalar] = _NOTHING
) -> Conflict | None:
    """A minimal conflict under the fixed values (each in its domain), or None where a solution exists."""
    return next(iter(find_conflicts(model, compile_model, fixed, most=1)), None)


def find_conflicts(
    model: Model,
    compile_model: Compile,
    fixed: Mapping[str, Scalar] = _NOTHING,
    *,
    engine: Callable[[], Engine] | None = None,
    most: int = MOST,
) -> tuple[Conflict, ...]:
    """Minimal conflicts under the fixed values (each in its domain), at most `most`; none where a solution
    exists.

    Every rule that the values break by themselves has one of its own. No two share a value as long as a
    rule has values left for that; then the conflicts through several rules, each without the values of
    those before, until what is left can hold. Conflicts with what the user asked for come first, mere
    hints last. `engine` gives the compiled model, where it is at hand.
    """
    search = _Search(Together.of(model, compile_model, fixed))
    search.through_one_rule(most)
    if len(search.found) < most:
        try:
            search.through_several(engine() if engine else compile_model(model), most)
        except EngineError:
            # What one rule alone rejects is known without an engine.
            if not search.found:
                raise
    return tuple(sorted(search.found, key=lambda conflict: conflict.urgency))


def _preferred(rules: Sequence[Rule]) -> list[Rule]:
    """The rules in the order in which conflicts are looked for: the user's own first, hints last."""
    return sorted(rules, key=lambda rule: (not is_own(rule), is_hint(rule)))


class _Search:
    """The conflicts found so far, and the values that no one of them has."""

    def __init__(self, together: Together) -> None:
        self.together = together
        self.found: list[Conflict] = []
        self.spare = dict(together.values)

    def through_one_rule(self, most: int) -> None:
        """The conflicts of rules with values alone: first those that share no value, then the others."""
        late = [rule for rule in self._broken() if not self._take(rule, self.spare, most)]
        for rule in late:
            self._take(rule, self.together.values, most)

    def _broken(self) -> Iterator[Rule]:
        for rule in _preferred(self.together.model.conditions):
            if not self.together.possible([rule], self.together.fixed([rule])):
                yield rule

    def _take(self, rule: Rule, values: Mapping[str, Scalar], most: int) -> bool:
        """Adds the conflict of one rule with some of these values; whether there is one."""
        names = [name for name in self.together.fixed([rule]) if name in values]
        if self.together.possible([rule], names):
            return False
        if len(self.found) < most:
            self._add((rule,), minimal(names, partial(self.together.possible, [rule])))
        return True

    def _add(self, rules: tuple[Rule, ...], names: tuple[str, ...]) -> None:
        values = {name: self.together.values[name] for name in names}
        self.spare = {name: value for name, value in self.spare.items() if name not in values}
        self.found.append(Conflict(rules, MappingProxyType(values)))

    def through_several(self, engine: Engine, most: int) -> None:
        """The conflicts of several rules, over the values that are left."""
        model = self.together.model
        while len(self.found) < most and (rules := self._stuck(engine)):
            fixed = [name for name in self.together.fixed(rules) if name in self.spare]
            needed = minimal(rules, partial(self.together.possible, fixed=fixed))
            fixed = [name for name in self.together.fixed(needed) if name in self.spare]
            names = minimal(fixed, partial(self.together.possible, needed))
            known = {rule.id for rule in needed}
            self._add(tuple(rule for rule in model.conditions if rule.id in known), names)
            if not names:
                return

    def _stuck(self, engine: Engine) -> tuple[Rule, ...]:
        """Rules that cannot hold under the spare values; none where all rules can."""
        known = self._refuted(engine) if engine.name == "cpsat" else None
        if known is not None:
            return known
        return () if possible(engine, codes_of(self.together.model, self.spare)) else self._knot()

    def _refuted(self, engine: Engine) -> tuple[Rule, ...] | None:
        """The same, in one run of CP-SAT; None where that does not settle it."""
        from spacegen.engines.cpsat import CpSat  # OR-Tools takes half a second to import
        from spacegen.engines.cpsat.core import core

        limit = engine.patience.limit if isinstance(engine, CpSat) else None
        model = self.together.model
        try:
            found = core(model, {name: code for name, (code,) in codes_of(model, self.spare).items()}, limit)
        except EngineError:
            return None
        if found is None:
            return ()
        rules = tuple(rule for rule in _preferred(model.conditions) if rule.id in found.rules)
        fixed = [name for name in self.together.fixed(rules) if name in self.spare]
        return None if self.together.possible(rules, fixed) else rules

    def _knot(self) -> tuple[Rule, ...]:
        """Rules that cannot hold under the spare values, and hang together through free parameters."""
        for rules in self._components():
            fixed = [name for name in self.together.fixed(rules) if name in self.spare]
            if not self.together.possible(rules, fixed):
                active = tuple(rule for rule in rules if not self.together.idle(rule, fixed))
                return self._near(active, fixed)
        raise AssertionError("rules that share no free parameter hold together where each part holds")

    def _near(self, rules: tuple[Rule, ...], fixed: Sequence[str]) -> tuple[Rule, ...]:
        """The rules around the values and the user's own rules: as few steps away as conflict already."""
        scopes = self.together.scopes
        reached = {*fixed, *(name for rule in rules if is_own(rule) for name in scopes[rule.id])}
        near: tuple[Rule, ...] = ()
        while len(near) < len(rules):
            wider = tuple(rule for rule in rules if reached.intersection(scopes[rule.id])) or rules
            if len(wider) == len(near):
                return rules
            near = wider
            if not self.together.possible(near, fixed):
                return near
            reached.update(name for rule in near for name in scopes[rule.id])
        return rules

    def _components(self) -> Iterator[tuple[Rule, ...]]:
        part: dict[str, str] = {}
        for rule in self.together.model.conditions:
            free = [name for name in self.together.scopes[rule.id] if name not in self.spare]
            joined = {part[name] for name in free if name in part}
            part = {name: rule.id if old in joined else old for name, old in part.items()}
            part.update(dict.fromkeys(free, rule.id))
        parts: dict[str, list[Rule]] = {}
        for rule in _preferred(self.together.model.conditions):
            free = [name for name in self.together.scopes[rule.id] if name not in self.spare]
            parts.setdefault(part[free[0]] if free else rule.id, []).append(rule)
        return map(tuple, parts.values())
