"""The script that installs what tests need beside Python, before a stand-in for apt-get."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "programs"
pytestmark = [
    pytest.mark.skipif(not SCRIPT.exists(), reason="only a checkout has the script"),
    # With it missing, too, the script would prepare the system for it.
    pytest.mark.skipif(
        not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")), reason="PostgreSQL is not installed"
    ),
]


def _run(folder: Path, user: str, install: str) -> tuple[str, str]:
    """What the script says where Chromium is missing, and how apt-get was called."""
    for name in ("bash", "env", "timeout", "chmod", "touch"):
        (folder / name).symlink_to(shutil.which(name) or name)
    for name, text in {"id": f"echo {user}", "apt-get": f'echo "$@" >>"{folder}/calls"\n{install}'}.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (folder / name).chmod(0o755)
    done = subprocess.run(
        [folder / "bash", SCRIPT], env={"PATH": str(folder)}, capture_output=True, text=True, check=True
    )
    calls = folder / "calls"
    return done.stdout, calls.read_text() if calls.exists() else ""


def test_what_is_missing_is_installed(tmp_path: Path) -> None:
    said, calls = _run(tmp_path, "0", f'touch "{tmp_path}/chromium"; chmod +x "{tmp_path}/chromium"')
    assert said == "Chromium and PostgreSQL are there\n"
    assert calls.splitlines()[0] == "-q update"
    assert calls.split()[-1] == "chromium"


@pytest.mark.parametrize("user", ["0", "1000"])
def test_what_cannot_be_installed_is_said_loudly(user: str, tmp_path: Path) -> None:
    said, calls = _run(tmp_path, user, "exit 100")
    assert said.startswith("WARNING: THE TESTS THAT NEED THESE ARE SKIPPED: chromium")
    assert bool(calls) == (user == "0")
