"""An Optuna sampler whose every trial is a new solution of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from spacegen.api import Space
from spacegen.engines.blocks import Given
from spacegen.engines.protocol import Method
from spacegen.engines.verdict import keeps
from spacegen.errors import Fault, SpacegenError, UsageError
from spacegen.language.scalars import write_scalar
from spacegen.questions.edits import shorten
from spacegen.questions.given import known_word, whole
from spacegen.tune.sampling.bases import DRAWS, Base, base_for
from spacegen.tune.sampling.draws import Draws
from spacegen.tune.sampling.encoding import Choice, Encoding, Row
from spacegen.tune.sampling.fresh import nearest
from spacegen.tune.sampling.held import exhausted, held, refuse_impossible
from spacegen.tune.sampling.ledger import Ledger, Seen, fixed_of

__all__ = ["FeasibleSampler"]

_PROPOSAL: Final = 1
_CHOICE: Final = 2
_MADE: Final = ("_ledger", "_chosen", "_draws")
"""What is made again when it is asked for, and stays behind when a sampler is pickled."""


class FeasibleSampler(BaseSampler):
    """Proposes with `base` (`tpe`, `nsga2`, `nsga3`, or any sampler of Optuna), and takes the nearest
    solution that no other trial of the study has: the least changed parameters, then the least movement.

    Trials are random solutions until the base has something to say, and always with the bases `uniform` (each
    solution as likely) and `balanced` (each value of a parameter about as often): then nothing is learnt.
    `startup` says which of these the first trials are, and what None, no base, draws. An
    objective suggests each parameter with its whole domain in declared order (`labels`: with the texts of its
    values, as `Encoding` has them). What a trial gets depends on the seed, its number and the trials before
    it. Raises, and stops the study, UsageError where an enqueued trial cannot be had, and EmptySpaceError
    where every solution has been tried; ContestedError where those that are left are claimed by trials that
    do not go on.
    """

    def __init__(
        self,
        space: Space,
        base: Base = "tpe",
        *,
        seed: int = 0,
        startup: Method = "balanced",
        labels: bool = False,
    ) -> None:
        known_word(startup, ("balanced", "uniform"), "way to start")
        self._seed = whole(seed, "a seed")
        if self._seed < 0:
            raise UsageError(f"a seed is not negative: {seed}")
        base_for(base, 0)
        self._base, self._startup = base, _drawn(base) or startup
        self._encoding = Encoding(space, labels)
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        return {name: v for name, v in self.__dict__.items() if name not in _MADE}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._ledger = Ledger(self._encoding)
        self._chosen: dict[int, Mapping[str, Choice]] = {}

    @property
    def space(self) -> Space:
        """The space whose solutions it proposes."""
        return self._encoding.space

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distribution of each parameter, for `study.ask`."""
        return dict(self._encoding.distributions)

    def infer_relative_search_space(
        self,
        study: Study,  # noqa: ARG002 - the signature is Optuna's
        trial: FrozenTrial,  # noqa: ARG002 - the same
    ) -> dict[str, BaseDistribution]:
        """All parameters with more than one value, from the first trial on."""
        return dict(self._encoding.searched)

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002 - the signature is Optuna's
    ) -> dict[str, Any]:
        """Chooses the config of the trial, which `sample_independent` hands out."""
        # Values are not handed out here: where an objective suggests other choices than the domain, Optuna
        # would raise an error of its own before anybody could say what is wrong.
        self._chosen[trial._trial_id] = self._encoding.params(self._refusing(study, trial))
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of the trial's config. Raises UsageError where the parameter or its choices are not those
        of the space."""
        self._agree(study, trial, param_name, param_distribution)
        if trial._trial_id not in self._chosen:
            row = self._ledger.claimed(trial) or self._refusing(study, trial)
            self._chosen[trial._trial_id] = self._encoding.params(row)
        return self._chosen[trial._trial_id][param_name]

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Lets the base prepare."""
        if (base := self._base_for(trial)) is not None:
            base.before_trial(study, trial)
        fixed = fixed_of(trial)
        if not fixed and self._encoding.searched:
            return
        # Optuna asks no sampler for params that an enqueued trial brings, nor for those with one value: this
        # is the only occasion to look at them.
        try:
            refuse_impossible(self._encoding, held(self._encoding, fixed))
            if not self._encoding.searched:
                self._choose(study, trial)
        except SpacegenError:
            _end(study, trial)
            raise

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Lets the base finish."""
        self._chosen.pop(trial._trial_id, None)
        if (base := self._base_for(trial)) is not None:
            base.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Seeds the base anew; those made here have a seed for each trial anyway."""
        if isinstance(self._base, BaseSampler):
            self._base.reseed_rng()

    def _rng(self, trial: FrozenTrial, purpose: int, attempt: int = 0) -> np.random.Generator:
        return np.random.default_rng([self._seed, trial.number, purpose, attempt])

    def _base_for(self, trial: FrozenTrial) -> BaseSampler | None:
        # By the number of the trial, so that drivers of one study do not all propose the same.
        return base_for(self._base, int(self._rng(trial, _PROPOSAL).integers(2**32)))

    def _agree(self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> None:
        try:
            self._encoding.known(name)
            if not self._encoding.agree(name, distribution):
                own = shorten(", ".join(write_scalar(c) for c in self._encoding.choices[name]))
                hint = f"suggest it as `trial.suggest_categorical({name!r}, ...)` with {own}"
                message = f"the choices of `{name}` are not its domain in declared order"
                raise UsageError(Fault(message, hint=hint))
        except UsageError:
            _stop(study, trial)
            raise

    @cached_property
    def _draws(self) -> Draws:
        return Draws(self.space.engine, self._startup, self._seed)

    def _accepts(self, row: Row) -> bool:
        model, block = self.space.model, self._encoding.block(row)
        return all(keeps(model, rule, block)[0] for rule in model.conditions)

    def _refusing(self, study: Study, trial: FrozenTrial) -> Row:
        try:
            return self._choose(study, trial)
        except SpacegenError:
            _stop(study, trial)
            raise

    def _choose(self, study: Study, trial: FrozenTrial) -> Row:
        """The config of the trial. Raises UsageError, EmptySpaceError."""
        fixed = fixed_of(trial)
        given = held(self._encoding, fixed)
        seen = self._ledger.read(study, trial.number, again=False)
        if fixed and (whole := self._encoding.row(fixed)) is not None:
            return whole
        own = self._ledger.claimed(trial)
        if own is not None and own not in seen.taken and _agrees(self._encoding, own, given):
            return own
        wanted = self._wanted(study, trial, seen, given)

        def pick(now: Seen, attempt: int) -> Row | None:
            rng, engine = self._rng(trial, _CHOICE, attempt), self.space.engine
            if wanted is None:
                return self._draws.row(trial.number, given, now.taken, rng)
            if wanted not in now.taken and self._accepts(wanted):
                return wanted
            return nearest(engine, wanted, given, now.taken, rng)

        row = self._ledger.claim(study, trial, seen, pick)
        if row is None:
            refuse_impossible(self._encoding, given)
            raise exhausted(self._encoding, given)
        return row

    def _wanted(self, study: Study, trial: FrozenTrial, seen: Seen, given: Given) -> Row | None:
        """What the base proposes, with what is given in its place; None where it has nothing to say yet."""
        base = self._base_for(trial)
        if base is None:
            return None
        if base is self._base:
            base.infer_relative_search_space(study, trial)
        space = {name: d for name, d in self._encoding.searched.items() if name in seen.shared}
        proposed = base.sample_relative(study, trial, space) if space else {}
        if not proposed:
            return None
        codes = []
        for name, distribution in self._encoding.distributions.items():
            if name in given or name not in self._encoding.searched:
                codes.append(given.get(name, (0,))[0])
                continue
            if name not in proposed:
                proposed[name] = base.sample_independent(study, trial, name, distribution)
            code = self._encoding.code(name, proposed[name])
            codes.append(0 if code is None else code)
        return tuple(codes)


def _drawn(base: Base) -> Method | None:
    """The way to draw that a base is."""
    return next((method for method in DRAWS if method == base), None)


def _agrees(encoding: Encoding, row: Row, given: Given) -> bool:
    return all(code in given.get(name, (code,)) for name, code in zip(encoding.parameters, row, strict=True))


def _stop(study: Study, trial: FrozenTrial) -> None:
    """Ends `study.optimize`, which then ends the trial; where there is none, ends the trial itself."""
    try:
        study.stop()
    except RuntimeError:
        _end(study, trial)


def _end(study: Study, trial: FrozenTrial) -> None:
    """Nothing will come of a trial that has no config."""
    with suppress(UpdateFinishedTrialError):
        study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
