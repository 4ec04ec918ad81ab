from __future__ import annotations

from spacegen.errors import Fault
from spacegen.language.bodies import KEYWORDS
from spacegen.language.document import BODIES, Space
from spacegen.language.nodes import read_tree
from spacegen.language.validate import File, described, validate
from spacegen.source import Source


def read(text: str) -> tuple[File[Space] | None, list[Fault]]:
    faults: list[Fault] = []
    return validate(read_tree(Source("t.yaml", text)), Space, faults), faults


def test_the_document_knows_every_rule_body() -> None:
    assert set(BODIES) == set(KEYWORDS)


def test_a_sound_document_has_its_parts() -> None:
    file, faults = read(
        "spacegen: 1\nparameters:\n  a: [1, 2]\n  b: {from: 1, to: 2}\n  c: {values: [1], default: 1}\n"
        "constants: {n: 8, m: {value: 80, unit: GB}, u: }\nrules:\n  - require: a < 2\n"
    )
    assert file is not None
    assert not faults
    assert [type(entry).__name__ for entry in file.document.parameters.values()] == [
        "list",
        "Range",
        "ParameterEntry",
    ]
    assert file.document.constants["n"] == 8
    assert file.document.constants["u"] is None
    assert file.document.constants["m"].unit == "GB"


def test_sections_that_are_commented_out_are_empty() -> None:
    file, faults = read("spacegen: 1\nparameters: {a: [1]}\nrules:\n  # - require: a < 2\nconstants:\n")
    assert file is not None
    assert not faults
    assert file.document.rules == []


def test_a_faulty_part_is_cut_out_and_its_name_remembered() -> None:
    file, faults = read(
        "spacegen: 1\nparameters: {a: 3, b: [1]}\nderived: {d: [x]}\n"
        "rules:\n  - {requires: a}\n  - {require: b}\n"
    )
    assert file is not None
    assert len(faults) == 3
    assert list(file.document.parameters) == ["b"]
    assert file.lost == {"a", "d"}
    assert file.skipped == {0}
    assert not file.torn


def test_a_section_of_the_wrong_shape_tears_the_file() -> None:
    file, faults = read("spacegen: 1\nparameters: {b: [1]}\nconstants: [1]\n")
    assert file is not None
    assert file.torn
    assert [f.message for f in faults] == ["`constants` must be a mapping, not a list"]


def test_without_parameters_nothing_remains() -> None:
    assert read("spacegen: 1\nparameters: 3\n")[0] is None
    assert read("- a\n")[0] is None


def test_values_are_described_briefly() -> None:
    assert [described(v) for v in ([1], {}, None, True, "a b", "x" * 60)] == [
        "a list",
        "a mapping",
        "null",
        "`true`",
        '`"a b"`',
        f"`{'x' * 37}...`",
    ]
