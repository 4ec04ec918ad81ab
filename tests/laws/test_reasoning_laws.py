"""Why a rule is false: the facts suffice, and there are always words for them."""

from __future__ import annotations

from itertools import product

from hypothesis import HealthCheck, given, settings

from spacegen.language import expr as e
from spacegen.language.evaluate import truth
from spacegen.language.lowering import lower_all_different, lower_element
from spacegen.language.model import Derived, Model
from spacegen.language.walk import children, rebuild
from spacegen.questions.why.facts import At, Facts, Named
from spacegen.questions.why.reasoning import reason
from strategies import models

laws = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

LOGICAL = (e.Not, e.And, e.Or, e.IsTrue, e.IfElse, e.AllDifferent, e.Element)


def judged(expr: e.Expr, known: dict[e.Expr, bool | None]) -> e.Expr:
    """The condition with the facts in the place of its parts, and everything else unknown."""
    if expr in known:
        return e.Const(known[expr])
    match expr:
        case e.AllDifferent():
            return judged(lower_all_different(expr), known)
        case e.Element():
            return judged(lower_element(expr), known)
        case e.Not() | e.And() | e.Or() | e.IsTrue() | e.IfElse():
            return rebuild(expr, tuple(judged(part, known) for part in children(expr)))
        case _:
            return e.Unset("open")


def broken(model: Model) -> list[tuple[e.Expr, dict[str, e.Scalar]]]:
    """Every condition that is false somewhere, at the first and the last place where it is."""
    found = []
    for rule in model.conditions:
        names = model.scope(rule)
        places = [
            dict(zip(names, values, strict=True))
            for values in product(*(model[name].domain.values for name in names))
            if At.of(model, dict(zip(names, values, strict=True))).truth(rule.condition) is False
        ]
        found += [(rule.condition, values) for values in (*places[:1], *places[1:][-1:])]
    return found


@laws
@given(models())
def test_the_facts_alone_make_the_rule_false(model: Model) -> None:
    for condition, values in broken(model):
        at = At.of(model, values)
        for thorough in (True, False):
            facts = Facts(at, Named(()), 9, thorough).of(condition)
            assert all(at.truth(fact.expr) is fact.holds for fact in facts)
            yes, maybe = truth(judged(condition, {fact.expr: fact.holds for fact in facts}), {})
            assert not yes.any()
            assert not maybe.any()


@laws
@given(models())
def test_there_are_words_for_every_broken_rule(model: Model) -> None:
    for condition, values in broken(model):
        text = reason(model, condition, values)
        assert text.strip()
        assert len(text) <= 160
        assert "\n" not in text


@laws
@given(models())
def test_derived_values_go_by_their_names(model: Model) -> None:
    """A condition that has a name of its own is false by that name, once it is not opened."""
    for condition, values in broken(model):
        if not isinstance(condition, e.Ref | e.Const | e.Unset | e.Not):
            named = Named([Derived("told", condition, "")])
            (fact,) = Facts(At.of(model, values), named, 0).of(condition)
            assert fact.expr == condition
            assert fact.holds is False
