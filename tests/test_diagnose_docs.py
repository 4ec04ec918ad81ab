"""The page about diagnoses lists every finding that there is, with the numbers that the rules use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from spacegen.diagnose.advice import guide

ROOT = Path(__file__).parents[1]
ADVICE = ROOT / "solver" / "spacegen" / "diagnose" / "advice"
PAGE = (ROOT / "docs" / "diagnose.md").read_text(encoding="utf-8")
LISTED = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE))
# Functions that make findings, and the place of the id among their arguments.
MAKERS = {"_could": 0, "_finding": 1, "_failed": 2}


def _ids(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("Finding")):
                yield from (keyword.value for keyword in node.keywords if keyword.arg == "id")
            case ast.Call(func=ast.Name(name)) if name in MAKERS:
                yield node.args[MAKERS[name]]


def _form(node: ast.expr) -> str | None:
    """What an id looks like; None for one that is handed on."""
    match node:
        case ast.Constant(str(text)):
            return re.escape(text)
        case ast.JoinedStr(parts):
            return "".join(_form(part) or "[a-z-]+" for part in parts)
        case _:
            return None


FORMS = {
    form
    for path in ADVICE.glob("*.py")
    for node in _ids(ast.parse(path.read_text("utf-8")))
    if (form := _form(node))
}


def test_every_finding_is_listed() -> None:
    assert {form for form in FORMS if not any(re.fullmatch(form, one) for one in LISTED)} == set()


def test_every_finding_that_is_listed_exists() -> None:
    assert {one for one in LISTED if not any(re.fullmatch(form, one) for form in FORMS)} == set()


def _row(finding: str) -> str:
    return next(line for line in PAGE.splitlines() if line.startswith(f"| `{finding}` |"))


def test_the_numbers_are_those_of_the_rules() -> None:
    told = {
        "queue-empty": (guide.OFTEN, guide.SHORT_QUEUE),
        "queue-long": (guide.LONG_QUEUE,),
        "load-good": (guide.SHORT_QUEUE, guide.LONG_QUEUE, guide.FULL),
        "too-conservative": (
            guide.FULL,
            guide.OFTEN,
            guide.LEAST_CONSERVATIVE,
            f"{1 - guide.WELL_FILLED:.2f}",
        ),
        "retracts-often": (guide.FREQUENT_RETRACTIONS, guide.MOST_CONSERVATIVE),
        "graphs-too-small": (*guide.GRAPH_SIZES, f"{guide.LITTLE_LEFT:g}"),
        "beyond-graphs": (guide.GRAPH_SIZES[-1],),
        "shared-prefixes": (guide.SHARED_PREFIXES,),
        "compile": (f"{guide.SMALL_WEIGHTS_GIB:g}", guide.COMPILED_BATCH),
    }
    missing = {
        name: number for name, numbers in told.items() for number in numbers if str(number) not in _row(name)
    }
    assert missing == {}
    assert f"at least {guide.FULL_LOAD} of the usual" in PAGE
    assert f"Less than {guide.LEAST_SECONDS:.0f} seconds" in PAGE
