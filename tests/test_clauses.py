from spacegen.engines.clauses import split
from spacegen.language.expr import (
    AllDifferent,
    And,
    Compare,
    Const,
    Element,
    IsTrue,
    Not,
    Or,
    Ref,
)
from spacegen.language.walk import scope

A, B, C, D = (Compare("<", Ref(n), Const(1)) for n in "abcd")


def test_conjunctions_fall_apart_also_behind_negations_and_alternatives() -> None:
    assert split(And((A, And((B, C))))) == (A, B, C)
    assert split(Not(Or((A, B)))) == (Not(A), Not(B))
    assert split(Not(Not(And((A, B))))) == (A, B)
    assert split(Or((A, And((B, C))))) == (Or((A, B)), Or((A, C)))
    assert split(Not(And((A, B)))) == (Or((Not(A), Not(B))),)
    assert split(IsTrue(And((A, B)))) == (IsTrue(A), IsTrue(B))


def test_shorthand_falls_apart_into_pairs() -> None:
    assert [scope(c) for c in split(AllDifferent((Ref("a"), Ref("b"), Ref("c"))))] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    widths = [len(scope(c)) for c in split(Element(Ref("i"), (Ref("a"), Ref("b")), Ref("t")))]
    assert widths == [1, 3, 3]


def test_distribution_stops_before_it_explodes() -> None:
    wide = Or(tuple(And((A, B)) for _ in range(7)))
    assert split(wide) == (wide,)
