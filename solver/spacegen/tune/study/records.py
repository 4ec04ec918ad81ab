"""What a study has measured, as records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from spacegen.language.expr import Scalar
from spacegen.questions.draw import is_ranked
from spacegen.tune.outcome import Outcome
from spacegen.tune.record import Record
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.study.attributes import (
    AGAIN,
    CONFIG,
    ORIGIN,
    RANK,
    as_stored,
    outcome_of,
    trials,
)
from spacegen.tune.study.identity import Identity, identity
from spacegen.tune.study.ownership import Whereabouts

__all__ = [
    "Measurements",
    "again_by",
    "again_records",
    "rank_of",
    "record_of",
    "records",
    "store_again",
]

_BY: Final = "by"
"""With the outcome of a measurement that was made again: the process that made it."""
_FINISHED: Final = (TrialState.COMPLETE, TrialState.FAIL)


def records(study: Study) -> list[Record]:
    """Everything that a study has measured: its finished trials by number, each followed by what measuring
    it again gave. Raises UsageError for a study that was not made here."""
    return Measurements(study, identity(study)).records()


class Measurements:
    """What a study has measured, each trial read once: those that are finished do not change."""

    def __init__(self, study: Study, known: Identity) -> None:
        self._study, self._known = study, known
        self._read: dict[int, Record | None] = {}

    def records(self) -> list[Record]:
        """The records of the study as it is now."""
        again, found = _again(self._study), []
        for trial in trials(self._study, *_FINISHED):
            first = self._first(trial)
            if first is not None:
                found.append(first)
                more = sorted(again.get(trial.number, {}).items())
                found += (
                    record_of(self._study, trial, outcome, self._known, number) for number, outcome in more
                )
        return found

    def _first(self, trial: FrozenTrial) -> Record | None:
        if trial.number not in self._read:
            outcome = outcome_of(trial)
            known = None if outcome is None else record_of(self._study, trial, outcome, self._known)
            self._read[trial.number] = known
        return self._read[trial.number]


def record_of(study: Study, trial: FrozenTrial, outcome: Outcome, known: Identity, again: int = 0) -> Record:
    """The record of a trial with this outcome."""
    values = outcome.values()
    return Record(
        study=study.study_name,
        study_id=known.id,
        trial=trial.number,
        rank=trial.user_attrs.get(RANK),
        config=trial.user_attrs.get(CONFIG, {}),
        outcome=outcome,
        violations={str(limit): limit.violation(values) for limit in known.limits},
        again=again,
        origin=trial.user_attrs.get(ORIGIN, "sampler"),
        provenance=known.provenance,
    )


def rank_of(encoding: Encoding, config: Mapping[str, Scalar]) -> int | None:
    """The number of a solution; None where the engine of the space knows no ranks."""
    engine, row = encoding.space.engine, encoding.row(encoding.encode(config))
    return int(engine.rank(encoding.block(row))[0]) if row is not None and is_ranked(engine) else None


def store_again(study: Study, trial: int, again: int, outcome: Outcome) -> Record:
    """Keeps what measuring the config of a finished trial once more gave (`again` counts from 1), and
    returns it as a record. It stands with the study, because trials that are finished cannot change."""
    study.set_user_attr(f"{AGAIN}{trial}:{again}", {**as_stored(outcome), _BY: Whereabouts.here().process})
    frozen = next(found for found in trials(study, *_FINISHED) if found.number == trial)
    return record_of(study, frozen, outcome, identity(study), again)


def again_records(study: Study, trial: int) -> dict[int, Outcome]:
    """What measuring the config of a trial again gave, by the number of the measurement."""
    return _again(study)[trial]


def again_by(study: Study) -> dict[tuple[int | None, int], str]:
    """Which process made each measurement again, by trial and number, where that is known."""
    found: dict[tuple[int | None, int], str] = {}
    for key, value in study.user_attrs.items():
        if key.startswith(AGAIN) and _BY in value:
            trial, _, number = key.removeprefix(AGAIN).partition(":")
            found[int(trial), int(number)] = value[_BY]
    return found


def _again(study: Study) -> defaultdict[int, dict[int, Outcome]]:
    found: defaultdict[int, dict[int, Outcome]] = defaultdict(dict)
    for key, value in study.user_attrs.items():
        if key.startswith(AGAIN):
            trial, _, number = key.removeprefix(AGAIN).partition(":")
            known = {name: field for name, field in value.items() if name != _BY}
            found[int(trial)][int(number)] = Outcome.model_validate(known)
    return found
