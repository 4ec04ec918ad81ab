"""Spaces made from spaces: each function gives a new model, or says which name it does not know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final, get_args

from spacegen.errors import Fault, UsageError, did_you_mean, how_many
from spacegen.language.expr import Compare, Const, Expr, Ref, Scalar
from spacegen.language.model import (
    Derived,
    Domain,
    Impact,
    Model,
    NoDefault,
    Objective,
    Parameter,
    Preference,
    Rule,
    is_number,
)
from spacegen.language.walk import scope, substitute

__all__ = [
    "choose",
    "combinations",
    "fitting",
    "fresh_id",
    "parameter",
    "pin",
    "runs",
    "several",
    "shorten",
    "with_objective",
    "with_parameter",
    "with_preference",
    "with_rule",
    "without",
    "without_rules",
    "words",
]

LONG_RUN: Final = 6
"""So many neighbouring numbers are told by the first and the last;"""
MOST_RUNS: Final = 12
"""so many parts of a list are told."""


def words(value: Scalar) -> str:
    """A value as the space language writes it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def parameter(model: Model, name: str) -> Parameter:
    """The parameter of that name; UsageError with the closest name where there is none."""
    if name not in model.index:
        raise UsageError(Fault(f"no parameter is called `{name}`", hint=did_you_mean(name, model.index)))
    return model[name]


def pin(model: Model, name: str, value: Scalar) -> Rule:
    """The rule that holds a parameter at one value of its domain."""
    pinned = parameter(model, name)
    code = pinned.domain.code(value)
    if code is None:
        known = ", ".join(words(v) for v in pinned.domain)
        raise UsageError(Fault(f"`{name}` cannot be {words(value)}", hint=f"its values are {shorten(known)}"))
    spelled = pinned.domain[code]
    return Rule(
        id=f"pin:{name}",
        condition=Compare("==", Ref(name), Const(spelled)),
        text=f"{name} == {words(spelled)}",
        because="it was pinned",
    )


def shorten(text: str, width: int = 200) -> str:
    """The text, cut at `width` characters with an ellipsis."""
    return text if len(text) <= width else f"{text[: width - 2]} …"


def runs(values: Iterable[Scalar], domain: Domain) -> str:
    """Values of a domain in its order, in backticks; of many neighbouring numbers the first and the last, and
    how many values it is in all."""
    codes = sorted(code for value in values if (code := domain.code(value)) is not None)
    parts: list[list[int]] = []
    for code in codes:
        if parts and code == parts[-1][-1] + 1 and is_number(domain[code]) and is_number(domain[code - 1]):
            parts[-1].append(code)
        else:
            parts.append([code])
    told = [word for part in parts for word in _run([f"`{words(domain[code])}`" for code in part])]
    if len(told) > MOST_RUNS:
        told = [*told[: MOST_RUNS - 2], "…", told[-1]]
    total = f" ({how_many(len(codes), 'value')})" if any("…" in part for part in told) else ""
    return f"{', '.join(told)}{total}"


def _run(told: list[str]) -> list[str]:
    return told if len(told) < LONG_RUN else [f"{told[0]} … {told[-1]}"]


def several(values: Sequence[Scalar], last: str = ", ") -> str:
    """Values on one line, many whole numbers in steps of one by their ends: `601 … 5000 (4400 values)`."""
    if len(values) >= LONG_RUN and (ends := _ends(values)):
        return f"{ends[0]} … {ends[1]} ({len(values)} values)"
    return fitting(list(map(words, values)), ", ", last)


def _ends(values: Sequence[Scalar]) -> tuple[int, int] | None:
    """The first and the last of whole numbers without gaps."""
    numbers = {value for value in values if isinstance(value, int) and not isinstance(value, bool)}
    if len(numbers) != len(values) or max(numbers) - min(numbers) >= len(values):
        return None
    return min(numbers), max(numbers)


def fitting(texts: Sequence[str], between: str, last: str, width: int = 120) -> str:
    """The texts on one line, `last` before the last one; of too many the first ones, and their number."""
    line = f"{between.join(texts[:-1])}{last if len(texts) > 1 else ''}{texts[-1]}"
    if len(line) <= width:
        return line
    ends = accumulate(len(text) + len(between) for text in texts)
    fits = max(1, sum(end <= width for end in ends))
    return f"{between.join(texts[:fits])} … ({len(texts)} in all)" if fits < len(texts) else line


def choose(model: Model, chosen: Iterable[str]) -> tuple[str, ...]:
    """The parameters that the words name (parameters, groups, impacts), in declared order."""
    groups = {p.group for p in model.parameters if p.group is not None}
    found: set[str] = set()
    for word in chosen:
        if word in model.index:
            found.add(word)
        elif word in groups:
            found.update(p.name for p in model.parameters if p.group == word)
        elif word in get_args(Impact):
            found.update(p.name for p in model.parameters if p.impact == word)
        else:
            hint = did_you_mean(word, [*model.index, *groups])
            raise UsageError(Fault(f"no parameter or group is called `{word}`", hint=hint))
    return tuple(p.name for p in model.parameters if p.name in found)


def with_parameter(model: Model, added: Parameter) -> Model:
    """The model with one more parameter, or with another in the place of the one of that name."""
    _refuse_other_uses(model, added.name)
    if added.name not in model.index:
        return model.replace(parameters=(*model.parameters, added))
    return model.replace(parameters=tuple(added if p.name == added.name else p for p in model.parameters))


def _refuse_other_uses(model: Model, name: str) -> None:
    uses = {
        "a constant": [c.name for c in model.constants],
        "a derived value": [d.name for d in model.derived],
        "a fixed value": list(model.fixed),
    }
    for use, names in uses.items():
        if name in names:
            raise UsageError(f"`{name}` is already the name of {use}")


def with_rule(model: Model, rule: Rule) -> Model:
    """The model with one more rule."""
    _refuse_known_rule(model, rule.id)
    return model.replace(rules=(*model.rules, rule))


def with_preference(model: Model, preference: Preference) -> Model:
    """The model with one more soft rule."""
    _refuse_known_rule(model, preference.id)
    return model.replace(preferences=(*model.preferences, preference))


def _refuse_known_rule(model: Model, id: str) -> None:
    if id in {r.id for r in model.conditions} or id in {p.id for p in model.preferences}:
        raise UsageError(f"a rule `{id}` is there already")


def with_objective(model: Model, objective: Objective) -> Model:
    """The model with one more objective, less important than those that it has."""
    if objective.id in {o.id for o in model.objectives}:
        raise UsageError(f"an objective `{objective.id}` is there already")
    return model.replace(objectives=(*model.objectives, objective))


def fresh_id(model: Model) -> str:
    """An id that no rule has yet: `rule-N`."""
    taken = {rule.id for rule in model.rules} | {p.id for p in model.preferences}
    number = len(model.rules) + len(model.preferences) + 1
    while f"rule-{number}" in taken:
        number += 1
    return f"rule-{number}"


def without_rules(model: Model, ids: Collection[str] | None = None) -> Model:
    """The model without the rules of these ids, or without any; preferences and `active_when` count, too."""
    known = {rule.id for rule in model.conditions} | {p.id for p in model.preferences}
    for unknown in [rule_id for rule_id in ids or () if rule_id not in known]:
        hint = did_you_mean(unknown, known)
        raise UsageError(Fault(f"no rule is called `{unknown}`", hint=hint))
    gone = known if ids is None else set(ids)
    return model.replace(
        rules=tuple(rule for rule in model.rules if rule.id not in gone),
        preferences=tuple(p for p in model.preferences if p.id not in gone),
        parameters=tuple(
            replace(p, active_when=None) if f"{p.name}.active_when" in gone else p for p in model.parameters
        ),
    )


def without(model: Model, names: Sequence[str]) -> Model:
    """The model without these parameters: rules see them at their defaults.

    What mentions a parameter without a default goes with it, and the notes say so.
    """
    gone = {name: parameter(model, name) for name in names}
    at = {name: Const(p.default, name) for name, p in gone.items() if not isinstance(p.default, NoDefault)}
    lost = {name for name in gone if name not in at}
    notes: list[str] = []

    def kept(expr: Expr, what: str) -> bool:
        missing = [name for name in scope(expr) if name in lost]
        if missing:
            notes.append(f"{what} is left out: it needs `{missing[0]}`, which has no default")
        return not missing

    parameters = tuple(_settle(p, at, kept) for p in model.parameters if p.name not in gone)
    rules = tuple(
        replace(rule, condition=substitute(rule.condition, at))
        for rule in model.rules
        if kept(rule.condition, f"rule `{rule.id}`")
    )
    derived = tuple(
        Derived(d.name, substitute(d.expr, at), d.text, d.unit)
        for d in model.derived
        if kept(d.expr, f"derived value `{d.name}`")
    )
    preferences = tuple(
        replace(p, rule=replace(p.rule, condition=substitute(p.rule.condition, at)))
        for p in model.preferences
        if kept(p.rule.condition, f"rule `{p.id}`")
    )
    objectives = tuple(
        replace(o, expr=substitute(o.expr, at))
        for o in model.objectives
        if kept(o.expr, f"objective `{o.id}`")
    )
    best = model.replace(objectives=objectives, preferences=preferences)
    return best.replace(parameters=parameters, rules=rules, derived=derived, notes=(*model.notes, *notes))


def _settle(p: Parameter, at: dict[str, Const], kept: Callable[[Expr, str], bool]) -> Parameter:
    if p.active_when is None:
        return p
    if not kept(p.active_when, f"`active_when` of `{p.name}`"):
        return replace(p, active_when=None)
    return replace(p, active_when=substitute(p.active_when, at))


def combinations(model: Model, pinned: Collection[str] = ()) -> int:
    """The size of the product of the domains, where a pinned parameter counts one value."""
    size = 1
    for p in model.parameters:
        size *= 1 if p.name in pinned else len(p.domain)
    return size
