"""What a study has tried or is about to try, and claims on what it tries next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import sleep
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from optuna import Study
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from spacegen.errors import EngineError, Fault, UsageError
from spacegen.language.scalars import write_scalar
from spacegen.questions.edits import shorten
from spacegen.tune.sampling.encoding import Encoding, Row

__all__ = ["FIXED", "ContestedError", "Ledger", "Seen", "fixed_of"]

_CLAIM: Final = "spacegen:claim"
FIXED: Final = "fixed_params"
"""Of a trial, as Optuna names it: the params that somebody enqueued."""
_PATIENCE: Final = 50
_LEARNT: Final = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class Seen:
    """The configs of all other trials. `open` says that some are claimed by trials that may yet withdraw;
    `shared` has the parameters that every trial has which samplers learn from."""

    taken: frozenset[Row]
    open: bool
    shared: frozenset[str]


def fixed_of(trial: FrozenTrial) -> Mapping[str, object]:
    """The params that a trial must have: somebody enqueued them, or it has them already."""
    return {**trial.system_attrs.get(FIXED, {}), **trial.params}


class ContestedError(EngineError):
    """No config could be had, though some are left."""


class Ledger:
    """The trials of studies over one space."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        # Finished trials do not change: each is read once.
        self._finished: WeakKeyDictionary[BaseStorage, dict[tuple[int, int], _Entry]] = WeakKeyDictionary()

    def read(self, study: Study, number: int | None = None, *, again: bool = True) -> Seen:
        """What the trials of a study have, but for the one of this number; `again` looks at the storage also
        where the study has done so since the trial began. Raises UsageError where the study is about another
        space."""
        known = self._finished.setdefault(study._storage, {})
        if again:
            trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        else:
            trials = study._get_trials(deepcopy=False, use_cache=True)
        taken, shared, open_claims = set(), set(self._encoding.searched), False
        for trial in trials:
            if trial.number == number:
                continue
            key = (study._study_id, trial.number)
            entry = known.get(key)
            if entry is None:
                entry = self._entry(trial)
                if trial.state.is_finished():
                    known[key] = entry
            if entry.row is not None:
                taken.add(entry.row)
            open_claims |= entry.open
            if entry.missing and trial.state in _LEARNT:
                shared -= entry.missing
        return Seen(frozenset(taken), open_claims, frozenset(shared))

    def rivals(self, study: Study, number: int, row: Row) -> tuple[bool, bool]:
        """Whether another trial has the config that this one was enqueued with, or was enqueued with it
        before; and whether one claims it that may yet withdraw."""
        taken = claimed = False
        for trial in study._storage.get_all_trials(study._study_id, deepcopy=False):
            entry = None if trial.number == number else self._entry(trial)
            if entry is None or entry.row != row:
                continue
            later = trial.number > number and not trial.params
            claimed |= entry.open
            taken |= not entry.open and not later
        return taken, claimed

    def claimed(self, trial: FrozenTrial) -> Row | None:
        """The config that a trial has claimed, if any."""
        claim: Any = trial.system_attrs.get(_CLAIM)
        if not isinstance(claim, list) or len(claim) != len(self._encoding.parameters):
            return None
        sizes = map(len, self._encoding.choices.values())
        fits = all(isinstance(c, int) and 0 <= c < size for c, size in zip(claim, sizes, strict=True))
        return tuple(claim) if fits else None

    def claim(
        self, study: Study, trial: FrozenTrial, seen: Seen, pick: Callable[[Seen, int], Row | None]
    ) -> Row | None:
        """The config that `pick` chooses and no other trial has or claims; None where `pick` finds none.

        `pick` is told what is taken, at first `seen`, and how often it was asked before. Raises
        ContestedError where what is left stays claimed by others: their driver may be dead.
        """
        # Each claim is written before it is looked for among the claims of others. Of two trials that claim
        # the same config the later to write sees the other's claim and takes another config; where both
        # wrote before either looked, both do. So no two keep one config, and no lock is needed.
        for attempt in range(_PATIENCE):
            row = pick(seen, attempt)
            if row is not None:
                self._write(study, trial, list(row))
            elif not seen.open:
                return None
            else:
                # Two that yield the last config to each other try again at different times.
                self._write(study, trial, None)
                sleep(float(np.random.default_rng([trial.number, attempt]).uniform(0.001, 0.04)))
            seen = self.read(study, trial.number)
            if row is not None and row not in seen.taken:
                return row
        self._write(study, trial, None)
        raise ContestedError("other trials claim the configs that are left, and do not come to try them")

    def _write(self, study: Study, trial: FrozenTrial, claim: list[int] | None) -> None:
        study._storage.set_trial_system_attr(trial._trial_id, _CLAIM, claim)

    def _entry(self, trial: FrozenTrial) -> _Entry:
        for name in trial.distributions.keys() & self._encoding.parameters.keys():
            self._check(trial, name)
        missing = frozenset(self._encoding.searched.keys() - trial.params.keys())
        if trial.state == TrialState.FAIL and not trial.params:
            # It tried nothing.
            return _Entry(None, False, missing)
        row = self._encoding.row(trial.params)
        if row is not None:
            return _Entry(row, False, missing)
        claim = self.claimed(trial)
        if claim is None:
            return _Entry(self._encoding.row(fixed_of(trial)), False, missing)
        return _Entry(claim, not trial.state.is_finished(), missing)

    def _check(self, trial: FrozenTrial, name: str) -> None:
        distribution = trial.distributions[name]
        if self._encoding.agree(name, distribution):
            return
        before = _told(getattr(distribution, "choices", ()))
        now = _told(self._encoding.choices[name])
        hint = "a study keeps its domains: begin another one, or move this one to the new space"
        message = (
            f"this study is about other values of `{name}`: trial {trial.number} chose among {before}, "
            f"and now they are {now}"
        )
        raise UsageError(Fault(message, hint=hint))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A trial's config; whether that is only claimed; the parameters that the trial lacks."""

    row: Row | None
    open: bool
    missing: frozenset[str]


def _told(choices: tuple[Any, ...]) -> str:
    return shorten(", ".join(map(write_scalar, choices)))
