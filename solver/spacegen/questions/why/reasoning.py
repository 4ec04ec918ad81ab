"""Why a rule is false, in one line: both sides with their values, and what comes out.

tp_size=8 × pp_size=2 × dp_size=2 = 32 > 8 GPUs
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from spacegen.language.expr import (
    Automaton,
    Compare,
    CompareOp,
    Const,
    Count,
    Expr,
    In,
    IsNull,
    Ref,
    Scalar,
    Table,
    Unset,
    Within,
)
from spacegen.language.model import Model
from spacegen.language.unparse import unparse
from spacegen.questions.edits import shorten, words
from spacegen.questions.why.facts import At, Fact, Facts, Named
from spacegen.questions.why.terms import Side, Terms, number

__all__ = ["Reasoning", "reason"]

_FITS: Final = 110
_MOST: Final = 156
_DEPTHS: Final = (9, 2, 1, 0)
_SHOWN: Final = 6
_WHATEVER: Final = "false whatever the values are"
"""Of a condition that no fact decides, such as one about no parameter at all."""
_NEGATED: Final[Mapping[CompareOp, CompareOp]] = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
}


def reason(model: Model, condition: Expr, values: Mapping[str, Scalar]) -> str:
    """Why the condition is false at these values (each in its domain, one for each of its parameters)."""
    at = At.of(model, values)
    named, text = Named(model.derived), ""
    for thorough in (True, False):
        for depth in _DEPTHS:
            text = Reasoning(model, at, named, depth, thorough).of(condition) or _WHATEVER
            if len(text) <= _FITS:
                return text
    return shorten(text, _MOST)


@dataclass(frozen=True, slots=True, eq=False)
class Reasoning:
    """Words for facts, with derived values opened so many deep."""

    model: Model
    at: At
    named: Named
    depth: int
    thorough: bool = True

    def of(self, condition: Expr) -> str:
        """Why the condition has the truth that it has."""
        terms = Terms(self.at, self.named, Terms.units_of(self.model), self.depth)
        found = self._facts(condition)
        given = list(dict.fromkeys(self.fact(f, terms) for f in found if f.given))
        rest = list(dict.fromkeys(self.fact(f, terms) for f in found if not f.given))
        text = ", but ".join(" and ".join(part) for part in (given, rest) if part)
        chosen = [self.fact(f, terms) for test in tuple(terms.choices) for f in self._facts(test, given=True)]
        tests = [fact for fact in dict.fromkeys(chosen) if fact not in given]
        return f"{text}, as {' and '.join(tests)}" if tests else text

    def _facts(self, condition: Expr, *, given: bool = False) -> Iterable[Fact]:
        found = Facts(self.at, self.named, self.depth, self.thorough).of(condition)
        return [Fact(f.expr, f.holds, True) for f in found] if given else found

    def fact(self, fact: Fact, terms: Terms) -> str:
        """One fact in words."""
        derived = self.named.get(fact.expr)
        if derived is not None and self.depth == 0:
            return f"{derived.name}={_truth(fact.holds)}"
        if fact.holds is None:
            return self._unknown(fact.expr, terms)
        match fact.expr:
            case Compare(op, left, right):
                return self._compared(op if fact.holds else _NEGATED[op], left, right, fact, terms)
            case In(item, choices):
                return self._member(item, choices, fact, terms)
            case Within(item, intervals):
                return _placed(terms.side(item), intervals, holds=fact.holds)
            case IsNull(item):
                return self._null(item, fact, terms)
            case Count(items, allowed):
                return self._counted(items, allowed, terms)
            case Table(items) | Automaton(items):
                return self._listing(fact.expr, items, fact, terms)
            case Ref() | Const():
                return terms.text(fact.expr)
            case _:
                return f"`{unparse(fact.expr)}` is {_truth(fact.holds)}"

    def _unknown(self, expr: Expr, terms: Terms) -> str:
        match expr:
            case Compare(op, left, right):
                return f"{terms.text(left)} {op} {terms.text(right)} is unknown"
            case Ref() | Const() | Unset():
                return terms.text(expr)
            case _:
                return f"`{unparse(expr)}` is unknown"

    def _compared(self, op: CompareOp, left: Expr, right: Expr, fact: Fact, terms: Terms) -> str:
        if terms.is_thing(right) and isinstance(left, Const) and left.name is None and op in ("==", "!="):
            left, right = right, left
        bare = isinstance(right, Const) and right.name is None
        if op in ("==", "!=") and terms.is_thing(left) and bare:
            thing = terms.text(left)
            return thing if op == "==" or fact.given else f"{thing} is not {words(self.at.value(right))}"
        if op == "==" and terms.is_thing(left) and terms.is_thing(right):
            return f"{terms.name(left)} = {terms.name(right)} = {number(self.at.value(left))}"
        return _sides(terms.side(left), op, terms.side(right))

    def _member(self, item: Expr, choices: tuple[Expr, ...], fact: Fact, terms: Terms) -> str:
        text = _worked(terms.side(item))
        if terms.is_thing(item) and (fact.holds or fact.given):
            return text
        listed = _some([terms.text(choice) for choice in choices])
        return f"{text} {'is' if fact.holds else 'is not'} one of {listed}"

    def _null(self, item: Expr, fact: Fact, terms: Terms) -> str:
        text = _worked(terms.side(item))
        if terms.is_thing(item) and (fact.holds or fact.given):
            return text
        return f"{text} is{'' if fact.holds else ' not'} null"

    def _counted(self, items: tuple[Expr, ...], allowed: frozenset[int], terms: Terms) -> str:
        true = [item for item in items if self.at.truth(item) is True]
        open_ = [item for item in items if self.at.truth(item) is None]
        shown = true if not open_ and true and len(true) > max(allowed, default=-1) else items
        facts = (self.fact(f, terms) for item in shown for f in self._facts(item, given=True))
        return f"{_joined(list(dict.fromkeys(facts)))} where {_may(allowed, len(items))}"

    def _listing(self, expr: Table | Automaton, items: tuple[Expr, ...], fact: Fact, terms: Terms) -> str:
        text = _some([_worked(terms.side(item)) for item in items])
        match expr:
            case Table(rows=rows):
                return text if fact.holds else f"{text} is none of the {len(rows):,} allowed combinations"
            case Automaton():
                return f"{text} is {'' if fact.holds else 'not '}accepted by the automaton"


def _truth(holds: bool | None) -> str:
    return "unknown" if holds is None else words(holds)


def _worked(side: Side) -> str:
    return f"{side.text} = {side.result}" if side.worked else side.text


def _sides(left: Side, op: str, right: Side) -> str:
    """Both sides around what they come to: `a=2 + b=3 = 5 > 4 = c=2 × d=2`."""
    if left.value != right.value and number(left.value) == number(right.value):
        left, right = replace(left, exact=True), replace(right, exact=True)
    return f"{_worked(left)} {op} " + (f"{right.result} = {right.text}" if right.worked else right.text)


def _placed(
    side: Side, intervals: tuple[tuple[int | float | None, int | float | None], ...], *, holds: bool
) -> str:
    text = _worked(side)
    match intervals:
        case ((low, high),) if not holds and isinstance(side.value, int | float):
            if high is not None and side.value > high:
                return f"{text} > {number(high)}"
            return f"{text} < {number(low)}"
        case _:
            ends = [f"{'' if a is None else a}..{'' if b is None else b}" for a, b in intervals]
            return f"{text} lies {'in' if holds else 'outside'} {_some(ends) or 'any range'}"


def _some(texts: list[str]) -> str:
    return ", ".join(texts if len(texts) <= _SHOWN else [*texts[: _SHOWN - 1], "…"])


def _joined(texts: list[str]) -> str:
    return " and ".join(texts) if len(texts) < 3 else _some(texts)


def _may(allowed: frozenset[int], items: int) -> str:
    fits = sorted(n for n in allowed if 0 <= n <= items)
    if not fits:
        return "no number may hold"
    if fits == list(range(fits[-1] + 1)):
        return f"at most {fits[-1]} may hold" if fits[-1] else "none may hold"
    if fits == list(range(1, items + 1, 2)) and len(fits) > 1:
        return "an odd number must hold"
    return f"{' or '.join(map(str, fits))} must hold"
