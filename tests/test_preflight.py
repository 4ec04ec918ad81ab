"""Configs before stand-ins for the server's argument code, in processes of their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from spacegen.errors import EngineError, UsageError
from spacegen.launch.preflight import GPUS, Judge, Judgement, Node, bundled_model

STUBS = Path(__file__).parent / "stubs"
HERE = Path(sys.executable)


def stub(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PYTHONPATH", str(STUBS / name))


@pytest.fixture(scope="module")
def early() -> Iterator[Judge]:
    with pytest.MonkeyPatch.context() as patch:
        stub(patch, "early")
        with Judge(Node(HERE)) as judge:
            yield judge


def test_the_server_introduces_itself(early: Judge) -> None:
    assert (early.version, early.gpu) == ("0.5.6", "no GPU")


def test_a_config_runs_as_it_is_written(early: Judge) -> None:
    config = {"tp_size": 2, "page_size": 64, "attention_backend": "triton", "disable_radix_cache": True}
    found = early.judge(config)
    assert (found.outcome, found.stage, str(found)) == ("accepted", "accepted", "accepted, nothing altered")


def test_null_is_not_given_and_filled_in(early: Judge) -> None:
    found = early.judge({"attention_backend": None, "page_size": None})
    assert (found.outcome, found.filled) == ("accepted", {"attention_backend": "fa3"})


def test_what_the_server_changes_is_told_with_its_warnings(early: Judge) -> None:
    found = early.judge({"attention_backend": "fa4", "page_size": 64, "tp_size": 1})
    assert found.outcome == "altered"
    assert found.altered == {"page_size": (64, 128)}
    assert found.warnings == ("page size becomes 128",)
    assert str(found) == "altered: page_size: 64 -> 128"
    assert found.causes == (("page_size", "page_size: 64 -> 128"),)


def test_several_changes_are_several_causes(early: Judge) -> None:
    config = {"pp_size": 2, "disable_overlap_schedule": False, "attention_backend": "fa4", "page_size": 1}
    assert [name for name, _ in early.judge(config).causes] == ["disable_overlap_schedule", "page_size"]


def test_a_rejected_config_has_the_message_and_the_line(early: Judge) -> None:
    found = early.judge({"enable_hierarchical_cache": True, "disable_radix_cache": True})
    assert (found.outcome, found.stage, found.error) == ("rejected", "validation", "ValueError")
    assert found.message == "the hierarchical cache needs the radix cache"
    assert re.fullmatch(r"server_args\.py:\d+", found.where or "")


def test_a_bare_assertion_is_worded_by_its_line(early: Judge) -> None:
    found = early.judge({"chunked_prefill_size": 100, "page_size": 64})
    assert found.error == "AssertionError"
    assert found.message == "assert (self.chunked_prefill_size or 0) % (self.page_size or 1) == 0"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"tp": 2}, "unknown argument: tp"),
        ({"tp_size": "two"}, "argument --tensor-parallel-size/--tp-size: invalid int value: 'two'"),
        ({"tp_size": 1.5}, "argument --tensor-parallel-size/--tp-size: invalid int value: '1.5'"),
        ({"disable_radix_cache": 1}, "argument --disable-radix-cache: expected true or false, not 1"),
        ({"stat_loggers": {"a": "b"}}, "argument stat_loggers: no flag of the command line sets it"),
    ],
)
def test_what_no_command_line_can_say_is_rejected_at_the_arguments(
    early: Judge, config: dict[str, Any], message: str
) -> None:
    found = early.judge(config)
    assert (found.outcome, found.stage, found.message) == ("rejected", "arguments", message)


@pytest.mark.parametrize(
    "config",
    [
        {"enable_metrics": False},
        {"enable_metrics": True},
        {"cuda_graph_bs": [1, 2]},
        {"json_model_override_args": {"a": [1]}},
        {"mem_fraction_static": 0.82},
        {"stat_loggers": None},
        {"enable_hierarchical_cache": False},
    ],
)
def test_every_kind_of_value_arrives_as_it_is(early: Judge, config: dict[str, Any]) -> None:
    assert early.judge(config).outcome == "accepted"


def test_one_config_does_not_reach_the_next(early: Judge) -> None:
    messages = {early.judge({"load_format": "leaks"}).message for _ in range(3)}
    assert messages == {"STUB_LEAKS is x"}


def test_a_command_line_is_judged_as_it_is(early: Judge) -> None:
    words = ["--tp-size", "2", "--attention-backend=fa4", "--page-size", "1"]
    assert early.answer({"argv": words}).altered == {"page_size": (1, 128)}
    assert early.answer({"argv": ["--tp", "2"]}).outcome == "accepted"
    refused = early.answer({"argv": ["--radix"]})
    assert (refused.stage, refused.message) == ("arguments", "unrecognized arguments: --radix")


def test_a_config_file_goes_through_the_servers_reader(early: Judge, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"tp-size": 2, "page-size": 1, "attention-backend": "fa4"}))
    assert early.answer({"file": str(path)}).altered == {"page_size": (1, 128)}


def test_the_model_of_a_config_counts_unless_one_is_chosen(
    early: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert early.judge({"model_path": "mine"}).outcome == "accepted"
    stub(monkeypatch, "early")
    with Judge(Node(HERE, model=bundled_model("qwen3-moe"))) as judge:
        assert judge.judge({"model_path": "mine"}).outcome == "accepted"


def test_a_server_that_resolves_late_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    stub(monkeypatch, "late")
    with Judge(Node(HERE)) as judge:
        assert judge.version == "0.5.23"
        assert judge.judge({"attention_backend": None}).filled == {"attention_backend": "fa3"}
        altered = judge.judge({"pp_size": 2, "disable_overlap_schedule": False})
        assert altered.altered == {"disable_overlap_schedule": (False, True)}
        late = judge.judge({"attention_backend": "flex"})
        assert (late.stage, late.message) == ("resolution", "flex is not ready")
        assert judge.judge({"tp_size": 8, "pp_size": 2}).stage == "validation"


def test_a_crash_is_the_answer_to_one_config(monkeypatch: pytest.MonkeyPatch) -> None:
    stub(monkeypatch, "early")
    with Judge(Node(HERE)) as judge:
        found = judge.judge({"load_format": "crash"})
        assert (found.outcome, found.stage) == ("rejected", "crash")
        assert found.message.startswith("the process was ended by SIGABRT\n")
        assert judge.judge({"tp_size": 2}).outcome == "accepted"


def test_many_crashes_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stub(monkeypatch, "early")
    with Judge(Node(HERE)) as judge:
        for _ in range(3):
            judge.judge({"load_format": "crash"})
        with pytest.raises(EngineError, match="failed 4 times: the process was ended by SIGABRT"):
            judge.judge({"load_format": "crash"})


def test_a_config_that_hangs_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    stub(monkeypatch, "early")
    with Judge(Node(HERE, seconds=0.5)) as judge:
        begun = time.monotonic()
        found = judge.judge({"load_format": "hang"})
        assert (found.stage, found.message.splitlines()[0]) == ("time-out", "no answer in 0.5 seconds")
        assert time.monotonic() - begun < 30
        assert judge.judge({}).outcome == "accepted"


def test_where_there_is_no_server_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(STUBS))
    with pytest.raises(EngineError) as raised, Judge(Node(HERE)):
        pass
    hint = "hint: `--python ENV/bin/python` names an environment that has it"
    assert str(raised.value) == f"`{HERE}` has no sglang\n{hint}"


def test_a_server_that_lacks_a_package_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sglang").mkdir()
    (tmp_path / "sglang" / "__init__.py").write_text("import orjson_is_not_here")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineError, match="needs `orjson_is_not_here`\nhint: install"), Judge(Node(HERE)):
        pass


def test_a_server_that_cannot_be_loaded_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sglang").mkdir()
    (tmp_path / "sglang" / "__init__.py").write_text("raise RuntimeError('broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineError, match="cannot be loaded: broken"), Judge(Node(HERE)):
        pass


def test_a_program_that_is_no_python_is_reported() -> None:
    with pytest.raises(EngineError, match="cannot be asked: the process ended with status 1"):
        Judge(Node(Path("/bin/false"))).__enter__()


def test_a_python_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no Python at"):
        Judge(Node(tmp_path / "python")).__enter__()


def test_a_gpu_that_is_not_known_is_reported() -> None:
    with pytest.raises(UsageError, match="no GPU is called `h10`\nhint: did you mean `h100`"):
        Judge(Node(HERE, gpu="h10")).__enter__()


def test_the_processes_end_with_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    stub(monkeypatch, "early")
    with Judge(Node(HERE)) as judge:
        child = judge._child
        assert child is not None
    assert child._process.poll() is not None


def test_judgements_are_json() -> None:
    found = Judgement("accepted", altered={"page_size": (1, 128)})
    assert json.loads(json.dumps(found.as_dict())) == {
        "outcome": "altered",
        "altered": {"page_size": {"given": 1, "effective": 128}},
        "filled": {},
        "warnings": [],
    }


def test_the_pretended_gpus_are_those_of_the_catalogue() -> None:
    hardware = Path(__file__).parents[1] / "rules" / "hardware"
    for name, gpu in GPUS.items():
        (path,) = hardware.glob(f"{name}x*.yaml")
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))["constants"]
        major, minor = gpu.capability
        assert (gpu.mib, major * 10 + minor) == (facts["gpu_memory_mib"], facts["compute_capability"])


def test_the_scripts_inside_stand_alone() -> None:
    for script in ("judge", "standin"):
        path = Path(sys.modules[Judge.__module__].__file__ or "").parent / "inside" / f"{script}.py"
        assert not re.search(r"^\s*(from|import) spacegen", path.read_text(encoding="utf-8"), re.MULTILINE)
        subprocess.run([HERE, "-m", "py_compile", path], check=True)
