"""Overlays of ours in files: which file they extend, and which edits they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from spacegen.diagnose.narrowing.command_options import PIN, WHERE
from spacegen.diagnose.narrowing.edit import Edit, Kept
from spacegen.diagnose.narrowing.resolving import read_edit
from spacegen.errors import Fault, SpaceError, UsageError
from spacegen.language.document import Overlay, PinEntry, RestrictEntry
from spacegen.language.expr import Ref
from spacegen.language.files import read_source, shown
from spacegen.language.model import Domain
from spacegen.language.nodes import read_tree
from spacegen.language.overlays import find_space
from spacegen.language.scalars import read_scalar, write_scalar
from spacegen.language.syntax import Names, parse
from spacegen.language.validate import File, validate

__all__ = ["FIRST", "base_of", "edits_of", "extended", "is_ours", "model_in", "model_line", "read"]

FIRST: Final = "# Narrowed by findings of spacegen"
_ABOUT: Final = "# About the model "
_OURS: Final = frozenset({"spacegen", "extends", "pin", "restrict", "rules"})


def is_ours(stream: BinaryIO) -> bool:
    """Whether a file begins like an overlay of ours."""
    return stream.readline(len(FIRST)).startswith(FIRST.encode())


def model_line(model: str) -> str:
    """The comment at the head of an overlay that names the model that its findings are about."""
    return f"{_ABOUT}{write_scalar(model)}"


def model_in(path: Path) -> str | None:
    """The model that the findings in an overlay of ours are about; None if it does not say it, and for any
    other file."""
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        if not is_ours(stream):
            return None
        stream.readline()
        for line in stream:
            text = line.decode(errors="replace").rstrip("\n")
            if text.startswith(_ABOUT):
                with suppress(SpaceError):
                    return str(read_scalar(text.removeprefix(_ABOUT)))
            if not text.startswith("#"):
                break
    return None


def read(path: Path) -> File[Overlay]:
    """An overlay of ours. Raises SpaceError if it is no valid overlay any more, UsageError if somebody else
    has added entries, which would be lost."""
    faults: list[Fault] = []
    file = validate(read_tree(read_source(path, shown(path))), Overlay, faults)
    if faults or file is None:
        raise SpaceError(*faults)
    if own := list(_others(file.document)):
        hint = "put them into a space of your own that extends this one"
        raise UsageError(
            Fault(f"{path} has entries that spacegen did not write: {', '.join(own)}", hint=hint)
        )
    return file


def _others(document: Overlay) -> Iterator[str]:
    yield from (f"`{key}`" for key in sorted(document.model_fields_set - _OURS))
    for section, entries in (("pin", document.pin), ("restrict", document.restrict)):
        for name, entry in entries.items():
            if not isinstance(entry, PinEntry | RestrictEntry) or not _is_known(entry.source):
                yield f"`{section}: {name}`"
    for number, rule in enumerate(document.rules, 1):
        if not _is_known(rule.source) or not isinstance(rule.require, str):
            yield f"rule `{rule.id or number}`"


def _is_known(source: str | None) -> bool:
    return source in (PIN, WHERE) or Edit.origin(source) is not None


def extended(path: Path, file: File[Overlay]) -> Path:
    """The file that an overlay extends."""
    return find_space(file.document.extends, path.parent)


def base_of(name: str) -> Path:
    """The file that an overlay of this space has to extend: its own, or the base of an overlay of ours.
    Raises as `read` does."""
    path = find_space(name)
    if not path.is_file():
        return path
    with path.open("rb") as stream:
        ours = is_ours(stream)
    return extended(path, read(path)) if ours else path


def edits_of(file: File[Overlay], domains: Mapping[str, Domain]) -> Iterator[Edit]:
    """The edits of an overlay, for a space with these domains. Raises SpaceError."""
    for name, entry in (*file.document.pin.items(), *file.document.restrict.items()):
        match entry:
            case PinEntry(value=value, because=because, source=source):
                values = [value]
            case RestrictEntry(values=values, because=because, source=source):
                pass
            case _:
                continue
        kept = tuple(v for v in domains.get(name, ()) if v in Domain(tuple(values)))
        origin = Edit.origin(source)
        if kept and origin is not None:
            ways = (Kept(parameter=name, values=kept),)
            basis, finding, own = origin
            yield Edit(finding=finding, basis=basis, ways=ways, because=because or "", own=own)
    names = Names({name: Ref(name) for name in domains}, domains)
    for i, rule in enumerate(file.document.rules):
        condition = parse(rule.require, file.at("rules", i, "require"), names)
        edit = read_edit(condition, rule.because, rule.source, domains)
        if edit is not None:
            yield edit
