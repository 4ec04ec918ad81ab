"""Rule bodies that relate values by listing them: tables, choices by index, automata, all different."""

from __future__ import annotations

from spacegen.language.bodyreader import BodyReader, Path, a_kind_of
from spacegen.language.expr import (
    AllDifferent,
    Automaton,
    Const,
    Element,
    Expr,
    Scalar,
    Table,
)
from spacegen.language.model import identity
from spacegen.language.translate import MALFORMED
from spacegen.language.typecheck import comparable, types_of
from spacegen.language.unparse import literal

__all__ = ["all_different", "automaton", "element", "table"]


def all_different(reader: BodyReader, value: object) -> Expr:
    """No two of a list of expressions are equal."""
    items = reader.expressions(value, (), least=2)
    if reader.faults or not isinstance(value, list | tuple):
        return MALFORMED
    return reader.checked(AllDifferent(items), [(part, (i,)) for i, part in enumerate(value)])


def table(reader: BodyReader, value: object) -> Expr:
    """The values of some expressions form one of the rows."""
    parts = reader.parts(value, [("expressions", "parameters"), ("rows", "values")])
    if parts is None:
        return MALFORMED
    key = "parameters" if isinstance(value, dict) and "parameters" in value else "expressions"
    items = reader.expressions(parts["expressions"], (key,))
    if reader.faults:
        return MALFORMED
    name = "values" if isinstance(value, dict) and "values" in value else "rows"
    rows = []
    for i, row in enumerate(reader.items(parts["rows"], (name,), "a list of rows") or ()):
        cells = reader.items(row, (name, i), "a row of values")
        if cells is None:
            continue
        if len(cells) != len(items):
            reader.fault((name, i), f"expected a row of {len(items)} values, found {len(cells)}")
            continue
        rows.append(tuple(reader.scalar(cell, (name, i, j)) for j, cell in enumerate(cells)))
    if reader.faults:
        return MALFORMED
    listed = parts["expressions"]
    assert isinstance(listed, list | tuple)
    odd = (_odd_row(reader, item, [row[j] for row in rows]) for j, item in enumerate(items))
    return reader.checked(
        Table(items, tuple(rows)),
        [(part, (name, i, j)) for j, (part, i) in enumerate(zip(listed, odd, strict=True))],
    )


def _odd_row(reader: BodyReader, item: Expr, cells: list[Scalar]) -> int:
    """The first row whose value is of another type than the item; 0 where there is none."""
    types = types_of(item, reader.names.domains)
    return next((i for i, cell in enumerate(cells) if not comparable(types, types_of(Const(cell), {}))), 0)


def element(reader: BodyReader, value: object) -> Expr:
    """The choice at an index equals the target; indices start at 0."""
    plain = isinstance(value, dict) and "values" in value
    key = "values" if plain else "expressions"
    parts = reader.parts(value, ["index", ("expressions", "values"), "target"])
    if parts is None:
        return MALFORMED
    index = reader.expression(parts["index"], ("index",))
    target = reader.expression(parts["target"], ("target",))
    listed = reader.items(parts["expressions"], (key,), "a list") or ()
    if not listed and not reader.faults:
        reader.fault((key,), "`element` needs at least one item")
    choices: tuple[Expr, ...]
    if plain:
        choices = tuple(Const(reader.scalar(part, (key, i))) for i, part in enumerate(listed))
    else:
        choices = tuple(reader.expression(part, (key, i)) for i, part in enumerate(listed))
    operands: list[tuple[object, Path]] = [(part, (key, i)) for i, part in enumerate(listed)]
    if reader.faults:
        return MALFORMED
    ends: list[tuple[object, Path]] = [(parts["index"], ("index",)), (parts["target"], ("target",))]
    return reader.checked(Element(index, choices, target), [ends[0], *operands, ends[1]])


def automaton(reader: BodyReader, value: object) -> Expr:
    """The values, read in order, lead an automaton from its start to a final state."""
    parts = reader.parts(value, [("expressions", "parameters"), "start", "final", "transitions"])
    if parts is None:
        return MALFORMED
    key = "parameters" if isinstance(value, dict) and "parameters" in value else "expressions"
    items = reader.expressions(parts["expressions"], (key,))
    start = reader.integer(parts["start"], ("start",), "a state")
    final = parts["final"] if isinstance(parts["final"], list | tuple) else [parts["final"]]
    finals = frozenset(reader.integer(state, ("final",), "a state") for state in final)
    transitions = _transitions(reader, parts["transitions"])
    listed = parts["expressions"]
    if reader.faults or not isinstance(listed, list | tuple):
        return MALFORMED
    node = Automaton(items, start, finals, transitions)
    return reader.checked(node, [(part, (key, i)) for i, part in enumerate(listed)])


def _transitions(reader: BodyReader, value: object) -> tuple[tuple[int, Scalar, int], ...]:
    found: dict[tuple[int, tuple[str, Scalar]], tuple[int, Scalar, int]] = {}
    for i, arc in enumerate(reader.items(value, ("transitions",), "a list of transitions") or ()):
        path: Path = ("transitions", i)
        if not isinstance(arc, list | tuple) or len(arc) != 3:
            reader.fault(path, f"expected a transition, found {a_kind_of(arc)}", "write `[0, value, 1]`")
            continue
        source = reader.integer(arc[0], (*path, 0), "a state")
        label = reader.scalar(arc[1], (*path, 1))
        if (source, identity(label)) in found:
            reader.fault(path, f"two transitions leave state {source} on `{literal(label)}`")
        found[source, identity(label)] = (source, label, reader.integer(arc[2], (*path, 2), "a state"))
    return tuple(found.values())
