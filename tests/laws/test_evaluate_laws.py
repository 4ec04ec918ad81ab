"""The vectorised meaning against the plain one, on random expressions and values."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from expressions import LOGICAL, NAMES, NUMERIC
from reference import UNKNOWN, value_of
from spacegen.language import expr as e
from spacegen.language.columns import Column, column
from spacegen.language.evaluate import evaluate


@settings(max_examples=400, deadline=None)
@given(st.data(), LOGICAL | NUMERIC)
def test_evaluate_means_what_the_reference_means(data: st.DataObject, expr: e.Expr) -> None:
    domains = {name: data.draw(st.lists(s, min_size=1, max_size=3, unique=True)) for name, s in NAMES.items()}
    sizes = [len(d) for d in domains.values()]
    grid = np.indices(sizes).reshape(len(sizes), -1)
    env = {name: column(d).take(codes) for (name, d), codes in zip(domains.items(), grid, strict=True)}
    result = evaluate(expr, env)
    unknown = np.broadcast_to(False if result.unknown is None else result.unknown, grid.shape[1:])
    shown = _spread(result, grid.shape[1]).values()
    floats = column(domains["n"]).data.dtype == np.float64
    for i, codes in enumerate(grid.T):
        row = {name: d[c] for (name, d), c in zip(domains.items(), codes.tolist(), strict=True)}
        if floats and isinstance(row["n"], int):
            row["n"] = float(row["n"])  # with one float beside it an integer that a double holds is one
        try:
            expected = value_of(expr, row)
        except OverflowError:
            return  # Python refuses what doubles round to infinity
        assert (expected is UNKNOWN) == bool(unknown[i]), (expr, row)
        if expected is not UNKNOWN:
            assert _same(shown[i], expected), (expr, row, shown[i], expected)


def _spread(result: Any, size: int) -> Any:
    kind = result.kind if isinstance(result.kind, int) else np.broadcast_to(result.kind, (size,))
    return Column(np.broadcast_to(result.data, (size,)), kind, None, result.bound)


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and (a == b or (a != a and b != b))
