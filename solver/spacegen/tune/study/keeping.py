"""The results file of a study: each of its records once, whoever appends."""

from __future__ import annotations

from typing import Any

from spacegen.tune.record import Record
from spacegen.tune.results import ResultsFile
from spacegen.tune.study.attributes import trials
from spacegen.tune.study.opening import OpenStudy
from spacegen.tune.study.ownership import died, owner_of
from spacegen.tune.study.records import records

__all__ = ["Keeper"]


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
        theirs = {number for number, owner in owners if owner is not None and owner.driver in dead}
        known = records(study) if dead else []
        return self._add([record for record in known if record.trial in theirs or record.again])

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


def _key(record: Record) -> tuple[Any, ...]:
    return record.study, record.trial, record.again
