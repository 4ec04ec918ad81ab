"""The space of `spacegen diagnose`, and the overlay that findings write of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from server_logs import NEW, write
from spacegen.cli.main import main

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
