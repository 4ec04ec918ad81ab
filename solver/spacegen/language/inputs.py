"""Hardware and a model as inputs of a space: what a catalogue entry and a checkpoint say, as constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from spacegen.errors import Fault, SpaceError, did_you_mean
from spacegen.language import catalog
from spacegen.language.document import Pack, Quantity
from spacegen.language.expr import Scalar
from spacegen.language.files import read_source, shown
from spacegen.language.model import NO_DEFAULT, Constant, Rule
from spacegen.language.nodes import read_tree
from spacegen.language.settings import Settings
from spacegen.language.unknowns import can_fail, unset_names
from spacegen.language.validate import validate
from spacegen.servers.checkpoint import MODEL_CONSTANTS, read_checkpoint

__all__ = ["HARDWARE_CONSTANTS", "Inputs", "applicable", "hardware_names", "read_inputs", "source_of"]

HARDWARE_CONSTANTS: Final = ("device_num", "gpu_memory_mib", "compute_capability", "host_memory_gib")
"""The names of constants that hardware gives to a space."""

_SHELF: Final = "hardware/"
_MOST_IDS: Final = 4


@dataclass(frozen=True, slots=True)
class Inputs:
    """Values of constants by name, the model's winning over the hardware's; a model is a launch argument
    too."""

    constants: Mapping[str, Scalar]
    model_path: str | None = None


def read_inputs(settings: Settings) -> Inputs:
    """What the chosen hardware and model say. Raises SpaceError where one cannot be read."""
    found: dict[str, Scalar] = {}
    if settings.hardware is not None:
        found |= _read_hardware(settings.hardware)
    if settings.model is None:
        return Inputs(MappingProxyType(found))
    checkpoint = read_checkpoint(settings.model)
    found |= {name: value for name, value in checkpoint.constants().items() if value is not None}
    return Inputs(MappingProxyType(found), checkpoint.path)


def hardware_names() -> tuple[str, ...]:
    """The hardware of the catalogue, in order."""
    return tuple(name.removeprefix(_SHELF) for name in catalog.names("rules") if name.startswith(_SHELF))


def _read_hardware(name: str) -> dict[str, Scalar]:
    """The constants of a catalogue entry, or of a file with a `/` in its name or ending in `.yaml`."""
    if catalog.is_path(name):
        path = Path(name)
    elif name in hardware_names():
        path = catalog.find("rules", _SHELF + name)
    else:
        known = hardware_names()
        hint = did_you_mean(name, known) or f"the catalogue has {', '.join(f'`{word}`' for word in known)}"
        raise SpaceError(Fault(f"no hardware is called `{name}`", hint=hint))
    faults: list[Fault] = []
    file = validate(read_tree(read_source(path, shown(path))), Pack, faults)
    if file is not None and (file.document.rules or file.document.derived):
        key = "rules" if file.document.rules else "derived"
        faults.append(Fault("hardware is described by constants alone", file.at_key(key)))
    if faults or file is None:
        raise SpaceError(*faults)
    entries = file.document.constants.items()
    return {key: entry.value if isinstance(entry, Quantity) else entry for key, entry in entries}


def applicable(
    rules: Iterable[Rule], constants: Iterable[Constant], settings: Settings, notes: list[str]
) -> tuple[Rule, ...]:
    """The rules without those that no value can break until a hardware or a model is said; `notes` tells
    which."""
    lacking = {c.name for c in constants if c.value is NO_DEFAULT}
    kept: list[Rule] = []
    idle: dict[str, list[str]] = {}
    for rule in rules:
        source = source_of(lacking & unset_names(rule.condition))
        if source is None or can_fail(rule.condition):
            kept.append(rule)
        else:
            idle.setdefault(source, []).append(rule.id)
    notes.extend(_note(source, ids, settings) for source, ids in idle.items())
    return tuple(kept)


def source_of(names: frozenset[str] | set[str]) -> str | None:
    """The option that would give a value to one of these constants: `model`, `hardware`, or none."""
    if names & set(MODEL_CONSTANTS):
        return "model"
    return "hardware" if names & set(HARDWARE_CONSTANTS) else None


def _note(source: str, ids: list[str], settings: Settings) -> str:
    given = settings.model if source == "model" else settings.hardware
    why = f"no `--{source}` given" if given is None else f"the {source} does not say all"
    listed = ", ".join(f"`{id}`" for id in ids[:_MOST_IDS])
    more = f" and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else ""
    return f"{why}: {'rule' if len(ids) == 1 else 'rules'} {listed}{more} left out"
