"""Domains from their YAML forms: value lists and decimal ranges."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from spacegen.errors import Fault, did_you_mean
from spacegen.language.document import ParameterEntry, Range
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain
from spacegen.language.nodes import Path
from spacegen.language.scalars import write_scalar
from spacegen.language.sound import MAX_VALUES, flaws
from spacegen.source import Span

__all__ = ["AnyEntry", "not_in_domain", "place_of", "read_domain"]

AnyEntry = list[Scalar] | Range | ParameterEntry


def read_domain(name: str, entry: AnyEntry, at: Callable[[Path], Span], faults: list[Fault]) -> Domain | None:
    """The domain of a parameter, or None after adding to `faults`."""
    before = len(faults)
    match entry:
        case list():
            values = tuple(entry)
        case Range():
            values = _span_of(name, entry, at, faults)
        case ParameterEntry():
            listed = tuple(entry.values or ())
            ranged = _span_of(name, entry.range, lambda p: at(("range", *p)), faults) if entry.range else ()
            values = listed + ranged
    if len(faults) == before:
        faults.extend(flaws(name, values, at(()), lambda i: place_of(entry, i, at)))
    ordered = isinstance(entry, ParameterEntry) and entry.ordered
    return Domain(values, ordered) if len(faults) == before else None


def place_of(entry: AnyEntry, i: int, at: Callable[[Path], Span]) -> Span:
    """Where value `i` of a domain stands; for one of a range, the range."""
    match entry:
        case list():
            return at((i,))
        case Range():
            return at(())
        case ParameterEntry():
            return at(("values", i) if i < len(entry.values or ()) else ("range",))


def not_in_domain(value: Scalar, domain: Domain) -> str:
    """A hint for a value that a domain lacks."""
    texts = [write_scalar(v) for v in domain.values[:1000]]
    if isinstance(value, str) and (hint := did_you_mean(value, texts)):
        return hint
    shown = ", ".join(texts if len(texts) <= 12 else [*texts[:6], "...", *texts[-2:]])
    return f"its values are {shown}"


def _about(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"about {Decimal(number):.0e}"


def _span_of(name: str, entry: Range, at: Callable[[Path], Span], faults: list[Fault]) -> tuple[Scalar, ...]:
    """The values of a range, computed in decimal so that 0.7 + 0.12 is 0.82."""
    start, stop, step = (Decimal(repr(number)) for number in (entry.start, entry.stop, entry.step))
    if step == 0:
        faults.append(Fault(f"the range of `{name}` has step 0", at(("step",))))
        return ()
    if (stop - start) * step < 0:
        hint = "a falling range needs a negative step" if step > 0 else "a rising range needs a positive step"
        faults.append(Fault(f"the range of `{name}` never reaches {entry.stop}", at(("step",)), hint))
        return ()
    steps = int((stop - start) / step)
    if steps >= MAX_VALUES:
        message = f"the range of `{name}` has {_about(steps + 1)} values; at most {MAX_VALUES:,} are allowed"
        faults.append(Fault(message, at(())))
        return ()
    if start + steps * step != stop:
        near = f"{start + steps * step} or {start + (steps + 1) * step}"
        message = f"the range of `{name}` misses its end {entry.stop}"
        faults.append(Fault(message, at(("to",)), f"steps of {entry.step} lead to {near}"))
        return ()
    whole = all(isinstance(number, int) for number in (entry.start, entry.stop, entry.step))
    kind = int if whole else float
    return tuple(kind(start + i * step) for i in range(steps + 1))
