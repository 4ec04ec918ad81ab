"""Solutions as sequences of dicts that are made only when looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, overload

import numpy as np

from spacegen.engines.protocol import Block, Codes, Engine
from spacegen.engines.verdict import accepts
from spacegen.errors import Fault, UsageError, did_you_mean, how_many
from spacegen.language.expr import IsTrue, Scalar
from spacegen.language.model import Model
from spacegen.launch.fields import Field
from spacegen.questions.draw import draw_ranks, is_ranked, range_length, ranked, ranked_blocks
from spacegen.questions.encode import encode
from spacegen.questions.given import plain_config
from spacegen.questions.summary import Summary, of_block

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["AllSolutions", "Config", "Solutions"]

Config: TypeAlias = dict[str, Scalar]

_CHUNK = 16384


class Solutions(Sequence[Config]):
    """Some solutions of a space as columns of codes; rows become dicts when they are asked for.

    `note` says how the rows were drawn where that was not exactly as asked.
    """

    def __init__(self, engine: Engine, block: Block, note: str | None = None) -> None:
        self._engine = engine
        self._model = engine.model
        self._block = block
        self.note = note

    @property
    def model(self) -> Model:
        """The model whose solutions these are."""
        return self._model

    @property
    def block(self) -> Block:
        """The rows as columns of codes, in declared order."""
        return self._block

    @cached_property
    def codes(self) -> Mapping[str, Codes]:
        """Parameter to the positions of its values in the declared domain, shape (length,), read-only."""
        return MappingProxyType(
            {p.name: _read_only(c) for p, c in zip(self._model.parameters, self._block.columns, strict=True)}
        )

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The columns of a row: every parameter, then what the space holds fixed."""
        zeros = np.zeros(len(self._block), np.uint8)
        return (
            *(Field(p.name, p.domain.values, self.codes[p.name]) for p in self._model.parameters),
            *(Field(name, (value,), zeros) for name, value in self._model.fixed.items()),
        )

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self._block)

    def __len__(self) -> int:
        return len(self._block)

    @overload
    def __getitem__(self, index: int) -> Config: ...
    @overload
    def __getitem__(self, index: slice) -> Solutions: ...
    def __getitem__(self, index: int | slice) -> Config | Solutions:
        if isinstance(index, slice):
            return Solutions(self._engine, self._block.rows(index))
        position = range(len(self))[index]
        return {field.name: field.values[field.codes[position]] for field in self.fields}

    def __iter__(self) -> Iterator[Config]:
        for start in range(0, len(self), _CHUNK):
            yield from Solutions(self._engine, self._block.rows(slice(start, start + _CHUNK))).dicts()

    def __repr__(self) -> str:
        return f"<{how_many(len(self), 'solution')} of `{self._model.name}`>"

    def parts(self, *, rows: int = 65536) -> Iterator[Solutions]:
        """The rows in batches of at most `rows` rows; no rows are one batch."""
        for start in range(0, max(len(self), 1), rows):
            yield self[start : start + rows]

    def dicts(self) -> list[Config]:
        """All rows as dicts."""
        if len(self) > _CHUNK:
            return list(self)
        names = [field.name for field in self.fields]
        if not names:
            return [{} for _ in range(len(self))]
        columns = (field.gathered(_itself) for field in self.fields)
        return [dict(zip(names, row, strict=False)) for row in zip(*columns, strict=False)]

    def columns(self) -> dict[str, list[Scalar]]:
        """The values of each column, in row order."""
        return {field.name: field.gathered(_itself) for field in self.fields}

    def derived(self, name: str) -> list[Scalar]:
        """A derived value or an objective for each row; None where it is unknown. Raises UsageError for
        another name."""
        from spacegen.questions.best.goals import evaluated, measures

        known = measures(self._model)
        if name not in known:
            hint = (
                did_you_mean(name, known) or f"derived values are {', '.join(known) or 'not declared here'}"
            )
            raise UsageError(Fault(f"no derived value is called `{name}`", hint=hint))
        return evaluated(self._model, self._block, known[name]).values()

    def ranks(self) -> list[int]:
        """The number of each row in the canonical order of the space. Raises UsageError."""
        return [int(rank) for rank in ranked(self._engine).rank(self._block)]

    def table(self, extra: Sequence[str] = (), *, active: bool = False) -> tuple[Field, ...]:
        """The columns of a row, then by name `rank`, derived values, or objectives (`objective` is all of
        them); `active` marks the values that are read."""
        from spacegen.questions.best.goals import columns_of

        names = columns_of(self._model, extra)
        added = ((name, self.ranks() if name == "rank" else self.derived(name)) for name in names)
        places = np.arange(len(self))
        fields = tuple(map(self._marked, self.fields)) if active else self.fields
        return (*fields, *(Field(name, values, places, argument=False) for name, values in added))

    def _marked(self, field: Field) -> Field:
        condition = self._model[field.name].active_when if field.name in self._model.index else None
        if condition is None:
            return field
        from spacegen.questions.best.goals import evaluated

        return replace(field, active=evaluated(self._model, self._block, IsTrue(condition)).data.astype(bool))

    def summary(self) -> Summary:
        """How often each value occurs among the rows."""
        return of_block(self._model, self._block)

    def write(self, path: str | Path, form: str | None = None, *, full: bool = False) -> None:
        """Writes the rows to a file, which appears whole or not at all, in a format or that of its suffix.

        `full` writes what commands otherwise leave out. Raises UsageError, OSError.
        """
        from spacegen.launch.complete import schema_of
        from spacegen.launch.output import output
        from spacegen.launch.style import Style

        found = output(form, str(path))
        style = Style(self._model.name, schema_of(self._model), full)
        found.write([self.table(active=found.form.command)], style)

    def to_json(self, path: str | Path) -> None:
        """Writes the rows as one JSON array. Raises OSError."""
        self.write(path, "json")

    def to_jsonl(self, path: str | Path) -> None:
        """Writes the rows as JSON objects, one a line. Raises OSError."""
        self.write(path, "jsonl")

    def to_csv(self, path: str | Path) -> None:
        """Writes the rows as CSV: null is an empty cell, booleans are True and False. Raises OSError."""
        self.write(path, "csv")

    def to_yaml(self, path: str | Path) -> None:
        """Writes the rows as a YAML list. Raises OSError."""
        self.write(path, "yaml")

    def to_parquet(self, path: str | Path) -> None:
        """Writes the rows as a Parquet file. Raises OSError, and UsageError without pyarrow."""
        self.write(path, "parquet")

    def to_argv(self, path: str | Path) -> None:
        """Writes the rows as commands that start the server, one a line. Raises OSError."""
        self.write(path, "argv")

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas data frame with nullable types. Raises ImportError without pandas."""
        from spacegen.launch.frames import to_pandas

        return to_pandas(self.fields)

    def to_polars(self) -> pl.DataFrame:
        """The rows as a polars data frame. Raises ImportError without polars."""
        from spacegen.launch.frames import to_polars

        return to_polars(self.fields)

    def to_arrow(self) -> pa.Table:
        """The rows as an Arrow table. Raises ImportError without pyarrow."""
        from spacegen.launch.frames import to_arrow

        return to_arrow(self.fields)


def _read_only(codes: Codes) -> Codes:
    (view := codes.view()).flags.writeable = False
    return view


def _itself(value: Scalar) -> Scalar:
    return value


class AllSolutions(Sequence[Config]):
    """All solutions of a space, or a slice of them, in canonical order: made as they are asked for.

    Slices stay lazy. `count()` is exact where `len` overflows (past 2^63).
    """

    note: str | None = None

    def __init__(self, engine: Engine, ranks: range | None = None) -> None:
        self._engine = engine
        self._given = ranks

    @cached_property
    def ranks(self) -> range:
        """The ranks of these solutions in the canonical order of the space."""
        return range(self._engine.count()) if self._given is None else self._given

    def count(self, value: object = ...) -> int:
        """How many solutions these are; with a value, how many are equal to it."""
        return self.size if value is ... else int(value in self)

    @property
    def size(self) -> int:
        """How many solutions these are, where `len` would overflow too."""
        return range_length(self.ranks)

    def __len__(self) -> int:
        return len(self.ranks)

    @overload
    def __getitem__(self, index: int) -> Config: ...
    @overload
    def __getitem__(self, index: slice) -> AllSolutions: ...
    def __getitem__(self, index: int | slice) -> Config | AllSolutions:
        chosen = self.ranks[index]
        if isinstance(chosen, range):
            return AllSolutions(self._engine, chosen)
        return AllSolutions(self._engine, range(chosen, chosen + 1)).materialised()[0]

    def __iter__(self) -> Iterator[Config]:
        for part in self.parts():
            yield from part

    def __contains__(self, value: object) -> bool:
        block = encode(self._engine.model, plain_config(value)) if isinstance(value, Mapping) else None
        if block is None or not accepts(self._engine.model, block)[0]:
            return False
        if is_ranked(self._engine):
            return int(self._engine.rank(block)[0]) in self.ranks
        if self._given is None:
            return True
        return any(config == value for config in self)

    def parts(self, *, rows: int = 65536) -> Iterator[Solutions]:
        """The solutions in batches of at most `rows` rows."""
        for block in ranked_blocks(self._engine, self.ranks, rows=rows):
            yield Solutions(self._engine, block)

    def sample(self, n: int, *, seed: int = 0, replace: bool = False) -> Solutions:
        """`n` of them at random: distinct, and all at most, unless `replace`. Raises UsageError."""
        engine = ranked(self._engine)
        return Solutions(engine, engine.unrank(draw_ranks(self.ranks, n, seed, replace=replace)))

    def materialised(self) -> Solutions:
        """All of them in memory at once."""
        blocks = list(ranked_blocks(self._engine, self.ranks))
        return Solutions(self._engine, Block.concatenate(self._engine.model, blocks))

    def __repr__(self) -> str:
        return f"<{how_many(self.size, 'solution')} of `{self._engine.model.name}`>"
