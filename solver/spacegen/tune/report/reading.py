"""What a report is made from: a study in a storage, or a file of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spacegen.errors import ConfigError, Fault, UsageError, did_you_mean
from spacegen.extras import require
from spacegen.tune.files import expanded, storage_file
from spacegen.tune.metrics import DEFAULT_GOALS, Goal, Limit, read_limit
from spacegen.tune.record import Record
from spacegen.tune.results import ResultsFile

__all__ = ["Material", "check_goals", "read"]

_STORAGES: Final = ("sqlite:", "journal:", "postgresql:", "postgresql+", "postgres:")
_SQLITE: Final = b"SQLite format 3\x00"
_JOURNAL: Final = b'{"op_code":'


@dataclass(frozen=True, slots=True)
class Material:
    """Records, and what they were measured for; the usual goals where a file does not know."""

    records: tuple[Record, ...]
    goals: tuple[Goal, ...] = DEFAULT_GOALS
    limits: tuple[Limit, ...] = ()


def read(source: str, study: str | None = None) -> Material:
    """What a storage (its URL, or the file of one) or a file of records has of a study; of the only one where
    no name is given. Nothing is made or changed.

    Raises UsageError and ConfigError for what is neither, and where the study is not clear.
    """
    if source.startswith(_STORAGES) or source == "journal":
        return _of_storage(source, study)
    path = expanded(source)
    try:
        with path.open("rb") as stream:
            start = stream.read(len(_SQLITE))
    except OSError as error:
        raise ConfigError(f"cannot read {source}: {(error.strerror or str(error)).lower()}") from None
    if start == _SQLITE:
        return _of_storage(f"sqlite:///{path.absolute()}", study)
    if start.startswith(_JOURNAL):
        return _of_storage(f"journal:{path.absolute()}", study)
    return _of_file(path, study)


def _of_storage(url: str, name: str | None) -> Material:
    require("optuna", "tune", "a study")
    from spacegen.tune.study.identity import identity
    from spacegen.tune.study.opening import load_study
    from spacegen.tune.study.records import records
    from spacegen.tune.study.storage import open_storage

    _there(url)
    study = load_study(open_storage(url), name)
    known = identity(study)
    return Material(tuple(records(study)), known.goals, known.limits)


def _there(url: str) -> None:
    """Raises ConfigError where the storage is a file that there is not: opening it would make one."""
    path = storage_file(url)
    if path is not None and not path.exists():
        raise ConfigError(f"there is no file `{path}`")


def _of_file(path: Path, name: str | None) -> Material:
    found = ResultsFile(path).records()
    names = _names(found)
    shown = list(dict.fromkeys(names.values()))
    if name is None and len(names) > 1:
        hint = f"it has {', '.join(f'`{known}`' for known in shown)}; name it with `--study NAME`"
        raise UsageError(Fault(f"which study of {path}?", hint=hint))
    if name is not None and name not in shown:
        raise UsageError(Fault(f"{path} has no study `{name}`", hint=did_you_mean(name, shown)))
    records = tuple(record for record in found if name is None or names[_study(record)] == name)
    # Records say which service levels they were judged by.
    limits = dict.fromkeys(text for record in records for text in record.violations)
    return Material(records, limits=tuple(map(read_limit, limits)))


def _study(record: Record) -> tuple[str, str]:
    return record.study or "", record.study_id or ""


def _names(found: Iterable[Record]) -> dict[tuple[str, str], str]:
    """What the studies of records are called: those of one name by their ids, too."""
    studies = dict.fromkeys(map(_study, found))
    times = Counter(name for name, _ in studies)
    return {(name, id): name if times[name] == 1 else f"{name}#{id}" for name, id in studies}


def check_goals(records: Sequence[Record], goals: Iterable[Goal]) -> None:
    """Raises UsageError for a goal whose metric no launch gave, where any launch gave some."""
    known = {name for record in records if record.outcome.ok for name in record.outcome.values()}
    for goal in goals:
        if known and goal.metric not in known:
            hint = did_you_mean(goal.metric, known) or f"there are {', '.join(sorted(known))}"
            raise UsageError(Fault(f"no record has the metric `{goal.metric}`", hint=hint))
