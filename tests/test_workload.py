"""Workloads: files, names, and what is wrong with them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from spacegen.errors import ConfigError
from spacegen.source import Source
from spacegen.tune.load.builtin import WORKLOADS
from spacegen.tune.load.reading import read_workload, workload_of
from spacegen.tune.load.sense import has_places, nonsense
from spacegen.tune.workload import Workload


def read(text: str, folder: Path = Path()) -> Workload:
    return workload_of(Source("w.yaml", text), folder)


def faults(text: str, folder: Path = Path()) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, folder)
    return str(caught.value)


def test_a_file_says_what_differs_from_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text("workload: 1\ninput_len: 4096\nrequest_rate: 2\nextra: [--tag, long]\n")
    assert read_workload(path) == Workload(
        name="long", input_len=4096, request_rate=2.0, extra=("--tag", "long")
    )


def test_every_key_is_read() -> None:
    text = """
        workload: 1
        name: all
        dataset: random-ids
        input_len: 10
        output_len: 20
        range_ratio: 0.5
        num_prompts: 30
        request_rate: 1.5
        concurrency: 4
        warmup: 0
        seed: 7
        repeats: 3
        timeout: 60
        generator: bench_serving
        extra: []
    """
    given = read(text)
    assert given.model_dump(exclude={"file", "file_sha256", "command", "metrics"}) == {
        "name": "all",
        "dataset": "random-ids",
        "input_len": 10,
        "output_len": 20,
        "range_ratio": 0.5,
        "num_prompts": 30,
        "request_rate": 1.5,
        "concurrency": 4,
        "warmup": 0,
        "seed": 7,
        "repeats": 3,
        "timeout": 60.0,
        "generator": "bench_serving",
        "extra": (),
    }


def test_a_command_is_the_generator() -> None:
    given = read('workload: 1\ncommand: bench --url {base_url}\nmetrics: {tps: "$.rate"}\n')
    assert (given.generator, given.metrics) == ("command", {"tps": "$.rate"})


def test_a_command_of_the_caller_comes_before_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text("workload: 1\nseed: 5\nmetrics: {tps: $.rate}\n")
    given = read_workload(path, "mine {base_url}")
    assert (given.generator, given.command, given.seed) == ("command", "mine {base_url}", 5)
    assert read_workload("chat", "mine {base_url}").generator == "command"
    with pytest.raises(ConfigError, match="only for `generator: command`"):
        read_workload(path)


@pytest.mark.parametrize(("command", "has"), [("a {base_url}", True), ("a '{x}' {}", False), ("a", False)])
def test_a_command_with_places_knows_the_workload(command: str, has: bool) -> None:
    assert has_places(command) == has


def test_a_file_of_the_workload_stands_beside_it(tmp_path: Path) -> None:
    (tmp_path / "talks.json").write_text("[]")
    (tmp_path / "w.yaml").write_text("workload: 1\ndataset: sharegpt\nfile: talks.json\n")
    assert read_workload(tmp_path / "w.yaml").file == str(tmp_path / "talks.json")


def test_stdin_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"workload: 1\nseed: 3\n"))
    monkeypatch.setattr("sys.stdin", stream)
    assert read_workload("-") == Workload(name="stdin", seed=3)


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_workloads_that_ship_make_sense(name: str) -> None:
    workload = read_workload(name)
    assert workload.name == name
    assert list(nonsense(workload, ())) == []
    assert workload.dataset == "random-ids"


def test_a_name_that_is_none() -> None:
    with pytest.raises(ConfigError, match="no workload `chatt`") as caught:
        read_workload("chatt")
    assert "did you mean `chat`?" in str(caught.value)
    with pytest.raises(ConfigError, match=r"`chat`, `summarise`.* ship; a file ends in \.yaml"):
        read_workload("mine")


def test_a_workload_is_the_same_wherever_its_file_lies(tmp_path: Path) -> None:
    def kept(folder: str, talks: str) -> Workload:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "talks.json").write_text(talks)
        (tmp_path / folder / "w.yaml").write_text("workload: 1\ndataset: sharegpt\nfile: talks.json\n")
        return read_workload(tmp_path / folder / "w.yaml")

    first, moved, edited = kept("one", "[]"), kept("other", "[]"), kept("one", "[1]")
    assert first.file != moved.file
    assert first.identity == moved.identity
    assert first.file == edited.file
    assert first.identity != edited.identity
    assert Workload(file="a").identity != Workload(file="b").identity
    with pytest.raises(ConfigError, match="unknown key `file_sha256`"):
        read("workload: 1\nfile_sha256: aa")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_workload(str(tmp_path / "none.yaml"))


def test_all_faults_of_a_file_in_its_order() -> None:
    text = """workload: 2
num_prompt: 3
repeats: 0
range_ratio: 1.5
seed: true
extra: [1]
metrics: {tps: 3}
generator: bench
"""
    assert (
        faults(text)
        == """w.yaml:1:11: `workload` must be 1, not `2`
1 | workload: 2
  |           ^
hint: this is the version of the format

w.yaml:2:1: unknown key `num_prompt`
2 | num_prompt: 3
  | ^
hint: did you mean `num_prompts`?

w.yaml:3:10: `repeats` must be more than 0, not `0`
3 | repeats: 0
  |          ^

w.yaml:4:14: `range_ratio` must be at most 1, not `1.5`
4 | range_ratio: 1.5
  |              ^

w.yaml:5:7: `seed` must be a whole number, not `true`
5 | seed: true
  |       ^

w.yaml:6:9: item 1 of `extra` must be a string, not `1`
6 | extra: [1]
  |         ^
hint: put it in quotes: "1"

w.yaml:7:16: `tps` of `metrics` must be a string, not `3`
7 | metrics: {tps: 3}
  |                ^
hint: put it in quotes: "3"

w.yaml:8:12: `generator` must be one of `bench_serving`, `offline`, `command`, not `bench`
8 | generator: bench
  |            ^"""
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "the file must hold a mapping, not a list"),
        ("seed: 1", "the key `workload` is missing"),
        ("workload: true", "`workload` must be 1, not `true`"),
        ("workload: 1\nseed: [1", "w.yaml:2"),
        ("workload: 1\nseed: 1\nseed: 2", "the key `seed` is given twice"),
        ("workload: 1\nextra: --a", "`extra` must be a list"),
        ("workload: 1\ninput_len: [1, 2]", "`input_len` must be a whole number, not a list"),
        ("workload: 1\nrequest_rate: inf", "leave it out to send requests as fast"),
        ("workload: 1\nrequest_rate: 0", "leave it out to send requests as fast"),
        ("workload: 1\nwarmup: -1", "must be at least 0"),
        ("workload: 1\nseed: 4294967296", "`seed` must be at most 4,294,967,295, not `4294967296`"),
        ("workload: 1\nseed: -1", "`seed` must be at least 0"),
        ("workload: 1\ninput_len: 1e3", "`input_len` must be a whole number, not `1000.0`"),
        ("workload: 1\nmetrics: [a]", "`metrics` must be a mapping, not a list"),
        ("workload: 1\nname: 5", 'put it in quotes: "5"'),
        ("workload: 1\nnum_prompts: 1_000", "write the number without underscores: 1000"),
        ("workload: 1\nfile: a.json", "`random-ids` reads no file"),
        ("workload: 1\ndataset: sharegpt\nfile: none.json", "no such file"),
        ("workload: 1\nmetrics: {tps: $.a}", "only for `generator: command`"),
        ("workload: 1\ngenerator: command", "needs the key `command`"),
        ("workload: 1\ncommand: a {url}", "unknown place `{url}`"),
        ("workload: 1\ncommand: a {bas_url}", "did you mean `base_url`?"),
        ("workload: 1\ncommand: 'a \"b'", "`command` cannot be read: no closing quotation"),
        ("workload: 1\ncommand: ''", "`command` has no words"),
        ("workload: 1\ncommand: a\nextra: [b]", "write the words into `command`"),
        ("workload: 1\ncommand: a\nmetrics: {tps: '$.['}", "the path of `tps` cannot be read"),
        ("workload: 1\ncommand: a\nmetrics: {tps: ''}", "it is empty"),
        ("workload: 1\ngenerator: offline", "knows `sharegpt`, `random`"),
        ("workload: 1\ngenerator: offline\ndataset: random\nconcurrency: 3", "all prompts at once"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    assert words in faults(text)


def test_the_name_is_no_part_of_the_identity() -> None:
    assert read("workload: 1\nname: a").identity == read("workload: 1\nname: b").identity
    assert read("workload: 1\nseed: 2").identity != read("workload: 1\nseed: 3").identity
