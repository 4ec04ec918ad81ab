"""What the page says in words and tables, readable without its script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import isfinite
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from spacegen.errors import how_many
from spacegen.questions.summary import percent
from spacegen.tune.metrics import Goal
from spacegen.tune.record import Provenance
from spacegen.tune.report.content import Content
from spacegen.tune.report.failures import Failures
from spacegen.tune.report.markup import Node, element, table
from spacegen.tune.report.trials import State, Trial

__all__ = ["comparison", "failed", "figures", "provenance", "subtitle"]

_SHOWN: Final = 40
"""Numbers of trials that a list names before it only counts."""

_FOLDED: Final = 12
"""More changes than these are shown when somebody asks."""


def subtitle(content: Content) -> Element:
    """What was to be found."""
    wanted = "; ".join(map(str, content.summary.goals))
    limits = ", ".join(map(str, content.summary.limits))
    return element("p", wanted, f", keeping {limits}" if limits else None, class_="subtitle")


def figures(content: Content) -> Element:
    """The headline numbers."""
    states = [trial.state for trial in content.trials]
    failed = states.count(State.FAILED) + states.count(State.LACKING)
    missed = states.count(State.MISSED)
    cards = [("trials", f"{len(states):,}", f"{len(states) - failed:,} measured")]
    cards.append(("on the front", f"{states.count(State.FRONT):,}", ""))
    cards += [_best(content, goal) for goal in content.summary.goals]
    if content.summary.limits:
        cards.append(("miss a limit", f"{missed:,}", ", ".join(map(str, content.summary.limits))))
    cards.append(("failed", f"{failed:,}", ", ".join(content.summary.failures)))
    cards.append(("time of launches", *_time(content.trials)))
    return element("dl", *(_card(*card) for card in cards), class_="cards")


def _card(name: str, value: str, note: str) -> Element:
    small = element("dd", note, class_="note") if note else None
    return element("div", element("dt", name), element("dd", value), small)


def _best(content: Content, goal: Goal) -> tuple[str, str, str]:
    values = [t.value(goal.metric) for t in content.trials if t.state is State.FRONT]
    known = [value for value in values if value is not None]
    if not known:
        return f"best {goal.metric}", "–", ""
    best = min(known, key=lambda value: goal.sign * value)
    against = _against(content, goal, best)
    note = f"{against} than the defaults" if "," in against else against
    return f"best {goal.metric}", _shown(best), note


def _against(content: Content, goal: Goal, value: float | None) -> str:
    """A value beside that of the defaults."""
    base = None if content.defaults is None else content.trials[content.defaults].value(goal.metric)
    if base is None or value is None or base == 0 or not isfinite(base):
        return ""
    change = (value - base) / abs(base)
    better = change * goal.sign < 0
    return (
        f"{percent(change, signed=True)}, {'better' if better else 'worse'}" if change else "as the defaults"
    )


def _time(trials: Iterable[Trial]) -> tuple[str, str]:
    outcomes = [one.outcome for trial in trials for one in (trial.record, *trial.again)]
    hours = sum(outcome.seconds for outcome in outcomes) / 3600
    gpu_hours = sum(outcome.gpu_seconds for outcome in outcomes) / 3600
    return f"{hours:.3g} h", f"{gpu_hours:.3g} GPU-hours" if gpu_hours else ""


def comparison(content: Content) -> Element:
    """The front, beside the launch that changes nothing."""
    front = [row for row, trial in enumerate(content.trials) if trial.state is State.FRONT]
    front.sort(key=lambda row: _order(content, row))
    if content.defaults is not None:
        front = [content.defaults, *(row for row in front if row != content.defaults)]
    if not front:
        return element("p", "No trial was measured that keeps every limit.", class_="none")
    headers = ["trial", *(f"{g.metric} ({g.direction})" for g in content.summary.goals), "GPUs", "changes"]
    return table("The front beside the defaults", headers, (_compared(content, row) for row in front))


def _order(content: Content, row: int) -> float:
    goal = content.summary.goals[0]
    return goal.sign * (content.trials[row].value(goal.metric) or 0.0)


def _compared(content: Content, row: int) -> Iterable[Node]:
    trial = content.trials[row]
    is_default = row == content.defaults
    name = f"{trial.number}{' (defaults)' if is_default else ''}"
    yield element("a", name, href="#details", data_row=str(row), class_="pick")
    for goal in content.summary.goals:
        yield _value(content, trial, goal, is_default=is_default)
    yield len(trial.record.outcome.gpu_ids) or "–"
    yield _changes(content, row)


def _value(content: Content, trial: Trial, goal: Goal, *, is_default: bool) -> Element:
    value = trial.value(goal.metric)
    if value is None:
        failure = trial.record.outcome.failure
        return element("span", "–" if failure is None else str(failure.cause), class_="note")
    against = "" if is_default else _against(content, goal, value)
    notes = [element("span", against, class_="note")] if against else []
    if trial.measured is not None and (spread := trial.measured.spread.get(goal.metric)):
        words = f"{_shown(spread.low)} – {_shown(spread.high)} in {trial.measured.times} measurements"
        notes.append(element("span", words, class_="note"))
    return element("span", _shown(value), *notes)


def _changes(content: Content, row: int) -> Element:
    if content.defaults is None:
        varied = [c for c in content.columns if c.varies]
        return element("ul", *(element("li", f"{c.name}: {c.label(row)}") for c in varied), class_="changes")
    changes = content.changes(row)
    if not changes:
        return element("span", "none", class_="note")
    items = (
        element("li", f"{name}: ", element("s", before), " → ", element("strong", after))
        for name, before, after in changes
    )
    found = element("ul", *items, class_="changes")
    if len(changes) <= _FOLDED:
        return found
    return element("details", element("summary", f"{len(changes)} changes"), found)


def _shown(value: float) -> str:
    """Four digits that matter, and no exponent: 16060, 0.06034."""
    return np.format_float_positional(float(f"{value:.4g}"), trim="-")


def failed(content: Content) -> Element:
    """What went wrong, by cause, with the end of a log for each kind."""
    lacking = [trial.number for trial in content.trials if trial.state is State.LACKING]
    if not content.failures and not lacking:
        return element("p", "No launch failed.", class_="none")
    causes = groupby(content.failures, key=lambda one: one.cause)
    found = element("div", *(_cause(cause, list(some)) for cause, some in causes))
    if lacking:
        wanted = ", ".join(goal.metric for goal in content.summary.goals)
        found.append(element("h3", f"{State.LACKING}: {how_many(len(lacking), 'trial')}"))
        found.append(element("p", f"The load gave no number for one of {wanted}: trials {_listed(lacking)}."))
    return found


def _listed(trials: Sequence[int]) -> str:
    return ", ".join(map(str, trials[:_SHOWN])) + (" …" if len(trials) > _SHOWN else "")


def _cause(cause: str, some: list[Failures]) -> Element:
    number = sum(len(one.trials) for one in some)
    heading = element("h3", f"{cause}: {how_many(number, 'trial')}")
    return element("div", heading, *(_words(one) for one in some))


def _words(one: Failures) -> Element:
    noun = "trial" if len(one.trials) == 1 else f"{len(one.trials):,} trials:"
    log = element("p", "log of the first: ", element("code", one.log)) if one.log else None
    tail = element("pre", "\n".join(one.example.log_tail), tabindex="0") if one.example.log_tail else None
    summary = element(
        "summary", one.example.message, element("span", f" {noun} {_listed(one.trials)}", class_="note")
    )
    return element("details", summary, log, tail)


def provenance(content: Content) -> Element:
    """Where the numbers come from; more than once where records differ in it."""
    trials = content.trials
    different = list(dict.fromkeys(trial.record.provenance.model_dump_json() for trial in trials))
    known = [Provenance.model_validate_json(text) for text in different]
    return element("div", *(_origin(one, content.summary.study) for one in known))


def _origin(one: Provenance, study: str | None) -> Element:
    facts = {
        "study": study,
        "space": one.space,
        "fingerprint of the space": one.fingerprint,
        "target": one.target,
        "model": one.model,
        "hardware": one.hardware,
        "spacegen": one.spacegen,
        "numbers": "SIMULATED: a formula, no server" if one.simulated else "measured",
    }
    facts |= {f"workload: {name}": _said(value) for name, value in one.workload.model_dump().items()}
    rows = ([name, value] for name, value in facts.items() if value)
    return table("Where the numbers come from", ["what", "value"], rows, class_="facts")


def _said(value: object) -> str | None:
    match value:
        case None | "" | () | {}:
            return None
        case dict():
            return ", ".join(f"{name}={item}" for name, item in value.items())
        case tuple() | list():
            return " ".join(map(str, value))
        case _:
            return str(value)
