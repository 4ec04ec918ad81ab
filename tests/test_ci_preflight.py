"""The script behind `make preflight`, before a stand-in for an environment with a server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / ".ci").is_dir(), reason="only a checkout has the script")


def _preflight(cache: Path, **chosen: str) -> subprocess.CompletedProcess[str]:
    fixed = {
        "PREFLIGHT_CACHE": str(cache),
        "PREFLIGHT_SPACES": "sglang-throughput-10",
        "PREFLIGHT_COUNT": "2",
    }
    return subprocess.run(
        [ROOT / ".ci" / "preflight", "0.5.6"],
        env={**os.environ, "PYTHON": sys.executable, **fixed, **chosen},
        capture_output=True,
        text=True,
    )


def _install(cache: Path, stub: str) -> None:
    python = cache / "sglang-0.5.6" / "bin" / "python"
    python.parent.mkdir(parents=True)
    path = ROOT / "tests" / "stubs" / stub
    python.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (cache / "sglang-0.5.6" / ".complete").touch()


def test_a_refused_config_fails_and_says_why(tmp_path: Path) -> None:
    _install(tmp_path, "late")
    done = _preflight(tmp_path, PREFLIGHT_METHODS="uniform")
    assert done.returncode == 1
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["sglang", "space", "model", "configs"]
    assert [row.split()[:3] for row in rows] == [
        ["0.5.6", "sglang-throughput-10", "llama"],
        ["0.5.6", "sglang-throughput-10", "qwen3-moe"],
    ]
    assert all(row.endswith(" 0 of 2 configs accepted, 0 of them as they are written") for row in rows)
    assert "unknown argument: " in done.stderr


def test_an_environment_that_cannot_be_installed_is_another_status(tmp_path: Path) -> None:
    done = _preflight(tmp_path, PYTHON="/bin/false")
    assert done.returncode == 3
    assert done.stderr.endswith("error: no environment with sglang 0.5.6 could be made\n")
    assert not (tmp_path / "sglang-0.5.6" / ".complete").exists()
