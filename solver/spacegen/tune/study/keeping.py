"""The results file of a study: each of its records once, whoever appends."""

from __future__ import annotations

from typing import Any

import optuna

from spacegen.errors import Fault, UsageError
from spacegen.tune.record import Record
from spacegen.tune.results import ResultsFile
from spacegen.tune.study.attributes import IDENTITY, trials
from spacegen.tune.study.opening import OpenStudy
from spacegen.tune.study.ownership import died, owner_of
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
        """Appends what was measured and not written before somebody was killed; says how many records."""
        return self._add(records(self._opened.study))

    def catch_up_for_the_dead(self) -> int:
        """Appends what others measured and told, who died before they wrote it; those that live write their
        own, maybe to another file."""
        study = self._opened.study
        dead = died(study)
        owners = ((trial.number, owner_of(trial)) for trial in trials(study))
        theirs = {(number, 0) for number, owner in owners if owner is not None and owner.driver in dead}
        theirs |= {made for made, process in again_by(study).items() if process in dead}
        known = records(study) if theirs else []
        return self._add([record for record in known if (record.trial, record.again) in theirs])

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


def _key(record: Record) -> tuple[Any, ...]:
    return record.study, record.study_id, record.trial, record.again
