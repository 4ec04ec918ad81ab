"""Domains from their YAML forms: value lists and decimal ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from spacegen.errors import Fault, did_you_mean
from spacegen.language.document import ParameterEntry, Range
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, identity
from spacegen.language.nodes import Path
from spacegen.language.scalars import write_scalar
from spacegen.source import Span

__all__ = ["MAX_VALUES", "AnyEntry", "not_in_domain", "place_of", "read_domain"]

AnyEntry = list[Scalar] | Range | ParameterEntry
MAX_VALUES: Final = 10**6
_MAX_INT: Final = 2**63


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
        faults.extend(_flaws(name, values, at, lambda i: place_of(entry, i, at)))
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


def _flaws(
    name: str, values: tuple[Scalar, ...], at: Callable[[Path], Span], span: Callable[[int], Span]
) -> Iterator[Fault]:
    if not values:
        yield Fault(f"`{name}` has no values", at(()), "a domain needs at least one value")
        return
    if len(values) > MAX_VALUES:
        yield Fault(f"`{name}` has {len(values):,} values; at most {MAX_VALUES:,} are allowed", at(()))
        return
    first: dict[tuple[str, Scalar], int] = {}
    for i, value in enumerate(values):
        if isinstance(value, int) and not -_MAX_INT <= value < _MAX_INT:
            yield Fault(f"`{name}`: {write_scalar(value)} does not fit in 64 bits", span(i))
        if (known := first.setdefault(identity(value), i)) != i:
            other = values[known]
            same = f"; {_spelt(other)} is the same number" if repr(other) != repr(value) else ""
            yield Fault(f"`{name}` has the value {_spelt(value)} twice{same}", span(i), "remove one of them")
    types = {key[0]: i for key, i in reversed(first.items())}
    if "bool" in types and "number" in types:
        hint = "`true` is not `1`: use one of the two kinds"
        yield Fault(f"`{name}` mixes booleans with numbers", span(max(types["bool"], types["number"])), hint)


def _spelt(value: Scalar) -> str:
    return f"`{write_scalar(value)}`"


def not_in_domain(value: Scalar, domain: Domain) -> str:
    """A hint for a value that a domain lacks."""
    texts = [write_scalar(v) for v in domain.values[:1000]]
    if isinstance(value, str) and (hint := did_you_mean(value, texts)):
        return hint
    shown = ", ".join(texts if len(texts) <= 12 else [*texts[:6], "...", *texts[-2:]])
    return f"its values are {shown}"


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
        message = f"the range of `{name}` has {steps + 1:,} values; at most {MAX_VALUES:,} are allowed"
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
