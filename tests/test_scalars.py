from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegen.errors import SpaceError
from spacegen.language.model import same_value
from spacegen.language.scalars import (
    UnreadableError,
    hint_for_string,
    read_scalar,
    resolve,
    write_scalar,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-17", -17),
        ("+3", 3),
        ("017", 17),
        ("0x1F", 31),
        ("0.70", 0.7),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e5", 100000.0),
        ("-2.5E-3", -0.0025),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_a_core_scalar_has_its_value(text: str, value: Any) -> None:
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("y", "n", "yes", "no", "on", "off", "Yes", "NO", "On", "nULL", "tRUE"),
        *("1_000", "0o17", "0b11", "1:30", "12:30:45", "-", "--", "+", ".", "1.2.3", "1e", "0xG", "="),
    ],
)
def test_what_yaml_1_1_would_convert_stays_a_string(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize("text", [".nan", ".NaN", ".inf", "-.INF", "nan", "inf", "-Infinity", "1e999"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError, match="number"):
        resolve(text)


@pytest.mark.parametrize("text", ["2024-01-31", "2024-1-1", "2024-01-31T10:00:00Z", "2024-01-31 10:00:00"])
def test_dates_are_refused(text: str) -> None:
    with pytest.raises(UnreadableError, match="date"):
        resolve(text)


def test_a_number_too_long_to_compute_with_is_refused() -> None:
    with pytest.raises(UnreadableError, match="1,001 characters"):
        resolve("9" * 1001)
    assert resolve("9" * 1000) == int("9" * 1000)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1_000", "write the number without underscores: 1000"),
        ("1_000.5", "write the number without underscores: 1000.5"),
        ("0o17", "write the number in decimal: 15"),
        ("-0b11", "write the number in decimal: -3"),
        ("017", "zeros in front do not make it octal: write 17"),
        ("0", None),
        ("000", None),
        ("10", None),
        ("fa3", None),
        ("1_a", None),
    ],
)
def test_what_looks_like_another_number_gets_a_hint(text: str, hint: str | None) -> None:
    assert hint_for_string(text) == hint


@pytest.mark.parametrize(
    ("text", "value"),
    [(" 8 ", 8), ('"8"', "8"), ("'it''s'", "it's"), ('"a\\nb"', "a\nb"), ("fa,fi", "fa,fi")],
)
def test_a_scalar_from_the_command_line_reads_as_in_a_file(text: str, value: Any) -> None:
    assert read_scalar(text) == value


@pytest.mark.parametrize("text", ['"half', "'", '"a" b', ".nan", "2024-01-31"])
def test_an_unreadable_scalar_is_a_space_error(text: str) -> None:
    with pytest.raises(SpaceError):
        read_scalar(text)


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        "yes",
        "null",
        "1_000",
        "0o17",
        "1e5",
        "nan",
        "2024-01-31",
        "",
        " x",
        "a: b",
        "a #b",
        "-",
        "*x",
        "é",
        "\x85",
    ]
)


@given(VALUES | TEXTS)
def test_writing_inverts_reading(value: Any) -> None:
    found = read_scalar(write_scalar(value))
    assert same_value(found, value)
    assert type(found) is type(value)
