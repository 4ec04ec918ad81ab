"""Edits as an overlay of a space: a file with a reason for each edit, to which later findings add."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from spacegen.api import Space
from spacegen.diagnose.narrowing.command_options import (
    Asked,
    asked_by_commands,
    asked_in,
    mentioned_in,
    under_asked,
    with_base_as_rules,
    without_asked,
)
from spacegen.diagnose.narrowing.edit import MARK, Edit
from spacegen.diagnose.narrowing.narrowing import left
from spacegen.diagnose.narrowing.overlay_files import (
    FIRST,
    base_of,
    edits_of,
    extended,
    is_ours,
    model_in,
    model_line,
    read,
)
from spacegen.diagnose.narrowing.resolving import without_edits
from spacegen.diagnose.narrowing.spelling import Spelling, spelling_of
from spacegen.diagnose.narrowing.yaml_of_edits import yaml_lines
from spacegen.errors import Fault, UsageError
from spacegen.language import catalog
from spacegen.language.document import Overlay
from spacegen.language.overlays import find_space
from spacegen.language.validate import File
from spacegen.launch.files import refuse_foreign, refuse_unwritable, replacing

__all__ = ["about", "as_asked", "earlier", "on_its_base", "overlay_text", "refuse", "write"]

_STDOUT: Final = Path("-")
_FIRST_LINE: Final = f"{FIRST}; `spacegen diagnose` and `spacegen narrow` add to it."


def write(
    path: Path,
    name: str,
    space: Space,
    edits: Sequence[Edit],
    *,
    counts: tuple[int, int] | None = None,
    inputs: str = "",
    model: str | None = None,
) -> str:
    """Writes an overlay with these edits for the space that `name` names, and returns its text. Only returns
    it if `path` is `-`.

    If `name` is itself an overlay of ours, the new one extends its base, and `edits` have to include its
    edits. Pins and conditions of the command become part of the file. `counts` are the solutions without and
    with all edits; `inputs` are the options of the command that no overlay keeps; `model` is what the
    findings are about, if None as the file or `name` says it. Edits in the file for parameters that the space
    lacks, in this version of its target, stay. A file with the same text is not touched. Raises UsageError
    if the file at `path` is not ours, OSError.
    """
    refuse(path)
    spelling = spelling_of(name, space)
    beyond = _beyond(path, name, space, spelling)
    extends = _extends(name, path)
    text = overlay_text(
        extends,
        space,
        edits,
        counts=counts,
        inputs=inputs,
        model=model or about(path, name),
        spelling=spelling,
        beyond=beyond,
    )
    if path != _STDOUT and not (path.is_file() and path.read_bytes() == text.encode()):
        with replacing(path) as stream:
            stream.write(text)
    return text


def refuse(path: Path) -> None:
    """Raises UsageError for a file that is not an overlay of ours, which nobody means to overwrite, and for
    one that cannot be written."""
    if path != _STDOUT:
        refuse_unwritable(path)
        refuse_foreign(path, "overlay written by spacegen", is_ours, "choose another name")


def about(path: Path | None, name: str) -> str | None:
    """The model that findings in an overlay of ours are about, in the one at `path` or as `name`; None if
    neither says it."""
    said = model_in(path) if path not in (None, _STDOUT) else None
    return said or model_in(find_space(name))


def earlier(path: Path, name: str, space: Space) -> tuple[Edit, ...]:
    """The edits of the overlay of ours at `path`, none if there is no file. `space` is the one that `name`
    names. Raises UsageError for any other file, and for an overlay of another space; SpaceError."""
    if (file := _there(path, name)) is None:
        return ()
    spelling = spelling_of(name, space)
    found = (spelling.back(edit, space.domains) for edit in edits_of(file, spelling.domains))
    return tuple(edit for edit in found if edit is not None)


def _beyond(path: Path, name: str, space: Space, spelling: Spelling) -> tuple[Edit, ...]:
    """The edits of the file at `path` for parameters that the space lacks, under the names of the file."""
    if (file := _there(path, name)) is None:
        return ()
    return tuple(e for e in edits_of(file, spelling.domains) if spelling.back(e, space.domains) is None)


def on_its_base(name: str, space: Space) -> Space:
    """The space that `name` names, with the edits of its base as ordinary rules: those of an overlay of ours
    that somebody's own file extends stay, whatever is found. Raises as `read` does."""
    base = base_of(name)
    ours = any((rule.source or "").startswith(f"{MARK}/") for rule in space.rules)
    if not ours or base.resolve().is_relative_to(catalog.folder("spaces").resolve()):
        return space
    from spacegen.api import load

    return with_base_as_rules(space, load(str(base)))


def as_asked(path: Path, name: str, space: Space) -> Space:
    """The space with the pins and conditions of the overlay at `path`, which earlier commands gave. Raises as
    `earlier` does."""
    if (file := _there(path, name)) is None:
        return space
    asked = asked_in(file)
    if asked == Asked():
        return space
    names = {then: now for now, then in spelling_of(name, space).names.items()}
    return under_asked(space, asked.under_names(names, {}))


def _there(path: Path, name: str) -> File[Overlay] | None:
    """The overlay of ours at `path`; None if there is none."""
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
    *,
    counts: tuple[int, int] | None = None,
    inputs: str = "",
    model: str | None = None,
    spelling: Spelling | None = None,
    beyond: Iterable[Edit] = (),
) -> str:
    """The text of an overlay: pins, restrictions and rules, each with its reason and its source; `counts`,
    `inputs` and `model` as `write` has them. `beyond` are more edits, already under the names of the file."""
    written = spelling or Spelling.of(space)
    asked = asked_by_commands(space).under_names(written.renamed, mentioned_in(space))
    space = without_asked(without_edits(space))
    known = "" if counts is None else f"# {left(*counts)}"
    head = [] if model is None else [model_line(model)]
    head += [f"{known}, with {inputs}." if inputs else f"{known}."] if known else []
    own = [*(written.out(edit) for edit in edits), *beyond]
    return "\n".join([_FIRST_LINE, *head, *yaml_lines(extends, space, own, asked, written.domains)]) + "\n"


def _extends(name: str, out: Path) -> str:
    path = base_of(name)
    if path.resolve().is_relative_to(catalog.folder("spaces").resolve()):
        return path.resolve().relative_to(catalog.folder("spaces").resolve()).with_suffix("").as_posix()
    near = os.path.relpath(path.resolve(), out.resolve().parent)
    return near if catalog.is_path(near) else f"./{near}"
