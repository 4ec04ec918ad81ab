"""What is written is the launch: every form of it, read by somebody else, gives the same arguments."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import stat
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import spacegen
from launches import SCHEMAS, effective, launches, parser, row, words_of_yaml
from spacegen.language.model import Domain, Model, Parameter
from spacegen.launch.commandline import commands_in, parse
from spacegen.launch.config import LaunchConfig, validate
from spacegen.launch.configfile import SERVERS
from spacegen.launch.formats import FORMATS
from spacegen.launch.reading import read_launches
from spacegen.launch.style import Style
from spacegen.questions.configs import read_configs
from spacegen.servers.schema import TargetSchema
from spacegen.source import Source

every_target = pytest.mark.parametrize("schema", SCHEMAS, ids=str)
READ_BY_FILES = [schema for schema in SCHEMAS if schema.server in SERVERS]
PARSERS = {str(schema): parser(schema) for schema in SCHEMAS}
ROWS = ("jsonl", "json", "csv", "yaml")


def written(form: str, launch: dict[str, Any], schema: TargetSchema | None, *, full: bool = False) -> str:
    return "".join(FORMATS[form].alone([row(launch)], Style("space", schema, full)))


def parsed(schema: TargetSchema, words: list[str]) -> dict[str, Any]:
    """What the parser of the server makes of words."""
    return effective(schema, vars(PARSERS[str(schema)].parse_args(words)))


@every_target
@settings(max_examples=40, deadline=None)
@given(data=st.data(), full=st.booleans())
def test_a_command_says_what_the_launch_says(schema: TargetSchema, data: st.DataObject, full: bool) -> None:
    launch = data.draw(launches(schema))
    words = shlex.split(written("argv", launch, schema, full=full))
    command = LaunchConfig(schema, launch).command
    assert tuple(words[: len(command)]) == command
    assert parsed(schema, words[len(command) :]) == effective(schema, launch)


@every_target
@settings(max_examples=40, deadline=None)
@given(data=st.data(), form=st.sampled_from(["argv", "shell"]))
def test_a_command_is_read_back(schema: TargetSchema, data: st.DataObject, form: str) -> None:
    launch = data.draw(launches(schema))
    [(_, words)] = list(commands_in(written(form, launch, schema)))
    found = parse(words, schema)
    assert found.wrong == ()
    assert effective(schema, found.arguments) == effective(schema, launch)


@pytest.mark.parametrize("schema", READ_BY_FILES, ids=str)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), full=st.booleans())
def test_a_config_file_says_what_the_launch_says(
    schema: TargetSchema, data: st.DataObject, full: bool
) -> None:
    launch = data.draw(launches(schema))
    launch = {n: v for n, v in launch.items() if not schema.arguments[n].deprecated}
    assume(launch)
    text = written("config", launch, schema, full=full)
    entries = yaml.safe_load(text)
    left = shlex.split(text.splitlines()[0].partition(": ")[2]) if text.startswith("#") else []
    assert not any("_" in key for key in entries)
    assert parsed(schema, [*words_of_yaml(entries), *left]) == effective(schema, launch)


@pytest.mark.parametrize("form", ROWS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_rows_are_read_back(form: str, data: st.DataObject) -> None:
    launch = data.draw(launches(SCHEMAS[-1]))
    scalars = {n: v for n, v in launch.items() if not isinstance(v, list | dict)}
    model = Model("space", tuple(Parameter(n, Domain((v,))) for n, v in scalars.items()))
    text = written(form, launch, None)
    # One of the rows of several is read like the row alone.
    write = FORMATS[form].write
    assert write is not None
    many = "".join(write([row(launch), row(launch)], Style()))
    for source, count in ((Source(f"c.{form}", text), 1), (Source(f"c.{form}", many), 2)):
        assert [entry.config for entry in read_configs(source, model).entries] == [launch] * count


@settings(max_examples=30, deadline=None)
@given(launch=launches(SCHEMAS[-1]))
def test_csv_is_csv(launch: dict[str, Any]) -> None:
    header, cells = csv.reader(io.StringIO(written("csv", launch, None), newline=""), strict=True)
    assert header == list(launch)
    assert len(cells) == len(launch)


@settings(max_examples=20, deadline=None)
@given(launch=launches(SCHEMAS[-1]))
def test_parquet_is_read_back(launch: dict[str, Any]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pieces = b"".join(FORMATS["parquet"].alone([row(launch), row(launch)], Style()))
    as_cells = {
        n: json.dumps(v, ensure_ascii=False) if isinstance(v, list | dict) else v for n, v in launch.items()
    }
    assert parquet.read_table(io.BytesIO(pieces)).to_pylist() == [as_cells] * 2


# A router answers only when two servers have, so that nobody ends them before.
STUB = """#!/bin/sh
case $2 in *router) while [ "$(ls "$MARKS" | wc -l)" -lt 2 ]; do sleep 0.01; done;; esac
printf '%s\\0' "$@" '<end>'
: > "$MARKS/$$"
"""


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `python` that only prints the words it is given."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "python"
    program.write_text(STUB, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


def run_by_bash(text: str, stub: Path) -> list[list[str]]:
    with TemporaryDirectory() as marks:
        environment = {"PATH": f"{stub}:{os.environ['PATH']}", "MARKS": marks}
        command = ["bash", "-u"]
        done = subprocess.run(command, input=text.encode(), env=environment, capture_output=True, check=True)
    assert done.stderr == b""
    return [run.split("\0")[:-1] for run in done.stdout.decode().split("<end>\0")[:-1]]


@every_target
@settings(max_examples=15, deadline=None)
@given(data=st.data(), form=st.sampled_from(["argv", "shell"]))
def test_bash_starts_the_server_with_these_words(
    schema: TargetSchema, data: st.DataObject, form: str, stub: Path
) -> None:
    some = data.draw(st.lists(launches(schema), min_size=1, max_size=3))
    text = "".join(FORMATS[form].alone([row(launch) for launch in some], Style("space", schema)))
    expected = [list(LaunchConfig(schema, launch).argv()[1:]) for launch in some]
    assert run_by_bash(text, stub) == expected


def test_bash_runs_replicas_and_then_their_router(stub: Path) -> None:
    schema = READ_BY_FILES[0]
    launch = {"dp_size": 2, "tp_size": 2, "port": 4000, "model_path": "a b"}
    text = "".join(FORMATS["shell"].alone([row(launch)], Style("space", schema, gateway=True)))
    runs = run_by_bash(text, stub)
    assert sorted(run[1] for run in runs) == ["sglang.launch_server"] * 2 + ["sglang_router.launch_router"]
    [router] = [run for run in runs if "router" in run[1]]
    assert router[2:5] == ["--worker-urls", "http://127.0.0.1:4001", "http://127.0.0.1:4002"]


@every_target
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_model_takes_what_the_parser_gives(schema: TargetSchema, data: st.DataObject) -> None:
    launch = data.draw(launches(schema))
    assert validate(schema, launch) == ()
    assert validate(schema, parsed(schema, list(LaunchConfig(schema, launch).argv()[3:]))) == ()


@pytest.mark.parametrize("name", ["h100", "sglang-tuner-18", "sglang-throughput-33", "mini-sglang"])
def test_solutions_are_read_back_from_all_that_starts_servers(name: str, tmp_path: Path) -> None:
    space = spacegen.load(name).completed({"model_path": "a model"})
    some = space.sample(40, seed=3)
    forms = ["argv", "shell", *(["config"] if space.base.target.server in SERVERS else [])]
    for form in forms:
        for i in range(len(some)) if form == "config" else (slice(None),):
            rows = some[i : i + 1] if isinstance(i, int) else some
            rows.write(tmp_path / "launches", form)
            source = Source("launches", (tmp_path / "launches").read_text(encoding="utf-8"))
            entries = read_launches(source, space.model, form).entries
            assert [(entry.wrong, entry.notes) for entry in entries] == [((), ())] * len(rows)
            assert [space.check(entry.config).valid for entry in entries] == [True] * len(rows)
            assert [entry.config for entry in entries] == list(rows)
