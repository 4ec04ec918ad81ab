"""How long answers about configs and spaces take, in a process that has answered before.

`python -m benchmarks.answers NAME RUNS` prints the median seconds of an answer, of its counterpart, and the
answer as a number, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import spacegen
from spacegen import Space
from spacegen.engines.plan import EngineName
from spacegen.language.model import NoDefault

__all__ = ["ANSWERS", "THREE_CONFLICTS", "Answer"]

Ask = Callable[[], int]
"""A question that is ready to be asked once; its answer as a number."""

THREE_CONFLICTS: Mapping[str, Any] = {
    "tp_size": 8,
    "pp_size": 2,
    "dp_size": 2,
    "chunked_prefill_size": 8192,
    "max_prefill_tokens": 4096,
    "disable_overlap_schedule": True,
    "enable_two_batch_overlap": True,
}
"""What of a config of 18 parameters is not at its default."""


@dataclass(frozen=True)
class Answer:
    """A question, what it is compared with, and what is promised: at most so many `seconds`, at most so many
    `times` its counterpart."""

    ask: Callable[[], Ask]
    counterpart: Callable[[], Ask]
    other: str
    seconds: float | None = None
    times: float | None = None

    @property
    def same(self) -> bool:
        """Whether the counterpart must give the same answer."""
        return self.other == "CP-SAT"


def tuner_config() -> dict[str, Any]:
    """The whole config of `THREE_CONFLICTS`."""
    space = spacegen.load("sglang-tuner-18")
    defaults = {p.name: p.default for p in space.parameters if not isinstance(p.default, NoDefault)}
    return {p.name: p.domain[0] for p in space.parameters} | defaults | dict(THREE_CONFLICTS)


def _config(name: str) -> dict[str, Any]:
    """A config to judge: the one above, or a random combination."""
    if name == "sglang-tuner-18":
        return tuner_config()
    space = spacegen.load(name)
    drawn = space.without_rules().sample(1, seed=1)[0]
    return {p.name: drawn[p.name] for p in space.parameters}


def _compiled(name: str) -> Space:
    space = spacegen.load(name)
    space.count()
    return space


def _repair(name: str) -> Callable[[], Ask]:
    def ready() -> Ask:
        space, config = _compiled(name), _config(name)
        return lambda: getattr(space.repair(config), "equally_near", 0)

    return ready


def _repair_by_cpsat(name: str) -> Callable[[], Ask]:
    """CP-SAT with the number of changes as its objective, then all solutions with that many."""

    def ready() -> Ask:
        space, config = spacegen.load(name), _config(name)
        return lambda: _least_changes(space, config)

    return ready


def _least_changes(space: Space, config: Mapping[str, Any]) -> int:
    from ortools.sat.python import cp_model

    from spacegen.engines.cpsat.whole import cp_model_of

    model, variables = cp_model_of(space.model)
    changes = []
    for p in space.parameters:
        kept, variable = model.new_bool_var(f"keeps {p.name}"), variables[p.name]
        label = config[p.name] if _by_value(p.domain.values) else p.domain.code(config[p.name])
        model.add(variable == label).only_enforce_if(kept)
        model.add(variable != label).only_enforce_if(~kept)
        changes.append(~kept)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    model.minimize(sum(changes))
    solver.solve(model)
    least = round(solver.objective_value)
    model.clear_objective()
    model.add(sum(changes) == least)

    class Counter(cp_model.CpSolverSolutionCallback):
        def __init__(self) -> None:
            super().__init__()
            self.found: set[tuple[int, ...]] = set()

        def on_solution_callback(self) -> None:
            self.found.add(tuple(self.value(v) for v in variables.values()))

    counter = Counter()
    solver.parameters.enumerate_all_solutions = True
    solver.solve(model, counter)
    return len(counter.found)


def _by_value(values: tuple[Any, ...]) -> bool:
    """Whether a variable of CP-SAT holds the values themselves."""
    return all(type(v) is int for v in values) and list(values) == sorted(values)


def _count(name: str, **options: Any) -> Callable[[], Ask]:
    def ready() -> Ask:
        return lambda: int(spacegen.load(name, **options).count() > 0)

    return ready


def _explanation(name: str) -> Callable[[], Ask]:
    def ready() -> Ask:
        space, config = _compiled(name), _config(name)
        return lambda: len(space.explain(config).causes)

    return ready


def _check(name: str) -> Callable[[], Ask]:
    def ready() -> Ask:
        space, config = _compiled(name), _config(name)
        return lambda: len(space.check(config).broken)

    return ready


def _lint(name: str) -> Callable[[], Ask]:
    def ready() -> Ask:
        space = spacegen.load(name)
        return lambda: len(space.lint())

    return ready


def _best(name: str, objective: str, engine: EngineName) -> Callable[[], Ask]:
    """The ten best solutions, proven."""

    def ready() -> Ask:
        space = spacegen.load(name, engine=engine).maximizing(objective)
        return lambda: hash(tuple(tuple(row.items()) for row in space.best(10)))

    return ready


def _diff() -> Ask:
    old, new = spacegen.load("h100"), spacegen.load("h100", target="sglang==0.5.23")
    return lambda: old.diff(new).both


_TOKENS = "chunked_prefill_size * tp_size + page_size"
_REQUESTS = "max_running_requests * tp_size"

ANSWERS: Mapping[str, Answer] = {
    "explain, 18 parameters": Answer(
        _explanation("sglang-tuner-18"), _check("sglang-tuner-18"), "broken rules only", seconds=0.03
    ),
    "repair, 18 parameters": Answer(
        _repair("sglang-tuner-18"), _repair_by_cpsat("sglang-tuner-18"), "CP-SAT", seconds=0.03, times=1
    ),
    "repair, 33 parameters": Answer(
        _repair("sglang-throughput-33"), _repair_by_cpsat("sglang-throughput-33"), "CP-SAT", times=4
    ),
    "repair, h100": Answer(_repair("h100"), _repair_by_cpsat("h100"), "CP-SAT", times=1),
    "ten best, 18 parameters": Answer(
        _best("sglang-tuner-18", _TOKENS, "jointree"),
        _best("sglang-tuner-18", _TOKENS, "cpsat"),
        "CP-SAT",
        times=1,
    ),
    "ten best, h100": Answer(
        _best("h100", _REQUESTS, "jointree"), _best("h100", _REQUESTS, "cpsat"), "CP-SAT", times=1
    ),
    "lint, 33 parameters": Answer(
        _lint("sglang-throughput-33"), _count("sglang-throughput-33"), "load and count", times=20
    ),
    "lint, h100": Answer(_lint("h100"), _count("h100"), "load and count", times=100),
    "diff, h100 for 0.5.6 and 0.5.23": Answer(_diff, _count("h100"), "load and count", times=10),
}


def measured(answer: Answer, runs: int) -> tuple[float, float, int]:
    """The median seconds of an answer and of its counterpart, in turn, and the answer. Raises RuntimeError
    where they answer the same question differently."""
    own: list[float] = []
    other: list[float] = []
    found = 0
    # The first round loads what is loaded lazily.
    for _ in range(runs + 1):
        results = []
        for ready, times in ((answer.ask, own), (answer.counterpart, other)):
            ask = ready()
            started = time.perf_counter()
            results.append(ask())
            times.append(time.perf_counter() - started)
        found = results[0]
        if answer.same and results[1] != found:
            raise RuntimeError(f"{answer.other} answers {results[1]}, not {found}")
    return median(own[1:]), median(other[1:]), found


def main() -> None:
    """Run what the command line names."""
    seconds, other, found = measured(ANSWERS[sys.argv[1]], int(sys.argv[2]))
    print(json.dumps({"seconds": seconds, "other": other, "answer": found}))


if __name__ == "__main__":
    main()
