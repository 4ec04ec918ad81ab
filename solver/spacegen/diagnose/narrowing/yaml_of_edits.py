"""Edits and what commands asked for, as the YAML of an overlay: pins, restrictions and rules with reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from spacegen.api import Space
from spacegen.diagnose.narrowing.clause_forms import conditions
from spacegen.diagnose.narrowing.command_options import PIN, REASON, WHERE, Asked
from spacegen.diagnose.narrowing.edit import STEM, Basis, Edit
from spacegen.language.expr import Compare, Const, Ref, Scalar
from spacegen.language.model import Domain
from spacegen.language.scalars import write_scalar
from spacegen.language.unparse import unparse

__all__ = ["yaml_lines"]


def yaml_lines(
    extends: str, space: Space, edits: Iterable[Edit], asked: Asked, domains: Mapping[str, Domain]
) -> Iterator[str]:
    """The lines of an overlay that extends a file with these domains. `space` has the rules of that file,
    whose ids are taken; `edits` and `asked` are under the names of the file."""
    yield "spacegen: 1"
    yield f"extends: {write_scalar(extends)}"
    known = {rule.id for rule in space.rules}
    taken = known | {f"pin:{name}" for name in asked.pins}
    alone: dict[str, Edit] = {}
    rules: list[Edit] = []
    for edit in sorted(edits, key=_order):
        name = edit.ways[0].parameter
        clashes = {f"pin:{name}", f"restrict:{name}"} & taken
        if edit.form != "rule" and name not in alone and not clashes:
            alone[name] = edit
        else:
            rules.append(edit)
    entries = {name: list(_entry(edit)) for name, edit in alone.items()}
    again = {name: value for name, value in asked.pins.items() if f"pin:{name}" in known}
    where = (*asked.where, *(unparse(Compare("==", Ref(n), Const(v))) for n, v in again.items()))
    held = {name: list(_held(name, value)) for name, value in asked.pins.items() if name not in again}
    for section in ("pin", "restrict"):
        own = {name: lines for name, lines in entries.items() if alone[name].form == section}
        if said := own | held if section == "pin" else own:
            yield f"{section}:"
            for name in sorted(said, key=list(domains).index):
                yield from said[name]
    if rules or where:
        yield "rules:"
        yield from _rules(rules, tuple(dict.fromkeys(where)), taken, domains)


def _order(edit: Edit) -> tuple[int, str, str]:
    return list(Basis).index(edit.basis), edit.finding, edit.model_dump_json(include={"ways"})


def _entry(edit: Edit) -> Iterator[str]:
    way = edit.ways[0]
    yield f"  {write_scalar(way.parameter)}:"
    values = ", ".join(map(write_scalar, way.values))
    yield f"    value: {values}" if edit.form == "pin" else f"    values: [{values}]"
    yield from _about(edit.because, edit.source)


def _held(name: str, value: Scalar) -> Iterator[str]:
    yield f"  {write_scalar(name)}:"
    yield f"    value: {write_scalar(value)}"
    yield from _about(REASON, PIN)


def _rules(
    edits: Sequence[Edit], where: Sequence[str], taken: set[str], domains: Mapping[str, Domain]
) -> Iterator[str]:
    ids = set(taken)
    for text in where:
        yield from _rule(_fresh("where-1", ids), text, REASON, WHERE)
    for edit, written in zip(edits, conditions(edits, domains), strict=True):
        id = _fresh(f"{STEM}{edit.finding}", ids)
        yield from _rule(id, unparse(written), edit.because, edit.source)


def _fresh(base: str, ids: set[str]) -> str:
    """An id that is not taken, which then is."""
    id, number, stem = base, 1, base.removesuffix("-1")
    while id in ids:
        number += 1
        id = f"{stem}-{number}"
    ids.add(id)
    return id


def _rule(id: str, require: str, because: str, source: str) -> Iterator[str]:
    yield f"  - id: {write_scalar(id)}"
    yield f"    require: {_quoted(require)}"
    yield from _about(because, source)


def _about(because: str, source: str) -> Iterator[str]:
    yield f"    because: {_quoted(because)}"
    yield f"    source: {write_scalar(source)}"


def _quoted(text: str) -> str:
    """A text in single quotes, which need no escapes where it is printable."""
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else write_scalar(text)
