"""The results file of a study: each of its records once, whoever appends."""

from __future__ import annotations

from typing import Any

import optuna

from spacegen.errors import Fault, UsageError
from spacegen.tune.record import Record
from spacegen.tune.results import ResultsFile
from spacegen.tune.study.attributes import IDENTITY, trials
from spacegen.tune.study.opening import OpenStudy
from spacegen.tune.study.ownership import died, living, owner_of
from spacegen.tune.study.records import again_by, records
from spacegen.tune.study.storage import StudyStorage

__all__ = ["Keeper", "refuse_others"]


class Keeper:
    """Appends the records of a study to a file of results."""

    def __init__(self, opened: OpenStudy, file: ResultsFile) -> None:
        self._opened, self._file = opened, file
        self._there: set[tuple[Any, ...]] = set()
        self._size = -1

    def keep(self, record: Record) -> None:
        """Appends a record, unless it is there."""
        self._add([record])

    def catch_up(self) -> int:
        """Appends what was measured before by those who are at work no more, killed or not, and is not there;
        who is at work writes its own, maybe to another file. Says how many records."""
        study = self._opened.study
        # Looked at on both sides of the records: who began in between may have some of them already, and who
        # ended in between has written its own.
        at_work = living(study)
        known = records(study)
        at_work |= living(study)
        makers = self._makers()
        return self._add([record for record in known if makers.get(_made(record)) not in at_work])

    def catch_up_for_the_dead(self) -> int:
        """Appends what others measured and told, who died before they wrote it; those that live write their
        own, maybe to another file."""
        dead, makers = died(self._opened.study), self._makers()
        known = [] if dead.isdisjoint(makers.values()) else records(self._opened.study)
        return self._add([record for record in known if makers.get(_made(record)) in dead])

    def _makers(self) -> dict[tuple[int | None, int], str]:
        """Who made each record, by its trial and its number: a driver, or a process that measured again."""
        found = again_by(self._opened.study)
        for trial in trials(self._opened.study):
            if (owner := owner_of(trial)) is not None and owner.driver is not None:
                found[trial.number, 0] = owner.driver
        return found

    def _add(self, some: list[Record]) -> int:
        # Another driver that catches up must not look between our looking and our writing.
        with self._opened.storage.exclusive():
            if self._size != self._bytes():  # others have appended
                self._there = set(map(_key, self._file.records()))
            missing = tuple(record for record in some if _key(record) not in self._there)
            if missing:
                self._file.append_all(missing)
            self._there.update(map(_key, missing))
            self._size = self._bytes()
        return len(missing)

    def _bytes(self) -> int:
        return self._file.path.stat().st_size if self._file.path.exists() else 0


def refuse_others(file: ResultsFile, storage: StudyStorage, name: str) -> None:
    """Raises UsageError where a results file has records of another study of this name than that of the
    storage: they would pass for its own."""
    # The file is read first: of a study that others begin now, it cannot know more than the storage.
    ids = {record.study_id for record in file.records() if record.study == name}
    there = name in optuna.get_all_study_names(storage.optuna)
    known = optuna.load_study(study_name=name, storage=storage.optuna).user_attrs if there else {}
    own = (known.get(IDENTITY) or {}).get("id")
    if ids - ({own} if there else set()):
        where = f"the one in {storage.label}" if there else f"in {storage.label}"
        told = f"`{file.path}` has records of a study `{name}` that is not {where}"
        hint = "`--results OTHER` for another file, or `--study NAME` for another study"
        raise UsageError(Fault(told, hint=hint))


def _made(record: Record) -> tuple[int | None, int]:
    return record.trial, record.again


def _key(record: Record) -> tuple[Any, ...]:
    return record.study, record.study_id, record.trial, record.again
