from spacegen.language import expr as e

A, B = e.Ref("a"), e.Ref("b")
NODES: list[e.Expr] = [
    e.Not(A), e.And((A, B)), e.Or((A, B)), e.IsTrue(A), e.IsNull(A), e.Compare("<", A, B), e.In(A, (B, A)),
    e.Within(A, ((1, None),)), e.Sum((A, B)), e.Product((A, B)), e.Divide("%", A, B), e.Negate(A), e.Abs(A),
    e.Extreme("min", (A, B)), e.IfElse(A, B, A), e.Count((A, B), frozenset({1})), e.AllDifferent((A, B)),
    e.Table((A, B), ((1, 2),)), e.Element(A, (B, A), B), e.Automaton((A, B), 0, frozenset({1}), ((0, 1, 1),)),
]  # fmt: skip


def test_every_node_is_listed_here() -> None:
    assert len({type(node) for node in NODES} | {e.Const, e.Unset, e.Ref}) == len(e.Expr.__args__)


def test_nodes_are_values() -> None:
    assert len(set(NODES)) == len(NODES)
    assert e.Not(A) != e.IsTrue(A)
