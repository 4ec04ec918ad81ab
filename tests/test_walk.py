from spacegen.language import expr as e
from spacegen.language.walk import children, rebuild, scope, substitute
from test_expr import NODES, A, B


def test_rebuild_inverts_children_for_every_node() -> None:
    for node in NODES:
        assert rebuild(node, children(node)) == node


def test_substitute_replaces_references_deeply() -> None:
    for node in NODES:
        assert "a" not in scope(substitute(node, {"a": e.Const(1)}))
    assert substitute(A, lambda ref: e.Ref(ref.name * 2)) == e.Ref("aa")


def test_scope_lists_each_name_once_in_order() -> None:
    assert scope(e.Sum((B, A, B))) == ("b", "a")
