"""Which engine answers: the join tree where it fits in memory, else CP-SAT, and the user is told."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from spacegen.engines.jointree import JoinTree
from spacegen.engines.protocol import Engine
from spacegen.errors import Fault, TooWideError, UsageError, did_you_mean
from spacegen.language.model import Model

__all__ = ["ENGINES", "EngineName", "compile_model"]

EngineName: TypeAlias = Literal["auto", "jointree", "cpsat", "backtrack"]
ENGINES: Final[tuple[EngineName, ...]] = get_args(EngineName)


def compile_model(model: Model, engine: str = "auto", timeout: float | None = None) -> Engine:
    """The compiled space. `auto` takes the join tree unless its plan passes the memory budget. `timeout` is
    how many seconds CP-SAT may look for an answer."""
    match engine:
        case "jointree":
            return JoinTree(model)
        case "cpsat":
            return _cpsat(model, timeout)
        case "backtrack":
            from spacegen.engines.backtrack import Backtrack

            return Backtrack(model)
        case "auto":
            try:
                return JoinTree(model)
            except TooWideError as error:
                reason = "; ".join(fault.message for fault in error.faults)
                return _cpsat(model, timeout, (f"{reason}: CP-SAT answers instead",))
        case _:
            hint = did_you_mean(engine, ENGINES) or f"choose one of {', '.join(ENGINES)}"
            raise UsageError(Fault(f"unknown engine `{engine}`", hint=hint))


def _cpsat(model: Model, timeout: float | None, notes: tuple[str, ...] = ()) -> Engine:
    from spacegen.engines.cpsat import CpSat  # OR-Tools takes half a second to import

    return CpSat(model, notes=notes, timeout=timeout)
