"""Runs of the CP-SAT solver: one worker, repeatable, and Ctrl-C always works."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from math import inf, nextafter
from threading import Event, Thread
from typing import Final

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from spacegen.engines.cpsat.parts import Part
from spacegen.engines.cpsat.patience import Patience
from spacegen.engines.cpsat.posting import Posting
from spacegen.errors import EngineError

__all__ = ["MOST_SOLUTIONS", "Rows", "first_solutions", "minimise", "refuted"]

MOST_SOLUTIONS: Final = 5_000_000
"""Enumeration gives up past so many solutions of one part."""
_FIRST: Final = 64
_GROWTH: Final = 8
_BEAT: Final = 0.1
"""Seconds between two looks at the clock."""
_RATE: Final = 10_000
"""Solutions that the solver finds in a second at the least, where it finds any."""


class _Collector(cp_model.CpSolverSolutionCallback):
    def __init__(self, variables: list[cp_model.IntVar], most: int) -> None:
        super().__init__()
        self._variables = variables
        self._most = most
        self.found = array("q")
        self.count = 0
        self.stopped = False

    def on_solution_callback(self) -> None:
        if self.count >= self._most:
            self.stopped = True
        if self.stopped:
            self.stop_search()
            return
        self.count += 1
        self.found.extend([self.value(variable) for variable in self._variables])


def first_solutions(
    model: cp_model.CpModel, variables: list[cp_model.IntVar], most: int, patience: Patience
) -> tuple[NDArray[np.int64], bool]:
    """The first `most` solutions, one column a variable, and whether there are more; raises EngineError
    once `patience` ends."""
    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.enumerate_all_solutions = True
    parameters.num_workers = 1
    parameters.search_branching = cp_model.FIXED_SEARCH
    parameters.catch_sigint_signal = False
    # The presolve reorders what the fixed search finds, and that of OR-Tools 9.15 loses solutions of products
    # of variables with large common factors.
    parameters.cp_model_presolve = False
    collector = _Collector(variables, most)
    if _outcome(solver, model, collector, patience) == cp_model.MODEL_INVALID:
        raise EngineError(f"engine `cpsat` cannot read its model: {model.validate()}")
    return np.array(collector.found, np.int64).reshape(-1, len(variables)), collector.stopped


class _Improver(cp_model.CpSolverSolutionCallback):
    """Keeps the last solution, which is the best so far."""

    def __init__(self, variables: list[cp_model.IntVar]) -> None:
        super().__init__()
        self._variables = variables
        self.best: list[int] | None = None
        self.stopped = False

    def on_solution_callback(self) -> None:
        self.best = [self.value(variable) for variable in self._variables]
        if self.stopped:
            self.stop_search()


def minimise(
    model: cp_model.CpModel, variables: list[cp_model.IntVar], workers: int, patience: Patience
) -> tuple[list[int] | None, int | None]:
    """The values of the variables in a solution with the least objective (None: no solution), and None; where
    `patience` ends before that is proven, those of the best solution found, and a bound on the objective.
    Raises EngineError where time ends without a solution."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = workers
    solver.parameters.catch_sigint_signal = False
    # The presolve may lose solutions of products (see above), among them the best.
    products = any(constraint.has_int_prod() for constraint in model.proto.constraints)
    solver.parameters.cp_model_presolve = not products
    improver = _Improver(variables)
    try:
        status = _outcome(solver, model, improver, patience)
    except EngineError:
        if improver.best is None:
            raise
        return improver.best, _at_most(solver.best_objective_bound)
    if status == cp_model.MODEL_INVALID:
        raise EngineError(f"engine `cpsat` cannot read its model: {model.validate()}")
    if status == cp_model.UNKNOWN:
        raise EngineError("engine `cpsat` ended without an answer")
    return improver.best, None


def _at_most(bound: float) -> int:
    """An integer bound that the solver gives as a double, not rounded up."""
    return int(bound if abs(bound) < 2.0**53 else nextafter(bound, -inf))


def refuted(
    model: cp_model.CpModel, assumptions: list[cp_model.IntVar], patience: Patience
) -> frozenset[int] | None:
    """The indices of assumptions that cannot hold together, enough of them; None where all can hold."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.catch_sigint_signal = False
    solver.parameters.cp_model_presolve = False
    model.add_assumptions(assumptions)
    status = _outcome(solver, model, _Improver([]), patience)
    if status == cp_model.MODEL_INVALID:
        raise EngineError(f"engine `cpsat` cannot read its model: {model.validate()}")
    if status == cp_model.UNKNOWN:
        raise EngineError("engine `cpsat` ended without an answer")
    if status != cp_model.INFEASIBLE:
        return None
    return frozenset(solver.sufficient_assumptions_for_infeasibility())


def _outcome(
    solver: cp_model.CpSolver,
    model: cp_model.CpModel,
    collector: _Collector | _Improver,
    patience: Patience,
) -> cp_model.CpSolverStatus:
    """Runs the solver in a thread of its own, as Python sees no signal while it runs."""
    outcome: list[cp_model.CpSolverStatus] = []
    done = Event()

    def run() -> None:
        try:
            outcome.append(solver.solve(model, collector))
        finally:
            done.set()

    worker = Thread(target=run)
    # An interrupted `join` takes the thread for finished (Python 3.11), an interrupted wait does not.
    try:
        worker.start()
        while not done.wait(_BEAT):
            patience.check()
    except BaseException:
        collector.stopped = True
        _stop(solver, worker, done)
        raise
    worker.join()
    return outcome[0]


def _stop(solver: cp_model.CpSolver, worker: Thread, done: Event) -> None:
    """Returns when the solver has, whatever comes: Python would abort with the solver still at work."""
    while True:
        try:
            while not done.wait(_BEAT) and worker.ident is not None:
                solver.stop_search()
        except KeyboardInterrupt:
            continue
        return


class Rows:
    """The solutions of a part in lexicographic order, enumerated as far as somebody asks.

    The search is fixed and has one worker: solving again for more gives the same solutions first.
    """

    def __init__(self, part: Part, patience: Patience) -> None:
        self.part = part
        self._patience = patience
        self._rows: NDArray[np.intp] = np.empty((0, len(part.names)), np.intp)
        self._complete = False
        self._posting: Posting | None = None
        if self._is_product():
            self._rows, self._complete = _product(part), True

    def _is_product(self) -> bool:
        """Whether every assignment is a solution."""
        return not self.part.clauses

    def _post(self) -> Posting:
        """The constraints."""
        return Posting(self.part)

    def _read(self, most: int) -> None:
        """Enumerates up to `most` solutions."""
        if self._posting is None:
            self._posting = self._post()
            strategy = cp_model.CHOOSE_FIRST, cp_model.SELECT_MIN_VALUE
            self._posting.model.add_decision_strategy(list(self._posting.vars.values()), *strategy)
        labels, more = first_solutions(
            self._posting.model, list(self._posting.vars.values()), most, self._patience
        )
        self._rows = np.empty(labels.shape, np.intp)
        for i, name in enumerate(self.part.names):
            places = self._posting.labels[name].searchsorted(labels[:, i])
            self._rows[:, i] = self.part.live[name][places]
        self._complete = not more
        if self._complete:
            self._posting = None

    def chunks(self) -> Iterator[NDArray[np.intp]]:
        """All solutions, as arrays of declared codes with one column a name of the part."""
        done = 0
        while True:
            if len(self._rows) > done:
                yield self._rows[done:]
                done = len(self._rows)
            elif self._complete:
                return
            else:
                size = self._next_size()
                self._patience.restart(size / _RATE)
                self._read(size)

    def _next_size(self) -> int:
        if len(self._rows) >= MOST_SOLUTIONS:
            raise EngineError(
                f"engine `cpsat` stopped after {MOST_SOLUTIONS:,} solutions of {len(self.part.names)} "
                "parameters that hang together"
            )
        return min(max(_FIRST, len(self._rows) * _GROWTH), MOST_SOLUTIONS)

    @property
    def are_known(self) -> bool:
        """Whether every solution has been enumerated already."""
        return self._complete

    def up_to(self, most: int) -> NDArray[np.intp] | None:
        """All solutions, or None where there are more than `most`."""
        if not self._complete and len(self._rows) <= most:
            self._read(most)
        return self._rows if self._complete and len(self._rows) <= most else None

    def all(self) -> NDArray[np.intp]:
        """All solutions; raises EngineError past MOST_SOLUTIONS."""
        rows = self.up_to(MOST_SOLUTIONS)
        if rows is None:
            self._next_size()
        assert rows is not None
        return rows

    def __bool__(self) -> bool:
        """Whether there is a solution."""
        return any(len(chunk) for chunk in self.chunks())


def _product(part: Part) -> NDArray[np.intp]:
    """Every assignment of a part without clauses."""
    axes = np.meshgrid(*(part.live[name] for name in part.names), indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1)
