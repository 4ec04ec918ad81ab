"""Edits as an overlay of a space: a file that says why for each, and that later findings add to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spacegen.api import Space
from spacegen.diagnose.narrowing.asked import (
    PIN,
    REASON,
    WHERE,
    Asked,
    asked_in,
    asked_of,
    mentioned_in,
    settled,
    under_asked,
    without_asked,
)
from spacegen.diagnose.narrowing.edit import MARK, Basis, Edit, Kept
from spacegen.diagnose.narrowing.forms import conditions
from spacegen.diagnose.narrowing.narrowing import left
from spacegen.diagnose.narrowing.resolving import without_edits
from spacegen.diagnose.narrowing.written import FIRST, base_of, edits_of, extended, is_ours, read
from spacegen.errors import Fault, UsageError
from spacegen.language import catalog
from spacegen.language.document import Overlay
from spacegen.language.expr import Compare, Const, Ref, Scalar
from spacegen.language.model import Domain
from spacegen.language.scalars import write_scalar
from spacegen.language.unparse import unparse
from spacegen.language.validate import File
from spacegen.launch.files import refuse_foreign, replacing
from spacegen.servers import renames

__all__ = ["as_asked", "earlier", "on_its_base", "overlay_text", "write"]

_ID: Final = "found-"
_STDOUT: Final = Path("-")
_FIRST_LINE: Final = f"{FIRST}; `spacegen diagnose` and `spacegen narrow` add to it."


def write(
    path: Path,
    name: str,
    space: Space,
    edits: Sequence[Edit],
    counts: tuple[int, int] | None,
    inputs: str = "",
) -> str:
    """Writes the overlay with these edits of the space that `name` names, and returns its text, which is all
    that happens where `path` is `-`.

    An overlay of ours as `name` gives way to its base: `edits` are to have what it said. What the command
    pinned and the conditions that it gave are part of the file. `counts` are the solutions before any of the
    edits and after them, with those `inputs` of the command that no overlay keeps. What the file says of
    parameters that the space lacks, as that of another version may, stays. A file that says the same stays
    untouched. Raises UsageError where the file at `path` is none of ours, OSError.
    """
    refuse(path)
    spelling = _spelling(name, space)
    beyond = _beyond(path, name, space, spelling)
    text = overlay_text(_extends(name, path), space, edits, counts, spelling, inputs, beyond)
    if path != _STDOUT and not (path.is_file() and path.read_bytes() == text.encode()):
        with replacing(path) as stream:
            stream.write(text)
    return text


def refuse(path: Path) -> None:
    """Raises UsageError for a file that is no overlay of ours: nobody meant to lose it."""
    if path != _STDOUT:
        refuse_foreign(path, "overlay written by spacegen", is_ours, "choose another name")


def earlier(path: Path, name: str, space: Space) -> tuple[Edit, ...]:
    """The edits of an overlay of ours that is there already, none where nothing is. `space` is the one that
    `name` names. Raises UsageError for any other file, and for an overlay of another space; SpaceError."""
    if (file := _there(path, name)) is None:
        return ()
    spelling = _spelling(name, space)
    domains = {p.name: p.domain for p in space.parameters}
    found = (spelling.back(edit, domains) for edit in edits_of(file, spelling.domains))
    return tuple(edit for edit in found if edit is not None)


def _beyond(path: Path, name: str, space: Space, spelling: Spelling) -> tuple[Edit, ...]:
    """The edits of the file at `path` that the space knows nothing about, in the words of the file."""
    if (file := _there(path, name)) is None:
        return ()
    domains = {p.name: p.domain for p in space.parameters}
    return tuple(e for e in edits_of(file, spelling.domains) if spelling.back(e, domains) is None)


def on_its_base(name: str, space: Space) -> Space:
    """The space that `name` names, with what its base says as rules like all others: that of an overlay of
    ours below a file of somebody else stays, whatever is found. Raises as `read` does."""
    base = base_of(name)
    ours = any((rule.source or "").startswith(f"{MARK}/") for rule in space.rules)
    if not ours or base.resolve().is_relative_to(catalog.folder("spaces").resolve()):
        return space
    from spacegen.api import load

    return settled(space, load(str(base)))


def as_asked(path: Path, name: str, space: Space) -> Space:
    """The space with what commands before asked of it, whose overlay stands at `path`. Raises as `earlier`
    does."""
    if (file := _there(path, name)) is None:
        return space
    names = {then: now for now, then in _spelling(name, space).names.items()}
    return under_asked(space, asked_in(file).under_names(names, {}))


def _there(path: Path, name: str) -> File[Overlay] | None:
    """The overlay of ours at `path`, where there is one."""
    base = base_of(name)
    refuse(path)
    if path == _STDOUT or not path.is_file() or not path.stat().st_size:
        return None
    file = read(path)
    if extended(path, file).resolve() != base.resolve():
        message = f"{path} narrows another space: {file.document.extends}"
        raise UsageError(Fault(message, hint="choose another name, or remove the file"))
    return file


def overlay_text(
    extends: str,
    space: Space,
    edits: Iterable[Edit],
    counts: tuple[int, int] | None = None,
    spelling: Spelling | None = None,
    inputs: str = "",
    beyond: Iterable[Edit] = (),
) -> str:
    """The text of an overlay: pins, restrictions and rules, each with its reason and its source. `beyond`
    are edits in the words of the file."""
    written = spelling or Spelling.of(space)
    asked = asked_of(space).under_names(written.renamed, mentioned_in(space))
    space = without_asked(without_edits(space))
    known = "" if counts is None else f"# {left(*counts)}"
    head = [f"{known}, with {inputs}." if inputs else f"{known}."] if known else []
    own = [*(written.out(edit) for edit in edits), *beyond]
    return "\n".join([_FIRST_LINE, *head, *_lines(extends, space, own, asked, written)]) + "\n"


@dataclass(frozen=True, slots=True)
class Spelling:
    """The names and domains that the file of a space has, where it is loaded for another version."""

    domains: Mapping[str, Domain]
    names: Mapping[str, str]
    """What the file calls a parameter of the space."""

    @classmethod
    def of(cls, space: Space) -> Spelling:
        return cls({p.name: p.domain for p in space.parameters}, {})

    @property
    def renamed(self) -> Mapping[str, str]:
        """Those of the names that differ."""
        return {now: then for now, then in self.names.items() if now != then}

    def out(self, edit: Edit) -> Edit:
        """The edit under the names of the file; values that the file lacks were the target's alone."""
        return edit.model_copy(update={"ways": tuple(map(self._way, edit.ways))})

    def _way(self, way: Kept) -> Kept:
        name = self.names.get(way.parameter, way.parameter)
        return Kept(parameter=name, values=tuple(v for v in way.values if v in self.domains[name]))

    def back(self, edit: Edit, domains: Mapping[str, Domain]) -> Edit | None:
        """The edit under the names of the space; None where the space lacks a parameter of it."""
        now = {written: name for name, written in self.names.items()}
        ways = [Kept(parameter=now.get(w.parameter, w.parameter), values=w.values) for w in edit.ways]
        if any(way.parameter not in domains for way in ways):
            return None
        return edit.model_copy(update={"ways": tuple(ways)})


def _spelling(name: str, space: Space) -> Spelling:
    """How the file of a space spells what `space`, perhaps for another version, is made of."""
    if not space.base.sources:
        return Spelling.of(space)
    from spacegen.api import load

    file = load(str(base_of(name)))
    domains = {p.name: p.domain for p in file.parameters}
    target, written = space.base.target, file.base.target
    if target is None or written is None or written.version == target.version:
        return Spelling(domains, {name: name for name in domains})
    version = written.version
    old = {p.name: renames.renamed(target.server, p.name, target.version, version) for p in space.parameters}
    names = {now: then for now, then in old.items() if then is not None and then in domains}
    return Spelling(domains, names)


def _lines(
    extends: str,
    space: Space,
    edits: Sequence[Edit],
    asked: Asked,
    spelling: Spelling,
) -> Iterator[str]:
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
            for name in sorted(said, key=list(spelling.domains).index):
                yield from said[name]
    if rules or where:
        yield "rules:"
        yield from _rules(rules, tuple(dict.fromkeys(where)), taken, spelling.domains)


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
        id = _fresh(f"{_ID}{edit.finding}", ids)
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


def _extends(name: str, out: Path) -> str:
    path = base_of(name)
    if path.resolve().is_relative_to(catalog.folder("spaces").resolve()):
        return path.resolve().relative_to(catalog.folder("spaces").resolve()).with_suffix("").as_posix()
    near = os.path.relpath(path.resolve(), out.resolve().parent)
    return near if catalog.is_path(near) else f"./{near}"
