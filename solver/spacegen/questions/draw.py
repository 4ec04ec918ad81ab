"""Which solutions: random ones, a slice of ranks, or all of them, as blocks of codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from spacegen.engines.distinct import below, distinct_rows
from spacegen.engines.protocol import Block, Draw, Engine, Method, RankedEngine
from spacegen.errors import Fault, UsageError
from spacegen.questions.given import whole

__all__ = ["draw", "draw_ranks", "is_ranked", "range_length", "ranked", "ranked_blocks", "shard", "stream"]

_ROWS = 65536


def is_ranked(engine: Engine) -> TypeGuard[RankedEngine]:
    """Whether the engine knows ranks."""
    return hasattr(engine, "unrank")


def ranked(engine: Engine) -> RankedEngine:
    """The engine, where it knows ranks. Raises UsageError."""
    if not is_ranked(engine):
        raise UsageError(Fault(f"`{engine.name}` knows no ranks", hint="use the engine `jointree`"))
    return engine


def draw(
    engine: Engine, size: int, *, seed: int = 0, method: Method = "uniform", replace: bool = False
) -> Draw:
    """`size` random solutions (fewer where the space has fewer and `replace` is not asked for)."""
    return engine.sample(size, _generator(seed), method=method, replace=replace)


def _generator(seed: int) -> np.random.Generator:
    number = whole(seed, "a seed")
    if number < 0:
        raise UsageError(f"a seed is not negative: {number}")
    return np.random.default_rng(number)


def shard(count: int, part: int, parts: int) -> range:
    """The ranks of part `part` (from 0) of `parts` slices whose sizes differ by one at most."""
    if not 0 <= part < parts:
        hint = f"they count from 0 to {parts - 1}" if parts > 0 else "one is the least: shard 0 of 1"
        raise UsageError(Fault(f"there is no shard {part} of {parts}", hint=hint))
    return range(count * part // parts, count * (part + 1) // parts)


def draw_ranks(ranks: range, size: int, seed: int = 0, *, replace: bool = False) -> NDArray[Any]:
    """`size` ranks drawn uniformly from a slice: distinct, all of them at most, unless `replace`."""
    rng = _generator(seed)
    length = range_length(ranks)
    if not replace and size * 2 >= length:
        chosen: NDArray[Any] = rng.permutation(length)[:size]
    elif replace:
        chosen = below(length, size, rng)
    else:
        chosen = distinct_rows(size, lambda n: [below(length, n, rng)], [length])[0]
    start, step = ranks.start, ranks.step
    small = max(abs(start), abs(ranks.stop)) < 2**63
    return chosen * step + start if small else chosen.astype(object) * step + start


def range_length(ranks: range) -> int:
    """`len` of a range of any size."""
    return max(0, -((ranks.start - ranks.stop) // ranks.step))


def ranked_blocks(engine: Engine, ranks: range, *, rows: int = _ROWS) -> Iterator[Block]:
    """The solutions with these ranks, in this order, in blocks of at most `rows` rows."""
    if ranks.step > 0 and (ranks.start == 0 or not is_ranked(engine)):
        yield from stream(engine, ranks)
    elif is_ranked(engine):
        for at in range(0, range_length(ranks), rows):
            part = ranks[at : at + rows]
            dtype = np.int64 if max(part[0], part[-1]) < 2**63 else object
            yield engine.unrank(np.array(part, dtype=dtype))
    else:
        raise UsageError(Fault(f"`{engine.name}` cannot count backwards", hint="use `--engine jointree`"))


def stream(engine: Engine, ranks: range) -> Iterator[Block]:
    """The solutions of a rising slice, met on the way through all solutions in canonical order."""
    if not range_length(ranks):
        return
    at = 0
    for block in engine.enumerate(rows=min(_ROWS, ranks.stop)):
        first = ranks.start - at + max(0, -((ranks.start - at) // ranks.step)) * ranks.step
        wanted = block.rows(slice(first, max(first, ranks.stop - at), ranks.step))
        if len(wanted):
            yield wanted
        at += len(block)
        if at >= ranks.stop:
            return
