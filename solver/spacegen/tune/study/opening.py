"""Opening a study: a new one, the same as before, or what is left of it under another space."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import TrialState

from spacegen.api import Space
from spacegen.errors import Fault, UsageError
from spacegen.tune.study.attributes import IDENTITY, SPACE, outcome_of, trials
from spacegen.tune.study.changes import space_changes, written
from spacegen.tune.study.identity import Difference, Identity, differences, identity, moved
from spacegen.tune.study.migration import move
from spacegen.tune.study.storage import StudyStorage

__all__ = ["OpenStudy", "load_study", "open_study"]

_CHANGES: Final = 10
"""As many lines say how a space changed."""


@dataclass(frozen=True)
class OpenStudy:
    """A study and where it is kept. `new` says whether it was made just now, `notes` what its user should
    know."""

    study: Study
    storage: StudyStorage
    identity: Identity
    new: bool = False
    notes: tuple[str, ...] = ()


def open_study(
    storage: StudyStorage,
    name: str,
    wanted: Identity,
    space: Space,
    sampler: BaseSampler | None = None,
    *,
    migrate: bool = False,
) -> OpenStudy:
    """The study of this name, made where there is none.

    Raises UsageError for a study that is about something else, or that others made. With `migrate`, and
    where a study only sought what nothing measures, it is then the study `NAME@2` (or 3 …), made where there
    is none with whatever of the trials before still says something.
    """
    storage = storage.of(name)
    with _quiet():
        # A study that says what it is about is whole, so that only what makes one keeps others waiting.
        found = _whole(storage, name, sampler)
        if found is None:
            with storage.exclusive():
                found = _known(storage, name, sampler)
                if found is None:
                    made = _make(storage, name, wanted, space, sampler)
                    return _begun(made, storage, wanted)
        known = identity(found)
        unlike = tuple(differences(known, wanted))
        if not unlike:
            return OpenStudy(found, storage, known, notes=tuple(moved(known, wanted)))
        if not migrate and not _sought_in_vain(found, unlike):
            raise UsageError(_refusal(found, unlike, space))
        with storage.exclusive():
            return _migrated(storage, found, wanted, space, sampler)


def _sought_in_vain(study: Study, unlike: Sequence[Difference]) -> bool:
    """Whether a study ended at its first measurement, which lacked what was sought, and now seeks something
    else: there is nothing that could be lost."""
    measured = [t.state for t in trials(study) if (outcome := outcome_of(t)) is not None and outcome.ok]
    sought = all(difference.name in ("objectives", "service levels") for difference in unlike)
    return sought and bool(measured) and set(measured) == {TrialState.FAIL}


def load_study(storage: StudyStorage, name: str | None = None) -> Study:
    """A study that there is, to read from; without a name the only one. Raises UsageError."""
    names = optuna.get_all_study_names(storage.optuna)
    hint = f"it has {', '.join(f'`{known}`' for known in names)}" if names else "it has none yet"
    if name is None and len(names) != 1:
        raise UsageError(
            Fault(f"which study of `{storage.label}`?", hint=f"{hint}; name it with `--study NAME`")
        )
    try:
        return optuna.load_study(study_name=names[0] if name is None else name, storage=storage.optuna)
    except KeyError:
        raise UsageError(Fault(f"`{storage.label}` has no study `{name}`", hint=hint)) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Optuna from telling of each study that is made."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(level, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)


def _whole(storage: StudyStorage, name: str, sampler: BaseSampler | None) -> Study | None:
    """The study of this name, if there is one that says what it is about."""
    try:
        found = optuna.load_study(study_name=name, storage=storage.optuna, sampler=sampler)
    except KeyError:
        return None
    return found if IDENTITY in found.user_attrs else None


def _known(storage: StudyStorage, name: str, sampler: BaseSampler | None) -> Study | None:
    """The study of this name; None where there is none, or only what somebody left who was killed making
    it."""
    try:
        found = optuna.load_study(study_name=name, storage=storage.optuna, sampler=sampler)
    except KeyError:
        return None
    known = found.user_attrs
    unfinished = SPACE in known if known else not found.get_trials(deepcopy=False)
    if IDENTITY not in known and unfinished:
        optuna.delete_study(study_name=name, storage=storage.optuna)
        return None
    return found


def _make(
    storage: StudyStorage, name: str, wanted: Identity, space: Space, sampler: BaseSampler | None
) -> Study:
    directions = [goal.direction for goal in wanted.goals]
    made = optuna.create_study(
        study_name=name, storage=storage.optuna, sampler=sampler, directions=directions
    )
    made.set_user_attr(SPACE, written(space))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        made.set_metric_names([goal.metric for goal in wanted.goals])
    return made


def _begun(study: Study, storage: StudyStorage, wanted: Identity, notes: tuple[str, ...] = ()) -> OpenStudy:
    # The last that is written: a study that says what it is about is whole.
    known = wanted.named()
    study.set_user_attr(IDENTITY, known.model_dump(mode="json"))
    return OpenStudy(study, storage, known, new=True, notes=notes)


def _migrated(
    storage: StudyStorage, old: Study, wanted: Identity, space: Space, sampler: BaseSampler | None
) -> OpenStudy:
    base, number = old.study_name, 2
    while (found := _known(storage, f"{base}@{number}", sampler)) is not None:
        known = identity(found)
        if not any(differences(known, wanted)):
            return OpenStudy(found, storage, known, notes=(f"the study is `{found.study_name}`",))
        old, number = found, number + 1
    elsewhere = tuple(found for found in differences(identity(old), wanted) if found.measured)
    if elsewhere:
        raise UsageError(_refusal(old, elsewhere, space))
    made = _make(storage, f"{base}@{number}", wanted, space, sampler)
    return _begun(made, storage, wanted, move(old, made, wanted, space))


def _refusal(study: Study, unlike: Sequence[Difference], space: Space) -> Fault:
    lines = "".join(f"\n  {difference}" for difference in unlike)
    if any(difference.name == "space" for difference in unlike):
        lines += "".join(f"\n    {change}" for change in space_changes(study, space)[:_CHANGES])
    other = "`--study NAME` for another study"
    if any(difference.measured for difference in unlike):
        hint = f"other measurements do not compare: {other}"
    else:
        hint = f"`--migrate` to take over the trials that still say something, or {other}"
    return Fault(f"the study `{study.study_name}` is about something else:{lines}", hint=hint)
