"""Repairs of configs as people have them: with other names of a parameter, and arguments that only the
target knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from spacegen.errors import ConfigError, Fault, did_you_mean
from spacegen.language.expr import Scalar
from spacegen.language.model import Model
from spacegen.launch.sorting import Sorter
from spacegen.questions.repair import NoRepair, Repair

__all__ = ["mended"]


def mended(
    model: Model,
    settled: Mapping[str, Scalar],
    config: Mapping[str, Any],
    repair: Callable[[Mapping[str, Any]], Repair | NoRepair],
) -> Repair | NoRepair:
    """The repair of a config, spelled and ordered as the config is: its own part is asked of `repair`, what
    only the target knows passes, and what is no argument (derived values, ranks) is left out.

    Raises ConfigError for names and arguments that neither the space nor its target takes.
    """
    sort = Sorter(model, settled)
    sorted_ = sort(config)
    searched = {name for name in sorted_.config if name in model.index or name in settled}
    silent = {"rank", *(d.name for d in model.derived)}
    names: dict[str, str] = {}
    faults = list(sorted_.wrong)
    for key in config:
        own = key if key in searched else next(iter(sort({key: config[key]}).config), key)
        if own in searched:
            names[key] = own
        elif key not in sorted_.passed and key not in silent and key in sorted_.config:
            hint = did_you_mean(key, [*model.index, *settled])
            faults.append(Fault(f"`{key}` is no parameter of this space", hint=hint))
    if faults:
        raise ConfigError(*faults)
    found = repair({own: config[key] for key, own in names.items()})
    if isinstance(found, NoRepair):
        return found
    kept = {key: value for key, value in config.items() if key in names or key in sorted_.passed}
    spelled = {key: found.config[names[key]] if key in names else value for key, value in kept.items()}
    return replace(found, config={**spelled, **found.added})
