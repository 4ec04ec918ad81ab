"""The front of a study beside everything that did not make it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from spacegen.tune.front import hypervolume, pareto
from spacegen.tune.metrics import Goal, Limit, missing
from spacegen.tune.record import Provenance, Record, gpu_hours
from spacegen.tune.summary.measured import Measured, measured

__all__ = ["Summary", "summarise"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a study found.

    `front` has the trials that keep every limit and that no other such trial dominates, by their first goal,
    the best first. `missed` has the trials that miss a limit, those
    that miss it least first. `failures` counts trials without metrics by their cause. `defaults` is the
    launch that the server would make by itself (or the nearest one in the space), where it was measured.
    `hypervolume` is the share of the box between the best and the worst value of each goal that the front
    dominates; `gpu_hours` counts all launches that came to an end, also those that failed.
    """

    study: str | None
    goals: tuple[Goal, ...]
    limits: tuple[Limit, ...]
    finished: int
    front: tuple[Measured, ...]
    missed: tuple[Measured, ...]
    failures: dict[str, int]
    defaults: Measured | None
    provenance: Provenance | None
    simulated: bool
    hypervolume: float | None = None
    gpu_hours: float = 0.0


def summarise(
    records: Iterable[Record],
    goals: Sequence[Goal],
    limits: Sequence[Limit] = (),
    *,
    study: str | None = None,
) -> Summary:
    """What the records of one study come to."""
    known = list(records)
    firsts = [record for record in known if not record.again]
    found = measured(known, goals, limits)
    kept = [one for one in found if one.keeps]
    missed = [one for one in found if not one.keeps]
    missed.sort(key=lambda one: sum(max(0.0, share) for share in one.violations.values()))
    origins = [one for one in found if (one.record.origin or "").endswith("defaults")]
    return Summary(
        study=study if study is not None else next((r.study for r in known), None),
        goals=tuple(goals),
        limits=tuple(limits),
        finished=sum(_says_something(record, goals) for record in firsts),
        front=_front(kept, goals),
        missed=tuple(missed),
        failures=_failures(firsts, found),
        defaults=origins[0] if origins else None,
        provenance=known[0].provenance if known else None,
        simulated=any(record.outcome.simulated or record.provenance.simulated for record in known),
        hypervolume=_volume(kept, goals),
        gpu_hours=gpu_hours(known),
    )


def _says_something(record: Record, goals: Sequence[Goal]) -> bool:
    """Whether a trial counts: one that failed for no fault of its config says nothing of it."""
    failure = record.outcome.failure
    return not missing(record.outcome.values(), goals) if failure is None else failure.cause.teaches


def _front(found: Sequence[Measured], goals: Sequence[Goal]) -> tuple[Measured, ...]:
    points = _points(found, goals)
    front = [i for i, kept in enumerate(pareto(points).tolist()) if kept]
    return tuple(found[i] for i in sorted(front, key=lambda i: (points[i], i)))


def _points(found: Sequence[Measured], goals: Sequence[Goal]) -> list[tuple[float, ...]]:
    return [tuple(one.metrics[goal.metric] * goal.sign for goal in goals) for one in found]


def _volume(found: Sequence[Measured], goals: Sequence[Goal]) -> float | None:
    if not found:
        return None
    table = np.array(_points(found, goals))
    best, worst = table.min(axis=0), table.max(axis=0)
    # A goal in which all are alike says nothing: its side of the box is whole.
    varied = worst > best
    scaled = np.where(varied, (table - best) / np.where(varied, worst - best, 1.0), 0.0)
    return hypervolume(scaled, np.ones(len(goals)))


def _failures(firsts: Iterable[Record], found: Iterable[Measured]) -> dict[str, int]:
    """Trials without metrics by cause, the most frequent first."""
    good = {one.record.trial for one in found}
    causes = Counter(
        "no such metric" if record.outcome.failure is None else str(record.outcome.failure.cause)
        for record in firsts
        if record.trial not in good
    )
    return dict(causes.most_common())
