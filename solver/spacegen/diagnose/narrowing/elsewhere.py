"""Where advice says nothing: configs in which null means another choice than the server made in a launch.

Advice takes null from an argument if what the server chose was not good. With some values of other arguments
null is all that is left, as the server would change what it is given: attention data parallelism does so
with the conservativeness. There the server chooses otherwise, and the launch shows nothing about that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from spacegen.api import Space
from spacegen.diagnose.narrowing.edit import Basis, Edit, Kept
from spacegen.errors import EngineError
from spacegen.language.model import Kind
from spacegen.questions.verdict import shown
from spacegen.questions.why.together import codes_of

__all__ = ["spared"]


def spared(space: Space, edit: Edit, ran: Mapping[str, Any]) -> Edit | str:
    """Advice that also leaves the values of other parameters that go with null alone, where it takes null;
    or why not, if the launch itself, `ran`, has one of them. Other edits as they are."""
    way = edit.ways[0]
    domain = space.model[way.parameter].domain
    if edit.basis is not Basis.ADVICE or len(edit.own_ways) > 1 or None in way.values or None not in domain:
        return edit
    beyond = _lost(space, way, {one.parameter for one in edit.ways})
    for other in beyond:
        if other.has(value := ran.get(other.parameter)):
            return f"the space has no such value of `{way.parameter}` with `{other.parameter}` {shown(value)}"
    if not beyond:
        return edit
    return edit.model_copy(update={"ways": (*edit.ways, *beyond), "own": 1})


def _lost(space: Space, way: Kept, known: Collection[str]) -> list[Kept]:
    """The values of other parameters that have solutions with null, and none with the values of a way; none
    of those that are `known`."""
    domain = space.model[way.parameter].domain
    kept = tuple(code for value in way.values if (code := domain.code(value)) is not None)
    try:
        left = space.engine.marginals({way.parameter: kept})
        before = space.engine.marginals(codes_of(space.model, {way.parameter: None}))
    except EngineError:
        return []
    found: list[Kept] = []
    for parameter, here, there in zip(space.model.parameters, left, before, strict=True):
        if parameter.name not in known and _tied(space, way.parameter, parameter.name):
            counted = zip(parameter.domain, here, there, strict=True)
            lost = tuple(value for value, some, others in counted if not some and others)
            found += [Kept(parameter=parameter.name, values=lost)] if lost else []
    return found


def _tied(space: Space, name: str, other: str) -> bool:
    """Whether a rule ties the parameters together. One that says that a value has no effect does not count:
    an argument that switches off what the advice is about is no way around it."""
    rules = (rule for rule in space.model.conditions if rule.kind is not Kind.INERT)
    return any({name, other} <= set(space.model.scope(rule)) for rule in rules)
