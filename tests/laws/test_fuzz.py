"""Mutated YAML never ends in a traceback: it loads, or a SpaceError names what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacegen.errors import SpaceError
from spacegen.language.elaborate import read_model
from spacegen.language.scalars import read_scalar
from spacegen.source import Source

ROOT = Path(__file__).parents[2]
SEEDS = [
    path.read_bytes().decode()
    for folder in ("spaces", "rules", "tests/cases")
    for path in sorted((ROOT / folder).rglob("*.yaml"))
    if path.stat().st_size < 6000
]
SPLICES = [
    *(
        "null",
        "true",
        "[",
        "]",
        "{",
        "}",
        ":",
        ": ",
        ",",
        '"',
        "'",
        "&a ",
        "*a",
        "- ",
        "\n",
        "\n  ",
        "#",
        "|",
        ">-",
    ),
    *(
        "0",
        "-1",
        "0.1",
        "1e5",
        ".nan",
        "0o17",
        "1_000",
        "9" * 30,
        "!!str ",
        "<<: ",
        "? ",
        "---\n",
        "%YAML 1.1\n",
    ),
    *(
        "rules:\n  - ",
        "require: ",
        "when: ",
        "default: ",
        "active_when: ",
        "from: ",
        "a in [1, 2]",
        "x / 0",
        "not ",
    ),
    *(
        "range: {from: 0, to: 1, step: 1e-9}",
        "\t",
        "\r\n",
        "\ufeff",
        "\x85",
        "é",
        "𝔘",
        "\x00",
        "\x1b",
        "((((",
        "**",
    ),
    *(
        "extends: h100",
        "include: [sglang/gpus]",
        "target: {server: sglang, version: 0.5.6}",
        "versions: '>=0.5'",
    ),
]
CALM = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real file with pieces cut out, doubled, swapped in from other files, or written over."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from(SPLICES) | st.text(max_size=3) | st.just(text[start:end] * 2))
        text = text[:start] + piece + text[end:]
    return text


def refusal(read: Callable[[], object]) -> SpaceError | None:
    """Anything but a SpaceError gets through, and fails the law."""
    try:
        read()
    except SpaceError as error:
        return error
    return None


def survives(text: str) -> None:
    error = refusal(lambda: read_model(Source("fuzz.yaml", text)))
    assert error is None or (str(error) and all(fault.message for fault in error.faults))


@CALM
@given(mutated())
def test_a_mutated_file_loads_or_is_refused_with_words(text: str) -> None:
    survives(text)


@CALM
@given(st.text(max_size=200))
def test_any_text_is_refused_with_words(text: str) -> None:
    survives(text)


def words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.split())


def trees(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Flow YAML of any shape."""
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
            | st.lists(st.tuples(WORDS, inner), max_size=4).map(
                lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
            )
        ),
        max_leaves=8,
    )


WORDS = words(
    "a b tp_size values range from to step default active_when unit value when require forbid linear "
    "terms min max domain element index target rows expressions automaton start final transitions kind id "
    "because"
)
LEAVES = WORDS | st.sampled_from(
    ["null", "true", "1", "0.5", '"a < 2"', '"a + b"', "-3", '""', "1e300", "9" * 25]
)
KEYS = words(
    "parameters constants derived rules fixed include strict kinds target name description extends pin "
    "restrict"
)


@CALM
@given(st.dictionaries(KEYS, trees(LEAVES), max_size=5))
def test_wrong_shapes_are_refused_with_words(sections: dict[str, str]) -> None:
    lines = "".join(f"{key}: {value}\n" for key, value in sections.items())
    survives(
        "spacegen: 1\n" + lines + ("" if "parameters" in sections else "parameters: {a: [1, 2], b: [3]}\n")
    )


@CALM
@given(
    st.sampled_from(["require", "forbid", "linear", "element", "automaton", "allowed_assignments"]),
    trees(LEAVES),
)
def test_bodies_of_any_shape_are_refused_with_words(keyword: str, body: str) -> None:
    rule = f"rules:\n  - {{{keyword}: {body}}}\n"
    survives(f"spacegen: 1\nparameters: {{a: [1, 2], b: [false, true]}}\n{rule}")


@CALM
@given(st.text(max_size=20) | st.sampled_from(SPLICES))
def test_any_scalar_is_read_or_refused(text: str) -> None:
    error = refusal(lambda: read_scalar(text))
    assert error is None or str(error)
