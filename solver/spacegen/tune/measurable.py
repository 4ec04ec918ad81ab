"""Which metrics there will be, as far as that is known before anything is measured."""

from __future__ import annotations

from collections.abc import Collection

from spacegen.tune.load.serving import reported
from spacegen.tune.metrics import derived
from spacegen.tune.setup import Setup

__all__ = ["metrics_of"]


def metrics_of(setup: Setup) -> frozenset[str] | None:
    """The metrics of a setup, those derived from others included; None where only a load tells them."""
    if setup.runner == "sim":
        return _with_derived(_of_formula(setup))
    workload = setup.workload
    if workload.generator == "command" and workload.metrics:
        return _with_derived(workload.metrics)
    own = workload.generator == "bench_serving" and setup.bench_command is None and not workload.extra
    known = reported(setup) if own else None
    return None if known is None else _with_derived(known)


def _with_derived(names: Collection[str]) -> frozenset[str]:
    return frozenset(derived(dict.fromkeys(names, 1.0), 1))


def _of_formula(setup: Setup) -> Collection[str]:
    from spacegen.servers.schema import load
    from spacegen.tune.simulated.effective import effective
    from spacegen.tune.simulated.formula import measured

    return measured(effective(load(setup.server, setup.version), {}), setup.workload, "").keys()
