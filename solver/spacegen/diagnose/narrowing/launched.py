"""What a launch ran with, as a config of a space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from spacegen.diagnose.launch import Launch
from spacegen.diagnose.narrowing.switches import switched
from spacegen.diagnose.versions import ADVICE
from spacegen.errors import SpaceError
from spacegen.language.model import Domain, NoDefault, Parameter, is_number
from spacegen.language.retarget import target_default
from spacegen.launch.flags import negated
from spacegen.servers import renames
from spacegen.servers.schema import TargetSchema, load

if TYPE_CHECKING:
    from spacegen.api import Space

__all__ = [
    "launched",
    "named",
    "of_another_server",
    "of_domain",
    "schema_of",
    "spellings",
]

_NEAR: Final = 1e-9
_SHORT: Final = {
    "half": "float16",
    "fp16": "float16",
    "bf16": "bfloat16",
    "float": "float32",
    "float8_e4m3fn": "fp8_e4m3",
    "float8_e5m2": "fp8_e5m2",
}
"""Types that have several names."""


def schema_of(space: Space) -> TargetSchema | None:
    """The arguments of the space's target; None if it has none or that is not known."""
    target = space.base.target
    if target is None:
        return None
    try:
        return load(target.server, target.version)
    except SpaceError:
        return None


def of_another_server(space: Space, launch: Launch) -> bool:
    """Whether the launch ran another server than the space is for."""
    target = space.base.target
    return target is not None and launch.server is not None and launch.server != target.server


def spellings(space: Space, version: str | None = None) -> Mapping[str, str]:
    """The parameter for each name: its own, and those in `version`, in advice and in the target."""
    schema = schema_of(space)
    found: dict[str, str] = {}
    for parameter in space.parameters:
        for name in _names(space, schema, parameter.name, version):
            found.setdefault(name, parameter.name)
    return found


def _names(space: Space, schema: TargetSchema | None, name: str, version: str | None) -> Iterator[str]:
    yield name
    target = space.base.target
    if target is None:
        return
    for other in (ADVICE, version):
        if other is not None and (old := renames.renamed(target.server, name, target.version, other)):
            yield old
    if schema is not None and name in schema.arguments and negated(schema, schema.arguments[name]) is None:
        yield schema.arguments[name].name


def launched(space: Space, launch: Launch, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The values of the parameters that a launch ran with, as far as they are known.

    `asked` are the arguments that were given, if known: what is missing there was left to the server. Without
    them, a value counts as left to the server if the log has none, or one that is not in the domain and that
    a server may choose. What was left to the server is at the target's default, or null if the domain has
    that. Other values that are not in the domain stay as they are.
    """
    if of_another_server(space, launch):
        return {}
    arguments = _by_parameter(space, launch.version, launch.arguments)
    given = None if asked is None else _by_parameter(space, launch.version, asked)
    schema = schema_of(space)
    found: dict[str, Any] = {}
    for parameter in space.parameters:
        name = parameter.name
        if given is not None:
            found[name] = (
                of_domain(given[name], parameter.domain) if name in given else _unsaid(parameter, schema)
            )
        elif name in arguments:
            found[name] = _as_run(arguments[name], parameter, schema)
    return {name: value for name, value in found.items() if not isinstance(value, NoDefault)}


def named(space: Space, launch: Launch) -> dict[str, Any]:
    """The values that the log has for the parameters, in their domains or not."""
    return {} if of_another_server(space, launch) else _by_parameter(space, launch.version, launch.arguments)


def _by_parameter(space: Space, version: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    # It knows all questions about a space, which whoever only reads a log has none of.
    from spacegen.questions.check import is_scalar

    known = spellings(space, version)
    said = switched(given, space.model.index)
    return {known[name]: value for name, value in said.items() if name in known and is_scalar(value)}


def _as_run(value: Any, parameter: Parameter, schema: TargetSchema | None) -> Any:
    """A value from the log, as the domain has it; what was left to the server if the domain lacks it and a
    server may choose it."""
    found = of_domain(value, parameter.domain)
    if found in parameter.domain:
        return found
    chosen = None in parameter.domain and _may_be_chosen(found, [v for v in parameter.domain if is_number(v)])
    return _unsaid(parameter, schema) if value is None or chosen else found


def _may_be_chosen(value: Any, offered: Sequence[float]) -> bool:
    """Whether a server may have chosen a value: never -1 for no limit, nor a share beyond those on offer."""
    if isinstance(value, float) and offered:
        return min(offered) < value < max(offered)
    return not is_number(value) or value > 0


def _unsaid(parameter: Parameter, schema: TargetSchema | None) -> Any:
    """The value of an argument that was not given: the target's default, else null or the space's default."""
    known = schema is not None and parameter.name in schema.arguments
    default = target_default(schema, parameter.name) if schema is not None and known else None
    if not isinstance(default, NoDefault) and default in parameter.domain:
        return default
    return None if None in parameter.domain else parameter.default


def of_domain(value: Any, domain: Domain) -> Any:
    """The value as the domain spells it, if the domain has it but for rounding or spelling; else itself."""
    code = domain.code(value)
    if code is not None:
        return domain[code]
    if isinstance(value, str):
        meant = _meant(value)
        return next((v for v in domain if isinstance(v, str) and _meant(v) == meant), value)
    if isinstance(value, float):
        near = (v for v in domain if isinstance(v, float) and abs(v - value) <= _NEAR)
        return next(near, value)
    return value


def _meant(word: str) -> str:
    """A word in one spelling: PyTorch and servers have several names for a type."""
    plain = word.removeprefix("torch.")
    return _SHORT.get(plain, plain)
