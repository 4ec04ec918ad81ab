"""On random spaces: no trial is infeasible, none is tried twice, and the end is where nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.samplers import BaseSampler, NSGAIIISampler, NSGAIISampler, TPESampler

from engines import Codes, solutions
from spacegen import EmptySpaceError, Space, UsageError
from spacegen.language.model import Model
from spacegen.questions.near.distance import movement
from spacegen.tune import FeasibleSampler, enqueue
from spacegen.tune.sampling.draws import Draws
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.sampling.fresh import nearest
from strategies import givens, models

laws = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

MOST = 24
"""Trials of a study."""


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    yield
    optuna.logging.set_verbosity(before)


def bases() -> list[BaseSampler | None]:
    return [
        TPESampler(seed=1, n_startup_trials=3, multivariate=True),
        NSGAIISampler(seed=1, population_size=4),
        NSGAIIISampler(seed=1, population_size=4),
        None,
    ]


def run(study: optuna.Study, encoding: Encoding, trials: int) -> list[Codes]:
    """The codes that the objective is given, trial by trial."""
    given_rows: list[Codes] = []

    def objective(trial: optuna.Trial) -> float:
        suggested = {name: trial.suggest_categorical(name, own) for name, own in encoding.choices.items()}
        row = encoding.row(suggested)
        assert row is not None
        given_rows.append(row)
        return float(sum(row))

    study.optimize(objective, n_trials=trials)
    return given_rows


@laws
@given(models(), st.integers(0, 3), st.booleans(), st.integers(0, 99))
def test_a_study_tries_every_solution_once(model: Model, which: int, labels: bool, seed: int) -> None:
    all_of_them = set(solutions(model))
    space = Space(model)
    encoding = Encoding(space, labels)
    study = optuna.create_study(sampler=FeasibleSampler(space, bases()[which], seed=seed, labels=labels))
    rows = run(study, encoding, min(len(all_of_them), MOST)) if all_of_them else []
    assert len(set(rows)) == len(rows)
    assert set(rows) <= all_of_them
    # What the study has stored is what the objective was given, not what the base proposed.
    assert [encoding.row(trial.params) for trial in study.trials] == rows
    if len(all_of_them) <= MOST:
        assert set(rows) == all_of_them
        with pytest.raises(EmptySpaceError):
            run(study, encoding, 1)


@laws
@given(st.data(), models(), st.integers(0, 3))
def test_what_was_enqueued_is_kept_and_what_cannot_be_is_refused(
    data: st.DataObject, model: Model, which: int
) -> None:
    space = Space(model)
    encoding = Encoding(space)
    study = optuna.create_study(sampler=FeasibleSampler(space, bases()[which]))
    chosen = data.draw(st.lists(st.sampled_from(model.parameters), unique_by=lambda p: p.name))
    config: dict[str, Any] = {p.name: data.draw(st.sampled_from(p.domain.values)) for p in chosen}
    place = {p.name: i for i, p in enumerate(model.parameters)}
    codes = {name: encoding.code(name, value) for name, value in config.items()}
    fitting = {
        row for row in solutions(model) if all(row[place[name]] == code for name, code in codes.items())
    }
    if not fitting:
        with pytest.raises(UsageError if config and solutions(model) else (UsageError, EmptySpaceError)):
            enqueue(study, space, config)
        return
    assert enqueue(study, space, config)
    assert run(study, encoding, 1)[0] in fitting
    assert enqueue(study, space, config) == (len(fitting) > 1)


@laws
@given(st.data(), models())
def test_the_nearest_new_solution_is_the_nearest_new_one(data: st.DataObject, model: Model) -> None:
    space = Space(model)
    codes = st.tuples(*(st.integers(0, len(p.domain) - 1) for p in model.parameters))
    wanted, fixed = data.draw(codes), data.draw(givens(model))
    place = {p.name: i for i, p in enumerate(model.parameters)}
    known = [
        row for row in solutions(model) if all(row[place[name]] in allowed for name, allowed in fixed.items())
    ]
    taken = set(data.draw(st.lists(st.sampled_from(known)))) if known else set()
    scales = [movement(p.domain, p.domain[code]) for p, code in zip(model.parameters, wanted, strict=True)]

    def distance(row: Codes) -> tuple[int, int]:
        moved = [int(scale[code]) for scale, code in zip(scales, row, strict=True)]
        return sum(a != b for a, b in zip(row, wanted, strict=True)), sum(moved)

    rng = np.random.default_rng(1)
    found = nearest(space.engine, wanted, fixed, taken, rng)
    new = [row for row in known if row not in taken]
    assert (found is None) == (not new)
    if found is not None:
        assert found in new
        assert distance(found) == min(map(distance, new))
        assert Draws(space.engine, "balanced", 0).row(3, fixed, taken, rng) in new
