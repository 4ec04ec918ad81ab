"""Benchmarks that are functions in Python."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, TypeAlias

from spacegen.errors import Fault, UsageError
from spacegen.language.expr import Scalar
from spacegen.tune.outcome import Cause, Outcome

__all__ = ["Benchmark", "call"]

Benchmark: TypeAlias = Callable[[dict[str, Scalar]], Mapping[str, float] | Outcome]
"""Metrics by name for a config, or an outcome, which may be a failure. To raise is to crash."""


def call(benchmark: Benchmark, config: Mapping[str, Scalar]) -> Outcome:
    """What a benchmark makes of a config. Raises UsageError where that is neither metrics nor an outcome."""
    started, clock = time.time(), time.perf_counter()
    try:
        found: Any = benchmark(dict(config))
    except Exception as error:  # noqa: BLE001 - a benchmark may raise anything
        words = "".join(traceback.format_exception_only(error)).strip()
        tail = traceback.format_exc().splitlines()[-20:]
        seconds = time.perf_counter() - clock
        return Outcome.failed(Cause.CRASH, words, log_tail=tail, started=started, seconds=seconds)
    if isinstance(found, Outcome):
        known = {"started": found.started or started, "seconds": found.seconds or time.perf_counter() - clock}
        return found.model_copy(update=known)
    return Outcome(metrics=_metrics(found), started=started, seconds=time.perf_counter() - clock)


def _metrics(found: Any) -> dict[str, float]:
    hint = "return a dict such as {'ttft': 0.05, 'tps': 2500.0}, or an `Outcome`"
    if not isinstance(found, Mapping):
        raise UsageError(
            Fault(f"the benchmark returned {type(found).__name__}, no metrics by name", hint=hint)
        )
    for name, value in found.items():
        # NumPy's numbers are real, too; true and false are no measurements.
        if not isinstance(name, str) or not isinstance(value, Real) or isinstance(value, bool):
            raise UsageError(
                Fault(f"the benchmark returned {name!r}: {value!r}, which is no metric", hint=hint)
            )
    return {name: float(value) for name, value in found.items()}
