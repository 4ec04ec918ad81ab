"""The YAML of the language reference: every example loads, and has solutions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spacegen.engines.plan import compile_model
from spacegen.language.bodies import KEYWORDS
from spacegen.language.elaborate import read_model
from spacegen.language.evaluate import truth
from spacegen.language.expr import Const, Unset
from spacegen.language.model import Kind
from spacegen.language.syntax import Names, parse
from spacegen.source import Source, Span

PAGE = Path(__file__).parents[1] / "docs" / "language.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w/]+\.yaml)\n")
EXAMPLES = [(TEXT.count("\n", 0, match.start()) + 2, match[1]) for match in BLOCK.finditer(TEXT)]
FIRST = EXAMPLES[0][1]
SPACES = [(line, text) for line, text in EXAMPLES if not FILE.match(text)]


def _whole(text: str) -> str:
    """An example as a file: a part of a space continues the first example."""
    if "spacegen:" in text:
        return text
    return f"spacegen: 1\n{text}" if "parameters:" in text.splitlines()[0] else FIRST + text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for _, text in EXAMPLES:
        if name := FILE.match(text):
            path = tmp_path / name[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("line", "text"), SPACES, ids=[f"language.md:{line}" for line, _ in SPACES])
def test_an_example_loads_and_has_solutions(line: int, text: str, folder: Path) -> None:
    model = read_model(Source(f"language.md:{line}", _whole(text)), folder)
    assert compile_model(model).count() > 0


def test_every_body_and_kind_has_an_example_or_a_line() -> None:
    rules = "".join(text for _, text in EXAMPLES)
    assert [keyword for keyword in KEYWORDS if f"{keyword}:" not in rules] == []
    assert [kind for kind in Kind if f"| `{kind}` |" not in TEXT] == []


NOTHING = Names({"n": Const(None), "unset": Unset("unset")}, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n == null", True),
        ("n != 3", True),
        ("n in [1, null]", True),
        ("n is null", True),
        ("n + 1 == 1", None),
        ("n < 3", None),
        ("min(n, 1) == 1", None),
        ("1 / 0 == 1", None),
        ("1 % 0 == 1", None),
        ("unset is null", None),
        ("unset == unset", None),
        ("not n", None),
        ("n and false", False),
        ("n or true", True),
        ("n and true", None),
        ("(1 if n else 1) == 1", None),
        ("-7 // 2 == -4 and -7 % 2 == 1", True),
        ("0.1 + 0.2 == 0.3", False),
        ("9223372036854775807 * 9223372036854775807 % 10 == 9", True),
        ("true + true == 2", True),
        ("1 < 2 < 2", False),
        ("implies(n, false)", None),
    ],
)
def test_what_the_page_says_of_nulls_and_numbers(text: str, expected: bool | None) -> None:
    yes, maybe = truth(parse(text, Span(Source("page", text), 1, 1), NOTHING), {})
    assert (bool(yes), bool(maybe)) == {True: (True, True), False: (False, False), None: (False, True)}[
        expected
    ]
