"""Why a condition is never true: a smallest set of rules that leaves it no solution."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from spacegen.language.expr import Compare, Const, Expr, IsNull, IsTrue, Not, Ref, Scalar
from spacegen.language.model import Model, Rule
from spacegen.language.walk import children, scope
from spacegen.questions.conflict import place
from spacegen.questions.edits import shorten, words
from spacegen.questions.quickxplain import minimal
from spacegen.questions.together import Compile, only_rules, possible

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
        rules = [rule for rule in self.model.conditions if rule.id not in but]
        names = frozenset(name for condition in conditions for name in scope(condition))
        if not self.possible(conditions, ()):
            return ()
        for near in self._growing(names, rules):
            if not self.possible(conditions, near):
                return self._fewest(conditions, near)
        return None

    def _fewest(self, conditions: Sequence[Expr], rules: Sequence[Rule]) -> tuple[Rule, ...]:
        # One rule is the most that people like to read: it is looked for first.
        for rule in rules:
            if not self.possible(conditions, [rule]):
                return (rule,)
        return minimal(rules, lambda some: self.possible(conditions, some))

    def _growing(self, names: frozenset[str], rules: Iterable[Rule]) -> Iterable[list[Rule]]:
        """The rules that mention the names, then those that share a parameter with these, and so on."""
        rules = list(rules)
        near = [rule for rule in rules if not self._scopes[rule.id] or self._scopes[rule.id] & names]
        while True:
            yield near
            names = names.union(*(self._scopes[rule.id] for rule in near))
            wider = [rule for rule in rules if not self._scopes[rule.id] or self._scopes[rule.id] & names]
            if len(wider) == len(near):
                return
            near = wider


def because(rules: Sequence[Rule], model: Model) -> str | None:
    """The rules behind a finding, and the constants that they compare with, in words."""
    if not rules:
        return None
    listed = [f"`{rule.id}`" + (f" ({place(rule)})" if rule.span else "") for rule in rules]
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
