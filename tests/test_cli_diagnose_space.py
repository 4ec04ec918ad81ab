"""The space of `spacegen diagnose`, and the overlay that findings write of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spacegen.cli.main import main
from tests.server_logs import NEW, write

Capture = pytest.CaptureFixture[str]
EMPTY = """\
spacegen: 1
target: {server: sglang, version: 0.5.23}
parameters: {schedule_conservativeness: [0.3, 1.0], tp_size: [1, 2]}
rules: [{id: many, require: tp_size > 2}]
"""


def test_a_space_without_solutions_is_told_and_nothing_is_written(tmp_path: Path, capsys: Capture) -> None:
    log = write(tmp_path / "server.log", NEW, "conservative", decodes=80)
    space, out = tmp_path / "space.yaml", tmp_path / "out.yaml"
    space.write_text(EMPTY)
    assert main(["diagnose", str(log), "--space", str(space), "--narrow", str(out)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "`space` has no solution" in printed.err
    assert "`many`" in printed.err
    assert not out.exists()


def test_an_overlay_is_about_one_model(tmp_path: Path, capsys: Capture) -> None:
    space, out = tmp_path / "space.yaml", tmp_path / "out.yaml"
    space.write_text(EMPTY.partition("rules:")[0])
    logs = {}
    for model in ("llama-70b", "llama-8b"):
        log = write(tmp_path / f"{model}.log", NEW, "conservative", decodes=80)
        named = re.sub(r"('model_path': ')[^']*", rf"\1/models/{model}", log.read_text())
        log.write_text(named)
        logs[model] = str(log)
    command = ["--space", str(space), "--narrow", str(out), "-q"]
    assert main(["diagnose", logs["llama-70b"], *command]) == 1
    written = out.read_text()
    assert written.splitlines()[1] == "# About the model /models/llama-70b"
    capsys.readouterr()
    # Findings about another model are told, and leave it as it is.
    assert main(["diagnose", logs["llama-8b"], *command]) == 2
    printed = capsys.readouterr()
    assert "too-conservative" in printed.out
    assert f"{out} has findings about /models/llama-70b, and the last launch is of /models/llama-8b" in (
        printed.err
    )
    assert out.read_text() == written
    assert main(["diagnose", logs["llama-8b"], "--space", str(out), "-q"]) == 2
    # The same again, also as the space, changes nothing.
    capsys.readouterr()
    assert main(["diagnose", logs["llama-70b"], *command]) == 1
    assert main(["diagnose", logs["llama-70b"], "--space", str(out), "--narrow", str(out), "-q"]) == 1
    assert out.read_text() == written
