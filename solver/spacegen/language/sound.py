"""What is wrong with the values of a domain, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from spacegen.errors import Fault
from spacegen.language.expr import Scalar
from spacegen.language.model import identity
from spacegen.language.scalars import write_scalar
from spacegen.source import Span

__all__ = ["MAX_VALUES", "flaws"]

MAX_VALUES: Final = 10**6
_MAX_INT: Final = 2**63

PlaceOf: TypeAlias = Callable[[int], Span | None]


def flaws(
    name: str, values: tuple[Scalar, ...], at: Span | None = None, place: PlaceOf = lambda _: None
) -> Iterator[Fault]:
    """What is wrong with the values of a parameter; `at` is where they stand and `place(i)` where value `i`
    does."""
    if not values:
        yield Fault(f"`{name}` has no values", at, "a domain needs at least one value")
        return
    if len(values) > MAX_VALUES:
        yield Fault(f"`{name}` has {len(values):,} values; at most {MAX_VALUES:,} are allowed", at)
        return
    first: dict[tuple[str, Scalar], int] = {}
    for i, value in enumerate(values):
        if isinstance(value, int) and not -_MAX_INT <= value < _MAX_INT:
            yield Fault(f"`{name}`: {write_scalar(value)} does not fit in 64 bits", place(i))
        if (known := first.setdefault(identity(value), i)) != i:
            other = values[known]
            same = f"; {_spelt(other)} is the same number" if repr(other) != repr(value) else ""
            yield Fault(f"`{name}` has the value {_spelt(value)} twice{same}", place(i), "remove one of them")
    types = {key[0]: i for key, i in reversed(first.items())}
    if "bool" in types and "number" in types:
        hint = "`true` is not `1`: use one of the two kinds"
        yield Fault(f"`{name}` mixes booleans with numbers", place(max(types["bool"], types["number"])), hint)


def _spelt(value: Scalar) -> str:
    return f"`{write_scalar(value)}`"
