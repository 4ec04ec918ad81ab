"""The same tasks done by spacegen, from the YAML to the answer."""

from __future__ import annotations

import time

import numpy as np

import spacegen
from benchmarks.problems import Problem, load
from spacegen.engines.protocol import Block
from spacegen.engines.relation import normalise
from spacegen.engines.verdict import Acceptor

FIRST = 500
DRAWN = 1_000_000
LISTED = 100_000

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
