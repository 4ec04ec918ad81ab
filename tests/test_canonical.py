from build import le, parameter, space, sum_of
from spacegen.engines.canonical import canonical_order, fingerprint
from spacegen.engines.relation import normalise
from spacegen.language.expr import Compare, Expr, Not, Ref
from spacegen.language.model import Model


def chain_space(*rules: Expr) -> Model:
    return space(*(parameter(n, 1, 2, 3) for n in "abcd"), rules=list(rules))


def test_the_order_is_frozen() -> None:
    order = canonical_order(normalise(chain_space(le("a", "b"), le("b", "c"))))
    assert order.eliminated == (3, 0, 1, 2)
    assert order.preorder == (2, 1, 0, 3)
    assert order.separator == ((1,), (2,), (), ())
    assert order.largest == 9


def test_the_fingerprint_names_the_meaning_not_the_words() -> None:
    one = fingerprint(normalise(chain_space(le("a", "b"))))
    same = fingerprint(normalise(chain_space(Not(Compare(">", Ref("a"), Ref("b"))))))
    other = fingerprint(normalise(chain_space(le("b", "a"))))
    assert one == same != other
    assert one == "11b51409e8ac85dd"


def test_typed_values_have_different_fingerprints() -> None:
    numbers = fingerprint(normalise(space(parameter("a", 0, 1))))
    assert numbers != fingerprint(normalise(space(parameter("a", False, True))))
    assert numbers == fingerprint(normalise(space(parameter("a", 0, 1, default=1))))


def test_functions_of_others_do_not_widen_a_cluster() -> None:
    names = [f"x{i}" for i in range(20)]
    model = space(*(parameter(n, *range(10)) for n in names), rules=[le(sum_of(*names), 90)])
    assert canonical_order(normalise(model)).largest < 4000
