"""`spacegen target`: what is listed and shown, and what an installed server adds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spacegen.cli.main import main
from spacegen.launch import installed
from spacegen.servers import schema

# The shapes of the real one: quoted annotations, a flag with another destination, choices from a set.
SERVER_ARGS = """
from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Callable, Dict, List, Literal, Optional, Union


def human_readable_int(text):
    return int(text)


class DeprecatedSwitch(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, True)


@dataclasses.dataclass
class ServerArgs:
    model_path: str
    tp_size: int = 1
    tokens: int = 8192
    ratio: Optional[float] = None
    policy: str = "fcfs"
    mode: Literal["auto", "fast"] = "auto"
    metrics: bool = False
    checks: bool = True
    spare: Optional[bool] = None
    old: bool = False
    sizes: Optional[List[int]] = None
    modules: Optional[Union[set[str], List[str]]] = None
    hosts: List[str] = dataclasses.field(default_factory=list)
    extra: Optional[Dict[str, str]] = None
    either: Optional[Union[str, Dict]] = None
    handler: Optional[Callable] = None
    _seen: bool = False

    @staticmethod
    def add_cli_args(parser):
        print("a word on stdout")
        add = parser.add_argument
        add("--model-path", "--model", type=str, required=True)
        add("--tensor-parallel-size", "--tp-size", type=int, default=1)
        add("--tokens", type=human_readable_int)
        add("--ratio", type=float)
        add("--policy", choices={"lpm", "fcfs"})
        add("--mode", type=str)
        add("--metrics", action="store_true")
        add("--no-checks", dest="checks", action="store_false")
        add("--spare", action=argparse.BooleanOptionalAction)
        add("--old", action=DeprecatedSwitch, nargs=0)
        add("--sizes", type=int, nargs="+")
        add("--modules", nargs="*", choices=["a", "b"])
        add("--hosts", nargs="*")
        add("--extra", type=json.loads)
        add("--either", type=str)
        add("--config", type=str)
"""

EXPECTED = {
    "model_path": {"type": "str", "flags": ["--model-path", "--model"]},
    "tp_size": {"type": "int", "default": 1, "flags": ["--tensor-parallel-size", "--tp-size"]},
    "tokens": {"type": "int", "default": 8192, "flags": ["--tokens"], "suffixes": True},
    "ratio": {"type": "float?", "default": None, "flags": ["--ratio"]},
    "policy": {"type": "str", "default": "fcfs", "flags": ["--policy"], "choices": ["fcfs", "lpm"]},
    "mode": {"type": "str", "default": "auto", "flags": ["--mode"], "choices": ["auto", "fast"]},
    "metrics": {"type": "bool", "default": False, "flags": ["--metrics"], "action": "store_true"},
    "checks": {"type": "bool", "default": True, "flags": ["--no-checks"], "action": "store_false"},
    "spare": {"type": "bool?", "default": None, "flags": ["--spare", "--no-spare"], "action": "toggle"},
    "old": {
        "type": "bool",
        "default": False,
        "flags": ["--old"],
        "action": "store_true",
        "deprecated": True,
    },
    "sizes": {"type": "list[int]?", "default": None, "flags": ["--sizes"], "action": "list"},
    "modules": {
        "type": "list[str]?",
        "default": None,
        "flags": ["--modules"],
        "choices": ["a", "b"],
        "action": "list",
    },
    "hosts": {"type": "list[str]", "default": [], "flags": ["--hosts"], "action": "list"},
    "extra": {"type": "json?", "default": None, "flags": ["--extra"], "action": "json"},
    "either": {"type": "json?", "default": None, "flags": ["--either"]},
    "handler": {"type": "object?", "default": None, "flags": []},
}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of one's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    schema.forget()
    yield tmp_path / "data" / "spacegen" / "targets"
    schema.forget()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with an sglang 0.5.30: this Python, with a package of that name in its way."""
    package = tmp_path / "packages" / "sglang"
    (package / "srt").mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "0.5.30"\n')
    (package / "srt" / "__init__.py").touch()
    (package / "srt" / "server_args.py").write_text(SERVER_ARGS)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    return package


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def answer(*arguments: str) -> tuple[int, str, str]:
        status = main(["target", *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return answer


def test_the_shipped_targets_are_listed(run: Run) -> None:
    assert run("list") == (
        0,
        (
            "target               arguments  from\n"
            "minisgl==0.1.0       25         shipped\n"
            "sglang==0.5.6.post2  291        shipped\n"
            "sglang==0.5.23       543        shipped\n"
        ),
        "",
    )


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the system does not know, as containers run with any number."""

    def home() -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", home)


def test_a_folder_of_targets_that_cannot_be_read_has_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = run("list")
    # Root may read anything, but nothing has so long a name.
    monkeypatch.setenv("XDG_DATA_HOME", f"/{'x' * 300}")
    assert run("list") == shipped
    assert main(["count", "h100", "--quiet"]) == 0


def test_a_user_without_a_home_has_the_shipped_targets(run: Run, homeless: None) -> None:
    assert run("list")[0] == 0
    assert main(["count", "h100", "--quiet"]) == 0


def test_a_user_without_a_home_is_told_where_a_target_could_be_kept(
    run: Run, server: Path, homeless: None
) -> None:
    assert run("add", "--python", sys.executable) == (
        2,
        "",
        "error: there is no home folder to keep a target in\nhint: set `XDG_DATA_HOME` to a folder for it\n",
    )


def test_a_target_is_shown_as_a_table(run: Run) -> None:
    status, out, err = run("show", "minisgl==0.1.0")
    lines = out.splitlines()
    assert (status, err, lines[0]) == (0, "", "minisgl==0.1.0: 25 arguments")
    assert lines[2].split() == ["argument", "flags", "type", "default", "choices"]
    assert lines[3].split() == ["model_path", "--model-path", "--model", "str", "(required)"]
    assert next(line for line in lines if line.startswith("cuda_graph_max_bs")).split() == [
        "cuda_graph_max_bs",
        "--cuda-graph-max-bs",
        "--graph",
        "int",
        "or",
        "null",
        "null",
    ]
    assert next(line for line in lines if line.startswith("cache_type")).split()[-3:] == [
        "radix",
        "naive,",
        "radix",
    ]


def test_a_server_is_shown_in_its_newest_version(run: Run) -> None:
    status, out, _ = run("show", "sglang", "--json")
    found = json.loads(out)
    assert (status, found["target"], len(found["arguments"])) == (0, "sglang==0.5.23", 543)
    assert found["arguments"][0] == {
        "name": "model_path",
        "flags": ["--model-path", "--model"],
        "type": "str",
        "nullable": False,
        "action": "store",
    }
    deprecated = [a["name"] for a in found["arguments"] if a.get("deprecated")]
    assert deprecated == ["enable_dp_attention", "disable_cuda_graph"]


def test_an_unknown_version_is_shown_as_the_one_that_stands_in(run: Run) -> None:
    status, out, err = run("show", "sglang==0.5.9")
    assert (status, out.splitlines()[0]) == (0, "sglang==0.5.6.post2: 291 arguments")
    assert err == "note: no data for sglang 0.5.9: the arguments of 0.5.6.post2 stand in\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lsit"], "`target` cannot be `lsit`\nhint: did you mean `list`?"),
        (["list", "sglang"], "`target list` takes no `sglang`"),
        (["show"], "`target show` needs a target, such as `sglang==0.5.23`"),
        (
            ["show", "sgl"],
            "`sgl` is no target\nhint: targets are minisgl==0.1.0, sglang==0.5.6.post2, sglang==0.5.23",
        ),
        (["show", "vllm==1.0"], "unknown server `vllm`\nhint: servers with data: `minisgl`, `sglang`"),
        (["add"], "`target add` needs `--python`: an environment that has the server"),
        (["add", "x", "--python", "y"], "`target add` takes no `x`"),
        (
            ["add", "--python", "python", "--name", "mine"],
            "`--name mine` is no version of sglang\nhint: write it like `sglang==0.5.23+mine`",
        ),
        (
            ["add", "--python", "nowhere/python"],
            (
                "there is no Python at `nowhere/python`\n"
                "hint: name the Python of the environment that has the server: `--python ENV/bin/python`"
            ),
        ),
    ],
)
def test_what_makes_no_sense_is_said(run: Run, arguments: list[str], message: str) -> None:
    assert run(*arguments) == (2, "", f"error: {message}\n")


def test_the_arguments_of_an_installed_server_are_read(server: Path) -> None:
    version, rows = installed.extract(Path(sys.executable))
    assert version == "0.5.30"
    assert rows == EXPECTED


def test_what_was_added_serves_spaces(run: Run, data: Path, server: Path, tmp_path: Path) -> None:
    path = data / "sglang-0.5.30.json"
    assert run("add", "--python", sys.executable) == (0, f"sglang==0.5.30: {path}\n", "")
    assert run("list")[1].splitlines()[-1].split() == ["sglang==0.5.30", "16", str(path)]
    space = tmp_path / "space.yaml"
    space.write_text(
        'spacegen: 1\ntarget: {server: sglang, version: "0.5.30"}\nparameters: {policy: [fcfs, lpm, lof]}\n'
    )
    assert main(["count", str(space)]) == 2
    space.write_text(space.read_text().replace(", lof", ""))
    assert main(["count", str(space)]) == 0


def test_it_can_be_added_under_another_version(run: Run, data: Path, server: Path) -> None:
    status, out, _ = run("add", "--python", sys.executable, "--name", "sglang==0.5.6+mine", "--json")
    path = data / "sglang-0.5.6+mine.json"
    assert (status, json.loads(out)) == (0, {"target": "sglang==0.5.6+mine", "path": str(path)})
    assert len(schema.load("sglang", "0.5.6+mine").arguments) == 18
    # Somebody's own build stands in for no published one.
    assert schema.load("sglang", "0.5.6").version == "0.5.6.post2"
    assert schema.load("sglang", "0.5.7").version == "0.5.6.post2"


def test_a_version_that_is_none_needs_a_name(run: Run, data: Path, server: Path) -> None:
    (server / "__init__.py").write_text("__version__ = 'main'\n")
    said = "error: `main` is not a version\nhint: `--name sglang==0.5.23+mine` gives it one\n"
    assert run("add", "--python", sys.executable) == (2, "", said)
    assert run("add", "--python", sys.executable, "--name", "sglang==0.5.31")[0] == 0


def test_added_data_win_over_shipped_ones(run: Run, data: Path, server: Path) -> None:
    assert run("add", "--python", sys.executable, "--name", "sglang==0.5.23")[0] == 0
    assert "policy" in schema.load("sglang", "0.5.23").arguments


def test_unreadable_data_are_said(run: Run, data: Path) -> None:
    data.mkdir(parents=True)
    (data / "sglang-0.5.40.json").write_text("{")
    status, _, err = run("show", "sglang==0.5.40")
    assert status == 2
    assert err == (
        f"error: the arguments in {data / 'sglang-0.5.40.json'} cannot be read\n"
        "hint: add it again with `spacegen target add`, or remove the file\n"
    )


def test_an_environment_without_the_server_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert run("add", "--python", sys.executable) == (
        2,
        "",
        (
            f"error: `{sys.executable}` has no sglang\n"
            "hint: `--python ENV/bin/python` names an environment that has it\n"
        ),
    )


def test_a_server_that_lacks_a_package_says_which(run: Run, server: Path) -> None:
    (server / "srt" / "server_args.py").write_text("import no_such_package\n")
    assert run("add", "--python", sys.executable) == (
        2,
        "",
        (
            f"error: the sglang of `{sys.executable}` needs `no_such_package`\n"
            "hint: install `no_such_package` in that environment\n"
        ),
    )


def test_a_server_that_cannot_be_read_shows_why(run: Run, server: Path) -> None:
    (server / "srt" / "server_args.py").write_text("raise RuntimeError('not today')\n")
    status, out, err = run("add", "--python", sys.executable)
    assert (status, out) == (2, "")
    assert err.startswith(
        f"error: the arguments of `{sys.executable}` cannot be read: the process ended with"
    )
    assert "RuntimeError: not today" in err
