"""Products with large factors: the presolve of CP-SAT once lost solutions of this space."""

from build import parameter, space
from spacegen.engines.cpsat import CpSat
from spacegen.engines.jointree import JoinTree
from spacegen.language.expr import Compare, Const, Divide, Expr, Not, Or, Product, Ref


def _bounded(expr: Expr, bound: int) -> Expr:
    return Compare("<=", expr, Const(bound))


def test_products_with_large_factors_lose_no_solution() -> None:
    tp, pp, size = Ref("tp"), Ref("pp"), Ref("size")
    on = Compare(">", size, Const(0))
    used = Product((size, Const(1_000_000_000), tp, pp, Const(1)))
    rules = [
        _bounded(Product((tp, pp, Const(1))), 8),
        Or((Not(Compare(">", pp, Const(1))), Ref("serial"))),
        Compare("==", Divide("%", tp, Ref("ep")), Const(0)),
        Or((Not(on), _bounded(used, 1014 * 2**30))),
        Or((Not(on), Compare("==", Ref("ratio"), Const(None)))),
    ]
    parameters = [
        parameter("tp", 4, 8),
        parameter("ep", 1, 2, 4, 8),
        parameter("size", 0, 64, 96, 128),
        parameter("pp", 1, 2),
        parameter("serial", False, True),
        parameter("ratio", None, 1.5, 2.0),
    ]
    model = space(*parameters, rules=rules)
    assert CpSat(model).count() == JoinTree(model).count()
