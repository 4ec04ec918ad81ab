"""Who runs which trial, so that none is run twice and none is lost when its driver dies."""

from __future__ import annotations

import os
import platform
import secrets
import time
from collections.abc import Container, Iterator, Mapping, Sized
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import psutil
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from spacegen.tune.study.attributes import AGAIN_BY, DRIVER, OWNER, TrialLike, mark, trial_now, trials
from spacegen.tune.study.storage import StudyStorage
from spacegen.tune.values import Value

__all__ = [
    "LEASE",
    "SIGN",
    "Owner",
    "Ownership",
    "Whereabouts",
    "died",
    "living",
    "owner_of",
    "take_over_again",
]

LEASE: Final = 120.0
"""For how many seconds a driver on another machine is trusted after each sign of life."""
_SKEW: Final = 60.0
"""By how many seconds clocks of machines may differ."""
SIGN: Final = LEASE / 6
"""Seconds between signs of life."""

_alive: set[str] = set()
"""The drivers of this process."""


class Whereabouts(Value):
    """Where a driver runs. A machine is one start of one system, a process one pid with the time of its
    start."""

    machine: str
    pid: int
    born: str
    until: float

    @classmethod
    def here(cls) -> Whereabouts:
        """This process, trusted for a lease from now on."""
        born = _born(os.getpid()) or ""
        return cls(machine=_machine(), pid=os.getpid(), born=born, until=time.time() + LEASE)

    @property
    def process(self) -> str:
        """What no other process is called."""
        return f"{self.machine}/{self.pid}/{self.born}"

    @property
    def elsewhere(self) -> bool:
        """Whether it runs on another machine."""
        return self.machine != _machine()

    @property
    def ours(self) -> bool:
        """Whether it runs in this process."""
        return not self.elsewhere and self.pid == os.getpid() and self.born == _born(os.getpid())

    @property
    def gone(self) -> bool:
        """Whether the driver is dead: on this machine its process ended, on another it gave no sign of
        life."""
        if not self.elsewhere and (born := _born(self.pid)) != "?":
            return born != self.born
        return time.time() > self.until + _SKEW


class Owner(Value):
    """The driver of a trial (null: it was let go), and how often the trial was started."""

    driver: str | None
    starts: int = 1


class Ownership:
    """The trials of one driver of a study. A context manager: leaving it lets go of what is still owned, and
    says that the driver came to its end, all it finished being written; while something is `unsaid` it leaves
    like one that died."""

    def __init__(self, study: Study, storage: StudyStorage, unsaid: Sized = ()) -> None:
        self._study, self._storage, self._unsaid = study, storage, unsaid
        self.driver = f"{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._owned: dict[int, TrialLike] = {}
        self._next_sign = 0.0
        self._trusting = 0.0

    def __enter__(self) -> Ownership:
        _alive.add(self.driver)
        self.sign()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for trial in tuple(self._owned.values()):
                self.let_go(trial)
        finally:
            _alive.discard(self.driver)
            if not self._unsaid:
                self._study.set_user_attr(DRIVER + self.driver, None)

    def sign(self) -> None:
        """Gives a sign of life, if it is time for one."""
        if time.monotonic() < self._next_sign:
            return
        self._next_sign = time.monotonic() + SIGN
        self._study.set_user_attr(DRIVER + self.driver, Whereabouts.here().model_dump(mode="json"))

    def recover(self, held: Container[int]) -> None:
        """After a write that failed: what is not held in hand is left to be adopted, by this driver too.
        Drivers elsewhere are trusted for another lease."""
        self._owned = {number: trial for number, trial in self._owned.items() if number in held}
        self._next_sign = 0.0
        # Drivers elsewhere were kept from signing, too.
        self._trusting = time.monotonic() + LEASE
        self.sign()

    def take(self, trial: TrialLike) -> None:
        """Owns a trial that this driver asked for, or that is let go."""
        mark(self._study, trial, OWNER, Owner(driver=self.driver).model_dump(mode="json"))
        self._owned[trial.number] = trial

    def starts(self, trial: TrialLike) -> int:
        """How often a trial of this driver was started, this time included."""
        owner = owner_of(trial_now(self._study, trial))
        return owner.starts if owner else 1

    def restart(self, trial: TrialLike) -> int:
        """Counts one more start of a trial of this driver, and returns their number."""
        starts = self.starts(trial) + 1
        mark(self._study, trial, OWNER, Owner(driver=self.driver, starts=starts).model_dump(mode="json"))
        return starts

    def has(self, trial: TrialLike) -> bool:
        """Whether this driver still owns a trial: one that slept for long may have lost it to another."""
        now = trial_now(self._study, trial)
        owner = owner_of(now)
        return now.state == TrialState.RUNNING and owner is not None and owner.driver == self.driver

    def told(self, trial: TrialLike) -> bool:
        """Whether this driver has finished a trial."""
        now = trial_now(self._study, trial)
        owner = owner_of(now)
        return now.state.is_finished() and owner is not None and owner.driver == self.driver

    def done(self, trial: TrialLike) -> None:
        """The trial is finished, or another's."""
        self._owned.pop(trial.number, None)

    def let_go(self, trial: TrialLike) -> None:
        """Leaves a trial of this driver to whoever comes next."""
        self.done(trial)
        if self.has(trial):
            left = Owner(driver=None, starts=self.starts(trial))
            mark(self._study, trial, OWNER, left.model_dump(mode="json"))

    def adopt(self) -> FrozenTrial | None:
        """Takes over one running trial whose driver is dead or let it go; None where there is none.

        Nobody else adopts at the same time: the storage keeps them out.
        """
        if next(self._orphans(), None) is None:
            return None
        with self._storage.exclusive():
            found = next(self._orphans(), None)
            if found is None:
                return None
            owner = owner_of(found)
            mine = Owner(driver=self.driver, starts=owner.starts + 1 if owner else 1)
            mark(self._study, found, OWNER, mine.model_dump(mode="json"))
            self._owned[found.number] = found
            return trial_now(self._study, found)

    def _orphans(self) -> Iterator[FrozenTrial]:
        """The running trials that nobody runs, by number."""
        # Trials before drivers: whoever asked for a trial that is seen here had said before where it runs.
        running = trials(self._study, TrialState.RUNNING)
        drivers = _signed(self._study.user_attrs)
        trusting = time.monotonic() < self._trusting
        alive = {
            driver
            for driver, where in drivers.items()
            if _runs(driver, where) or (trusting and where.elsewhere)
        }
        for trial in running:
            owner = owner_of(trial)
            if trial.number in self._owned:
                continue
            # Trials get their owners under the lock: one without was left by a driver that died in between,
            # or another is asking for it just now, which the lock will tell.
            orphaned = owner is None or owner.driver not in alive - {self.driver}
            if orphaned:
                yield trial


def died(study: Study) -> set[str]:
    """The drivers of a study that never came to its end and live no more, and the processes that measured its
    front again and do not either."""
    known = study.user_attrs
    found = {driver for driver, where in _signed(known).items() if not _runs(driver, where)}
    measuring = _measuring(known)
    return found | ({measuring.process} if measuring is not None and measuring.gone else set())


def living(study: Study) -> set[str]:
    """The drivers of a study that are at work, and the other process that measures its front again."""
    known = study.user_attrs
    found = {driver for driver, where in _signed(known).items() if _runs(driver, where)}
    measuring = _measuring(known)
    at_work = measuring is not None and not measuring.gone and not measuring.ours
    return found | ({measuring.process} if measuring is not None and at_work else set())


def take_over_again(study: Study, dead: Whereabouts) -> None:
    """Remembers a process that died while it measured the front again."""
    study.set_user_attr(DRIVER + dead.process, dead.model_dump(mode="json"))


def owner_of(trial: FrozenTrial) -> Owner | None:
    """The owner of a trial; None where its driver did not come to say so."""
    found: Any = trial.user_attrs.get(OWNER)
    return None if found is None else Owner.model_validate(found)


def _signed(known: Mapping[str, Any]) -> dict[str, Whereabouts]:
    """Who gave a sign of life and did not come to its end."""
    signed = {key.removeprefix(DRIVER): where for key, where in known.items() if key.startswith(DRIVER)}
    return {driver: Whereabouts.model_validate(where) for driver, where in signed.items() if where}


def _measuring(known: Mapping[str, Any]) -> Whereabouts | None:
    """Who measures the front again, or died at it."""
    again = known.get(AGAIN_BY)
    return None if again is None else Whereabouts.model_validate(again)


def _runs(driver: str, where: Whereabouts) -> bool:
    return driver in _alive if where.ours else not where.gone


@lru_cache
def _machine() -> str:
    """One start of one system, and the numbering of processes in it (a container has its own)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:  # not Linux
        return platform.node()


def _born(pid: int) -> str | None:
    """When a process started, in the clock of its system; None where it has ended. `?` where others may not
    know."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (
            None if state in "ZX" else rest[18]
        )  # field 22 of proc(5), in ticks since the start of the system
    except OSError:
        pass
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return "?"
