"""Edits as an overlay of a space: a file that says why for each, and that later findings add to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from spacegen.api import Space
from spacegen.diagnose.narrowing.edit import Basis, Edit, Kept
from spacegen.diagnose.narrowing.forms import conditions
from spacegen.diagnose.narrowing.resolving import read_edit, without_edits
from spacegen.errors import Fault, SpaceError, UsageError
from spacegen.language import catalog
from spacegen.language.expr import Ref
from spacegen.language.files import read_source, shown
from spacegen.language.model import Domain
from spacegen.language.nodes import Tree, read_tree
from spacegen.language.overlays import find_space
from spacegen.language.scalars import write_scalar
from spacegen.language.syntax import Names, parse
from spacegen.language.unparse import unparse
from spacegen.launch.files import refuse_foreign, replacing
from spacegen.servers import renames

__all__ = ["earlier", "overlay_text", "write"]

_FIRST: Final = "# Narrowed by findings of spacegen"
_KEYS: Final = frozenset({"spacegen", "extends", "name", "pin", "restrict", "rules"})
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
    """Raises UsageError where a file at `path` is no overlay of ours: nobody meant to lose it."""
    refuse_foreign(path, "overlay written by spacegen", _is_ours, "choose another name")


def earlier(path: Path, name: str, space: Space) -> tuple[Edit, ...]:
    """The edits of an overlay of ours that is there already, none where nothing is. `space` is the one that
    `name` names. Raises UsageError for any other file, and for an overlay of another space; SpaceError."""
    if not path.is_file() or not path.stat().st_size:
        return ()
    refuse(path)
    tree = _tree(path)
    base = find_space(str(tree.data["extends"]), path.parent)
    if base.resolve() != _base(name).resolve():
        message = f"{path} narrows another space: {tree.data['extends']}"
        raise UsageError(Fault(message, hint="choose another name, or remove the file"))
    _refuse_own(path, tree)
    spelling = _spelling(name, space)
    domains = {p.name: p.domain for p in space.parameters}
    found = (spelling.back(edit, domains) for edit in _read(tree, spelling.domains))
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
    domains = {p.name: p.domain for p in load(str(_base(name))).parameters}
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
    yield f"{_FIRST}; `spacegen diagnose` and `spacegen narrow` add to it."
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


def _is_ours(stream: BinaryIO) -> bool:
    return stream.readline().startswith(_FIRST.encode())


def _tree(path: Path) -> Tree:
    tree = read_tree(read_source(path, shown(path)))
    if not isinstance(tree.data, dict) or "extends" not in tree.data:
        raise SpaceError(Fault(f"{path} extends nothing", tree.at()))
    return tree


def _refuse_own(path: Path, tree: Tree) -> None:
    """Raises UsageError where somebody wrote more into the file than we did, which would be lost."""
    data = tree.data
    assert isinstance(data, dict)
    own = [f"`{key}`" for key in data if key not in _KEYS]
    for section in ("pin", "restrict"):
        for name, entry in (data.get(section) or {}).items():
            if not _says_source(entry):
                own.append(f"`{section}: {name}`")
    own += [f"rule `{r.get('id')}`" for r in data.get("rules") or [] if not _says_source(r)]
    if own:
        hint = "a space of your own can extend this one and say it there"
        raise UsageError(Fault(f"{path} holds what no finding says: {', '.join(own)}", hint=hint))


def _says_source(entry: Any) -> bool:
    source = entry.get("source") if isinstance(entry, dict) else None
    return Edit.origin(source if isinstance(source, str) else None) is not None


def _read(tree: Tree, domains: Mapping[str, Domain]) -> Iterator[Edit]:
    data = tree.data
    assert isinstance(data, dict)
    for section, key in (("pin", "value"), ("restrict", "values")):
        for name, entry in (data.get(section) or {}).items():
            values = [entry[key]] if section == "pin" else entry[key]
            basis, finding = Edit.origin(entry["source"]) or (Basis.ADVICE, "")
            kept = Kept(
                parameter=name, values=tuple(v for v in domains.get(name, ()) if v in Domain(tuple(values)))
            )
            if kept.values:
                yield Edit(finding=finding, basis=basis, ways=(kept,), because=str(entry.get("because", "")))
    names = Names({name: Ref(name) for name in domains}, domains)
    for i, rule in enumerate(data.get("rules") or []):
        condition = parse(str(rule["require"]), tree.at(("rules", i, "require")), names)
        edit = read_edit(condition, str(rule.get("because", "")), rule["source"], domains)
        if edit is not None:
            yield edit


def _base(name: str) -> Path:
    """The file that an overlay of this space is to extend: itself, or the base of an overlay of ours."""
    path = find_space(name)
    with path.open("rb") as stream:
        ours = _is_ours(stream)
    return find_space(str(_tree(path).data["extends"]), path.parent) if ours else path


def _extends(name: str, out: Path) -> str:
    path = _base(name)
    if path.resolve().is_relative_to(catalog.folder("spaces").resolve()):
        return path.resolve().relative_to(catalog.folder("spaces").resolve()).with_suffix("").as_posix()
    near = os.path.relpath(path.resolve(), out.resolve().parent)
    return near if catalog.is_path(near) else f"./{near}"
