"""Shorthand nodes written out."""

from __future__ import annotations

import pytest

from spacegen.language.columns import column
from spacegen.language.evaluate import evaluate
from spacegen.language.expr import Const, Element, Ref


@pytest.mark.parametrize(
    ("index", "holds"), [(0, True), (1, False), (2, False), (-1, False), (0.0, True), (0.5, False)]
)
def test_an_index_of_element_is_a_position(index: float, holds: bool) -> None:
    picks_ten = Element(Ref("i"), (Const(10), Const(20)), Const(10))
    assert evaluate(picks_ten, {"i": column([index])}).values() == [holds]
