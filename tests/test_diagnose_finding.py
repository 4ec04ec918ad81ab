"""Moves as sentences."""

from __future__ import annotations

import pytest

from spacegen.diagnose.finding import Move


@pytest.mark.parametrize(
    ("move", "sentence"),
    [
        (Move(parameter="x", among=(None,), was="EAGLE"), "leave out `x`"),
        (Move(parameter="x", among=("fp8", "awq"), to="fp8"), "set `x` to `fp8`"),
        (Move(parameter="x", at_least=2, at_most=8, was=16, to=8), "lower `x` from 16 to 8"),
        (Move(parameter="x", at_least=2, at_most=8, was=1, to=8), "raise `x` from 1 to 8"),
        (Move(parameter="x", apart_from=(True,), was=True), "try another `x` than `true`"),
    ],
)
def test_a_move_is_a_sentence(move: Move, sentence: str) -> None:
    assert move.sentence == sentence
