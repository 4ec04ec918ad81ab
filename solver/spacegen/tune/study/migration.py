"""Trials of one study taken over into another, about a space that changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from spacegen.api import Space
from spacegen.engines.relation import normalise
from spacegen.engines.verdict import Acceptor
from spacegen.errors import UsageError, how_many
from spacegen.language.expr import Scalar
from spacegen.tune.outcome import Outcome
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.starting import Start, default_start, target_defaults
from spacegen.tune.study.attributes import (
    AGAIN,
    CONFIG,
    FROM,
    ORIGIN,
    OUTCOME,
    RANK,
    as_stored,
    outcome_of,
    trials,
)
from spacegen.tune.study.identity import Identity
from spacegen.tune.study.records import again_records, rank_of
from spacegen.tune.study.telling import constraints, values, worst

__all__ = ["move"]


def move(old: Study, new: Study, wanted: Identity, space: Space) -> tuple[str, ...]:
    """Copies each finished trial whose config is a solution of the new space, judged by the new objectives
    and service levels, and says how many there were and which were left behind.

    A parameter that a config does not have was left to the server, so it has the server's default. What the
    new study begins with is known by its origin, wherever the old one had it from.
    """
    encoding, defaults = Encoding(space, wanted.labels), target_defaults(space)
    judge, start = Acceptor(normalise(space.model)), default_start(space)
    left: list[int] = []
    moved: list[dict[str, Scalar]] = []
    for trial in trials(old, TrialState.COMPLETE, TrialState.FAIL):
        outcome = outcome_of(trial)
        if outcome is None:
            continue
        config = _fitting(encoding, judge, {**defaults, **trial.user_attrs[CONFIG]})
        if config is None or (outcome.ok and values(outcome, wanted.goals) is None):
            left.append(trial.number)
            continue
        if trial.state == TrialState.FAIL and config in moved:
            continue
        origin = _origin(trial, config, start)
        _copy(old, new, trial, outcome, config, wanted, encoding, origin)
        moved.append(config)
    total = how_many(len(moved) + len(left), "trial")
    found = [f"`{new.study_name}` has {len(moved):,} of {total} of `{old.study_name}`"]
    if left:
        found.append(f"no solutions of `{space.name}`, or without an objective: trials {_numbers(left)}")
    found.append(f"the same command, `--migrate` included, goes on with `{new.study_name}`")
    return tuple(found)


def _origin(trial: FrozenTrial, config: Mapping[str, Scalar], start: Start) -> str | None:
    if config == start.config:
        return start.origin
    known: str | None = trial.user_attrs.get(ORIGIN)
    # Those of the old space are only another config here.
    return "warm start" if known is not None and known.endswith("defaults") else known


def _numbers(found: list[int]) -> str:
    shown = ", ".join(map(str, found[:20]))
    return f"{shown} and {len(found) - 20} more" if len(found) > 20 else shown


def _fitting(encoding: Encoding, judge: Acceptor, config: Mapping[str, Scalar]) -> dict[str, Scalar] | None:
    """The config as a solution of the new space; None where it is none."""
    space = encoding.space
    beside = {name: value for name, value in config.items() if name not in encoding.parameters}
    settled = space.not_searched
    if any(name in settled and settled[name] != value for name, value in beside.items()):
        return None
    if any(name not in settled and value is not None for name, value in beside.items()):
        return None
    try:
        params = encoding.encode(config)
    except UsageError:
        return None
    row = encoding.row(params)
    if row is None or not judge.accepts(encoding.block(row))[0]:
        return None
    return encoding.config(row)


def _copy(
    old: Study,
    new: Study,
    trial: FrozenTrial,
    outcome: Outcome,
    config: dict[str, Scalar],
    wanted: Identity,
    encoding: Encoding,
    origin: str | None,
) -> None:
    attributes: dict[str, Any] = {
        CONFIG: config,
        RANK: rank_of(encoding, config),
        OUTCOME: as_stored(outcome),
        FROM: {"study": old.study_name, "trial": trial.number},
    }
    if origin is not None:
        attributes[ORIGIN] = origin
    distributions: dict[str, BaseDistribution] = dict(encoding.distributions)
    told = values(outcome, wanted.goals)
    # One that failed for want of a metric has what is sought now.
    complete = trial.state == TrialState.COMPLETE or told is not None
    copied = create_trial(
        state=TrialState.COMPLETE if complete else TrialState.FAIL,
        values=(told or worst(new, wanted.goals)) if complete else None,
        params=encoding.encode(config),
        distributions=distributions,
        user_attrs=attributes,
        constraints=constraints(outcome, wanted.limits) if complete else None,
    )
    new.add_trial(copied)
    number = len(new.get_trials(deepcopy=False)) - 1
    for again, more in again_records(old, trial.number).items():
        new.set_user_attr(f"{AGAIN}{number}:{again}", as_stored(more))
