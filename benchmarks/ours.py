"""The same tasks done by spacegen, from the YAML to the answer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spacegen
from benchmarks.problems import Problem, load
from spacegen import Space
from spacegen.engines.protocol import Block
from spacegen.engines.relation import normalise
from spacegen.engines.verdict import Acceptor
from spacegen.solutions import Solutions

FIRST = 500
DRAWN = 1_000_000
LISTED = 100_000
JUDGED = 500_000
SINGLY = 300

Measured = tuple[int, float]


def warm_up() -> None:
    """Load the lazy imports on another space, as the peers' imports are not on the clock either."""
    spacegen.load(load("bat_nbody").path).sample(2).dicts()


def count(problem: Problem) -> Measured:
    """Load, compile, count."""
    started = time.perf_counter()
    return spacegen.load(problem.path).count(), time.perf_counter() - started


def first(problem: Problem) -> Measured:
    """Load, compile, 500 distinct uniform draws as dicts."""
    started = time.perf_counter()
    return len(spacegen.load(problem.path).sample(FIRST).dicts()), time.perf_counter() - started


def independent(problem: Problem) -> Measured:
    """Independent draws as columns, in a process that has drawn before."""
    return _columns(problem, replace=True)


def distinct(problem: Problem) -> Measured:
    """Distinct draws as columns, in a process that has drawn before."""
    return _columns(problem, replace=False)


def _columns(problem: Problem, *, replace: bool) -> Measured:
    space = spacegen.load(problem.path)
    size = DRAWN if replace else min(DRAWN, space.count())
    space.sample(size, replace=replace)
    started = time.perf_counter()
    codes = space.sample(size, seed=1, replace=replace).codes
    return len(next(iter(codes.values()))), time.perf_counter() - started


def dicts(problem: Problem) -> Measured:
    """Distinct draws as dicts, in a process that has drawn before."""
    space = spacegen.load(problem.path)
    size = min(LISTED, space.count())
    space.sample(size).dicts()
    started = time.perf_counter()
    return len(space.sample(size, seed=1).dicts()), time.perf_counter() - started


def random_verdicts(problem: Problem) -> Measured:
    """Verdicts with the ids of broken rules on random combinations, from columns of values."""
    space = spacegen.load(problem.path)
    return _verdicts(space, _values(space, space.without_rules().sample(JUDGED, replace=True)))


def valid_verdicts(problem: Problem) -> Measured:
    """Verdicts with the ids of broken rules on solutions, from columns of values."""
    space = spacegen.load(problem.path)
    return _verdicts(space, _values(space, space.sample(JUDGED, replace=True)))


def checked_singly(problem: Problem) -> Measured:
    """The same verdicts on random combinations, a config at a time."""
    space = spacegen.load(problem.path)
    configs = space.without_rules().sample(SINGLY, replace=True).dicts()
    started = time.perf_counter()
    found = [space.check(config).broken for config in configs]
    return len(found), time.perf_counter() - started


def _values(space: Space, solutions: Solutions) -> dict[str, NDArray[Any]]:
    """The columns as NumPy holds them: numbers with null as not a number, strings as objects."""
    found = {}
    for name, values in solutions.columns().items():
        if name in space.model.index:
            strings = any(isinstance(value, str) for value in space.model[name].domain)
            nulls = any(value is None for value in space.model[name].domain)
            found[name] = np.array(values, object if strings else np.float64 if nulls else None)
    return found


def _verdicts(space: Space, columns: dict[str, NDArray[Any]]) -> Measured:
    space.verdicts({name: column[:100] for name, column in columns.items()})
    started = time.perf_counter()
    return len(space.verdicts(columns).ids), time.perf_counter() - started


def checks(problem: Problem) -> Measured:
    """Verdicts over columns of which about half the rows are solutions."""
    space = spacegen.load(problem.path)
    acceptor = Acceptor(normalise(space.model))
    rng = np.random.default_rng(0)
    guesses = [rng.integers(len(p.domain), size=DRAWN // 2, dtype=np.uint8) for p in space.parameters]
    drawn = space.sample(DRAWN - DRAWN // 2, replace=True).codes.values()
    block = Block(tuple(np.concatenate(pair) for pair in zip(guesses, drawn, strict=True)), DRAWN)
    started = time.perf_counter()
    acceptor.accepts(block)
    return len(block), time.perf_counter() - started
