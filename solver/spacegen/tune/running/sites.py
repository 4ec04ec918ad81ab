"""Where a job runs: GPUs, ports and a folder to itself, from its turn until it has cooled down."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from spacegen.tune.gpus import numbered
from spacegen.tune.jobs import Job, Report
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.running.leases import LeaseTimeoutError, lease, who_has
from spacegen.tune.running.locks import lock_folder
from spacegen.tune.running.ports import FIRST_PORT, free_ports
from spacegen.tune.setup import Setup

__all__ = ["LOG", "Site", "at_site"]

LOG: Final = "server.log"
# A launch begins to look somewhere among them: who starts servers by hand takes the first ports.
_STARTS: Final = 1000
_HERE: Final = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104 - nothing is bound here


@dataclass(frozen=True, slots=True)
class Site:
    """`fds` are open files that hold the GPUs and the ports: what inherits them holds these, too."""

    gpus: tuple[str, ...]
    port: int
    folder: Path
    fds: tuple[int, ...]

    @property
    def log(self) -> Path:
        return self.folder / LOG


def at_site(setup: Setup, job: Job, report: Report, measure: Callable[[Site], Outcome]) -> Outcome:
    """What `measure` finds at a site of its own, once there are GPUs for it.

    The site rests before it is given back.
    """
    if setup.gpu_ids and job.gpus > len(setup.gpu_ids):
        message = f"the launch takes {job.gpus} GPUs, and {len(setup.gpu_ids)} are given"
        return Outcome.failed(Cause.ARGUMENTS, message, started=time.time())
    report(job, "waiting for GPUs")
    with ExitStack() as held:
        try:
            ids, fds = _gpus(setup, job, report, held)
        except LeaseTimeoutError as error:
            return Outcome.failed(Cause.INTERRUPTED, str(error), started=time.time())
        start = FIRST_PORT + 2 * secrets.randbelow(_STARTS)
        ports = held.enter_context(free_ports(setup.host, start=start, folder=_elsewhere(setup)))
        outcome = measure(Site(ids, ports.first, _fresh(setup.folder / job.name), (*fds, *ports.fds)))
        time.sleep(setup.timeouts.cooldown)
    return outcome.model_copy(update={"gpus": job.gpus}) if setup.exclusive else outcome


def _gpus(setup: Setup, job: Job, report: Report, held: ExitStack) -> tuple[tuple[str, ...], tuple[int, ...]]:
    if not setup.gpu_ids:
        return (), ()
    elsewhere = setup.launch_template is not None or setup.host not in _HERE
    wanted = lease(
        # Whichever way a GPU is named, it is one.
        setup.gpu_ids if elsewhere else numbered(setup.gpu_ids),
        job.gpus,
        folder=setup.lease_folder or _elsewhere(setup),
        exclusive=setup.exclusive,
        timeout=setup.timeouts.gpus,
        waiting=lambda holders: report(job, f"waiting for GPUs ({who_has(holders) or 'others were first'})"),
        name=job.name,
    )
    found = held.enter_context(wanted)
    return found.ids, found.fds


def _elsewhere(setup: Setup) -> Path | None:
    """Where leases of another machine are kept, which has GPUs and ports of its own under the same names."""
    return None if setup.host in _HERE else lock_folder() / f"host-{quote(setup.host, safe='')}"


def _fresh(folder: Path) -> Path:
    """The folder of a job, for words that are written from other places.

    Logs of an earlier launch of the same job are kept under other names.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / LOG
    if log.exists():
        number = next(n for n in range(1, 10**6) if not (folder / f"server-{n}.log").exists())
        log.rename(folder / f"server-{number}.log")
    return folder
