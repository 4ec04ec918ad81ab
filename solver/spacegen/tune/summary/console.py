"""A summary as the text that people read at the end of a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from spacegen.errors import how_many
from spacegen.questions.edits import words
from spacegen.questions.summary import percent
from spacegen.tune.metrics import Goal
from spacegen.tune.summary.measured import Measured
from spacegen.tune.summary.summary import Summary

__all__ = ["SIMULATED", "amount", "heading", "in_words"]

SIMULATED: Final = "SIMULATED: a formula stood in for the server; nothing here is about hardware."

_WIDTH: Final = 80
_NEAREST: Final = 3

_UNITS: Final = {
    "ttft": ("{:.4f}", "seconds"),
    "tpot": ("{:.4f}", "seconds"),
    "itl": ("{:.4f}", "seconds"),
    "e2e": ("{:.4f}", "seconds"),
    "tps": ("{:.2f}", "tokens/sec"),
    "total_tps": ("{:.2f}", "tokens/sec"),
    "requests_per_s": ("{:.2f}", "requests/sec"),
}
_SPELLED: Final = {"ttft": "TTFT", "tps": "TPS"}


def heading(metric: str) -> str:
    """What a metric is called on the console."""
    return _SPELLED.get(metric, metric)


def amount(metric: str, value: float) -> str:
    """A metric with its unit."""
    whole = metric.removesuffix("_per_gpu")
    if whole in _UNITS:
        form, unit = _UNITS[whole]
        return f"{form.format(value)} {unit}{'' if whole == metric else ' per GPU'}"
    if metric.endswith("_ms"):
        return f"{value:.2f} ms"
    if metric.endswith("_throughput"):
        return f"{value:.2f} per second"
    return f"{value:.6g}"


def in_words(summary: Summary) -> Iterator[str]:
    """The lines of a summary."""
    yield from _title("Optimization Results", "=")
    yield ""
    if summary.simulated:
        yield SIMULATED
        yield ""
    yield from _numbers(summary)
    yield ""
    yield from _subtitle(summary)
    if not summary.front:
        yield ""
        yield from _nothing(summary)
    for number, one in enumerate(summary.front, 1):
        yield ""
        yield f"Solution {number}:"
        yield from _solution(one, summary)


def _title(text: str, rule: str) -> Iterator[str]:
    yield rule * _WIDTH
    yield text
    yield rule * _WIDTH


def _numbers(summary: Summary) -> Iterator[str]:
    yield f"Number of finished trials: {summary.finished}"
    if summary.failures:
        causes = ", ".join(f"{cause} {count}" for cause, count in summary.failures.items())
        yield f"Number of failed trials: {sum(summary.failures.values())} ({causes})"
    if summary.limits:
        levels = ", ".join(map(str, summary.limits))
        yield f"Number of trials that miss a limit: {len(summary.missed)} ({levels})"
    yield f"Number of Pareto optimal solutions: {len(summary.front)}"
    if summary.defaults is not None:
        base = summary.defaults
        yield f"The server's defaults: trial {base.trial} ({_values(base, summary.goals)})"


def _subtitle(summary: Summary) -> Iterator[str]:
    if len(summary.goals) == 1:
        yield f"Best by {summary.goals[0]}:"
    else:
        names = [heading(goal.metric) for goal in summary.goals]
        yield f"Pareto Front (Best Trade-offs between {', '.join(names[:-1])} and {names[-1]}):"
    yield "-" * _WIDTH


def _nothing(summary: Summary) -> Iterator[str]:
    if not summary.missed:
        yield "No trial was measured." if not summary.finished else "No trial succeeded."
        return
    yield "No trial keeps every limit. The nearest:"
    for one in summary.missed[:_NEAREST]:
        yield ""
        yield f"Trial {one.trial}:"
        yield from _solution(one, summary)


def _solution(one: Measured, summary: Summary) -> Iterator[str]:
    for goal in summary.goals:
        value = amount(goal.metric, one.metrics[goal.metric])
        yield f"  {heading(goal.metric)}: {value}{_remarks(goal, one, summary)}"
    for limit in summary.limits:
        if (missed := one.violations[str(limit)]) > 0:
            yield f"  Misses {limit}: {_beyond(limit.metric, one, missed)}"
        else:
            value = amount(limit.metric, one.metrics[limit.metric])
            yield f"  Keeps {limit}: {value}"
    yield f"  {_origin(one)}"
    yield "  Parameters:"
    for name, setting in one.record.config.items():
        yield f"    {name}: {words(setting)}"


def _beyond(metric: str, one: Measured, missed: float) -> str:
    value = one.metrics.get(metric)
    return "not measured" if value is None else f"{amount(metric, value)}, {percent(missed)} beyond"


def _origin(one: Measured) -> str:
    facts = [f"Trial: {one.trial}"]
    if one.record.rank is not None:
        facts.append(f"rank {one.record.rank}")
    if one.record.origin in ("defaults", "repaired defaults"):
        facts.append(f"the server's {one.record.origin}")
    if one.times + one.failed > 1:
        facts.append(f"measured {how_many(one.times, 'time')}")
    if one.failed:
        facts.append(f"{one.failed} more failed")
    return ", ".join(facts)


def _remarks(goal: Goal, one: Measured, summary: Summary) -> str:
    """How far a value is from that of the defaults, and how far its measurements are apart."""
    told = []
    base = summary.defaults
    if base is not None and base.trial != one.trial and (was := base.metrics[goal.metric]):
        change = (one.metrics[goal.metric] - was) / abs(was)
        told.append(f"{percent(change, signed=True)} against the defaults")
    if (spread := one.spread.get(goal.metric)) is not None:
        low, high = (amount(goal.metric, value).split(" ")[0] for value in (spread.low, spread.high))
        told.append(f"{low} … {high}, spread {percent(spread.share)}")
    return f" ({'; '.join(told)})" if told else ""


def _values(one: Measured, goals: Sequence[Goal]) -> str:
    return ", ".join(
        f"{heading(goal.metric)} {amount(goal.metric, one.metrics[goal.metric])}" for goal in goals
    )
