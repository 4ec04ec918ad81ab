import numpy as np

from build import le, parameter, space, sum_of
from spacegen.engines.relation import normalise
from spacegen.language.expr import Compare, Const, Not, Or, Ref


def test_rules_over_one_parameter_become_masks_until_nothing_changes() -> None:
    # `a` is decided first; only then does the second rule speak of `b` alone.
    rules = [Compare("==", Ref("a"), Const(2)), le("b", "a")]
    form = normalise(space(parameter("a", 1, 2, 3), parameter("b", 1, 2, 3, 4), rules=rules))
    assert [codes.tolist() for codes in form.live] == [[1], [0, 1]]
    assert form.relations == ()
    assert not form.empty


def test_nested_scopes_merge_and_idle_rules_vanish() -> None:
    three = [parameter(n, 0, 1, 2) for n in "abc"]
    form = normalise(space(*three, rules=[le(sum_of("a", "b", "c"), 3), le("a", "b"), le("c", 9)]))
    (relation,) = form.relations
    assert relation.scope == (0, 1, 2)
    a, b, c = np.indices((3, 3, 3))
    assert (relation.table == ((a + b + c <= 3) & (a <= b))).all()


def test_contradictions_are_seen() -> None:
    a = parameter("a", 1, 2)
    assert normalise(space(a, rules=[Const(False)])).empty
    assert normalise(space(rules=[Const(False)])).empty
    assert normalise(space(a, rules=[le("a", 0)])).empty
    both = [parameter("a", 1, 2), parameter("b", 1, 2)]
    assert normalise(space(*both, rules=[Not(Or((le("a", "b"), le("b", "a"))))])).empty
    assert not normalise(space()).empty
