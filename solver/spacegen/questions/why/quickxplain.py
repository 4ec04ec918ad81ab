"""The smallest part of a list that cannot hold: QuickXplain (Junker, AAAI 2004).

Deletion asks once an item; halving asks about k · log(n / k) times for k items out of n.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

__all__ = ["minimal"]

T = TypeVar("T")
Possible: TypeAlias = Callable[[Sequence[T]], bool]


def minimal(items: Sequence[T], possible: Possible[T]) -> tuple[T, ...]:
    """A part of `items` that is not possible while every smaller part of it is, in the order of `items`;
    where there are several, one of the items that stand early. All together are not possible, and what
    is not possible does not become so through more items."""
    if not items or not possible(()):
        return ()
    wanted = set(_explain((), tuple(range(len(items))), lambda some: possible([items[i] for i in some])))
    return tuple(item for i, item in enumerate(items) if i in wanted)


def _explain(
    kept: tuple[int, ...], among: tuple[int, ...], possible: Possible[int], *, grown: bool = False
) -> tuple[int, ...]:
    """The items of `among` that are needed beside `kept`, which has `grown` since it was last possible."""
    if grown and not possible(kept):
        return ()
    if len(among) == 1:
        return among
    early, late = among[: len(among) // 2], among[len(among) // 2 :]
    needed = _explain((*kept, *early), late, possible, grown=True)
    return (*_explain((*kept, *needed), early, possible, grown=bool(needed)), *needed)
