"""What an overlay pins and restricts, as rules: declared domains stay, so that codes keep their meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spacegen.errors import Fault, did_you_mean
from spacegen.language.conditions import RuleReader
from spacegen.language.document import Overlay
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
    for section, verb in (("pin", "pins"), ("restrict", "restricts")):
        for name, given in getattr(overlay.document, section).items():
            key = overlay.at_key(section, name)
            values = given if section == "restrict" else [given]
            kept = _kept(overlay, (section, name), values, symbols)
            now = symbols.renamed.get(name, name)
            reader.take_id(f"{section}:{now}", key)
            if kept:
                yield _rule(f"{section}:{now}", Ref(now), kept, f"the overlay {verb} `{now}`", key)
            elif name in symbols.left_out:
                reader.unused.add(f"{section}:{now}")
                reader.notes.append(f"`{section}:{name}` is left out: the target has no `{name}`")


def _kept(
    overlay: File[Overlay], path: tuple[str, str], values: list[Any], symbols: Symbols
) -> tuple[Const, ...]:
    name = path[-1]
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
    if not values:
        symbols.faults.append(Fault(f"`{name}` keeps no value", overlay.at(*path)))
    kept = []
    for i, value in enumerate(values):
        code = domain.code(value)
        if code is None:
            span = overlay.at(*path, i)
            message = f"`{name}` cannot be {write_scalar(value)} in the base"
            symbols.faults.append(Fault(message, span, not_in_domain(value, domain)))
        else:
            kept.append(Const(domain[code]))
    return tuple(kept)


def _rule(id: str, ref: Ref, kept: tuple[Const, ...], because: str, span: Span) -> Rule:
    condition: Expr = Compare("==", ref, kept[0]) if id.startswith("pin:") else In(ref, kept)
    return Rule(id, condition, unparse(condition), because, span=span)
