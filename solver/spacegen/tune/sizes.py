"""How many GPUs launches take: that of a config, and the solutions that need more than there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Final

from spacegen.errors import Fault, SpacegenError, UsageError, how_many
from spacegen.language.expr import Scalar

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.engines.blocks import Given
    from spacegen.servers.schema import TargetSchema

__all__ = ["gpus_of", "most_gpus", "refuse_large"]

_DERIVED: Final = "gpus"
_ATTENTION: Final = "enable_dp_attention"
"""With it data parallelism takes no GPUs of its own."""
_NODE: Final = "device_num"
"""What packs call the GPUs of a node."""


def gpus_of(space: Space) -> Callable[[Mapping[str, Scalar]], int]:
    """How many GPUs a config of the space takes; 1 where its target does not say."""
    from spacegen.launch.commands import gpus
    from spacegen.launch.config import LaunchConfig

    schema = _schema(space)
    if schema is None:
        return lambda _: 1
    return lambda config: gpus(LaunchConfig(schema, config)) or 1


def most_gpus(space: Space) -> int:
    """The most GPUs that a solution of the space takes; 0 without solutions."""
    found = sorted(_sizes(space), key=lambda size: -size[0])
    return next((gpus for gpus, given in found if _possible(space, given)), 0)


def refuse_large(space: Space, given: int) -> None:
    """Raises UsageError where some solutions take more GPUs than are given, with the edit that leaves them
    out. None given are as many as anybody likes."""
    if not given:
        return
    large = [at for gpus, at in _sizes(space) if gpus > given and _possible(space, at)]
    if not large:
        return
    number = sum(map(space.engine.count, large)) if space.ranked else 0
    told = how_many(number, "solution") if number else "some solutions"
    hint = f"give all of them with `--gpus`, or leave those out: {_edit(space, given)}"
    raise UsageError(Fault(f"{told} of `{space.name}` take more than {how_many(given, 'GPU')}", hint=hint))


def _schema(space: Space) -> TargetSchema | None:
    from spacegen.servers.schema import load

    target = space.base.target
    return None if target is None else load(target.server, str(target.version))


def _sizes(space: Space) -> Iterator[tuple[int, Given]]:
    """The GPUs of each combination of the values that decide it, with the codes that stand for it."""
    decisive, count = _decisive(space), gpus_of(space)
    domains = [parameter.domain.values for parameter in space.parameters if parameter.name in decisive]
    held = _held(space)
    for codes in product(*(range(len(values)) for values in domains)):
        config = {n: values[code] for n, values, code in zip(decisive, domains, codes, strict=True)}
        yield count({**held, **config}), {n: (code,) for n, code in zip(decisive, codes, strict=True)}


def _fields(space: Space) -> frozenset[str]:
    """All names of arguments that decide how many GPUs a launch takes."""
    from spacegen.launch.commands import SIZES

    schema = _schema(space)
    if schema is None:
        return frozenset()
    sizes = SIZES.get(schema.server, ())
    return frozenset(name for name, argument in schema.arguments.items() if argument.name in sizes)


def _held(space: Space) -> dict[str, Scalar]:
    """What decides it and is held fixed."""
    fields = _fields(space)
    return {name: value for name, value in space.arguments.items() if name in fields}


def _decisive(space: Space) -> dict[str, str]:
    """The parameters that decide it, in their order, with the fields that they are."""
    schema, fields = _schema(space), _fields(space)
    if schema is None:
        return {}
    return {p.name: schema.arguments[p.name].name for p in space.parameters if p.name in fields}


def _possible(space: Space, given: Given) -> bool:
    return space.engine.costed((), given).least() is not None


def _edit(space: Space, given: int) -> str:
    """An option that leaves the large launches out; tried, where it is no name that packs have for it."""
    if any(constant.name == _NODE for constant in space.base.constants):
        return f"`--set {_NODE}={given}`"
    for text in _conditions(space, given):
        try:
            if most_gpus(space.where(text)) <= given:
                return f"`--where '{text}'`"
        except SpacegenError:
            continue
    return "`--where` says which"


def _conditions(space: Space, given: int) -> Iterator[str]:
    if _DERIVED in {derived.name for derived in space.base.derived}:
        yield f"{_DERIVED} <= {given}"
    decisive, held = _decisive(space), _held(space)
    shared = held.get(_ATTENTION) is True
    attention = next((name for name, field in decisive.items() if field == _ATTENTION), None)
    factors = [
        f"(1 if {attention} else {name})" if field == "dp_size" and attention else name
        for name, field in decisive.items()
        if name != attention and not (field == "dp_size" and shared)
    ]
    if factors:
        each = gpus_of(space)({**held, **dict.fromkeys(decisive, 1)})
        yield f"{' * '.join(factors)} <= {given // each}"
