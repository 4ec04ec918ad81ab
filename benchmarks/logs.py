"""Times the reading of long server logs beside `grep -c`, and says how much memory it takes.

`python -m benchmarks.logs` writes logs as servers do (SIMULATED: from their formats) and prints a row for
each with its ratio and its target; `python -m benchmarks.logs FILE` reads one.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.__main__ import Row
from benchmarks.measure import pin_to_one_core
from spacegen.diagnose.readers import Reader
from spacegen.diagnose.reading.chunks import chunks
from tests.server_logs import NEW, OLD, log

__all__ = ["Reading", "main", "read", "written"]

MIB = 2**20
MOST_TIMES = 15
MOST_TIMES_OF_PROSE = 20
"""Where no two lines are alike, each place of the text is looked at."""
MOST_MEMORY = 1.05
PROSE = ("which", "of", "these", "is", "not", "a", "port", "memory", "already", "available", "for", "errors")
ACCESS = 'INFO:     127.0.0.1:{} - "POST /v1/completions HTTP/1.1" 200 OK\n'


@dataclass(frozen=True)
class Reading:
    """What it takes to read a log: seconds of the processor without imports, and memory with them."""

    seconds: float
    peak: float
    """MiB of the whole process."""
    lines: int


def read(path: Path) -> Reading:
    """Reads a log here and now."""
    started = time.process_time()
    reader = Reader(path.name)
    with path.open("rb") as stream:
        for piece in chunks(stream):
            reader.take(piece)
    reader.close()
    lines = sum(launch.lines for launch in reader.launches)
    seconds = time.process_time() - started
    return Reading(seconds, _peak(), lines)


def _peak() -> float:
    """The most memory that this process had. What getrusage says of a new process may be its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _access(number: int, noise: int) -> Iterator[str]:
    for i in range(noise):
        yield ACCESS.format(1024 + (number * 7 + i) % 60000)


def _requests(chance: Random, words: int) -> Iterator[str]:
    """What sglang logs of a request where it is asked to, with prompts that never repeat."""
    rid = f"{chance.getrandbits(128):032x}"
    asked, said = (
        " ".join(
            chance.choice(PROSE) + chance.choice(["", "", f"{chance.random():.3f}"]) for _ in range(words)
        )
        for _ in range(2)
    )
    obj = f"obj=GenerateReqInput(rid='{rid}', http_worker_ipc=None, text={asked!r}, stream=False)"
    yield f"[2025-08-11 17:17:03] Receive: {obj}\n"
    yield f"[2025-08-11 17:17:09] Finish: {obj}, out={{'text': {said!r}, 'meta_info': {{'id': '{rid}'}}}}\n"


def written(
    path: Path, size: int, version: str = OLD, *, dp: int = 1, noise: int = 0, words: int = 0
) -> Path:
    """A log of so many bytes of a server at full load; after each line `noise` ones of a web server, and a
    request with so many `words`."""
    chance = Random(size)
    lines = chain.from_iterable(
        chain([line], _access(number, noise), _requests(chance, words) if words else ())
        for number, line in enumerate(log(version, "healthy", decodes=size, dp=dp))
    )
    with path.open("w", encoding="utf-8") as file:
        while size > 0 and (piece := "".join(islice(lines, 1000))):
            size -= file.write(piece)
    return path


def _grep(path: Path) -> float:
    """Seconds of the processor, which other programs on the machine change less than those on the wall."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["grep", "-c", "Decode", str(path)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _measured(path: Path) -> Reading:
    """What it takes in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.logs", str(path)]
    return Reading(**json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def rows(folder: Path, size: int, runs: int) -> Iterator[Row]:
    """Each kind of log beside grep, then the first beside ones a tenth and ten times as long."""
    kinds = {
        "0.5.6": written(folder / "old.log", size),
        "0.5.23, 2 replicas": written(folder / "new.log", size, NEW, dp=2),
        "0.5.6 with a web server": written(folder / "noise.log", size, noise=1),
        "0.5.6, short requests logged": written(folder / "short-requests.log", size, words=5),
        "0.5.6, requests logged": written(folder / "requests.log", size, words=150),
    }
    for name, path in kinds.items():
        # In turn, so that a slow spell meets both.
        pairs = [(_grep(path), _measured(path)) for _ in range(runs)]
        grep, seconds = median(grep for grep, _ in pairs), median(reading.seconds for _, reading in pairs)
        yield Row(f"grep -c Decode, {name}", f"{grep * 1000:,.0f} ms", "1.00 x")
        most = MOST_TIMES_OF_PROSE if "requests" in name else MOST_TIMES
        yield Row(
            f"read, {name}: {pairs[0][1].lines:,} lines",
            f"{seconds * 1000:,.0f} ms",
            f"{seconds / grep:.1f} x",
            f"<= {most} x",
            seconds / grep <= most,
        )
    yield from _memory(folder, kinds["0.5.6"], size)


def _memory(folder: Path, whole: Path, size: int) -> Iterator[Row]:
    short = _measured(written(folder / "short.log", size // 10)).peak
    yield Row(f"peak memory of {size / 10 / MIB:,.0f} MiB", f"{short:,.0f} MiB", "1.00 x")
    long = folder / "long.log"
    with long.open("wb") as file:
        for _ in range(10):
            with whole.open("rb") as copied:
                shutil.copyfileobj(copied, file)
    endless = folder / "endless.log"
    with endless.open("wb") as file:
        for _ in range(2 * size // MIB):
            file.write(b"x" * MIB)
    for path in (whole, long, endless):
        peak = _measured(path).peak
        label = f"peak memory of {path.stat().st_size / MIB:,.0f} MiB" + (
            ", one line" if path == endless else ""
        )
        ratio = peak / short
        yield Row(label, f"{peak:,.0f} MiB", f"{ratio:.2f} x", f"<= {MOST_MEMORY} x", ratio <= MOST_MEMORY)


def main() -> int:
    """Print the rows; with `--strict` the exit code is 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logs", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="a log to read")
    parser.add_argument("--size", type=int, default=100, help="MB of the logs")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median is shown")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed")
    args = parser.parse_args()
    if args.file is not None:
        print(json.dumps(read(args.file).__dict__))
        return 0
    machine = f"Python {platform.python_version()}, {platform.machine()}, {pin_to_one_core()}"
    print(f"{machine}; medians of {args.runs}")
    missed = 0
    with TemporaryDirectory() as folder:
        for row in rows(Path(folder), args.size * 10**6, args.runs):
            print(row, flush=True)
            missed += row.met is False
    print(f"\n{missed} targets missed" if missed else "\nall targets met")
    return 1 if missed and args.strict else 0


if __name__ == "__main__":
    sys.exit(main())
