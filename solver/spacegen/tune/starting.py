"""The configs that a study begins with: the server's defaults, and what its user knows already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from spacegen.errors import ConfigError, EmptySpaceError, Fault, SpaceError, SpacegenError, UsageError
from spacegen.language.expr import Scalar
from spacegen.language.model import NO_DEFAULT, NoDefault
from spacegen.questions.given import plain_config
from spacegen.tune.record import Record

if TYPE_CHECKING:
    from spacegen.api import Space

__all__ = ["Start", "WarmStart", "default_start", "target_defaults", "warm_starts"]

_BALANCED: Final = "balanced:"

WarmStart: TypeAlias = str | Path | Mapping[str, Any]
"""`balanced:N`, `around`, the path of a file of configs, or a config."""


@dataclass(frozen=True, slots=True)
class Start:
    """A solution to begin with, where it came from, and what people should know about that."""

    config: Mapping[str, Scalar]
    origin: str
    notes: tuple[str, ...] = field(default=())


def target_defaults(space: Space) -> dict[str, Scalar]:
    """What the server does by itself, as far as parameters of the space are about it.

    A default of the target that the domain does not hold is null where that stands for it. A parameter that
    the target does not know has the default that the space declares; without one it is left open.
    """
    from spacegen.language.retarget import target_default
    from spacegen.servers.schema import load

    target = space.base.target
    schema = None if target is None else load(target.server, str(target.version))
    found: dict[str, Scalar] = {}
    for parameter in space.parameters:
        known = schema is not None and parameter.name in schema.arguments
        default = target_default(schema, parameter.name) if schema is not None and known else NO_DEFAULT
        if isinstance(default, NoDefault):
            default = parameter.default
        elif default not in parameter.domain and None in parameter.domain:
            default = None
        if not isinstance(default, NoDefault):
            found[parameter.name] = default
    return found


def default_start(space: Space) -> Start:
    """The server's defaults, or the solution nearest to them. Raises EmptySpaceError where there is none."""
    config = target_defaults(space)
    solution, changes = _nearest(space, config)
    if not changes and config.keys() == solution.keys():
        return Start(solution, "defaults")
    left = [name for name in solution if name not in config]
    told = [*changes, *(f"{name} has no default" for name in left)]
    return Start(
        solution, "repaired defaults", (f"the server's defaults are no solution: {'; '.join(told)}",)
    )


def warm_starts(space: Space, wanted: Iterable[WarmStart], seed: int = 0) -> Iterator[Start]:
    """Solutions to try before the sampler proposes any, each once, in the order in which they are asked for.

    Raises UsageError for words that ask for nothing, ConfigError for files that cannot be read.
    """
    seen: list[Mapping[str, Scalar]] = []
    for one in wanted:
        for start in _starts(space, one, seed):
            if start.config not in seen:
                seen.append(start.config)
                yield start


def _starts(space: Space, wanted: WarmStart, seed: int) -> Iterator[Start]:
    if isinstance(wanted, Mapping):
        yield _mended(space, "the config", plain_config(wanted))
    elif wanted == "around":
        yield from _around(space)
    elif str(wanted).startswith(_BALANCED):
        number = _number(str(wanted))
        drawn = space.sample(number, seed=seed, method="balanced")
        yield from (Start(_own(space, row), "warm start") for row in drawn)
    else:
        yield from _read(space, Path(wanted))


def _number(text: str) -> int:
    digits = text.removeprefix(_BALANCED)
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 7):
        hint = "write `--warm-start balanced:20`"
        raise UsageError(Fault(f"`{text}` says no number of draws", hint=hint))
    return int(digits)


def _around(space: Space) -> Iterator[Start]:
    from spacegen.solutions import Solutions

    found = space.around(default_start(space).config)
    rows = Solutions(space.engine, found.block)
    # The first row is the base.
    yield from (Start(_own(space, row), "warm start") for row in rows[1:])


def _read(space: Space, path: Path) -> Iterator[Start]:
    for label, config in _configs(space, path):
        yield _mended(space, label, config)


def _configs(space: Space, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    from spacegen.language.files import read_source
    from spacegen.launch.reading import read_launches, without_verdicts

    if not path.is_file():
        hint = "give `balanced:N`, `around`, or a file of configs"
        raise ConfigError(Fault(f"there is no file to start from: {path}", hint=hint))
    try:
        batch = without_verdicts(read_launches(read_source(path), space.model), space.base)
    except SpaceError as error:
        raise ConfigError(*error.faults) from None
    for entry in batch.entries:
        if isinstance(entry.config, Fault):
            raise ConfigError(entry.config)
        if entry.wrong:
            raise ConfigError(*entry.wrong)
        for config in _configs_in(entry.config):
            yield entry.label, config


def _configs_in(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The config of a line of a results file, those of a saved front; any other config as it is."""
    front = found.get("pareto_front")
    if isinstance(front, list):
        yield from (one["parameters"] for one in front if isinstance(one, Mapping) and "parameters" in one)
    elif found.keys() <= Record.model_fields.keys() and isinstance(inner := found.get("config"), Mapping):
        yield inner
    else:
        yield found


def _mended(space: Space, label: str, config: Mapping[str, Any]) -> Start:
    try:
        solution, changes = _nearest(space, config)
    except EmptySpaceError:
        raise
    except SpacegenError as error:
        raise ConfigError(*(Fault(f"{label}: {f.message}", f.span, f.hint) for f in error.faults)) from None
    note = f"{label} is no solution; the nearest one is tried: {'; '.join(changes)}"
    return Start(solution, "warm start", (note,) if changes else ())


def _nearest(space: Space, config: Mapping[str, Any]) -> tuple[dict[str, Scalar], list[str]]:
    """The nearest solution, and what changes on the way there. Raises EmptySpaceError."""
    from spacegen.questions.near.repair import NoRepair

    found = space.repair(config)
    if isinstance(found, NoRepair):
        raise EmptySpaceError(f"`{space.name}` has no solution: {found}")
    return _own(space, found.solution), list(map(str, found.changes))


def _own(space: Space, row: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {parameter.name: row[parameter.name] for parameter in space.parameters}
