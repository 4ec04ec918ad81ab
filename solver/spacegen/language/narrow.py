"""What an overlay pins and restricts, as rules: declared domains stay, so that codes keep their meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from spacegen.errors import Fault, did_you_mean
from spacegen.language.conditions import RuleReader
from spacegen.language.document import Overlay, PinEntry, RestrictEntry
from spacegen.language.domains import not_in_domain
from spacegen.language.expr import Compare, Const, Expr, In, Ref
from spacegen.language.model import Rule
from spacegen.language.naming import Symbols
from spacegen.language.scalars import write_scalar
from spacegen.language.unparse import unparse
from spacegen.language.validate import File
from spacegen.source import Span

__all__ = ["narrowed"]


def narrowed(overlay: File[Overlay], symbols: Symbols, reader: RuleReader) -> Iterator[Rule]:
    """The rules `pin:NAME` and `restrict:NAME` of an overlay."""
    for name, given in _entries(overlay):
        key = overlay.at_key(given.section, name)
        kept = _kept(overlay, name, given, symbols)
        now = symbols.renamed.get(name, name)
        id = f"{given.section}:{now}"
        reader.take_id(id, key)
        if kept:
            yield _rule(id, Ref(now), kept, given, key)
        elif name in symbols.left_out:
            reader.unused.add(id)
            reader.notes.append(f"`{given.section}:{name}` is left out: the target has no `{name}`")


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a section of an overlay says of a parameter, and the path to its values from there."""

    section: Literal["pin", "restrict"]
    values: list[Any]
    path: tuple[str, ...] = ()
    because: str | None = None
    source: str | None = None

    def place(self, i: int) -> tuple[str | int, ...]:
        """The path to a value."""
        return (*self.path, i) if self.section == "restrict" else self.path


def _entries(overlay: File[Overlay]) -> Iterator[tuple[str, _Entry]]:
    for name, pinned in overlay.document.pin.items():
        match pinned:
            case PinEntry(value=value, because=because, source=source):
                yield name, _Entry("pin", [value], ("value",), because, source)
            case _:
                yield name, _Entry("pin", [pinned])
    for name, left in overlay.document.restrict.items():
        match left:
            case RestrictEntry(values=values, because=because, source=source):
                yield name, _Entry("restrict", values, ("values",), because, source)
            case _:
                yield name, _Entry("restrict", left)


def _kept(overlay: File[Overlay], name: str, given: _Entry, symbols: Symbols) -> tuple[Const, ...]:
    path = (given.section, name)
    domain = symbols.domains.get(symbols.renamed.get(name, name))
    if domain is None:
        if name in symbols.left_out:
            return ()
        if name not in symbols.meanings:
            hint = did_you_mean(name, symbols.domains)
            message = f"the base has no parameter `{name}`"
            symbols.faults.append(Fault(message, overlay.at_key(*path), hint))
        elif name in symbols.places and symbols.places[name][0] != "parameter":
            message = f"`{name}` is a {symbols.places[name][0]}, not a parameter"
            symbols.faults.append(Fault(message, overlay.at_key(*path)))
        return ()
    if not given.values:
        symbols.faults.append(Fault(f"`{name}` keeps no value", overlay.at(*path, *given.path)))
    kept = []
    for i, value in enumerate(given.values):
        code = domain.code(value)
        if code is None:
            span = overlay.at(*path, *given.place(i))
            message = f"`{name}` cannot be {write_scalar(value)} in the base"
            symbols.faults.append(Fault(message, span, not_in_domain(value, domain)))
        else:
            kept.append(Const(domain[code]))
    return tuple(kept)


def _rule(id: str, ref: Ref, kept: tuple[Const, ...], given: _Entry, span: Span) -> Rule:
    pins = given.section == "pin"
    condition: Expr = Compare("==", ref, kept[0]) if pins else In(ref, kept)
    because = given.because or f"the overlay {given.section}s `{ref.name}`"
    return Rule(id, condition, unparse(condition), because, given.source, span=span)
