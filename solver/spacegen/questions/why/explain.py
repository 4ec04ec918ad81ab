"""Why a config is no solution, and what would help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING

from spacegen.engines.protocol import Engine
from spacegen.errors import EngineError
from spacegen.language.expr import Scalar
from spacegen.language.model import Model, NoDefault, Parameter, Rule, identity
from spacegen.language.unparse import unparse
from spacegen.questions.check import readable, stretched
from spacegen.questions.dead import dead_values
from spacegen.questions.draw import is_ranked
from spacegen.questions.edits import shorten, words
from spacegen.questions.verdict import Verdict, listed
from spacegen.questions.why.conflict import Conflict
from spacegen.questions.why.conflicts import find_conflict, find_conflicts
from spacegen.questions.why.explanation import Cause, Explanation
from spacegen.questions.why.reasoning import reason
from spacegen.questions.why.remedies import Remedies, parted, remedies
from spacegen.questions.why.together import Compile, Together, possible

if TYPE_CHECKING:
    from spacegen.questions.near.repair import Menu, Repair

__all__ = ["causes", "explain", "offered", "why_empty"]


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
    if repair is not None and mended is None and (empty := why_empty(model, compile_model, engine)):
        return Explanation(verdict, empty, empty=True)
    values = readable(model, verdict)
    wider = stretched(model, verdict.outside)
    found = find_conflicts(wider, compile_model, values, engine=engine if wider is model else None)
    mentioned = {name for conflict in found for rule in conflict.rules for name in wider.scope(rule)}
    strangers = {o.parameter for o in verdict.outside} - mentioned
    menus, anyway = _apart(mended, strangers)
    together = Together.of(wider, compile_model, values)
    whole = mended is None or mended.is_product
    ways = remedies(together, found, menus, lambda: offered(model, engine, values), is_product=whole)
    return Explanation(verdict, causes(wider, found, values, ways), mended, ways.joint, anyway)


def _apart(mended: Repair | None, strangers: Set[str]) -> tuple[tuple[Menu, ...], tuple[Menu, ...]]:
    """The menus of a repair without parameters that no conflict is about, and the menus that these had
    beside others."""
    if mended is None:
        return (), ()
    parts = tuple(parted(mended.menus, strangers))
    loose = tuple(m for m in parts if m not in mended.menus and not strangers.isdisjoint(m.parameters))
    return tuple(menu for menu in parts if menu not in loose), loose


def offered(
    model: Model, engine: Callable[[], Engine], names: Iterable[str]
) -> dict[str, tuple[Scalar, ...]]:
    """The values of some parameters that a solution has, as far as the engine can tell."""
    known = {name: model[name].domain.values for name in names}
    try:
        compiled = engine()
        dead = dead_values(compiled) if is_ranked(compiled) else {}
    except EngineError:
        return known
    lost = {name: set(map(identity, values)) for name, values in dead.items()}
    return {n: tuple(v for v in values if identity(v) not in lost.get(n, ())) for n, values in known.items()}


def why_empty(model: Model, compile_model: Compile, engine: Callable[[], Engine]) -> tuple[Cause, ...]:
    """Why a space has no solution at all; nothing where it has one, or where the engine cannot tell."""
    try:
        if possible(engine()):
            return ()
    except EngineError:
        return ()
    conflict = find_conflict(model, compile_model)
    return () if conflict is None else causes(model, (conflict,), {})


def causes(
    model: Model,
    conflicts: Sequence[Conflict],
    values: Mapping[str, Scalar],
    ways: Remedies | None = None,
) -> tuple[Cause, ...]:
    """The conflicts in words, each with what ends it."""
    rules = Counter(conflict.rules for conflict in conflicts)
    own = ways.own if ways else ((),) * len(conflicts)
    alone = ways.alone if ways else ((),) * len(conflicts)
    return tuple(
        # Two conflicts of one rule differ in their values alone.
        Cause(
            conflict,
            tuple(_lines(model, conflict, conflict.values if rules[conflict.rules] > 1 else values)),
            menus,
            changes,
        )
        for conflict, menus, changes in zip(conflicts, own, alone, strict=True)
    )


def _lines(model: Model, conflict: Conflict, values: Mapping[str, Scalar]) -> Iterator[str]:
    if len(conflict.rules) > 1:
        yield from (shorten(_text(model, rule)) for rule in conflict.rules)
        return
    (rule,) = conflict.rules
    free = [name for name in model.scope(rule) if name not in values]
    line = _inactive(model, rule, conflict.values) or reason(
        model, rule.condition, {name: _some(model, name, values) for name in model.scope(rule)}
    )
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


def _inactive(model: Model, rule: Rule, values: Mapping[str, Scalar]) -> str | None:
    """What an `active_when` rejects; None for other rules."""
    parameter = _switched(model, rule)
    if parameter is None or parameter.active_when is None or parameter.name not in values:
        return None
    value = words(values[parameter.name])
    return f"{parameter.name}={value}, but it has no effect unless {unparse(parameter.active_when)}"


def _text(model: Model, rule: Rule) -> str:
    """What a rule says; for `active_when`, what holds where it is not true."""
    parameter = _switched(model, rule)
    if parameter is None or parameter.active_when is None or isinstance(parameter.default, NoDefault):
        return rule.text
    return f"{parameter.name} is {words(parameter.default)} unless {unparse(parameter.active_when)}"


def _switched(model: Model, rule: Rule) -> Parameter | None:
    """The parameter whose `active_when` the rule is."""
    name, _, section = rule.id.rpartition(".")
    return model[name] if section == "active_when" and name in model.index else None
