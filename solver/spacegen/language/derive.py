"""Derived values: named expressions, each read after those it mentions and written out in full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Final

from spacegen.errors import Fault, SpaceError
from spacegen.language.conditions import expression_text
from spacegen.language.document import Document, Quantity
from spacegen.language.model import Derived
from spacegen.language.naming import PackNames, Symbols, reworded
from spacegen.language.overlays import Stack
from spacegen.language.packs import names_version
from spacegen.language.retarget import Retarget
from spacegen.language.syntax import Names, parse
from spacegen.language.validate import File
from spacegen.source import Span

__all__ = ["read_derived"]

_NOUN: Final = "derived value"
_MAX_CIRCLES: Final = 20
_STRING: Final = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    text: str
    unit: str | None
    span: Span
    key: Span
    in_pack: bool
    version: str | None = None


def read_derived(
    stack: Stack, symbols: Symbols, way: Retarget | None, notes: list[str]
) -> tuple[Derived, ...]:
    """Declare the derived values of all files, in order of declaration. Those of a pack give way to other
    names of the space, and are left out, with a note, where they mention what the space lacks."""
    reader = _Reader(symbols, way, notes)
    for file in (stack.base, *stack.overlays):
        for entry in _entries(file, in_pack=False):
            reader.declare(entry)
    for pack in stack.packs:
        for entry in _entries(pack.file, in_pack=True):
            reader.fallback(replace(entry, version=names_version(pack)))
    return reader.derived()


def _entries(file: File[Document], *, in_pack: bool) -> Iterator[_Entry]:
    for name, given in file.document.derived.items():
        key = file.at_key("derived", name)
        if isinstance(given, Quantity):
            span = file.at("derived", name, "value")
            yield _Entry(name, expression_text(given.value), given.unit, span, key, in_pack)
        else:
            yield _Entry(name, expression_text(given), None, file.at("derived", name), key, in_pack)


@dataclass(slots=True)
class _Reader:
    symbols: Symbols
    way: Retarget | None
    notes: list[str]
    entries: dict[str, _Entry] = field(default_factory=dict)

    def declare(self, entry: _Entry) -> None:
        if self.symbols.declare(entry.name, _NOUN, entry.key):
            self.entries[entry.name] = entry

    def fallback(self, entry: _Entry) -> None:
        known = self.entries.get(entry.name)
        if known and known.in_pack and known.text != entry.text:
            hint = f"the other stands at {known.key}"
            fault = Fault(f"two packs derive `{entry.name}` in different ways", entry.key, hint)
            self.symbols.faults.append(fault)
        elif entry.name not in self.symbols.places:
            self.declare(entry)

    def derived(self) -> tuple[Derived, ...]:
        found = {name: self.read(self.entries[name]) for name in self.order()}
        return tuple(d for name in self.entries if (d := found.get(name)) is not None)

    def order(self) -> tuple[str, ...]:
        """The names, each after those that it mentions; a circle is a fault and left out."""
        graph = {name: self.mentioned(entry) for name, entry in self.entries.items()}
        for _ in range(_MAX_CIRCLES):
            try:
                return tuple(TopologicalSorter(graph).static_order())
            except CycleError as error:
                circle: list[str] = error.args[1]
                self.symbols.faults.append(self.circle(circle[::-1]))
                graph = {name: graph[name] - set(circle) for name in graph if name not in circle}
        return ()

    def circle(self, names: list[str]) -> Fault:
        shown = names if len(names) <= 8 else [*names[:6], "...", names[-1]]
        said = " -> ".join(name if name == "..." else f"`{name}`" for name in shown)
        message = f"derived values refer to each other in a circle: {said}"
        return Fault(message, self.entries[names[0]].key)

    def mentioned(self, entry: _Entry) -> set[str]:
        words: set[str] = set(_WORD.findall(_STRING.sub("", entry.text)))
        return {word for word in words if word in self.entries}

    def read(self, entry: _Entry) -> Derived | None:
        of_pack = PackNames(self.symbols, self.way, entry.version) if entry.in_pack else None
        meanings = self.symbols.meanings if of_pack is None else of_pack
        try:
            expr = parse(entry.text, entry.span, Names(meanings, self.symbols.domains), want="any")
        except SpaceError as error:
            self.symbols.faults.extend(error.faults)
            return None
        if of_pack is not None and of_pack.missing:
            listed = ", ".join(f"`{name}`" for name in of_pack.missing)
            self.notes.append(f"`{entry.name}` is left out: the space has no target and no {listed}")
            del self.symbols.meanings[entry.name]
            return None
        self.symbols.meanings[entry.name] = expr
        text = reworded(entry.text, self.symbols.renamed if of_pack is None else of_pack.renamed)
        return Derived(entry.name, expr, text, entry.unit)
