"""Hardware and models as inputs: which constants they give, who wins, and what stays unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

import spacegen
from spacegen.errors import SpaceError, UsageError
from spacegen.language.elaborate import Settings, read_model
from spacegen.language.inputs import HARDWARE_CONSTANTS, hardware_names, read_inputs
from spacegen.language.model import NO_DEFAULT, Model
from spacegen.source import Source

MODELS = Path(__file__).parent / "models"
SPACE = """\
spacegen: 1
constants: {device_num: 2, gpu_memory_mib: null, attention_heads: null, is_moe: null}
parameters:
  tp_size: [1, 2, 3, 4, 8, 16]
  ep_size: [1, 2]
rules:
  - {id: gpus, require: tp_size <= device_num}
  - {id: heads, require: attention_heads % tp_size == 0}
  - {id: experts, when: not is_moe, require: ep_size == 1}
  - {id: memory, require: tp_size * 40000 >= gpu_memory_mib}
"""


def read(text: str = SPACE, **settings: object) -> Model:
    return read_model(Source("test.yaml", text), settings=Settings(**settings))  # type: ignore[arg-type]


def values(model: Model) -> dict[str, object]:
    return {c.name: c.value for c in model.constants}


def ids(model: Model) -> list[str]:
    return [rule.id for rule in model.rules]


def test_the_catalogue_describes_nodes_alike() -> None:
    assert hardware_names() == ("a100x8", "b200x8", "h100x8", "h200x8", "l40sx4")
    for name in hardware_names():
        assert set(read_inputs(Settings(hardware=name)).constants) == set(HARDWARE_CONSTANTS)
    assert read_inputs(Settings(hardware="h100x8")).constants["gpu_memory_mib"] == 81559


def test_without_inputs_rules_about_them_are_left_out_and_said() -> None:
    model = read()
    assert ids(model) == ["gpus"]
    assert model.notes == (
        "no `--model` given: rules `heads`, `experts` left out",
        "no `--hardware` given: rule `memory` left out",
    )


def test_many_rules_are_counted() -> None:
    more = "".join(f"  - {{id: r{i}, require: attention_heads > {i}}}\n" for i in range(9))
    assert read(SPACE + more).notes[0] == (
        "no `--model` given: rules `heads`, `experts`, `r0`, `r1` and 7 more left out"
    )


def test_hardware_and_model_give_values_and_the_rules_bite() -> None:
    model = read(hardware="h100x8", model=MODELS / "llama-8b")
    assert values(model) == {
        "device_num": 8,
        "gpu_memory_mib": 81559,
        "attention_heads": 32,
        "is_moe": False,
    }
    assert ids(model) == ["gpus", "heads", "experts", "memory"]
    assert model.notes == ()
    space = spacegen.Space(model)
    assert {(c["tp_size"], c["ep_size"]) for c in space.solutions()} == {(4, 1), (8, 1)}


def test_single_constants_win_over_both() -> None:
    constants = {"device_num": 4, "attention_heads": None}
    model = read(hardware="h100x8", model=MODELS / "llama-8b", constants=constants)
    assert values(model)["device_num"] == 4
    assert values(model)["attention_heads"] is NO_DEFAULT
    assert model.notes == ("the model does not say all: rule `heads` left out",)


def test_a_model_is_a_launch_argument_of_every_row() -> None:
    path = str(MODELS / "llama-8b")
    assert read(model=path).fixed == {"model_path": path}
    assert read(SPACE + "fixed: {model_path: other, host: x}\n", model=path).fixed == {
        "model_path": path,
        "host": "x",
    }
    assert read(SPACE + "fixed: {model_path: other}\n").fixed == {"model_path": "other"}
    space = spacegen.Space(read(model=path, hardware="h100x8"))
    assert space.sample(1)[0]["model_path"] == path
    assert space.check({"tp_size": 4, "model_path": path}).valid


def test_a_space_that_searches_models_takes_none() -> None:
    text = SPACE.replace("parameters:", "parameters:\n  model_path: [a, b]")
    with pytest.raises(SpaceError, match="`model_path` is both a parameter and a fixed value"):
        read(text, model=MODELS / "llama-8b")


def test_hardware_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("spacegen: 1\nconstants: {device_num: 3, gpu_memory_mib: {value: 24564, unit: MiB}}\n")
    assert read_inputs(Settings(hardware=str(file))).constants == {"device_num": 3, "gpu_memory_mib": 24564}
    file.write_text("spacegen: 1\nconstants: {device_num: many}\n")
    with pytest.raises(UsageError, match="`device_num` cannot be many: the space gives it 2"):
        read(hardware=str(file))
    file.write_text("spacegen: 1\nrules: [{require: a == 1}]\n")
    with pytest.raises(SpaceError, match="hardware is described by constants alone"):
        read(hardware=str(file))


def test_hardware_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SpaceError) as caught:
        read(hardware="h100x9")
    assert str(caught.value) == "no hardware is called `h100x9`\nhint: did you mean `h100x8`?"
    with pytest.raises(SpaceError, match="hint: the catalogue has `a100x8`, `b200x8`"):
        read(hardware="zzz")


def test_a_space_is_loaded_with_both() -> None:
    space = spacegen.load("h100", hardware="l40sx4", model=MODELS / "llama-8b")
    assert {c.name: c.value for c in space.base.constants}["device_num"] == 4
