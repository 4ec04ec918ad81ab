"""Repairs as values and as words, the 18-parameter example, and files changed where they stand."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from spacegen.api import Space, load
from spacegen.cli.main import main
from spacegen.errors import ConfigError, UsageError
from spacegen.launch.mending import table
from spacegen.launch.rewriting import rewritten
from spacegen.questions.near.repair import NoRepair, Repair

CASES = Path(__file__).parent / "cases" / "cli"


@pytest.fixture(scope="module")
def tuner() -> Space:
    return load("sglang-tuner-18")


@pytest.fixture(scope="module")
def server() -> Space:
    return load(CASES / "server.yaml")


def mended(space: Space, config: dict[str, Any], **more: Any) -> Repair:
    found = space.repair(config, **more)
    assert isinstance(found, Repair)
    return found


def broken(space: Space) -> dict[str, Any]:
    """Three conflicts at once; all else at its default."""
    return {p.name: p.default for p in space.parameters} | {
        "tp_size": 8,
        "pp_size": 2,
        "dp_size": 2,
        "chunked_prefill_size": 8192,
        "max_prefill_tokens": 4096,
        "disable_overlap_schedule": True,
        "enable_two_batch_overlap": True,
    }


def test_three_conflicts_are_three_menus(tuner: Space) -> None:
    config = broken(tuner)
    found = mended(tuner, config)
    assert tuner.check(found.config).valid
    assert (found.changed, found.equally_near, found.is_product) == (3, 36, True)
    assert [len(menu.options) for menu in found.menus] == [2, 9, 2]
    assert [set(menu.parameters) for menu in found.menus] == [
        {"tp_size"},
        {"chunked_prefill_size", "max_prefill_tokens"},
        {"disable_overlap_schedule", "enable_two_batch_overlap"},
    ]
    assert list(found.config) == list(config)
    larger = "8192, 16384, 32768, 65536"
    assert str(found).splitlines() == [
        "tp_size: 8 -> 2",
        "chunked_prefill_size: 8192 -> 4096",
        "enable_two_batch_overlap: true -> false",
        "36 ways with as few changes (2 × 9 × 2):",
        "  tp_size = 2, 1",
        f"  chunked_prefill_size = 4096, 2048, 1024, 512, null or max_prefill_tokens = {larger}",
        "  disable_overlap_schedule = false or enable_two_batch_overlap = false",
    ]


def test_a_repair_takes_milliseconds(tuner: Space) -> None:
    config = broken(tuner)
    tuner.repair(config)
    took = []
    for _ in range(5):
        start = time.perf_counter()
        tuner.repair(config)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.03


def test_what_is_kept_stays(tuner: Space) -> None:
    config = broken(tuner)
    found = mended(tuner, config, keep=["tp_size", "disable_overlap_schedule"])
    assert (found.config["tp_size"], found.config["disable_overlap_schedule"]) == (8, True)
    assert found.changed == 4
    stuck = tuner.repair(config, keep=["tp_size", "pp_size"])
    assert isinstance(stuck, NoRepair)
    assert stuck.conflict is not None
    assert [rule.id for rule in stuck.conflict.rules] == ["gpus-available"]
    assert dict(stuck.conflict.values) == {"tp_size": 8, "pp_size": 2}
    assert stuck.as_dict()["config"] is None


def test_weights_say_what_is_dear(server: Space) -> None:
    config = {"tp_size": 8, "dp_size": 2}
    assert mended(server, config).config == {"tp_size": 8, "dp_size": 1}
    dear = mended(server, config, weights={"dp_size": 2})
    assert (dear.config, dear.changed) == ({"tp_size": 4, "dp_size": 2}, 1)
    free = mended(server, config, weights={"tp_size": 0, "dp_size": 3})
    assert (free.config["dp_size"], free.changed) == (2, 0)


def test_a_valid_config_stays_as_it_is(server: Space) -> None:
    found = mended(server, {"dp_size": 2, "tp_size": 1})
    assert found.valid
    assert found.config == {"dp_size": 2, "tp_size": 1}
    assert str(found) == found.headline == "already valid so far"
    assert str(
        mended(server, {p.name: p.default for p in server.parameters if p.name != "chunk"} | {"chunk": 512})
    ) == ("already valid")


def test_what_can_be_completed_is_left_alone(server: Space) -> None:
    space = server.where("dp_size > 1")
    for config in ({}, {"tp_size": 2}):
        found = mended(space, config)
        assert (found.valid, found.config, dict(found.added)) == (True, config, {})


def test_what_was_left_open_is_named_where_its_default_would_not_do(server: Space) -> None:
    space = server.where("dp_size > 1 and (graph_max_bs is null or graph_max_bs < 64)")
    found = mended(space, {"tp_size": 8})
    assert dict(found.added) == {"dp_size": 2}
    assert found.config == {"tp_size": 4, "dp_size": 2}
    assert "dp_size: not given -> 2" in str(found)
    assert found.solution["backend"] == "auto"


def test_values_that_nobody_searches_are_set_back(server: Space) -> None:
    space = server.narrowed(drop=["backend"])
    found = mended(space, {"backend": "triton", "metrics": True, "tp_size": 1})
    assert found.config == {"backend": "auto", "metrics": True, "tp_size": 1}
    assert found.changed == 1
    kept = space.repair({"backend": "triton"}, keep=["backend"])
    assert isinstance(kept, NoRepair)
    assert str(kept) == "`backend` cannot be kept: triton is outside its domain: auto"


def test_values_outside_the_domain_go_to_their_neighbours(server: Space) -> None:
    found = mended(server, {"tp_size": 5, "memory": 0.8500000001, "chunk": "2048", "graph_max_bs": [1]})
    assert found.config == {"tp_size": 4, "memory": 0.85, "chunk": 2048, "graph_max_bs": None}
    kept = server.repair({"tp_size": 5}, keep=["tp_size"])
    assert isinstance(kept, NoRepair)
    assert [o.parameter for o in kept.outside] == ["tp_size"]


def test_arguments_that_only_the_target_knows_pass_through() -> None:
    space = load(CASES / "launch.yaml")
    given = {"model_path": "x", "tensor_parallel_size": 4, "dp_size": 2, "rank": 3, "log_level": "info"}
    found = space.repair(given)
    assert isinstance(found, Repair)
    assert list(found.config) == ["model_path", "tensor_parallel_size", "dp_size", "log_level"]
    assert found.config["log_level"] == "info"
    assert found.config["tensor_parallel_size"] * found.config["dp_size"] <= 4
    assert found.changed == 1


def test_what_nobody_knows_is_refused(server: Space) -> None:
    with pytest.raises(ConfigError, match="`tp_sise` is no parameter of this space\nhint: did you mean"):
        server.repair({"tp_sise": 1})
    with pytest.raises(UsageError, match="there is no `dp_size` to keep: the config does not name it"):
        server.repair({"tp_size": 1}, keep=["dp_size"])
    with pytest.raises(UsageError, match="a weight is a whole number from 0, and that of `tp_size` is -1"):
        server.repair({"tp_size": 1}, weights={"tp_size": -1})
    with pytest.raises(UsageError, match="the parameters to keep are a list"):
        server.repair({"tp_size": 1}, keep="tp_size")


def test_an_empty_space_has_no_repair() -> None:
    found = load(CASES / "empty.yaml").repair({})
    assert isinstance(found, NoRepair)
    assert str(found).startswith("no valid config is left: these cannot hold together:")


YAML = """# mine
tp_size: 8   # all of them
dp_size: 2
memory:
# end
"""


@pytest.mark.parametrize(
    ("form", "text", "values", "expected"),
    [
        ("yaml", YAML, {"tp_size": 4}, YAML.replace("8 ", "4 ")),
        ("yaml", YAML, {"memory": 0.7}, YAML.replace("memory:", "memory: 0.7")),
        ("yaml", YAML, {"new": "a: b"}, YAML.replace("memory:", 'memory:\nnew: "a: b"')),
        ("yaml", "{a: 1, b: [x]}", {"a": None, "c": True}, "{a: null, b: [x], c: true}"),
        ("yaml", "- a: 1\n  b: 2\n- a: 3\n", {"b": 5}, "- a: 1\n  b: 5\n- a: 3\n"),
        ("yaml", "- a: 1\n- a: 3\n", {"b": 5}, "- a: 1\n  b: 5\n- a: 3\n"),
        ("json", '{"a" : 1,\t"b":2}', {"a": "x"}, '{"a" : "x",\t"b":2}'),
        ("json", '{"a" : 1, "b":2}', {"a": "ä"}, '{"a" : "ä", "b":2}'),
        ("json", '{\n   "a": 1\n}\n', {"b": None}, '{\n   "a": 1,\n   "b": null\n}\n'),
        ("json", "{}", {"b": 1}, '{"b": 1}\n'),
        ("jsonl", '{"a": 1}\n\n{"a":2}\n', {"a": 7}, '{"a": 7}\n\n{"a":2}\n'),
    ],
)
def test_values_are_changed_where_they_stand(
    form: str, text: str, values: dict[str, Any], expected: str
) -> None:
    assert rewritten(text, form, {0: values}) == expected


def test_yaml_that_repeats_itself_is_left_alone() -> None:
    with pytest.raises(ConfigError, match="this YAML cannot be changed where it stands"):
        rewritten("- &x {a: 1}\n- *x\n", "yaml", {0: {"a": 2}})


def test_write_changes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "configs.jsonl"
    path.write_text('{"tp_size": 8, "dp_size": 2}\n{"tp_size": 1}\n', encoding="utf-8")
    command = ["repair", str(CASES / "server.yaml"), str(path), "--write"]
    assert main(command) == 0
    assert path.read_text(encoding="utf-8") == '{"tp_size": 8, "dp_size": 1}\n{"tp_size": 1}\n'
    said = capsys.readouterr()
    assert said.out == ""
    assert "1 config changed in" in said.err
    before = path.stat().st_mtime_ns
    assert main(command) == 0
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("name", "text"), [("m.json", '[{"tp_size": 16}, 5]'), ("m.yaml", "- tp_size: 16\n- 5\n")]
)
def test_a_file_with_an_item_that_is_no_config_stays(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert main(["repair", str(CASES / "server.yaml"), str(path), "--write"]) == 2
    assert path.read_text(encoding="utf-8") == text


def test_a_file_that_cannot_be_repaired_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("tp_size: 8\ndp_size: 2\n", encoding="utf-8")
    command = ["repair", str(CASES / "server.yaml"), str(path), "--write", "--keep", "tp_size"]
    assert main([*command, "--keep", "dp_size"]) == 1
    assert path.read_text(encoding="utf-8") == "tp_size: 8\ndp_size: 2\n"
    assert main(command) == 0
    assert path.read_text(encoding="utf-8") == "tp_size: 8\ndp_size: 1\n"


@pytest.mark.parametrize(
    ("name", "text"), [("c.json", '{"tp_size": 8, "dp_size": 2}'), ("c.yaml", "tp_size: 8\r\ndp_size: 2\r\n")]
)
def test_a_byte_order_mark_stays(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert main(["repair", str(CASES / "server.yaml"), str(path), "--write"]) == 0
    assert path.read_bytes() == b"\xef\xbb\xbf" + text.replace("2", "1").encode()


def test_a_file_that_nobody_may_write_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"tp_size": 8, "dp_size": 2}', encoding="utf-8")
    path.chmod(0o444)
    assert main(["repair", str(CASES / "server.yaml"), str(path), "--write"]) == 2
    assert path.read_text(encoding="utf-8") == '{"tp_size": 8, "dp_size": 2}'
    assert f"{path} is read-only\nhint: `chmod u+w {path}`" in capsys.readouterr().err


def repaired(path: Path, *options: str) -> int:
    return main(["repair", str(CASES / "server.yaml"), str(path), *options])


ROWS = 'tp_size,backend,dp_size\n8,auto,2\n4,,1\n1,"fa,fi",4\n'
MENDED = 'tp_size,backend,dp_size\n8,auto,1\n4,auto,1\n1,"fa,fi",4\n'


def test_rows_stay_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    path.write_text(ROWS, encoding="utf-8")
    assert repaired(path) == 0
    assert capsys.readouterr().out == MENDED
    assert repaired(path, "-o", str(out)) == 0
    assert out.read_text(encoding="utf-8") == MENDED
    assert repaired(path, "-o", str(out.with_suffix(".json"))) == 0
    assert json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))[1] == {
        "tp_size": 4,
        "backend": "auto",
        "dp_size": 1,
    }


def test_a_suffix_is_kept_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "configs.jsonl"
    path.write_text('{"tp_size": 8, "dp_size": 2}\n{"tp_size": 1, "metrics": true}\n', encoding="utf-8")
    for name, message in {
        "out.xlsx": "the suffix of",
        "out.csv": "not all configs have `metrics`",
        "configs.jsonl": "would take its place\nhint: `--write` changes the file itself",
    }.items():
        assert repaired(path, "-o", str(tmp_path / name)) == 2
        assert message in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["configs.jsonl"]
    assert repaired(path, "--json", "-o", "out.csv") == 2


def test_values_that_are_added_to_a_row_fill_their_column(server: Space) -> None:
    space = server.where("dp_size > 1")
    found = [mended(space, {"tp_size": size}) for size in (8, 2)]
    assert list(table(found)) == ["tp_size,dp_size", "4,2", "2,2"]


def test_parquet_is_refused_and_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "good.parquet"
    path.write_bytes(b"PAR1\x15\x04\xff\xfe\x00PAR1")
    assert repaired(path) == 2
    hint = "hint: `spacegen check` reads Parquet; give JSON, JSON lines, YAML or CSV"
    assert capsys.readouterr().err == f"error: {path} is Parquet, which is not read here\n{hint}\n"


def test_a_line_that_cannot_be_read_keeps_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "configs.jsonl"
    text = '{"tp_size": 8, "dp_size": 2}\n{"tp_size": \n'
    path.write_text(text, encoding="utf-8")
    assert repaired(path, "--write") == 2
    assert path.read_text(encoding="utf-8") == text
    assert capsys.readouterr().err.endswith(f"error: nothing was changed in {path}\n")


def test_a_name_that_nobody_knows_cannot_be_repaired(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"q": 7}', encoding="utf-8")
    assert repaired(path) == main(["check", str(CASES / "server.yaml"), str(path)]) == 1


def test_earlier_verdicts_are_not_repaired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "judged.jsonl"
    path.write_text('{"tp_size": 8, "dp_size": 2, "valid": false, "broken": [], "wrong": []}\n')
    assert repaired(path) == 0
    said = capsys.readouterr()
    assert said.out == '{"tp_size": 8, "dp_size": 1}\n'
    assert said.err.startswith("note: `valid`, `broken` and `wrong` are an earlier verdict")
