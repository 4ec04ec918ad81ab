"""What is best in a space: its objectives, in order of importance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_args

from spacegen.errors import Fault, SpaceError
from spacegen.language.conditions import expression_text
from spacegen.language.document import ObjectiveEntry, Overlay, Space
from spacegen.language.expr import Expr
from spacegen.language.model import Direction, Objective
from spacegen.language.naming import Symbols, reworded
from spacegen.language.overlays import Stack
from spacegen.language.syntax import objective_id, parse
from spacegen.language.validate import File
from spacegen.source import Span

__all__ = ["read_objectives"]

_DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)
_COLUMNS: Final = ("rank", "broken_weight")
"""Columns that outputs may have beside those of objectives."""


def read_objectives(stack: Stack, symbols: Symbols) -> tuple[Objective, ...]:
    """The objectives of the last overlay that has some, else those of the base. Adds faults to `symbols`."""
    files: list[File[Space] | File[Overlay]] = [stack.base, *stack.overlays]
    said = [file for file in files if "objective" in file.document.model_fields_set]
    for file in said[:-1]:
        # What is replaced is still checked.
        tuple(_Reader(file, symbols, {}).objectives())
    return tuple(_Reader(said[-1], symbols, {}).objectives()) if said else ()


@dataclass(frozen=True, slots=True)
class _Reader:
    file: File[Space] | File[Overlay]
    symbols: Symbols
    ids: dict[str, Span]

    def objectives(self) -> Iterator[Objective]:
        given = self.file.document.objective
        if isinstance(given, ObjectiveEntry):
            yield from self.objective(given, ("objective",))
        for i, entry in enumerate(given if isinstance(given, list) else ()):
            yield from self.objective(entry, ("objective", i))

    def objective(self, entry: ObjectiveEntry, path: tuple[str | int, ...]) -> Iterator[Objective]:
        direction = self.direction(entry, path)
        if direction is None:
            return
        at = self.file.at(*path, direction)
        text = expression_text(getattr(entry, direction))
        try:
            expr = parse(text, at, self.symbols.names(), want="measure")
        except SpaceError as error:
            self.symbols.faults.extend(error.faults)
            return
        id = self.id(entry.id, text, expr, path)
        renamed = self.symbols.renamed
        text = reworded(" ".join(text.split()), renamed)
        id = id if entry.id is not None else renamed.get(id, id)
        yield Objective(id, direction, expr, text, entry.unit, entry.because, self.file.at(*path))

    def direction(self, entry: ObjectiveEntry, path: tuple[str | int, ...]) -> Direction | None:
        found = [key for key in _DIRECTIONS if key in entry.model_fields_set]
        if len(found) == 1:
            return found[0]
        if found:
            hint = "make it a list of two, the more important one first"
            span = self.file.at_key(*path, found[1])
            self.fault("an objective has one of `maximize` and `minimize`", span, hint)
        else:
            hint = "add `maximize:` or `minimize:` with an expression"
            self.fault("this objective says nothing", self.file.at(*path), hint)
        return None

    def id(self, given: str | None, text: str, expr: Expr, path: tuple[str | int, ...]) -> str:
        """The id; a fault where it is none, or already the name of something else."""
        id = given or objective_id(text.strip(), self.ids)
        span = self.file.at(*path) if given is None else self.file.at(*path, "id")
        if not id.strip() or any(c.isspace() or c == "," for c in id):
            self.fault(f"`{id}` cannot be the id of an objective", span, "write it `like-this`")
        elif id in self.ids:
            hint = f"it is first used at {self.ids[id]}"
            self.fault(f"two objectives have the id `{id}`", span, hint)
        elif id in self.symbols.meanings and self.symbols.meanings[id] != expr:
            noun = self.symbols.places[id][0] if id in self.symbols.places else "name"
            self.fault(f"`{id}` is already the name of a {noun}", span)
        elif id in _COLUMNS:
            self.fault(f"`{id}` is the name of another column", span)
        self.ids.setdefault(id, span)
        return id

    def fault(self, message: str, span: Span, hint: str | None = None) -> None:
        self.symbols.faults.append(Fault(message, span, hint))
