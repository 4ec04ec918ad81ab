"""Rows as text, whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import yaml

from spacegen.launch.fields import Field, Table
from spacegen.launch.formats import FORMATS
from spacegen.launch.style import Style
from spacegen.launch.writers import csv_cell

FIELDS = (
    Field("size", (1, 2.5, None), np.array([0, 2, 1])),
    Field('odd "name"', ("a, b", "yes", "é"), np.array([2, 0, 1])),
    Field("on", (True, False), np.array([1, 0, 0])),
)

WHOLE: dict[str, str] = {
    "jsonl": (
        '{"size": 1, "odd \\"name\\"": "é", "on": false}\n'
        '{"size": null, "odd \\"name\\"": "a, b", "on": true}\n'
        '{"size": 2.5, "odd \\"name\\"": "yes", "on": true}\n'
    ),
    "json": (
        '[\n  {"size": 1, "odd \\"name\\"": "é", "on": false},\n'
        '  {"size": null, "odd \\"name\\"": "a, b", "on": true},\n'
        '  {"size": 2.5, "odd \\"name\\"": "yes", "on": true}\n]\n'
    ),
    "csv": 'size,"odd ""name""",on\n1,é,False\n,"a, b",True\n2.5,yes,True\n',
    "yaml": (
        '- size: 1\n  "odd \\"name\\"": "é"\n  "on": false\n'
        '- size: null\n  "odd \\"name\\"": "a, b"\n  "on": true\n'
        '- size: 2.5\n  "odd \\"name\\"": "yes"\n  "on": true\n'
    ),
}


ALONE = {
    "jsonl": '{"size": 1, "odd \\"name\\"": "é", "on": false}\n',
    "json": '{\n  "size": 1,\n  "odd \\"name\\"": "é",\n  "on": false\n}\n',
    "csv": 'size,"odd ""name""",on\n1,é,False\n',
    "yaml": 'size: 1\n"odd \\"name\\"": "é"\n"on": false\n',
}


def text(tables: Sequence[Table], form: str, *, alone: bool = False) -> Iterator[str]:
    found = FORMATS[form]
    write = found.alone if alone else found.write
    assert write is not None
    return write(tables, Style())


@pytest.mark.parametrize("form", ALONE)
def test_a_row_alone_looks_like_this(form: str) -> None:
    first = [Field(f.name, f.values, f.codes[:1]) for f in FIELDS]
    assert "".join(text([first], form, alone=True)) == ALONE[form]


def test_a_list_is_json_in_a_cell() -> None:
    field = Field("sizes", ([1, 2],), np.array([0]))
    assert "".join(text([[field]], "csv")) == 'sizes\n"[1, 2]"\n'
    assert yaml.safe_load("".join(text([[field]], "yaml"))) == [{"sizes": [1, 2]}]


@pytest.mark.parametrize("form", WHOLE)
def test_rows_look_like_this(form: str) -> None:
    assert "".join(text([FIELDS], form)) == WHOLE[form]


@pytest.mark.parametrize("form", WHOLE)
def test_several_tables_make_one_text(form: str) -> None:
    tables = [
        [Field(f.name, f.values, f.codes[part]) for f in FIELDS]
        for part in (slice(0, 2), slice(2, 2), slice(2, 3))
    ]
    assert "".join(text(tables, form)) == WHOLE[form]


@pytest.mark.parametrize(
    ("form", "nothing"), [("jsonl", ""), ("json", "[]\n"), ("csv", "a\n"), ("yaml", "[]\n")]
)
def test_no_rows_are_a_text_too(form: str, nothing: str) -> None:
    assert "".join(text([[Field("a", (1,), np.array([], int))]], form)) == nothing


def test_json_and_yaml_read_back() -> None:
    rows = [{f.name: f.values[f.codes[i]] for f in FIELDS} for i in range(3)]
    assert json.loads("".join(text([FIELDS], "json"))) == rows
    assert yaml.safe_load("".join(text([FIELDS], "yaml"))) == rows


def test_a_lone_null_is_no_blank_line() -> None:
    assert "".join(text([[Field("a", (None, 1), np.array([0, 1]))]], "csv")) == "a\nnull\n1\n"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "True"),
        (0.1, "0.1"),
        ("", '""'),
        (" x", '" x"'),
        ('a"b', '"a""b"'),
        ("a\rb", '"a\rb"'),
    ],
)
def test_a_cell_looks_like_this(value: str | float | bool | None, cell: str) -> None:
    assert csv_cell(value) == cell
