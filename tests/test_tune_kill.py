"""`spacegen tune` killed at random moments and started again: nothing is lost, nothing is done twice.

Real processes throughout: workers, wardens, servers and load generators; the last two are stubs.
`make test-kill` kills 20 times (`SPACEGEN_KILLS`), `SPACEGEN_KILL_SEED` repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from optuna.trial import TrialState

from spacegen.tune.results import ResultsFile
from spacegen.tune.study.attributes import CONFIG, OWNER
from spacegen.tune.study.opening import load_study
from spacegen.tune.study.records import records
from spacegen.tune.study.storage import open_storage
from tune_processes import until, with_word
from tune_studies import address

STUBS = Path(__file__).parent / "tune_stubs"
KILLS = int(os.environ.get("SPACEGEN_KILLS", "2"))
SEED = int(os.environ.get("SPACEGEN_KILL_SEED", random.SystemRandom().randrange(10**6)))
TRIALS = 12
KILLS_OF_A_STUDY = 5

SPACE = """\
spacegen: 1
name: killed
target: {server: sglang, version: "0.5.23"}
parameters:
  tp_size: [1, 2, 4]
  page_size: [1, 2, 4, 8, 16, 32]
  chunked_prefill_size: [1024, 2048, 4096]
rules:
  - {id: small, require: page_size * tp_size <= 64, because: this is a test}
"""

WORKLOAD = """\
workload: 1
generator: command
command: {python} -I -S {load} {{base_url}}
metrics: {{ttft: $.seconds, tps: $.rate}}
"""


@dataclass
class Study:
    """A study in a folder, and the command that runs it."""

    folder: Path
    kind: str
    mark: str
    rng: random.Random
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "space.yaml").write_text(SPACE)
        load = WORKLOAD.format(python=sys.executable, load=STUBS / "gpu_load.py")
        (self.folder / "workload.yaml").write_text(load)
        (self.folder / "stub").mkdir()

    @property
    def url(self) -> str:
        return address(self.kind, self.folder)

    @contextmanager
    def running(self, repeats: int = 1) -> Iterator[subprocess.Popen[bytes]]:
        server = f"{sys.executable} -I -S {STUBS / 'gpu_server.py'}"
        # GPUs of its own: tests beside this one share the machine, and its ports.
        gpus = ",".join(f"GPU-{re.sub('[0-9]+', '', self.mark)}-{number}" for number in range(6))
        words = ["tune", "./space.yaml", "--workload", "./workload.yaml", "--gpus", gpus, "--workers", "3"]
        words += [
            "--trials",
            str(TRIALS),
            "--repeats",
            str(repeats),
            "--storage",
            self.url,
            "--study",
            "killed",
        ]
        words += ["--server-cmd", server, "--results", "results.jsonl", "--model-path", "none"]
        more = {"STUB_FOLDER": str(self.folder / "stub"), "MARK": self.mark, "PYTHONFAULTHANDLER": "1"}
        log = self.folder / f"command-{len(list(self.folder.glob('command-*')))}.log"
        with log.open("wb") as output:
            command = subprocess.Popen(
                [sys.executable, "-m", "spacegen", *words],
                cwd=self.folder,
                env=os.environ | more,
                stdout=output,
                stderr=output,
            )
            try:
                yield command
            finally:
                if command.poll() is None:
                    command.kill()
                command.wait()
                self.said.append(log.read_text(errors="replace"))

    def lines(self, name: str) -> list[dict[str, Any]]:
        """What the stubs noted."""
        path = self.folder / "stub" / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def finished(self) -> set[str]:
        """The configs that are measured for good, as stubs see them."""
        if not self.lines("launches"):
            return set()
        study = load_study(open_storage(self.url))
        return {seen(t.user_attrs[CONFIG]) for t in study.trials if t.state == TrialState.COMPLETE}


def seen(config: dict[str, Any]) -> str:
    """A config as text; a server is not told of what is its default."""
    return str([str(config.get(name, 1)) for name in ("tp_size", "page_size", "chunked_prefill_size")])


def workers_of(command: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        children = psutil.Process(command).children()
        return [one for one in children if any("running.worker" in word for word in one.cmdline())]
    return []


def kill_one(study: Study, command: subprocess.Popen[bytes], whole: bool) -> None:
    """Kills the command or one of its workers, at a random moment after the first launch of this run."""
    before = len(study.lines("launches"))
    until(lambda: command.poll() is not None or len(study.lines("launches")) > before, 60)
    time.sleep(study.rng.uniform(0, 1.2))
    if whole:
        command.kill()
    elif workers := workers_of(command.pid):
        with suppress(psutil.NoSuchProcess):
            study.rng.choice(workers).kill()


def check(study: Study) -> None:
    """Every trial once, in the storage and in the file, and no config twice."""
    opened = load_study(open_storage(study.url))
    trials = opened.trials
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: TRIALS}
    assert [trial.number for trial in opened.trials] == list(range(len(opened.trials)))
    assert len({seen(trial.user_attrs[CONFIG]) for trial in trials}) == TRIALS
    known = records(opened)
    assert all(record.outcome.ok for record in known)
    written = ResultsFile(study.folder / "results.jsonl").records()
    order = [(record.trial, record.again) for record in sorted(written, key=lambda r: (r.trial, r.again))]
    assert order == [(record.trial, record.again) for record in known]
    assert study.lines("overlaps") == []


def run_killed(study: Study, kills: int) -> None:
    """Kills a study so often, and lets it come to its end."""
    for left in range(kills, 0, -1):
        whole = left % 2 == 0 or study.rng.random() < 0.5
        repeats = 1 if left > 1 else 2
        finished, loads = study.finished(), len(study.lines("loads"))
        with study.running(repeats) as command:
            kill_one(study, command, whole)
            status = command.wait(120)
        assert status in (0, -signal.SIGKILL), study.said[-1]
        if repeats == 1:
            assert not finished & set(map(seen, study.lines("loads")[loads:]))
        if study.rng.random() < 0.5:
            until(lambda: not with_word(study.mark), 20)
    with study.running(2) as command:
        assert command.wait(120) == 0, study.said[-1]
    until(lambda: not with_word(study.mark), 20)


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_study_that_is_killed_loses_nothing(kind: str, tmp_path: Path) -> None:
    kills = KILLS // 2 if kind == "journal" else KILLS - KILLS // 2
    rng = random.Random(f"{SEED} {kind}")
    print(f"SPACEGEN_KILL_SEED={SEED}")
    for number in range(0, kills, KILLS_OF_A_STUDY):
        folder = tmp_path / str(number)
        folder.mkdir()
        study = Study(folder, kind, f"kill-{os.getpid()}-{SEED}-{kind}-{number}", rng)
        run_killed(study, min(KILLS_OF_A_STUDY, kills - number))
        check(study)


@pytest.mark.parametrize("kind", ["journal", "sqlite"] if KILLS > 2 else ["sqlite"])
def test_two_commands_share_a_study_and_one_may_die(kind: str, tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} two {kind}")
    print(f"SPACEGEN_KILL_SEED={SEED}")
    study = Study(tmp_path, kind, f"two-{os.getpid()}-{SEED}-{kind}", rng)
    with study.running() as survivor, study.running() as victim:
        kill_one(study, victim, whole=True)
        assert survivor.wait(120) == 0, study.said
        assert victim.wait(10) in (0, -signal.SIGKILL)
    check(study)
    until(lambda: not with_word(study.mark), 20)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_asked_to_end_leaves_its_trials_to_the_next(
    how: signal.Signals, tmp_path: Path
) -> None:
    study = Study(tmp_path, "sqlite", f"asked-{os.getpid()}-{SEED}-{how.name}", random.Random(SEED))
    with study.running() as command:
        until(lambda: len(study.lines("launches")) > 4, 60)
        command.send_signal(how)
        try:
            assert command.wait(60) == 128 + how
        except subprocess.TimeoutExpired:
            command.send_signal(signal.SIGABRT)  # says where it hangs
            command.wait()
            pytest.fail((tmp_path / "command-0.log").read_text())
    assert not with_word(study.mark)
    opened = load_study(open_storage(study.url))
    left = [trial for trial in opened.trials if trial.state == TrialState.RUNNING]
    assert left
    # One that it was asking for just then may have no owner yet.
    assert all(trial.user_attrs.get(OWNER, {}).get("driver") is None for trial in left)
    with study.running() as command:
        assert command.wait(60) == 0, study.said[-1]
    check(study)
