"""Columns of configs against both a space and its target: `sorting`, for many rows at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spacegen.language.columns import Mask
from spacegen.language.model import Model
from spacegen.launch.complete import schema_of
from spacegen.launch.config import validate
from spacegen.launch.flags import owner
from spacegen.launch.mistakes import Repeated, Unknown, unknown, worded
from spacegen.questions.many.cells import MISSING, listed_values
from spacegen.questions.many.verdicts import Flaw
from spacegen.servers.schema import TargetSchema

__all__ = ["Sieve", "Sifted"]


@dataclass(frozen=True, slots=True)
class Sifted:
    """What the space is asked about, what is wrong with the rest, and the names that are no arguments: `data`
    of somebody else."""

    columns: Mapping[str, Any]
    flaws: tuple[Flaw, ...] = ()
    data: tuple[str, ...] = ()


class Sieve:
    """Tells the columns of a space (parameters, and `settled` names) from other arguments of its target.

    With `lenient` a name that neither knows is data, else every row that has it is wrong.
    """

    def __init__(self, model: Model, settled: Mapping[str, Any], *, lenient: bool = False) -> None:
        self._searched = {*model.index, *settled}
        self._silent = {*(d.name for d in model.derived), "rank"} - self._searched
        self._schema = schema_of(model)
        self._lenient = lenient
        owners = {n: self._owner(n) for n in (*self._searched, *self._silent)}
        self._names = {field: name for name, field in owners.items() if field is not None}

    def _owner(self, name: str) -> str | None:
        field = None if self._schema is None else owner(self._schema, name)
        return None if field is None else field.name

    def knows(self, name: str) -> bool:
        """Whether the values under a name are looked at."""
        return name in self._searched or self._owner(name) is not None

    def __call__(self, columns: Mapping[str, Any], length: int) -> Sifted:
        """The parts of a table."""
        own = {name: column for name, column in columns.items() if name in self._searched}
        foreign = [name for name in columns if name not in self._searched and name not in self._silent]
        fields: dict[str, list[str]] = {}
        flaws, data = [], []
        for name in foreign:
            field = self._owner(name)
            if field is not None:
                fields.setdefault(field, []).append(name)
            elif self._lenient and self._is_data(name):
                data.append(name)
            else:
                flaws.append(self._unknown(name, columns[name], length))
        for field, names in fields.items():
            group = {name: columns[name] for name in names}
            if field in self._names:
                flaws += self._renamed(self._names[field], group, own, length)
            elif self._schema is not None:
                flaws += _mistaken(self._schema, group)
        return Sifted(own, tuple(flaw for flaw in flaws if len(flaw.rows)), tuple(data))

    def _is_data(self, name: str) -> bool:
        # A name of another release is a mistake, whatever else may be in the table.
        return self._schema is None or isinstance(unknown(self._schema, name), Unknown)

    def _unknown(self, name: str, column: Any, length: int) -> Flaw:
        rows = np.flatnonzero(_present(column, length))
        mistake = None if self._schema is None else unknown(self._schema, name)
        if self._schema is None or mistake is None or isinstance(mistake, Unknown):
            return Flaw("unknown", name, f"`{name}` is no parameter", rows)
        return Flaw("wrong", name, worded(mistake, self._schema).message, rows)

    def _renamed(
        self, name: str, group: Mapping[str, Any], own: dict[str, Any], length: int
    ) -> Iterator[Flaw]:
        """Puts columns under other names of a parameter in its place; a row that has two of them is wrong."""
        taken = _present(own[name], length) if name in own else np.zeros(length, np.bool_)
        for other, column in group.items():
            here = _present(column, length)
            if self._schema is not None and (twice := taken & here).any():
                message = worded(Repeated(name, other), self._schema).message
                yield Flaw("wrong", other, message, np.flatnonzero(twice))
            if not taken.any():
                own[name] = column
            elif (more := here & ~taken).any():
                values = listed_values(own[name])
                for row, value in enumerate(listed_values(column)):
                    values[row] = value if more[row] else values[row]
                own[name] = values
            taken = taken | here


def _present(column: Any, length: int) -> Mask:
    """The rows that have a value in this column, null or another."""
    if not isinstance(column, list) or MISSING not in column:
        return np.ones(length, np.bool_)
    return np.fromiter((value is not MISSING for value in column), np.bool_, length)


def _mistaken(schema: TargetSchema, group: Mapping[str, Any]) -> Iterator[Flaw]:
    """What the target would not take of the columns of one argument, each different value asked once."""
    seen: dict[Any, list[int]] = {}
    given: dict[Any, Mapping[str, Any]] = {}
    for row, values in enumerate(zip(*map(listed_values, group.values()), strict=True)):
        key = repr(values)
        seen.setdefault(key, []).append(row)
        given.setdefault(key, dict(zip(group, values, strict=True)))
    for key, rows in seen.items():
        arguments = {name: value for name, value in given[key].items() if value is not MISSING}
        for mistake in validate(schema, arguments):
            yield Flaw("wrong", next(iter(group)), worded(mistake, schema).message, np.array(rows, np.intp))
