"""Repairs of configs as people have them: with other names of a parameter, and arguments that only the
target knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from spacegen.errors import ConfigError, Fault, UsageError, did_you_mean
from spacegen.language.expr import Scalar
from spacegen.language.model import Model
from spacegen.launch.sorting import Sorter
from spacegen.launch.writers import csv_cell
from spacegen.questions.configs import SUFFIXES
from spacegen.questions.near.repair import NoRepair, Repair

__all__ = ["Named", "form_of", "mended", "named", "table"]


@dataclass(frozen=True, slots=True)
class Named:
    """The keys of a config: the space's own name of each that it is asked about, and those that only the
    target knows."""

    own: Mapping[str, str]
    passed: frozenset[str]


def named(model: Model, settled: Mapping[str, Scalar], config: Mapping[str, Any]) -> Named:
    """The keys of a config by what they name; derived values and ranks are neither.

    Raises ConfigError for names and arguments that neither the space nor its target takes.
    """
    if config.keys() <= model.index.keys():
        return Named({key: key for key in config}, frozenset())
    sort = Sorter(model, settled)
    found = sort(config)
    searched = {name for name in found.config if name in model.index or name in settled}
    silent = {"rank", *(d.name for d in model.derived)}
    own: dict[str, str] = {}
    faults = list(found.wrong)
    for key in config:
        name = key if key in searched else next(iter(sort({key: config[key]}).config), key)
        if name in searched:
            own[key] = name
        elif key not in found.passed and key not in silent and key in found.config:
            hint = did_you_mean(key, [*model.index, *settled])
            faults.append(Fault(f"`{key}` is no parameter of this space", hint=hint))
    if faults:
        raise ConfigError(*faults)
    return Named(own, frozenset(found.passed))


def mended(
    model: Model,
    settled: Mapping[str, Scalar],
    config: Mapping[str, Any],
    repair: Callable[[Mapping[str, Any]], Repair | NoRepair],
) -> Repair | NoRepair:
    """The repair of a config, spelled and ordered as the config is: its own part is asked of `repair`, what
    only the target knows passes, and what is no argument is left out. Raises ConfigError as `named` does."""
    keys = named(model, settled, config)
    found = repair({own: config[key] for key, own in keys.own.items()})
    if isinstance(found, NoRepair):
        return found
    spelled = {
        key: found.config[keys.own[key]] if key in keys.own else value
        for key, value in config.items()
        if key in keys.own or key in keys.passed
    }
    return replace(found, config={**spelled, **found.added})


def form_of(path: str, *, json: bool) -> str | None:
    """The format that the suffix of a file asks for, None for no suffix. Raises UsageError for one that
    repaired configs are not written in, or reports on them, which are `json`."""
    suffix = PurePath(path).suffix.lower()
    form = SUFFIXES.get(suffix)
    if suffix and form is None:
        hint = "write to a file that ends in `.json`, `.jsonl` or `.csv`"
        raise UsageError(Fault(f"the suffix of `{path}` names no format of repaired configs", hint=hint))
    if json and form == "csv":
        hint = "leave out one of them"
        raise UsageError(Fault(f"`--json` writes JSON, and `{path}` is for rows", hint=hint))
    return form


def table(repairs: Sequence[Repair]) -> Iterator[str]:
    """The repaired configs as the lines of a CSV table: what was added to one config has its value in all.

    Raises UsageError where configs have other names than the first.
    """
    columns = list(dict.fromkeys(name for found in repairs for name in found.config))
    for found in repairs:
        if lost := [name for name in columns if name not in {**found.solution, **found.config}]:
            hint = "write them as JSON lines: `-o FILE.jsonl`"
            raise UsageError(Fault(f"not all configs have `{lost[0]}`, as rows of a table must", hint=hint))
    if columns:
        yield ",".join(map(csv_cell, columns))
    for found in repairs:
        cells = {**found.solution, **found.config}
        # A blank line is no row to CSV readers.
        yield ",".join(csv_cell(cells[name]) for name in columns) or "null"
