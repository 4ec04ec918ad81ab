"""The page about diagnoses lists every finding that there is, with the numbers that the rules use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import logs
from spacegen.diagnose.advice import guide, ways

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


SPARE = round(1 - guide.WELL_FILLED, 2)
SIZES = (*guide.GRAPH_SIZES, guide.LARGE_TP)
NUMBERS: dict[str, tuple[float, ...]] = {
    "queue-empty": (guide.OFTEN, guide.JUST_ARRIVED, guide.SHORT_QUEUE, guide.LASTING, guide.BUSY),
    "ranks-uneven": (guide.OFTEN, guide.MANY_WAITING),
    "queue-short": (guide.SHORT_QUEUE,),
    "queue-long": (guide.LONG_QUEUE,),
    "requests-wait": (guide.KEPT_WAITING,),
    "load-good": (guide.SHORT_QUEUE, guide.LONG_QUEUE, guide.FULL),
    "too-conservative": (
        guide.JUST_ARRIVED,
        guide.KEPT_WAITING,
        guide.FULL,
        guide.OFTEN,
        guide.LEAST_CONSERVATIVE,
        SPARE,
        guide.UNFILLED_ROOM,
    ),
    "prefill-bound": (guide.MANY_PREFILLS, guide.FULL_CHUNK),
    "retracts-often": (
        guide.FREQUENT_RETRACTIONS,
        guide.SOME_RETRACTIONS,
        round(guide.MOST_CONSERVATIVE - guide.CONSERVATIVENESS, 2),
        guide.MOST_CONSERVATIVE,
    ),
    "graphs-too-small": (*SIZES, guide.LITTLE_LEFT),
    "beyond-graphs": SIZES,
    "memory-good": (guide.LITTLE_LEFT, guide.ENOUGH_LEFT),
    "memory-unused": (guide.ENOUGH_LEFT, guide.MUCH_LEFT, guide.AIMED_LEFT, ways.STEP, guide.MANY_LINES),
    "memory-scarce": (guide.LITTLE_LEFT,),
    "no-memory-window": (ways.STEP,),
    "out-of-memory-prefill": guide.SMALLER_CHUNKS,
    "slow-loading": (guide.SLOW_LOADING,),
    "slow-capture": (guide.SLOW_CAPTURE,),
    "data-parallel-first": (guide.ROOMY_WEIGHTS,),
    "attention-data-parallel": (guide.ALL_RANKS,),
    "gateway": (1,),
    "shared-prefixes": (guide.SHARED_PREFIXES, guide.LPM_QUEUE),
    "nothing-cached": (guide.ENOUGH_TOKENS, guide.HARDLY_CACHED),
    "drafts-rejected": (guide.HARDLY_ACCEPTED,),
    "compile": (guide.SMALL_WEIGHTS_GIB, guide.COMPILED_BATCH),
}
"""What the rules count with; the other findings have no numbers."""


@pytest.mark.parametrize("finding", sorted(LISTED))
def test_the_numbers_are_those_of_the_rules(finding: str) -> None:
    told = re.findall(r"(?<![\w.])(\d+(?:\.\d+)?)(?![\w.]*\w)( %)?", _row(finding))
    numbers = {round(float(number) / (100 if share else 1), 6) for number, share in told}
    assert numbers == set(map(float, NUMBERS.get(finding, ())))


@pytest.mark.parametrize(
    "sentence",
    [
        f"at least {guide.FULL_LOAD * 100:.0f} % of the usual",
        f"Less than {guide.LEAST_SECONDS:.0f} seconds",
        f"With less than {guide.LARGE_GPU:.0f} GB free before loading, the",
        f"the {guide.LITTLE_LEFT:.0f}, {guide.ENOUGH_LEFT:.0f} and {guide.MUCH_LEFT:.0f} shrink",
        f"at most {logs.MOST_TIMES} times as long as",
        f"{logs.MOST_TIMES_OF_PROSE} times where requests are logged",
        f"not from the guide's {guide.LOWER_SHARES[0]} and {guide.LOWER_SHARES[1]}",
    ],
)
def test_what_stands_beside_the_table_has_them_too(sentence: str) -> None:
    assert sentence in " ".join(PAGE.split())
