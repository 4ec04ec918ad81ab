"""The missing window: an argument for which every value is too low or too high, all else equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from spacegen.api import Space
from spacegen.diagnose.finding import shown
from spacegen.diagnose.narrowing.edit import Edit, Kept, holds
from spacegen.diagnose.narrowing.next_launch import Next, weights
from spacegen.errors import EngineError
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, is_number, same_value
from spacegen.language.scalars import write_scalar
from spacegen.questions.near.repair import Repair
from spacegen.tune.values import Value

__all__ = ["Window", "windows"]


class Window(Value):
    """A parameter for which no value works with the rest of a launch."""

    parameter: str
    too_low: Scalar
    """The largest value that is too low."""
    runs_out: Scalar
    """The smallest value that is too high."""
    because: tuple[str, str]
    """The evidence for both."""
    opening: dict[str, tuple[Any, Scalar]] | None = None
    """The smallest change that makes a value work, as (before, after) by parameter; None if there is none."""

    def __str__(self) -> str:
        low, high = write_scalar(self.too_low), write_scalar(self.runs_out)
        both = f"{low} is both too low and too high"
        bounds = both if low == high else f"{low} is too low, {high} is too high"
        none = f"no value of `{self.parameter}` works with the rest of this launch: {bounds}"
        if self.opening is None:
            return f"{none}; nothing in the space changes that"
        changes = ", ".join(
            f"{name} = {write_scalar(after)} (was {shown(before)})"
            for name, (before, after) in self.opening.items()
        )
        return f"{none}; smallest change that makes one work: {changes}"


def windows(
    space: Space,
    edits: Sequence[Edit],
    ran: Mapping[str, Any],
    launched: Sequence[Mapping[str, Any]],
    after: Next | None = None,
    said: Mapping[str, Any] | None = None,
) -> tuple[Window, ...]:
    """The parameters for which no value works with the rest of `ran`, a config; `space` has the edits.

    `launched` are the configs of all launches, as far as they are known. `after` is the next launch: if it
    opens a window with as few changes as the smallest change, its changes are taken. `said` has the values
    that the log names for arguments that may have been left to the server.
    """
    found = (_window(space, name, edits, ran, launched) for name in _numeric(space, edits))
    missing = (window for window in found if window is not None)
    config = {} if after is None else after.config
    told = (_as_launched(window, space, edits, ran, config) for window in missing)
    return tuple(_as_said(window, said or {}) for window in told)


def _as_said(window: Window, said: Mapping[str, Any]) -> Window:
    """The window with the values of the log as those before the change."""
    changes = {
        name: (said.get(name) if before is None else before, after)
        for name, (before, after) in (window.opening or {}).items()
    }
    return window if window.opening is None else window.model_copy(update={"opening": changes})


def _as_launched(
    window: Window,
    space: Space,
    edits: Iterable[Edit],
    ran: Mapping[str, Any],
    then: Mapping[str, Scalar],
) -> Window:
    """The window with the changes of the next launch, if they open it and are as few."""
    name, opening = window.parameter, window.opening or {}
    binding = [edit for edit in edits if _bound(edit, name, ran) is not None]
    # Of equally small changes, those that the next launch makes anyway.
    ways = dict.fromkeys((*opening, *(way.parameter for edit in binding for way in edit.ways)))
    changes = {n: (ran[n], then[n]) for n in ways if n != name and n in ran and n in then}
    changed = {n: pair for n, pair in changes.items() if not same_value(*pair)}
    numbers = _numbers(space.model[name].domain)
    if window.opening is None or not _opens(changed, name, binding, ran, numbers):
        return window
    needed = _needed(changed, name, binding, ran, numbers)
    return window.model_copy(update={"opening": needed}) if len(needed) <= len(opening) else window


def _numeric(space: Space, edits: Iterable[Edit]) -> Iterator[str]:
    named = dict.fromkeys(way.parameter for edit in edits for way in edit.ways)
    return (name for name in named if len(_numbers(space.model[name].domain)) > 1)


def _numbers(values: Iterable[Scalar]) -> list[float]:
    return sorted(filter(is_number, values))


def _window(
    space: Space,
    name: str,
    edits: Sequence[Edit],
    ran: Mapping[str, Any],
    launched: Sequence[Mapping[str, Any]],
) -> Window | None:
    domain = space.model[name].domain
    binding = [(edit, way) for edit in edits if (way := _bound(edit, name, ran)) is not None]
    numbers = _numbers(domain)
    lower = [(max(gone), e) for e, w in binding if (gone := _gone(w, domain)) and numbers[-1] not in gone]
    upper = [(min(gone), e) for e, w in binding if (gone := _gone(w, domain)) and numbers[0] not in gone]
    if not lower or not upper:
        return None
    (too_low, low), (runs_out, high) = (
        max(lower, key=lambda pair: pair[0]),
        min(upper, key=lambda pair: pair[0]),
    )
    # Null is no window: nobody has seen what the server would choose.
    if any(all(way.has(value) for _, way in binding) for value in numbers):
        return None
    return Window(
        parameter=name,
        too_low=_told(low, name, launched, too_low),
        runs_out=_told(high, name, launched, runs_out),
        because=(low.because, high.because),
        opening=_opening(space, name, [edit for edit, _ in binding], ran),
    )


def _told(edit: Edit, name: str, launched: Sequence[Mapping[str, Any]], bound: float) -> Scalar:
    """The value in the launch behind an edit; the edit's bound if that is not known."""
    value = None if edit.launch is None else launched[edit.launch].get(name)
    return value if is_number(value) else bound


def _bound(edit: Edit, name: str, ran: Mapping[str, Any]) -> Kept | None:
    """The values of a parameter that an edit keeps; None if the launch satisfies it by another parameter."""
    way = next((way for way in edit.ways if way.parameter == name), None)
    return None if way is None or holds(edit, ran, but=name) else way


def _gone(way: Kept, domain: Domain) -> list[float]:
    kept = _numbers(way.values)
    return [value for value in _numbers(domain) if value not in kept]


def _opening(
    space: Space, name: str, binding: Iterable[Edit], ran: Mapping[str, Any]
) -> dict[str, tuple[Any, Scalar]] | None:
    """The changes to other parameters by which the nearest solution satisfies these edits."""
    edits = list(binding)
    if None in space.model[name].domain:
        space = space.where(f"{name} is not null")
    rest = {other: value for other, value in ran.items() if other != name}
    ways = {way.parameter for edit in edits for way in edit.ways}
    try:
        found = space.repair(rest, weights=weights(rest))
        if not isinstance(found, Repair):
            return None
        # Null is the last resort: nobody knows what the server would choose.
        chosen = any(found.solution[n] is None for n in ways if rest.get(n) is not None)
        # Of equally small changes, the one that the findings propose first.
        for first in filter(None, (_first(edit, name) for edit in edits)):
            aim = {**rest, **first}
            other = space.repair(aim, keep=first, weights=weights(aim))
            cost = sum(weights(first).get(one, 1) for one in first)
            if isinstance(other, Repair) and (chosen or other.changed + cost <= found.changed):
                found = other
                break
    except EngineError:
        return None
    after = found.solution
    changes = {n: (rest[n], after[n]) for n in rest if n in ways and not same_value(rest[n], after[n])}
    return _needed(changes, name, edits, rest, _numbers(space.model[name].domain)) or None


def _first(edit: Edit, name: str) -> dict[str, Scalar]:
    """The first proposal of an edit that does not change the parameter."""
    return next((way for way in edit.tries if name not in way), {})


def _needed(
    changes: Mapping[str, tuple[Any, Scalar]],
    name: str,
    edits: Sequence[Edit],
    rest: Mapping[str, Any],
    numbers: Sequence[float],
) -> dict[str, tuple[Any, Scalar]]:
    """The changes that are needed for a value of the parameter to satisfy all edits: the nearest solution may
    change more, for other reasons."""
    needed = dict(changes)
    for one in reversed(list(changes)):
        fewer = {other: change for other, change in needed.items() if other != one}
        if _opens(fewer, name, edits, rest, numbers):
            needed = fewer
    return needed


def _opens(
    changes: Mapping[str, tuple[Any, Scalar]],
    name: str,
    edits: Sequence[Edit],
    rest: Mapping[str, Any],
    numbers: Iterable[float],
) -> bool:
    """Whether some value of the parameter satisfies all edits, given the changes."""
    config = {**rest, **{other: after for other, (_, after) in changes.items()}}
    return any(all(holds(edit, {**config, name: value}) for edit in edits) for value in numbers)
