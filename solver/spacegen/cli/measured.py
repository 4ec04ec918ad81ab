"""What came of measuring given configs, as tables: each config, the best ones, and why others failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from spacegen.cli.output import print_json, print_table
from spacegen.errors import how_many
from spacegen.tune.climb import ASSUMPTION, Climb
from spacegen.tune.summary.console import SIMULATED
from spacegen.tune.sweep import Finding

__all__ = ["tell", "tell_climb"]

_SHOWN: Final = ("ttft", "p99_ttft_ms", "tpot", "tps", "requests_per_s")
_RATES: Final = ("tps", "total_tps", "requests_per_s")
_ROWS: Final = 50
_OTHERS: Final = 5


def tell(found: Sequence[Finding], *, json: bool) -> int:
    """Prints what was measured; the exit status."""
    if json:
        for one in found:
            print_json({"name": one.candidate.label, "kept": one.kept, **one.record.as_dict()})
    elif found:
        _print(found)
    return int(any(not one.record.outcome.ok for one in found))


def _print(found: Sequence[Finding]) -> None:
    if any(one.record.outcome.simulated for one in found):
        print(f"{SIMULATED}\n")
    values = [one.record.outcome.values() if one.record.outcome.ok else {} for one in found]
    names = _names(values)
    rows = [_row(one, measured, names) for one, measured in zip(found, values, strict=True)]
    columns = range(1, len(names) + 2)
    print_table(("config", "GPUs", *names, "failure"), rows[:_ROWS], numbers=columns)
    if len(rows) > _ROWS:
        print(f"… and {how_many(len(rows) - _ROWS, 'config')} more, which the results file has")
    good = [(one, measured) for one, measured in zip(found, values, strict=True) if measured]
    if len(good) > 1:
        best = [_best(good, name) for name in names if _direction(name)]
        print()
        print_table(("best", "value", "config"), best, numbers=(1,))
    _print_failures(found)


def _names(values: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    """The metrics to show: the usual ones, else the first few that there are."""
    there = {name for measured in values for name in measured}
    return tuple(name for name in _SHOWN if name in there) or tuple(sorted(there)[:_OTHERS])


def _row(one: Finding, measured: Mapping[str, float], names: Sequence[str]) -> tuple[str, ...]:
    outcome = one.record.outcome
    cells = (f"{measured[name]:.4g}" if name in measured else "" for name in names)
    cause = "" if outcome.failure is None else str(outcome.failure.cause)
    return (one.candidate.label, str(len(outcome.gpu_ids) or ""), *cells, cause)


def _direction(name: str) -> int:
    """1 where less is better, -1 where more is, 0 where nobody knows."""
    if name in _RATES or name.endswith("_throughput"):
        return -1
    return int(name.endswith("_ms") or name in ("ttft", "tpot", "itl", "e2e"))


def _best(good: Sequence[tuple[Finding, Mapping[str, float]]], name: str) -> tuple[str, ...]:
    having = [(measured[name], one) for one, measured in good if name in measured]
    value, one = min(having, key=lambda pair: _direction(name) * pair[0])
    return name, f"{value:.4g}", one.candidate.label


def _print_failures(found: Sequence[Finding]) -> None:
    failures = [one.record.outcome.failure for one in found if one.record.outcome.failure]
    if failures:
        counts = Counter(str(failure.cause) for failure in failures)
        first = {str(failure.cause): failure.message for failure in reversed(failures)}
        rows = [(cause, str(count), first[cause]) for cause, count in counts.most_common()]
        print()
        print_table(("failure", "configs", "such as"), rows, numbers=(1,))


def tell_climb(climb: Climb, *, json: bool) -> int:
    """Prints how far a parameter can go; the exit status."""
    if json:
        print_json(climb.as_dict())
        return int(climb.best is None)
    if any(probe.outcome.simulated for probe in climb.probes):
        print(f"{SIMULATED}\n")
    rows = []
    for probe in climb.probes:
        failure, values = probe.outcome.failure, probe.outcome.values()
        cells = [f"{values[name]:.4g}" if name in values else "" for name in ("ttft", "tps")]
        survives, why = ("no", failure.message) if failure else ("yes", "")
        rows.append((str(probe.value), survives, *cells, why))
    print_table((climb.parameter, "survives", "ttft", "tps", "failure"), rows, numbers=(0, 2, 3))
    print()
    if climb.best is None:
        print(f"no value of `{climb.parameter}` survives: even {climb.failing} fails")
    elif climb.failing is None:
        print(f"`{climb.parameter}` = {climb.best}, its largest value here, survives the workload")
    else:
        print(f"`{climb.parameter}` = {climb.best} survives the workload, {climb.failing} does not")
    print(f"({how_many(len(climb.probes), 'probe')} of {how_many(len(climb.values), 'value')}: {ASSUMPTION})")
    return int(climb.best is None)
