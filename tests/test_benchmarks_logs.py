"""The logs that are timed are those of servers, of the size that is asked for, and read as a whole."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.logs import read, written
from tests.server_logs import NEW, OLD


@pytest.mark.parametrize(("version", "dp", "noise"), [(OLD, 1, 0), (NEW, 2, 0), (OLD, 1, 1)])
def test_a_log_is_as_long_as_asked_and_read_to_its_end(
    tmp_path: Path, version: str, dp: int, noise: int
) -> None:
    path = written(tmp_path / "server.log", 300_000, version, dp=dp, noise=noise)
    text = path.read_bytes()
    started = time.process_time()
    reading = read(path)
    took = time.process_time() - started
    assert 300_000 <= len(text) < 600_000
    assert reading.lines == text.count(b"\n")
    assert text.count(b"Decode batch") > 500
    assert text.count(b"HTTP") >= noise * 500
    assert 0 < reading.seconds <= took
    # In MiB; what was the most before may be more than what there is now, and not less.
    now = int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024
    assert 0.9 * now < reading.peak < 100 * now
