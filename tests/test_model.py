import pytest

from build import parameter, rule, space
from spacegen.language.expr import Compare, Const, IsTrue, Or, Ref
from spacegen.language.model import Domain, Kind, Model, same_value


def test_a_domain_tells_true_from_one_and_holds_one_for_one_point_zero() -> None:
    domain = Domain((1, None, "1"))
    assert [domain.code(v) for v in (1.0, None, "1", True, 2, [])] == [0, 1, 2, None, None, None]
    assert 1.0 in domain
    assert True not in domain
    assert Domain((1,)) != Domain((True,))
    assert hash(Domain((1, 2))) == hash(Domain((1.0, 2)))
    assert same_value(2, 2.0)
    assert not same_value(False, 0)


def test_a_domain_is_a_sequence() -> None:
    domain = Domain((4, 2, 8))
    assert (len(domain), domain[1], domain[1:], list(domain)) == (3, 2, (2, 8), [4, 2, 8])


def test_active_when_is_a_condition_of_its_own() -> None:
    child = parameter("child", 1, 2, default=2, active_when=Ref("switch"))
    model = space(parameter("switch", False, True), child, rules=[Ref("switch")])
    implied = model.conditions[-1]
    assert implied.condition == Or((IsTrue(Ref("switch")), Compare("==", Ref("child"), Const(2))))
    assert (implied.id, implied.kind) == ("child.active_when", Kind.INERT)


def test_a_model_finds_parameters_and_scopes() -> None:
    model = space(parameter("a", 1), parameter("b", 1))
    assert model["b"].name == "b"
    assert model.scope(rule(Compare("<", Ref("b"), Ref("a")))) == ("a", "b")
    with pytest.raises(KeyError):
        model["c"]
    assert isinstance(model.replace(name="other"), Model)
