"""How many GPUs launches take, and spaces with launches that take too many."""

from __future__ import annotations

from tempfile import NamedTemporaryFile

import pytest

import spacegen
from spacegen import Space
from spacegen.errors import UsageError
from spacegen.tune.sizes import gpus_of, most_gpus, refuse_large
from tune_studies import TINY

HEAD = 'spacegen: 1\nname: five\ntarget: {server: sglang, version: "0.5.23"}\n'


def space(parameters: str, *more: str) -> Space:
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(f"{HEAD}parameters: {{{parameters}}}\n" + "\n".join(more))
        file.flush()
        return spacegen.load(file.name)


def test_gpus_come_from_the_launch() -> None:
    count = gpus_of(spacegen.load("h100"))
    assert count({"tp_size": 4, "pp_size": 2}) == 8
    assert gpus_of(TINY)({"a": 3}) == 1
    assert most_gpus(TINY) == 1


def test_the_most_that_a_solution_takes_is_known() -> None:
    assert most_gpus(space("tp_size: [1, 2, 4], dp_size: [1, 2]")) == 8
    rules = "rules: [{id: fits, require: tp_size * dp_size <= 4, because: four GPUs}]"
    assert most_gpus(space("tp_size: [1, 2, 4], dp_size: [1, 2]", rules)) == 4
    assert most_gpus(space("tp_size: [null, 2], mem_fraction_static: [0.8]", "fixed: {pp_size: 2}")) == 4
    assert most_gpus(space("tp_size: [1, 2, 4], dp_size: [1, 2], enable_dp_attention: [true]")) == 4
    assert most_gpus(space("mem_fraction_static: [0.8, 0.9]")) == 1
    assert most_gpus(spacegen.load("h100")) == 8


@pytest.mark.parametrize(
    ("found", "given", "told", "hint"),
    [
        (
            space("tp_size: [1, 2, 4], dp_size: [1, 2]"),
            2,
            "3 solutions of `five` take more than 2 GPUs",
            "--where 'tp_size * dp_size <= 2'",
        ),
        (space("tp_size: [1, 2, 4]", "fixed: {pp_size: 2}"), 4, "1 solution of `five`", "'tp_size <= 2'"),
        (
            space("tp_size: [1, 2], dp_size: [1, 2], enable_dp_attention: [false, true]"),
            2,
            "1 solution",
            "'tp_size * (1 if enable_dp_attention else dp_size) <= 2'",
        ),
        (spacegen.load("h100"), 4, "take more than 4 GPUs", "`--set device_num=4`"),
    ],
)
def test_launches_that_are_too_large_are_told_with_what_leaves_them_out(
    found: Space, given: int, told: str, hint: str
) -> None:
    with pytest.raises(UsageError) as raised:
        refuse_large(found, given)
    assert told in str(raised.value)
    assert hint in (raised.value.faults[0].hint or "")
    refuse_large(found, 8)
