"""The constants of a space: from packs, the space, its overlays, hardware and model, and `--set`, the later
ones winning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spacegen.errors import Fault, did_you_mean
from spacegen.language.document import Document, Quantity
from spacegen.language.expr import Const, Scalar
from spacegen.language.model import NO_DEFAULT, Constant, identity
from spacegen.language.naming import Symbols
from spacegen.language.overlays import Stack
from spacegen.language.scalars import write_scalar
from spacegen.language.settings import Settings
from spacegen.language.validate import File

__all__ = ["Constants", "read_constants"]

_NOUN = "constant"


@dataclass(frozen=True, slots=True)
class Constants:
    """The constants in order of declaration, and what is wrong with the settings."""

    values: tuple[Constant, ...]
    usage: tuple[Fault, ...]


def read_constants(
    stack: Stack, settings: Settings, symbols: Symbols, given: Mapping[str, Scalar]
) -> Constants:
    """Declare the constants of all files and `given` values for those that they declare. Parameters and
    fixed values must be declared before: they win over the constants of packs."""
    reader = _Reader(symbols)
    reader.declared(stack.base)
    for overlay in stack.overlays:
        reader.declared(overlay, override=True)
    for pack in stack.packs:
        reader.fallback(pack.file)
    reader.set({name: value for name, value in given.items() if name in reader.found})
    reader.set(settings.constants)
    for constant in reader.found.values():
        if constant.value is not NO_DEFAULT:
            symbols.meanings[constant.name] = Const(constant.value, constant.name)
    return Constants(tuple(reader.found.values()), tuple(reader.usage))


@dataclass(slots=True)
class _Reader:
    symbols: Symbols
    found: dict[str, Constant] = field(default_factory=dict)
    from_packs: set[str] = field(default_factory=set)
    usage: list[Fault] = field(default_factory=list)

    def declared(self, file: File[Document], *, override: bool = False) -> None:
        for name, entry in file.document.constants.items():
            known = self.found.get(name) if override else None
            if known or self.symbols.declare(name, _NOUN, file.at_key("constants", name)):
                self.found[name] = _constant(name, entry, known.unit if known else None)

    def fallback(self, file: File[Document]) -> None:
        for name, entry in file.document.constants.items():
            constant, span = _constant(name, entry), file.at_key("constants", name)
            self.lend_unit(constant)
            if name in self.from_packs:
                self.disagreement(constant, file)
            elif name not in self.symbols.places and self.symbols.declare(name, _NOUN, span):
                self.from_packs.add(name)
                self.found[name] = constant

    def lend_unit(self, constant: Constant) -> None:
        """A unit that only a pack knows is that of the constant everywhere."""
        known = self.found.get(constant.name)
        if known is not None and known.unit is None:
            self.found[constant.name] = replace(known, unit=constant.unit)

    def disagreement(self, constant: Constant, file: File[Document]) -> None:
        known = self.found[constant.name].value
        if known is NO_DEFAULT:
            self.found[constant.name] = constant
        elif constant.value is not NO_DEFAULT and identity(known) != identity(constant.value):
            message = f"two packs give `{constant.name}` different values"
            hint = "give it a value in the `constants` of the space"
            self.symbols.faults.append(Fault(message, file.at("constants", constant.name), hint))

    def set(self, values: Mapping[str, Scalar]) -> None:
        for name, value in values.items():
            if name not in self.found:
                hint = did_you_mean(name, self.found) or _listed(self.found)
                self.usage.append(Fault(f"the space has no constant `{name}`", hint=hint))
            elif _other_type(self.found[name].value, value):
                was = write_scalar(self.found[name].value)  # type: ignore[arg-type]
                message = f"`{name}` cannot be {write_scalar(value)}: the space gives it {was}"
                self.usage.append(Fault(message, hint="give it a value of the same type"))
            else:
                new = NO_DEFAULT if value is None else value
                self.found[name] = Constant(name, new, self.found[name].unit)


def _constant(name: str, entry: Any, unit: str | None = None) -> Constant:
    if isinstance(entry, Quantity):
        entry, unit = entry.value, entry.unit
    return Constant(name, NO_DEFAULT if entry is None else entry, unit)


def _other_type(known: object, value: Scalar) -> bool:
    if known is NO_DEFAULT or value is None:
        return False
    return identity(known)[0] != identity(value)[0]  # type: ignore[arg-type]


def _listed(found: dict[str, Constant]) -> str:
    return "its constants: " + ", ".join(f"`{name}`" for name in found) if found else "it has no constants"
