"""A study goes on only where launches measure what they did before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spacegen.cli.main import main
from spacegen.tune import gpus
from spacegen.tune.conditions import conditions, places
from spacegen.tune.setup import Setup
from spacegen.tune.study.identity import Identity, differences, moved
from spacegen.tune.workload import Workload
from tune_studies import identity

SPACE = """\
spacegen: 1
name: node
target: {server: sglang, version: "0.5.23"}
fixed: {schedule_policy: fcfs}
parameters:
  tp_size: [1, 2, 4]
"""
OPTIONS = ("node.yaml", "--runner", "sim", "--storage", "sqlite:///study.db", "--gpus", "0-3")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("node.yaml").write_text(SPACE)


def tune(*more: str) -> int:
    return main(["tune", *OPTIONS, *more])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--extra", "quantization=fp8"), "argument quantization: none → `fp8`"),
        (("--env", "SGLANG_TUNED=1"), "variable SGLANG_TUNED: none → `1`"),
        (("--server-cmd", "python -m other.server"), "server command: none → `python -m other.server`"),
        (("--bench-cmd", "python bench.py"), "load generator: none → `python bench.py`"),
    ],
)
def test_what_measures_otherwise_is_another_study(
    more: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune("--trials", "1") == 0
    capsys.readouterr()
    assert tune("--trials", "+1", *more) == 2
    said = capsys.readouterr().err
    assert f"\n  {told}\n" in said
    assert "other measurements do not compare" in said
    assert tune("--trials", "+1", "--migrate", *more) == 2


def test_a_value_that_the_space_holds_fixed_is_part_of_the_study(capsys: pytest.CaptureFixture[str]) -> None:
    assert tune("--trials", "1") == 0
    Path("node.yaml").write_text(SPACE.replace("fcfs", "lpm"))
    assert tune("--trials", "+1") == 2
    assert "argument schedule_policy: `fcfs` → `lpm`" in capsys.readouterr().err


def test_secrets_and_places_may_change(capsys: pytest.CaptureFixture[str]) -> None:
    first = ("--extra", "api_key=one-key", "--env", "HF_TOKEN=a", "--python", "/old/bin/python")
    other = ("--extra", "api_key=two-key", "--env", "HF_TOKEN=b", "--python", "/new/bin/python")
    assert tune("--trials", "1", *first) == 0
    capsys.readouterr()
    assert tune("--trials", "+1", *other) == 0
    said = capsys.readouterr().err
    assert "note: the study began otherwise: python: `/old/bin/python` → `/new/bin/python`\n" in said
    assert said.count("began otherwise") == 1


def setup_of(**given: Any) -> Setup:
    return Setup(server="sglang", version="0.5.23", workload=Workload(), folder=Path("f"), **given)


def of(setup: Setup) -> Identity:
    return identity(conditions=conditions(setup), places=places(setup))


def test_a_program_is_the_same_in_another_folder() -> None:
    one = setup_of(
        server_command=("/a/bin/python3.11", "-m", "sglang.launch_server"),
        bench_command=("docker", "run", "lmsysorg/sglang:v1", "--config=/a/b.yaml", "--token", "t"),
    )
    two = setup_of(
        server_command=("python", "-m", "sglang.launch_server"),
        bench_command=("docker", "run", "mirror/sglang:v1", "--config=/c/b.yaml", "--token", "u"),
    )
    three = two.model_copy(update={"bench_command": ("docker", "run", "mirror/sglang:v2")})
    assert not list(differences(of(one), of(two)))
    assert len(list(moved(of(one), of(two)))) == 2
    assert [found.name for found in differences(of(two), of(three))] == ["load generator"]


def test_variables_of_paths_and_templates_are_places() -> None:
    one = setup_of(environment={"HF_HOME": "/a", "LEVEL": "1"}, launch_template="ssh a {command}")
    two = setup_of(
        environment={"HF_HOME": "/b", "LEVEL": "1"}, launch_template="ssh b {command}", exclusive=True
    )
    assert not list(differences(of(one), of(two)))
    told = " ".join(moved(of(one), of(two)))
    assert all(name in told for name in ("variable HF_HOME", "launch template", "use of GPUs"))


def test_a_study_from_before_says_nothing_of_launches() -> None:
    known = identity().model_copy(update={"arguments": None})
    assert not list(differences(known, of(setup_of(server_command=("other",)))))


def test_the_gpus_are_part_of_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    from spacegen.cli.tune import _hardware

    monkeypatch.setattr(gpus, "hardware_label", lambda ids: f"{len(ids)}x H + 1x 8x B")
    real = setup_of(gpu_ids=("0", "1"))
    assert _hardware(real) == "8x B + H"
    assert _hardware(real.model_copy(update={"runner": "sim"})) is None
    assert _hardware(real.model_copy(update={"launch_template": "ssh a {command}"})) is None
    command = ("python", "-m", "spacegen.tune.simulated.server")
    assert _hardware(real.model_copy(update={"server_command": command})) is None
    other = list(differences(identity(hardware="2x H"), identity(hardware="2x A")))
    assert [(found.name, found.measured) for found in other] == [("hardware", True)]
