"""Edits as an overlay of a space: a file that says why for each, and that later findings add to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spacegen.api import Space
from spacegen.diagnose.narrowing.edit import Basis, Edit, Kept
from spacegen.diagnose.narrowing.forms import conditions
from spacegen.diagnose.narrowing.resolving import without_edits
from spacegen.diagnose.narrowing.written import FIRST, base_of, edits_of, extended, is_ours, read
from spacegen.errors import Fault, UsageError
from spacegen.language import catalog
from spacegen.language.model import Domain
from spacegen.language.nodes import read_tree
from spacegen.language.scalars import write_scalar
from spacegen.language.unparse import unparse
from spacegen.launch.files import refuse_foreign, replacing
from spacegen.servers import renames

__all__ = ["earlier", "overlay_text", "write"]

_ID: Final = "found-"


def write(path: Path, name: str, space: Space, edits: Sequence[Edit], counts: tuple[int, int] | None) -> str:
    """Writes the overlay with these edits of the space that `name` names, and returns its text.

    An overlay of ours as `name` gives way to its base: `edits` are to have what it said. `counts` are the
    solutions before any of the edits and after them. A file that says the same stays untouched. Raises
    UsageError where the file at `path` is none of ours, OSError.
    """
    refuse(path)
    text = overlay_text(_extends(name, path), space, edits, counts, _spelling(name, space))
    if not (path.is_file() and path.read_bytes() == text.encode()):
        with replacing(path) as stream:
            stream.write(text)
    return text


def refuse(path: Path) -> None:
    """Raises UsageError where a file at `path` is no overlay of ours: nobody meant to lose it. For `-`, too."""
    if path == Path("-"):
        message = "an overlay is a file, to which later findings add: it cannot go to stdout"
        raise UsageError(Fault(message, hint="give it a name, such as `narrowed.yaml`"))
    refuse_foreign(path, "overlay written by spacegen", is_ours, "choose another name")


def earlier(path: Path, name: str, space: Space) -> tuple[Edit, ...]:
    """The edits of an overlay of ours that is there already, none where nothing is. `space` is the one that
    `name` names. Raises UsageError for any other file, and for an overlay of another space; SpaceError."""
    base = base_of(name)
    refuse(path)
    if not path.is_file() or not path.stat().st_size:
        return ()
    file = read(path)
    if extended(path, file).resolve() != base.resolve():
        message = f"{path} narrows another space: {file.document.extends}"
        raise UsageError(Fault(message, hint="choose another name, or remove the file"))
    spelling = _spelling(name, space)
    domains = {p.name: p.domain for p in space.parameters}
    found = (spelling.back(edit, domains) for edit in edits_of(file, spelling.domains))
    return tuple(edit for edit in found if edit is not None)


def overlay_text(
    extends: str,
    space: Space,
    edits: Iterable[Edit],
    counts: tuple[int, int] | None = None,
    spelling: Spelling | None = None,
) -> str:
    """The text of an overlay: pins, restrictions and rules, each with its reason and its source."""
    written = spelling or Spelling.of(space)
    space = without_edits(space)
    return "\n".join(_lines(extends, space, [written.out(edit) for edit in edits], counts, written)) + "\n"


@dataclass(frozen=True, slots=True)
class Spelling:
    """The names and domains that the file of a space has, where it is loaded for another version."""

    domains: Mapping[str, Domain]
    names: Mapping[str, str]
    """What the file calls a parameter of the space."""

    @classmethod
    def of(cls, space: Space) -> Spelling:
        return cls({p.name: p.domain for p in space.parameters}, {})

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
    target, data = space.base.target, read_tree(space.base.sources[0]).data
    written = data.get("target") if isinstance(data, dict) else None
    if target is None or not isinstance(written, dict) or written.get("version") == target.version:
        return Spelling.of(space)
    from spacegen.api import load

    version = str(written["version"])
    domains = {p.name: p.domain for p in load(str(base_of(name))).parameters}
    old = {p.name: renames.renamed(target.server, p.name, target.version, version) for p in space.parameters}
    names = {now: then for now, then in old.items() if then is not None and then in domains}
    return Spelling(domains, names)


def _lines(
    extends: str,
    space: Space,
    edits: Sequence[Edit],
    counts: tuple[int, int] | None,
    spelling: Spelling,
) -> Iterator[str]:
    yield f"{FIRST}; `spacegen diagnose` and `spacegen narrow` add to it."
    if counts is not None:
        yield f"# {counts[1]:,} of {counts[0]:,} configs are left."
    yield "spacegen: 1"
    yield f"extends: {write_scalar(extends)}"
    taken = {rule.id for rule in space.rules}
    alone: dict[str, Edit] = {}
    rules: list[Edit] = []
    for edit in sorted(edits, key=_order):
        name = edit.ways[0].parameter
        clashes = {f"pin:{name}", f"restrict:{name}"} & taken
        if edit.form != "rule" and name not in alone and not clashes:
            alone[name] = edit
        else:
            rules.append(edit)
    for section in ("pin", "restrict"):
        entries = {name: edit for name, edit in alone.items() if edit.form == section}
        if entries:
            yield f"{section}:"
            for name in sorted(entries, key=list(spelling.domains).index):
                yield from _entry(section, entries[name])
    if rules:
        yield "rules:"
        yield from _rules(rules, taken, spelling.domains)


def _order(edit: Edit) -> tuple[int, str, str]:
    return list(Basis).index(edit.basis), edit.finding, edit.model_dump_json(include={"ways"})


def _entry(section: str, edit: Edit) -> Iterator[str]:
    way = edit.ways[0]
    yield f"  {write_scalar(way.parameter)}:"
    values = ", ".join(map(write_scalar, way.values))
    yield f"    value: {values}" if section == "pin" else f"    values: [{values}]"
    yield from _about(edit)


def _rules(edits: Sequence[Edit], taken: set[str], domains: Mapping[str, Domain]) -> Iterator[str]:
    ids = set(taken)
    for edit, written in zip(edits, conditions(edits, domains), strict=True):
        base = f"{_ID}{edit.finding}"
        id, number = base, 1
        while id in ids:
            number += 1
            id = f"{base}-{number}"
        ids.add(id)
        yield f"  - id: {write_scalar(id)}"
        yield f"    require: {_quoted(unparse(written))}"
        yield from _about(edit)


def _about(edit: Edit) -> Iterator[str]:
    yield f"    because: {_quoted(edit.because)}"
    yield f"    source: {write_scalar(edit.source)}"


def _quoted(text: str) -> str:
    """A text in single quotes, which need no escapes where it is printable."""
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else write_scalar(text)


def _extends(name: str, out: Path) -> str:
    path = base_of(name)
    if path.resolve().is_relative_to(catalog.folder("spaces").resolve()):
        return path.resolve().relative_to(catalog.folder("spaces").resolve()).with_suffix("").as_posix()
    near = os.path.relpath(path.resolve(), out.resolve().parent)
    return near if catalog.is_path(near) else f"./{near}"
