"""One task of one tool in a process of its own: `python -m benchmarks.tasks TASK TOOL PROBLEM`.

Prints the answer and the seconds of work, imports left out, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from benchmarks import ours, peers
from benchmarks.problems import Problem, load

__all__ = ["OURS", "TASKS"]

Measured = tuple[int, float]
OURS = "spacegen"


def _timed(task: Callable[[Problem], int]) -> Callable[[Problem], Measured]:
    def run(problem: Problem) -> Measured:
        started = time.perf_counter()
        answer = task(problem)
        return answer, time.perf_counter() - started

    return run


TASKS: dict[str, dict[str, Callable[[Problem], Measured]]] = {
    "count": {
        OURS: ours.count,
        "pyATF": _timed(peers.pyatf_count),
        "python-constraint2": _timed(peers.constraint2_count),
        "CP-SAT enumeration": _timed(lambda problem: peers.cpsat(problem, None)),
        "dict loops": _timed(peers.loops_count),
    },
    "500 solutions": {
        OURS: ours.first,
        "pyATF": _timed(peers.pyatf_first),
        "python-constraint2": _timed(peers.constraint2_first),
        "CP-SAT enumeration": _timed(lambda problem: peers.cpsat(problem, peers.FIRST)),
        "dict rejection": _timed(peers.rejection_first),
        "dict loops": _timed(peers.loops_first),
    },
    "independent draws as columns": {OURS: ours.independent, "NumPy rejection": peers.numpy_rejection},
    "distinct draws as columns": {OURS: ours.distinct},
    "draws as dicts": {OURS: ours.dicts, "pyATF": peers.pyatf_dicts, "dict rejection": peers.rejection_dicts},
    "checks over columns": {
        OURS: ours.checks,
        "NumPy tables": peers.numpy_check,
        "dict loops": peers.loops_check,
    },
    "verdicts with broken rules, all valid": {OURS: ours.valid_verdicts},
    "verdicts with broken rules, random": {
        OURS: ours.random_verdicts,
        "a config at a time": ours.checked_singly,
    },
}


def main() -> None:
    """Run what the command line names."""
    task, tool, name = sys.argv[1:]
    problem = load(name)
    if tool == OURS:
        ours.warm_up()
    answer, seconds = TASKS[task][tool](problem)
    print(json.dumps({"answer": answer, "seconds": seconds}))


if __name__ == "__main__":
    main()
