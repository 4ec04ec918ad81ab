"""Load generators: their commands, what they leave behind, and how they fail."""

from __future__ import annotations

import ast
import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spacegen.errors import UsageError
from spacegen.source import Source
from spacegen.tune.load.command import RESULT as RESULT_OF_COMMAND
from spacegen.tune.load.command import CommandLoad
from spacegen.tune.load.generators import load_for
from spacegen.tune.load.offline import offline_metrics, offline_words
from spacegen.tune.load.process import last_lines
from spacegen.tune.load.protocol import LoadError
from spacegen.tune.load.reading import workload_of
from spacegen.tune.load.results import last_object, numbers, read_json
from spacegen.tune.load.serving import DATASETS, BenchServing, datasets, module
from spacegen.tune.metrics import derived
from spacegen.tune.setup import Setup
from spacegen.tune.workload import Workload
from tune_processes import with_word

FLAGS: dict[str, dict[str, dict[str, list[str] | None]]] = json.loads(
    (Path(__file__).parent / "data" / "bench_flags.json").read_text(encoding="utf-8")
)
"""The flags of the programs by version and module, with their choices."""
VERSIONS = tuple(FLAGS)
URL = "http://127.0.0.1:30000"


def setup(workload: Workload, version: str = "0.5.23", server: str = "sglang", **more: Any) -> Setup:
    more.setdefault("arguments", {"model_path": "/models/m"})
    more.setdefault("folder", Path())
    return Setup(server=server, version=version, workload=workload, python="/env/bin/python", **more)


def soon() -> float:
    return time.monotonic() + 20


def stub(folder: Path, program: str) -> tuple[str, ...]:
    """A program that stands in for a load generator."""
    path = folder / "stub.py"
    path.write_text(textwrap.dedent(program), encoding="utf-8")
    return (sys.executable, "-I", "-S", str(path))


# --- commands


def test_the_command_of_bench_serving() -> None:
    workload = Workload(
        dataset="random",
        file="/d.json",
        num_prompts=9,
        request_rate=2.5,
        concurrency=3,
        extra=("--top-p", "0.9"),
    )
    given = {"model_path": "/models/m", "tokenizer_path": "/tok", "served_model_name": "tiny"}
    words = BenchServing(setup(workload, arguments=given)).words(URL, Path("/out"))
    assert " ".join(words) == (
        "/env/bin/python -m sglang.benchmark.serving --backend sglang --base-url http://127.0.0.1:30000"
        " --model /models/m --served-model-name tiny --tokenizer /tok --dataset-name random"
        " --dataset-path /d.json --num-prompts 9 --random-input-len 1024 --random-output-len 256"
        " --random-range-ratio 1.0 --request-rate 2.5 --max-concurrency 3 --warmup-requests 1 --seed 1"
        " --output-file /out/load.jsonl --disable-tqdm --output-details --flush-cache --top-p 0.9"
    )


def test_what_is_not_said_is_left_to_the_program() -> None:
    words = BenchServing(setup(Workload(), "0.5.6.post2", arguments={})).words(URL, Path("/out"))
    assert words[:3] == ("/env/bin/python", "-m", "sglang.bench_serving")
    assert not {"--model", "--tokenizer", "--max-concurrency", "--dataset-path"} & set(words)
    assert words[words.index("--request-rate") + 1] == "inf"


def test_other_servers_are_asked_as_openai_does() -> None:
    words = BenchServing(setup(Workload(), "0.1.0", "minisgl")).words(URL, Path("/out"))
    assert words[2:5] == ("sglang.bench_serving", "--backend", "vllm-chat")
    assert "--flush-cache" not in words


def test_a_command_of_the_user_replaces_the_program() -> None:
    words = BenchServing(setup(Workload(dataset="mine"), bench_command=("bench", "-x"))).words(
        URL, Path("/out")
    )
    assert words[:4] == ("bench", "-x", "--backend", "sglang")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dataset", sorted({name for names in DATASETS.values() for name in names}))
def test_datasets_are_those_of_the_version(version: str, dataset: str) -> None:
    given = setup(Workload(dataset=dataset), version)
    known = FLAGS[version][module(given)]["--dataset-name"]
    assert known is not None
    if dataset in known:
        assert isinstance(load_for(given), BenchServing)
    else:
        with pytest.raises(UsageError, match=f"has no dataset `{dataset}`"):
            load_for(given)
    assert sorted(known) == sorted(datasets(given))


def _said(words: tuple[str, ...]) -> Iterator[tuple[str, str | None]]:
    """The flags of a command with the words that follow them."""
    for word, after in zip(words, (*words[1:], None), strict=True):
        if word.startswith("--"):
            yield word, after


@pytest.mark.parametrize("version", VERSIONS)
def test_every_flag_is_one_of_the_version(version: str, tmp_path: Path) -> None:
    workload = Workload(dataset="sharegpt", file="/d.json", request_rate=1, concurrency=1)
    given = setup(workload, version, arguments={"model_path": "m", "served_model_name": "s"})
    words = BenchServing(given).words(URL, Path("/out"))
    known = FLAGS[version][module(given)]
    for flag, value in _said(words):
        assert flag in known
        assert known[flag] is None or value in known[flag]
    offline = given.model_copy(update={"workload": Workload(dataset="random", file="/d.json", warmup=0)})
    words = offline_words(offline, (), tmp_path)
    known = FLAGS[version][words[2]]
    assert {flag for flag, _ in _said(words)} <= known.keys()


def flags(source: str) -> dict[str, list[str] | None]:
    """The flags that a program gives its parser, read from its text: importing it takes seconds."""
    found: dict[str, list[str] | None] = {}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="add_argument"), args=[ast.Constant(value=str(flag)), *_]):
                choices = next((k.value for k in node.keywords if k.arg == "choices"), None)
                literal = isinstance(choices, ast.List) and all(
                    isinstance(e, ast.Constant) for e in choices.elts
                )
                found[flag] = ast.literal_eval(choices) if choices is not None and literal else None
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_the_flags_are_those_of_the_release(version: str) -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    homes = list(cache.glob(f"spacegen/sglang-{version}/lib/python*/site-packages"))
    if not homes:
        pytest.skip(f"no environment with sglang {version}: .ci/preflight makes it")
    for name, known in FLAGS[version].items():
        source = homes[0].joinpath(*name.split(".")).with_suffix(".py").read_text(encoding="utf-8")
        assert flags(source) == known


# --- results


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}\n', {"a": 1}),
        ('{"a": 1}\n{"a": 2}\n', {"a": 2}),
        ('{"a": 1}\n{"a": 2', {"a": 1}),
        ('{"rate": Infinity, "a": NaN}\n', None),
        ("", None),
        ("[1]\n2\n", None),
        ("text\n  {}\nmore\n", {}),
    ],
)
def test_the_last_whole_line_counts(text: str, found: dict[str, Any] | None) -> None:
    if "Infinity" in text:
        assert numbers(last_object(text) or {}) == {}
        assert (last_object(text) or {})["rate"] == float("inf")
    else:
        assert last_object(text) == found


def test_a_document_is_read_whole() -> None:
    assert read_json('{\n "a": [1,\n 2]\n}') == {"a": [1, 2]}
    assert read_json('progress\n{"a": 1}\ndone') == {"a": 1}
    assert read_json("nothing") is None


def test_numbers_are_finite_and_nothing_else() -> None:
    data = {
        "i": 3,
        "f": 0.5,
        "inf": float("inf"),
        "nan": float("nan"),
        "t": True,
        "s": "1",
        "n": None,
        "l": [1],
    }
    assert numbers(data | {"huge": 10**400}) == {"i": 3.0, "f": 0.5}


# --- runs


def served(tmp_path: Path, program: str, **workload: Any) -> tuple[BenchServing, Path]:
    """bench_serving with a stand-in: `OUT` in its program is the result file."""
    head = "import sys, json, time\nOUT = sys.argv[sys.argv.index('--output-file') + 1]\n"
    words = stub(tmp_path, head + textwrap.dedent(program))
    given = setup(Workload(num_prompts=4, **workload), bench_command=words)
    return BenchServing(given), tmp_path / "job"


RESULT = {
    "completed": 4,
    "request_rate": float("inf"),
    "mean_ttft_ms": 12.5,
    "output_throughput": 100,
    "random_input_len": 1024,
    "accept_length": None,
    "server_info": {"version": "1"},
    "errors": ["", "", "", ""],
    "itls": [[0.1]],
}


def test_a_load_gives_metrics(tmp_path: Path) -> None:
    load, folder = served(tmp_path, f"print('hello'); open(OUT, 'a').write({json.dumps(RESULT)!r} + '\\n')")
    expected = {"completed": 4.0, "mean_ttft_ms": 12.5, "output_throughput": 100.0}
    assert load.run(URL, folder, soon()) == expected
    # A second load in the same folder reads its own result.
    assert load.run(URL, folder, soon()) == expected
    assert (folder / "load.log").read_text() == "hello\n"
    kept = json.loads((folder / "load.jsonl").read_text())
    assert "itls" not in kept
    assert kept["server_info"] == {"version": "1"}


def test_details_stay_on_request(tmp_path: Path) -> None:
    program = f"open(OUT, 'a').write({json.dumps(RESULT)!r} + '\\n')"
    load, folder = served(tmp_path, program, extra=("--output-details",))
    load.run(URL, folder, soon())
    assert "itls" in json.loads((folder / "load.jsonl").read_text())


def test_failed_requests_are_counted_with_their_reason(tmp_path: Path) -> None:
    failed = RESULT | {"completed": 1, "errors": ["", "Traceback\nTimeoutError: late", "Bad Gateway", ""]}
    load, folder = served(tmp_path, f"open(OUT, 'a').write({json.dumps(failed)!r} + '\\n')")
    with pytest.raises(LoadError, match="3 of 4 requests failed: TimeoutError: late") as caught:
        load.run(URL, folder, soon())
    assert caught.value.log_tail == ("TimeoutError: late", "Bad Gateway")
    assert not caught.value.timed_out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"completed": 0, "errors": None}, "4 of 4 requests failed"),
        ({"completed": 3, "errors": None}, "1 of 4 requests failed"),
        ({"completed": 2, "errors": ["", ""]}, None),
    ],
)
def test_a_dataset_may_hold_fewer_requests(tmp_path: Path, change: dict[str, Any], words: str | None) -> None:
    load, folder = served(tmp_path, f"open(OUT, 'a').write({json.dumps(RESULT | change)!r} + '\\n')")
    if words is None:
        assert load.run(URL, folder, soon())["completed"] == 2
    else:
        with pytest.raises(LoadError, match=words):
            load.run(URL, folder, soon())


@pytest.mark.parametrize(
    ("program", "words", "tail"),
    [
        ("print('no model'); sys.exit(3)", "ended with status 3", ("no model",)),
        ("print('done')", "left no result in load.jsonl", ("done",)),
        ("open(OUT, 'w').write('{\"completed\": 4')", "left no result", ()),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9", ()),
    ],
)
def test_a_load_that_fails(tmp_path: Path, program: str, words: str, tail: tuple[str, ...]) -> None:
    load, folder = served(tmp_path, program)
    with pytest.raises(LoadError, match=words) as caught:
        load.run(URL, folder, soon())
    assert caught.value.log_tail == tail


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    load = BenchServing(setup(Workload(), bench_command=("/no/such/program",)))
    with pytest.raises(LoadError, match="`/no/such/program` does not start: no such file"):
        load.run(URL, tmp_path, soon())


@pytest.mark.parametrize(
    ("late", "alive", "words"),
    [(0.3, lambda: True, "did not end in time"), (60, lambda: False, "server ended under load")],
)
def test_a_load_is_ended(tmp_path: Path, late: float, alive: Callable[[], bool], words: str) -> None:
    load, folder = served(tmp_path, "time.sleep(60)")
    with pytest.raises(LoadError, match=words) as caught:
        load.run(URL, folder, time.monotonic() + late, alive)
    assert caught.value.timed_out == (late < 1)
    assert with_word(str(tmp_path)) == []


# --- any command


def test_places_of_a_command(tmp_path: Path) -> None:
    command = (
        """bench --url {base_url}/v1 -c {concurrency} --rate={request_rate} --data '{"n": {input_len}}'"""
        " --model {model} --file {file} --out {result} {host}:{port} {concurrency}"
    )
    load = CommandLoad(setup(Workload(generator="command", command=command)))
    assert load.words(URL, Path("/out")) == (
        *("bench", "--url", "http://127.0.0.1:30000/v1", "--rate=inf", "--data", '{"n": 1024}'),
        *("--model", "/models/m", "--out", "/out/load.json", "127.0.0.1:30000"),
    )


def own(tmp_path: Path, program: str, metrics: dict[str, str], places: str = "{result}") -> CommandLoad:
    words = " ".join(stub(tmp_path, "import sys, json\n" + textwrap.dedent(program)))
    workload = Workload(generator="command", command=f"{words} {places}", metrics=metrics)
    generator = load_for(setup(workload))
    assert isinstance(generator, CommandLoad)
    return generator


@pytest.mark.parametrize(
    "program",
    [
        "open(sys.argv[1], 'w').write(json.dumps(DATA, indent=2))",
        "print('at work'); open(sys.argv[1], 'w').write('{}\\n' + json.dumps(DATA))",
        "print(json.dumps(DATA, indent=2)); print('noise', file=sys.stderr)",
        "print('at work'); print(json.dumps(DATA)); print('done')",
    ],
)
def test_a_result_is_found_in_its_file_or_in_the_output(tmp_path: Path, program: str) -> None:
    data = "DATA = {'runs': [{'tps': 3.5, 'ttft': {'mean': 0.25}}], 'n': 2}\n"
    load = own(tmp_path, data + program, {"tps": "$.runs[0].tps", "ttft": "runs[0].ttft.mean"})
    assert load.run(URL, tmp_path / "job", soon()) == {"tps": 3.5, "ttft": 0.25}


def test_no_failed_request_is_no_failure(tmp_path: Path) -> None:
    load = own(tmp_path, "print(json.dumps({'n': 0, 'tps': 1}))", {"failed": "$.n", "tps": "$.tps"})
    assert load.run(URL, tmp_path / "job", soon()) == {"tps": 1.0}


def _documented(name: str) -> Workload:
    """A workload that docs/workload.md shows."""
    page = (Path(__file__).parents[1] / "docs" / "workload.md").read_text(encoding="utf-8")
    text = page.split(f"```yaml\n# {name}\n")[1].split("```")[0]
    return workload_of(Source(name, text), Path())


def test_the_documented_paths_lead_into_a_result_of_guidellm(tmp_path: Path) -> None:
    workload = _documented("guidellm.yaml")
    result = Path(__file__).parent / "data" / "guidellm-0.8.1.json"
    words = " ".join(stub(tmp_path, f"print(open({str(result)!r}).read())"))
    load = CommandLoad(setup(workload.model_copy(update={"command": words})))
    found = derived(load.run(URL, tmp_path / "job", soon()), 2)
    assert found["ttft"] == pytest.approx(0.0123637)
    assert found["p99_ttft_ms"] == 19.068
    assert found["e2e"] == 0.0205
    assert found["tps_per_gpu"] == pytest.approx(1796.2077 / 2)
    command = CommandLoad(setup(workload)).words(URL, Path("/out"))
    assert "kind=openai_http,target=http://127.0.0.1:30000" in command


def test_the_documented_paths_lead_into_a_result_of_vllm() -> None:
    workload = _documented("vllm.yaml")
    words = CommandLoad(setup(workload)).words(URL, Path("/out"))
    assert words[:3] == ("vllm", "bench", "serve")
    assert words[words.index("--result-filename") + 1] == RESULT_OF_COMMAND
    assert workload.metrics["mean_ttft_ms"] == "$.mean_ttft_ms"


def test_without_paths_the_numbers_at_the_top_are_metrics(tmp_path: Path) -> None:
    load = own(tmp_path, "print(json.dumps({'a': 1, 'b': {'c': 2}, 'd': 'x'}))", {})
    assert load.run(URL, tmp_path / "job", soon()) == {"a": 1.0}


@pytest.mark.parametrize(
    ("program", "metrics", "words"),
    [
        ("print('nothing')", {}, "no JSON result in load.out"),
        ("print(json.dumps({'b': {}}))", {}, "no numbers at the top"),
        ("print(json.dumps({'failed': 3, 'tps': 1}))", {}, "3 requests failed"),
        ("print(json.dumps({'b': 'x'}))", {"tps": "$.a", "b": "$.b"}, r"no number for `tps` \(\$\.a\), `b`"),
        ("print(json.dumps({'n': 3, 'tps': 1}))", {"failed": "$.n", "tps": "$.tps"}, "3 requests failed"),
        ("sys.exit('no route')", {}, "ended with status 1"),
    ],
)
def test_a_command_that_fails(tmp_path: Path, program: str, metrics: dict[str, str], words: str) -> None:
    load = own(tmp_path, program, metrics)
    with pytest.raises(LoadError, match=words):
        load.run(URL, tmp_path / "job", soon())


def test_two_commands_are_one_too_many() -> None:
    workload = Workload(generator="command", command="a {base_url}")
    with pytest.raises(UsageError, match="the workload has its own `command`, and `--bench-cmd` is another"):
        load_for(setup(workload, bench_command=("b",)))


def test_a_command_that_cannot_be_read_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match=r"unknown place `\{url\}`"):
        load_for(setup(Workload(generator="command", command="a {url}")))


# --- the offline benchmark


def test_the_offline_benchmark_takes_the_arguments_of_the_server(tmp_path: Path) -> None:
    given = setup(Workload(generator="offline", dataset="random", num_prompts=7, warmup=0), "0.5.6.post2")
    words = offline_words(given, ("--model-path", "/models/m", "--tp-size", "2"), tmp_path)
    assert " ".join(words) == (
        "/env/bin/python -m sglang.bench_offline_throughput --model-path /models/m --tp-size 2"
        " --dataset-name random --num-prompts 7 --random-input-len 1024 --random-output-len 256"
        f" --random-range-ratio 1.0 --seed 1 --result-filename {tmp_path}/load.jsonl --skip-warmup"
    )
    with pytest.raises(UsageError, match="measures an engine, not a server"):
        load_for(given)
    with pytest.raises(UsageError, match="`minisgl` has no such program"):
        offline_words(setup(given.workload, "0.1.0", "minisgl"), (), tmp_path)


def test_the_offline_benchmark_has_no_latencies(tmp_path: Path) -> None:
    given = setup(Workload(generator="offline", dataset="random"))
    offline_words(given, (), tmp_path)
    with pytest.raises(LoadError, match="left no result"):
        offline_metrics(tmp_path)
    result = tmp_path / "load.jsonl"
    result.write_text('{"backend": "engine", "successful_requests": 3, "output_throughput": 9.5}\n')
    assert offline_metrics(tmp_path) == {"successful_requests": 3.0, "output_throughput": 9.5}
    result.write_text('{"successful_requests": 0}\n')
    with pytest.raises(LoadError, match="answered no request"):
        offline_metrics(tmp_path)


def test_the_end_of_a_log_shows_progress_bars_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"start\n\n 10%\r 50%\r100%\nend \xff\n")
    assert last_lines(log) == ("start", "100%", "end \ufffd")
    assert last_lines(log, 1) == ("end \ufffd",)
    assert last_lines(tmp_path / "none") == ()
