"""Optuna's dashboard opens the storage of a study, and shows its trials."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spacegen.cli.main import main

SPACE = Path(__file__).parent / "cases" / "cli" / "sglang.yaml"


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@contextmanager
def _dashboard(storage: str, log: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = "from optuna_dashboard._cli import main; main()"
    command = [sys.executable, "-c", program, storage, "--port", str(port)]
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                _get(f"{url}/api/meta")
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", ["sqlite:///", "journal:"])
def test_the_dashboard_shows_the_study(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = (
        f"tune {SPACE} --runner sim --gpus 0-7 --trials 4 --repeats 1 --study demo -q --storage {kind}study"
    )
    assert main(command.split()) == 0
    # The dashboard knows journals by their file alone.
    storage = "study" if kind == "journal:" else f"{kind}study"
    with _dashboard(storage, tmp_path / "log") as url:
        (summary,) = _get(f"{url}/api/studies")["study_summaries"]
        assert summary["study_name"] == "demo"
        study = _get(f"{url}/api/studies/{summary['study_id']}")
    assert [trial["state"] for trial in study["trials"]] == ["Complete"] * 4
    names = {param["name"] for param in study["trials"][0]["params"]}
    assert "tp_size" in names
