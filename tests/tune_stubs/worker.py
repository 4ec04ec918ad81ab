"""A worker whose runner does what the `do` of a config says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from spacegen.tune.jobs import Job, Report
from spacegen.tune.outcome import Outcome
from spacegen.tune.running.guarded import guard
from spacegen.tune.running.worker import serve
from spacegen.tune.setup import Setup


class StubRunner:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def run(self, job: Job, report: Report) -> Outcome:
        do = str(job.config["do"])
        with (self._setup.folder / f"{job.name}.runs").open("a") as runs:
            runs.write(f"{os.getpid()}\n")
        report(job, f"doing {do}")
        number = float(str(job.config.get("number", 0)))
        match do:
            case "add":
                return Outcome(metrics={"tps": number + 1, "pid": float(os.getpid())})
            case "print":
                print('{"outcome": "of a chatterbox"}', flush=True)
                os.write(1, b"half a line")
                subprocess.run([sys.executable, "-c", "print('of a child')"], check=True)
                return Outcome(metrics={"read": float(len(sys.stdin.read()))})
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "die once":
                if len((self._setup.folder / f"{job.name}.runs").read_text().split()) == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                return Outcome(metrics={"tps": 1.0})
            case "err":
                raise ZeroDivisionError("of the stub")
            case "hang":
                self._hang(job)
            case "serve":
                return self._serve(job)
        raise AssertionError(do)

    def _hang(self, job: Job) -> None:
        Path(self._setup.folder, job.name, "server.pid").write_text(f"{os.getpid()}\n")
        while True:
            with suppress(KeyboardInterrupt):
                time.sleep(60)

    def _serve(self, job: Job) -> Outcome:
        stubborn = "trap '' TERM; " if job.config.get("stubborn") else ""
        command = f"{stubborn}echo $$ > server.pid; (sleep 60; :) & while :; do sleep 0.1; done"
        folder = self._setup.folder / job.name
        try:
            with guard(["sh", "-c", command], cwd=folder, grace=self._setup.timeouts.stop):
                time.sleep(60)
        except KeyboardInterrupt:
            Path(folder, "interrupted").touch()
            raise
        raise AssertionError("nobody interrupted this")


if __name__ == "__main__":
    serve(StubRunner)
