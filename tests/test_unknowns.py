"""A condition that unknown constants keep from ever being false, against trying all values."""

from __future__ import annotations

import pytest

from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import Expr, Ref, Unset
from spacegen.language.syntax import Names, parse
from spacegen.language.unknowns import can_fail, unset_names
from spacegen.source import Source, Span


def condition(text: str) -> Expr:
    symbols = {"a": Ref("a"), "b": Ref("b"), "lost": Unset("lost")}
    return parse(text, Span(Source("test", text), 1, 1), Names(symbols, {}))


@pytest.mark.parametrize(
    "text",
    [
        "a * lost <= 8",
        "lost == 1",
        "lost is null",
        "implies(a > 1, lost > a)",
        "a > 1 or lost > 1",
        "a > 1 if lost > 1 else a > 2",
        "lost in [1, 2]",
        "min(a, lost) > 1",
        "(lost if a > 1 else lost + 1) > a",
        "not lost > 1",
    ],
)
def test_what_hangs_on_an_unknown_cannot_fail(text: str) -> None:
    found = condition(text)
    assert not can_fail(found)
    assert unset_names(found) == {"lost"}
    env = {name: column([1, 2, 3, 4, None]) for name in "ab"}
    assert not_false(found, env).all()


@pytest.mark.parametrize(
    "text",
    ["a > 1 and lost > 1", "a * b <= 8", "(lost if a > 1 else b) > 2", "not (a > 1 or lost > 1)"],
)
def test_what_does_not_can(text: str) -> None:
    found = condition(text)
    assert can_fail(found)
    env = {name: column([1, 2, 3, 4, 9]) for name in "ab"}
    assert not not_false(found, env).all()
