"""A file without the values that no solution has: the same solutions, and no others to think about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import takewhile
from typing import Any, TypeAlias

from spacegen.engines.protocol import Engine
from spacegen.language.cut import scalar_text, with_scalar, without_item
from spacegen.language.expr import In, Scalar
from spacegen.language.model import Model, NoDefault, Parameter, Rule, same_value
from spacegen.language.nodes import Path, read_tree
from spacegen.questions.dead import dead_values, held, narrows
from spacegen.questions.lint.written import Written
from spacegen.source import Source

__all__ = ["Kept", "Pruned", "prune"]

Accepts: TypeAlias = Callable[[Source], bool]
"""Whether a changed file still describes the same solutions."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Dead values that stay in the file, and why."""

    parameter: str
    values: tuple[Scalar, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """A changed file, what was taken out of it, and what stays in it or in other files."""

    source: Source
    removed: tuple[tuple[str, Scalar], ...] = ()
    kept: tuple[Kept, ...] = ()


def prune(model: Model, engine: Engine, source: Source, accepts: Accepts) -> Pruned:
    """The file without the dead values that it lists itself, aside from defaults. Every change is tried:
    what `accepts` refuses is left out. Raises EngineError where the engine cannot count."""
    dead = dead_values(engine)
    found = Pruned(source)
    for change in _changes(model, dead, source):
        after = change(found)
        if after.source is found.source or accepts(after.source):
            found = after
        else:
            lost = tuple(removed for removed in after.removed if removed not in found.removed)
            values = tuple(value for _, value in lost)
            kept = Kept(lost[0][0], values, "the rest of the space does not work without them")
            found = Pruned(found.source, found.removed, (*found.kept, kept))
    return found


_Change: TypeAlias = Callable[[Pruned], Pruned]


def _changes(model: Model, dead: dict[str, tuple[Scalar, ...]], source: Source) -> Iterator[_Change]:
    """What to do to the file, one parameter at a time."""
    written = Written(model)
    narrowed = held(model.rules)
    for parameter in model.parameters:
        if parameter.name in dead and parameter.name not in narrowed:
            yield _Domain(parameter, dead[parameter.name], written, source)
    for rule in model.rules:
        name = narrows(rule)
        if name in dead and isinstance(rule.condition, In):
            yield _Restriction(name, dead[name], rule, written, source)


def _keep(done: Pruned, name: str, values: Sequence[Scalar], why: str) -> Pruned:
    return Pruned(done.source, done.removed, (*done.kept, Kept(name, tuple(values), why))) if values else done


def _without(done: Pruned, name: str, path: Path, values: Sequence[Scalar]) -> Pruned:
    """The list at `path` without these values, but never without any."""
    for value in values:
        items: Any = read_tree(done.source).data
        for step in path:
            items = items[step]
        i = next(i for i, item in enumerate(items) if same_value(item, value))
        after = without_item(done.source, path, i) if len(items) > 1 else None
        if after is None:
            why = "nothing else is in the list" if len(items) == 1 else "other parts of the file share it"
            done = _keep(done, name, [value], why)
        else:
            done = Pruned(after, (*done.removed, (name, value)), done.kept)
    return done


@dataclass(frozen=True, slots=True)
class _Domain:
    """Takes the dead values of a parameter out of its domain."""

    parameter: Parameter
    dead: tuple[Scalar, ...]
    written: Written
    source: Source

    def __call__(self, done: Pruned) -> Pruned:
        name, default = self.parameter.name, self.parameter.default
        where = self.written.declared(self.parameter.span, "parameters")
        if where is None or where[0].source != self.source:
            place = f"they stand in {where[0].source.name}" if where else "they stand in no file"
            return _keep(done, name, self.dead, place)
        _, path, entry = where
        spared = [v for v in self.dead if not isinstance(default, NoDefault) and same_value(v, default)]
        values = [v for v in self.dead if v not in spared]
        done = _keep(done, name, spared, "it is the default")
        is_list = isinstance(entry, list)
        listed = entry if is_list else entry.get("values") or []
        in_list = [v for v in values if any(same_value(v, item) for item in listed)]
        done = _without(done, name, path if is_list else (*path, "values"), in_list)
        ranged = [v for v in self.parameter.domain if not any(same_value(v, item) for item in listed)]
        at = path if not is_list and "from" in entry else (*path, "range")
        return self._shrunk(done, at, ranged, [v for v in values if v not in in_list])

    def _shrunk(self, done: Pruned, path: Path, ranged: list[Scalar], dead: list[Scalar]) -> Pruned:
        """The range without the dead values at its ends."""
        if not dead:
            return done
        if len(dead) == len(ranged):
            return _keep(done, self.parameter.name, dead, "they are the whole range")
        first = list(takewhile(lambda v: v in dead, ranged))
        last = list(takewhile(lambda v: v in dead, reversed(ranged)))
        for key, gone, sign in (("from", first, 1), ("to", last, -1)):
            done = self._moved(done, (*path, key), gone, sign * len(gone), path)
        inside = [v for v in dead if v not in first and v not in last]
        return _keep(done, self.parameter.name, inside, "they stand inside a range")

    def _moved(self, done: Pruned, path: Path, gone: list[Scalar], steps: int, of: Path) -> Pruned:
        name = self.parameter.name
        if not gone:
            return done
        end = scalar_text(done.source, path)
        step = scalar_text(done.source, (*of, "step")) or "1"
        # The decimals of the texts are kept: 0.70 moves to 0.90, not to 0.9.
        try:
            text = str(Decimal(end or "0") + steps * Decimal(step))
        except InvalidOperation:
            return _keep(done, name, gone, "the range is not written in decimals")
        after = with_scalar(done.source, path, text)
        if end is None or after is None:
            return _keep(done, name, gone, "other parts of the file share them")
        return Pruned(after, (*done.removed, *((name, value) for value in gone)), done.kept)


@dataclass(frozen=True, slots=True)
class _Restriction:
    """Takes the dead values of a parameter out of an overlay's restriction."""

    name: str
    dead: tuple[Scalar, ...]
    rule: Rule
    written: Written
    source: Source

    def __call__(self, done: Pruned) -> Pruned:
        where = self.written.restriction(self.rule)
        if where is None:
            return done
        listed = [v for v in self.dead if any(same_value(v, item) for item in where[2])]
        if where[0].source != self.source:
            return _keep(done, self.name, listed, f"they stand in {where[0].source.name}")
        return _without(done, self.name, where[1], listed)
