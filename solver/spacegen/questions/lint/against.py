"""Why a condition is never true: a smallest set of rules that leaves it no solution."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from spacegen.language.expr import Compare, Const, Expr, IsNull, IsTrue, Not, Ref, Scalar
from spacegen.language.model import Model, Rule
from spacegen.language.walk import children, scope
from spacegen.questions.edits import shorten, words
from spacegen.questions.why.quickxplain import minimal
from spacegen.questions.why.together import Compile, only_rules, possible

__all__ = ["Against", "because", "equals", "is_false", "is_set"]


def equals(name: str, value: Scalar) -> Expr:
    """That a parameter has a value."""
    return Compare("==", Ref(name), Const(value))


def is_set(name: str) -> Expr:
    """That a parameter is not null."""
    return Not(IsNull(Ref(name)))


def is_false(rule: Rule) -> Expr:
    """That a rule is broken."""
    return IsTrue(Not(rule.condition))


class Against:
    """Asks about the rules of one model. Every answer may raise EngineError where the engine cannot tell."""

    def __init__(self, model: Model, compile_model: Compile) -> None:
        self.model = model
        self._compile = compile_model
        self._scopes = {rule.id: frozenset(model.scope(rule)) for rule in model.conditions}

    def possible(self, conditions: Sequence[Expr], rules: Sequence[Rule]) -> bool:
        """Whether all the conditions can be true together where these rules hold."""
        asked = [Rule(f"asked-{i}", IsTrue(condition), "") for i, condition in enumerate(conditions)]
        names = {name for rule in rules for name in self._scopes[rule.id]}
        names.update(name for condition in conditions for name in scope(condition))
        kept = tuple(p for p in self.model.parameters if p.name in names)
        model = Model(self.model.name, kept)
        return possible(self._compile(only_rules(model, [*asked, *rules])))

    def reasons(self, conditions: Sequence[Expr], but: Collection[str] = ()) -> tuple[Rule, ...] | None:
        """The rules, none of them dispensable, under which the conditions are never true together; none are
        needed where no values make them so. None where they can be. Rules of the ids `but` do not count."""
        names = frozenset(name for condition in conditions for name in scope(condition))
        if not self.possible(conditions, ()):
            return ()
        wider = self._growing(names, [rule for rule in self.model.conditions if rule.id not in but])
        near = next(wider)
        if self.possible(conditions, near):
            # Mostly the nearest rules suffice, or all together do not.
            steps = list(wider)
            if not steps or self.possible(conditions, steps[-1]):
                return None
            near = next(rules for rules in steps if not self.possible(conditions, rules))
        return self._fewest(conditions, near)

    def killers(self, name: str, codes: Sequence[int]) -> Iterator[tuple[list[int], tuple[Rule, ...]]]:
        """Dead values of a parameter together with the rules that leave them no solution: values share a
        group where the rules, and no fewer of them, suffice for each."""
        left = list(codes)
        for rule in self.model.conditions:
            if name in self._scopes[rule.id] and left:
                dead = self._dead(name, [rule])
                if killed := [code for code in left if code in dead]:
                    yield killed, (rule,)
                left = [code for code in left if code not in dead]
        while left:
            rules = self.reasons([equals(name, self.model[name].domain[left[0]])]) or ()
            dead = self._dead(name, rules)
            for i in range(len(rules)):
                dead -= self._dead(name, [*rules[:i], *rules[i + 1 :]])
            killed = [code for code in left if code in dead]
            yield killed, rules
            left = [code for code in left if code not in killed]

    def _dead(self, name: str, rules: Sequence[Rule]) -> set[int]:
        """The codes that no solution of these rules has."""
        names = {name, *(other for rule in rules for other in self._scopes[rule.id])}
        kept = tuple(p for p in self.model.parameters if p.name in names)
        engine = self._compile(only_rules(Model(self.model.name, kept), rules))
        counts = engine.marginals()[engine.model.index[name]]
        return {code for code, count in enumerate(counts) if not count}

    def _fewest(self, conditions: Sequence[Expr], rules: Sequence[Rule]) -> tuple[Rule, ...]:
        # One rule is the most that people like to read: it is looked for first.
        for rule in rules:
            if not self.possible(conditions, [rule]):
                return (rule,)
        needed = minimal(rules, lambda some: self.possible(conditions, some))
        return tuple(rule for rule in self.model.conditions if rule in needed)

    def _growing(self, names: frozenset[str], rules: Sequence[Rule]) -> Iterator[list[Rule]]:
        """The rules that mention the names, then also those that share a parameter with these, and so on; the
        nearest come first."""
        near: list[Rule] = []
        far = list(rules)
        while True:
            reached = [rule for rule in far if not self._scopes[rule.id] or self._scopes[rule.id] & names]
            near = [*near, *reached]
            yield near
            if not reached:
                return
            far = [rule for rule in far if rule not in reached]
            names = names.union(*(self._scopes[rule.id] for rule in reached))


def because(rules: Sequence[Rule], model: Model) -> str | None:
    """The rules behind a finding, and the constants that they compare with, in words."""
    if not rules:
        return None
    listed = [f"`{rule.id}`" + (f" ({rule.place})" if rule.span else "") for rule in rules]
    reason = f": {rules[0].because}" if len(rules) == 1 and rules[0].because else ""
    known = {constant.name for constant in model.constants}
    values = {c.name: c.value for rule in rules for c in _constants(rule.condition) if c.name in known}
    given = ", ".join(f"`{name}` = {words(value)}" for name, value in values.items())
    return f"because of {' and '.join(listed)}{shorten(reason)}" + (f"; given {given}" if given else "")


def _constants(expr: Expr) -> Iterator[Const]:
    if isinstance(expr, Const):
        yield expr
    for part in children(expr):
        yield from _constants(part)
