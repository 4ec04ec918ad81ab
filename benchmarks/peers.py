"""What each peer does with a problem: count it, give 500 solutions, draw, check."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

import numpy as np

from benchmarks.problems import PlainRule, Problem

FIRST = 500
CHECKED = 1_000_000


def loops(problem: Problem) -> Iterator[dict[str, Any]]:
    """Plain loops: every combination as a dict, filtered."""
    names, holds = tuple(problem.domains), problem.holds
    everything = (dict(zip(names, row, strict=True)) for row in product(*problem.domains.values()))
    return filter(holds, everything)


def loops_count(problem: Problem) -> int:
    return sum(1 for _ in loops(problem))


def loops_first(problem: Problem) -> int:
    return len(list(islice(loops(problem), FIRST)))


def loops_check(problem: Problem) -> tuple[int, float]:
    """Checks of random combinations as dicts."""
    configs = [_guess(problem.domains, random.Random(i)) for i in range(20_000)]
    started = time.perf_counter()
    for config in configs:
        problem.holds(config)
    return len(configs), time.perf_counter() - started


def _guess(domains: Mapping[str, tuple[Any, ...]], rng: random.Random) -> dict[str, Any]:
    return {name: rng.choice(values) for name, values in domains.items()}


def rejection_first(problem: Problem) -> int:
    """Random combinations until 500 different ones hold: what the usual generator scripts do."""
    rng, found = random.Random(0), set()
    while len(found) < FIRST:
        config = _guess(problem.domains, rng)
        if problem.holds(config):
            found.add(tuple(config.values()))
    return len(found)


def rejection_dicts(problem: Problem) -> tuple[int, float]:
    """Draws a second as dicts, repeats kept; stops after two seconds."""
    rng, drawn = random.Random(0), 0
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < 2:
        drawn += problem.holds(_guess(problem.domains, rng))
    return drawn, elapsed


def constraint2(problem: Problem) -> Any:
    """python-constraint2 with its default solver and one function a rule."""
    from constraint import Problem as Csp

    csp = Csp()
    for name, values in problem.domains.items():
        csp.addVariable(name, list(values))
    for rule in problem.rules:
        csp.addConstraint(rule.holds, list(rule.scope))
    return csp


def constraint2_count(problem: Problem) -> int:
    return len(constraint2(problem).getSolutions())


def constraint2_first(problem: Problem) -> int:
    return len(list(islice(constraint2(problem).getSolutionIter(), FIRST)))


def pyatf(problem: Problem) -> Any:
    """pyATF's chain of trees; each rule is a condition of the last parameter in its scope."""
    from pyatf.range import Set
    from pyatf.search_space import SearchSpace
    from pyatf.tp import TP

    def condition(name: str) -> Any:
        rules = [rule for rule in problem.rules if rule.scope[-1] == name]
        if not rules:
            return None
        names = {n for rule in rules for n in rule.scope}
        text = " and ".join(f"({rule.text})" for rule in rules)
        return PlainRule(text, tuple(n for n in problem.domains if n in names)).holds

    parameters = [TP(name, Set(*values), condition(name)) for name, values in problem.domains.items()]
    return SearchSpace(*parameters, verbosity=0)


def pyatf_count(problem: Problem) -> int:
    return int(pyatf(problem).constrained_size)


def pyatf_draw(space: Any, rng: random.Random) -> dict[str, Any]:
    config: dict[str, Any] = space.get_configuration(tuple(1 - rng.random() for _ in range(space.num_tps)))
    return config


def pyatf_first(problem: Problem) -> int:
    space, rng, found = pyatf(problem), random.Random(0), set()
    while len(found) < FIRST:
        found.add(tuple(pyatf_draw(space, rng).values()))
    return len(found)


def pyatf_dicts(problem: Problem) -> tuple[int, float]:
    space, rng, drawn = pyatf(problem), random.Random(0), 0
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < 2:
        pyatf_draw(space, rng)
        drawn += 1
    return drawn, elapsed


def cpsat(problem: Problem, limit: int | None) -> int:
    """CP-SAT over value indices, each rule a table, enumerated until `limit` solutions."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    variables = {n: model.new_int_var(0, len(v) - 1, n) for n, v in problem.domains.items()}
    for rule in problem.rules:
        rows = product(*(enumerate(problem.domains[name]) for name in rule.scope))
        table = [[i for i, _ in row] for row in rows if rule.holds(*(value for _, value in row))]
        model.add_allowed_assignments([variables[name] for name in rule.scope], table)

    class Counter(cp_model.CpSolverSolutionCallback):
        def __init__(self) -> None:
            super().__init__()
            self.found = 0

        def on_solution_callback(self) -> None:
            self.found += 1
            if self.found == limit:
                self.stop_search()

    solver, counter = cp_model.CpSolver(), Counter()
    solver.parameters.enumerate_all_solutions = True
    solver.parameters.num_workers = 1
    solver.solve(model, counter)
    return counter.found


def numpy_rejection(problem: Problem) -> tuple[int, float]:
    """Draws a second as columns of indices: whole columns of guesses, rules as lookups in truth tables."""
    tables = [_truth(problem, rule) for rule in problem.rules]
    rng, drawn = np.random.default_rng(0), 0
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < 2:
        columns = _guesses(problem, rng, 200_000)
        keep = _holding(problem, tables, columns)
        drawn += len(np.stack([column[keep] for column in columns.values()], axis=1))
    return drawn, elapsed


def numpy_check(problem: Problem) -> tuple[int, float]:
    """Checks a second over columns of indices, rules as lookups in truth tables."""
    tables = [_truth(problem, rule) for rule in problem.rules]
    columns = _guesses(problem, np.random.default_rng(0), CHECKED)
    started = time.perf_counter()
    _holding(problem, tables, columns)
    return CHECKED, time.perf_counter() - started


def _guesses(problem: Problem, rng: np.random.Generator, rows: int) -> dict[str, Any]:
    return {n: rng.integers(len(v), size=rows, dtype=np.uint8) for n, v in problem.domains.items()}


def _holding(problem: Problem, tables: list[Any], columns: Mapping[str, Any]) -> Any:
    keep = np.ones(len(next(iter(columns.values()))), bool)
    for rule, table in zip(problem.rules, tables, strict=True):
        keep &= table[tuple(columns[name] for name in rule.scope)]
    return keep


def _truth(problem: Problem, rule: PlainRule) -> Any:
    shape = [len(problem.domains[name]) for name in rule.scope]
    rows = product(*(problem.domains[name] for name in rule.scope))
    return np.array([bool(rule.holds(*row)) for row in rows]).reshape(shape)
