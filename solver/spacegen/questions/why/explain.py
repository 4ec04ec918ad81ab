"""Why a config is no solution, and what would help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from spacegen.engines.protocol import Engine
from spacegen.language.expr import Scalar
from spacegen.language.model import Model, NoDefault, Rule
from spacegen.language.unparse import unparse
from spacegen.questions.check import readable, stretched
from spacegen.questions.edits import shorten, words
from spacegen.questions.verdict import Verdict, listed
from spacegen.questions.why.conflict import Conflict
from spacegen.questions.why.conflicts import find_conflicts
from spacegen.questions.why.explanation import Cause, Explanation
from spacegen.questions.why.reasoning import reason
from spacegen.questions.why.together import Compile, Together

if TYPE_CHECKING:
    from spacegen.questions.near.repair import Menu, Repair

__all__ = ["causes", "explain"]


def explain(
    model: Model,
    verdict: Verdict,
    compile_model: Compile,
    engine: Callable[[], Engine],
    repair: Callable[[], Repair | None] | None = None,
) -> Explanation:
    """The causes of a verdict on a config of `model`; `repair` finds the nearest valid one."""
    if verdict.valid:
        return Explanation(verdict)
    mended = None if repair is None else repair()
    values = readable(model, verdict)
    wider = stretched(model, verdict.outside)
    found = find_conflicts(wider, compile_model, values, engine=engine if wider is model else None)
    menus = mended.menus if mended else ()
    return Explanation(verdict, causes(wider, found, values, menus, compile_model), mended)


def causes(
    model: Model,
    conflicts: tuple[Conflict, ...],
    values: Mapping[str, Scalar],
    menus: tuple[Menu, ...],
    compile_model: Compile,
) -> tuple[Cause, ...]:
    """The conflicts in words, each with the menus that touch one of its parameters; where a menu ends several
    conflicts together, also with the changes that end this one alone."""
    touching = [tuple(menu for menu in menus if _touches(model, conflict, menu)) for conflict in conflicts]
    shared = [menu for menu in menus if sum(menu in found for found in touching) > 1]
    together = Together.of(model, compile_model, values)
    return tuple(
        Cause(
            conflict,
            tuple(_lines(model, conflict, values)),
            found,
            tuple(together.ends(conflict.rules, conflict.values)) if any(m in shared for m in found) else (),
        )
        for conflict, found in zip(conflicts, touching, strict=True)
    )


def _touches(model: Model, conflict: Conflict, menu: Menu) -> bool:
    scopes = {name for rule in conflict.rules for name in model.scope(rule)}
    return not scopes.isdisjoint(menu.parameters)


def _lines(model: Model, conflict: Conflict, values: Mapping[str, Scalar]) -> Iterator[str]:
    if len(conflict.rules) > 1:
        yield from (shorten(_text(model, rule)) for rule in conflict.rules)
        return
    (rule,) = conflict.rules
    free = [name for name in model.scope(rule) if name not in values]
    line = reason(model, rule.condition, {name: _some(model, name, values) for name in model.scope(rule)})
    yield f"{line} ({_no_other(free)})" if free else line


def _no_other(free: list[str]) -> str:
    if len(free) == 1:
        return f"no other `{free[0]}` helps"
    return f"no other values of {listed((f'`{name}`' for name in free), 3)} help"


def _some(model: Model, name: str, values: Mapping[str, Scalar]) -> Scalar:
    """The value of a parameter; of a free one its default, else its first."""
    parameter = model[name]
    if name in values:
        return values[name]
    code = None if isinstance(parameter.default, NoDefault) else parameter.domain.code(parameter.default)
    return parameter.domain[code or 0]


def _text(model: Model, rule: Rule) -> str:
    """What a rule says; for `active_when`, what holds where it is not true."""
    name, _, section = rule.id.rpartition(".")
    if section != "active_when" or name not in model.index:
        return rule.text
    parameter = model[name]
    if parameter.active_when is None or isinstance(parameter.default, NoDefault):
        return rule.text
    return f"{name} is {words(parameter.default)} unless {unparse(parameter.active_when)}"
