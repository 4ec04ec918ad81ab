"""Places of what JSON may hold for Python and not here."""

from __future__ import annotations

import pytest

from spacegen import ConfigError
from spacegen.questions.strictjson import read_json
from spacegen.source import Source


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ('{"a": 1,\n "a": 2}', "the key `a` occurs twice", (2, 2)),
        ('[{"a": {"b": 1}, "b": 2},\n {"b": 1, "a": 3, "b": "}"}]', "the key `b` occurs twice", (2, 19)),
        ('{"NaN": "NaN",\n\n  "b": NaN}', "`NaN` is no value of JSON", (3, 8)),
        ('{"a": [1, -Infinity]}', "`-Infinity` is no value of JSON", (1, 11)),
        ('{"1e999": 1,\n "b": 1e999}', "`1e999` is too large for a number", (2, 7)),
        ('{"a": 1', "not JSON: expecting ',' delimiter", (1, 8)),
        (f'{{"a": {"1" * 5000}}}', "a number has too many digits", (1, 1)),
    ],
)
def test_faults_are_where_they_stand(text: str, message: str, place: tuple[int, int]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_json(text, Source("x.json", text))
    fault = caught.value.faults[0]
    assert fault.message == message
    assert fault.span is not None
    assert (fault.span.line, fault.span.column) == place


def test_a_line_of_several_counts_from_its_own() -> None:
    line = '{"a": 1, "a": 2}'
    with pytest.raises(ConfigError) as caught:
        read_json(line, Source("x.jsonl", f"{{}}\n{line}\n"), 2)
    assert str(caught.value).startswith("x.jsonl:2:10")
