"""The spaces and rule packs that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias

from spacegen.errors import Fault, SpaceError, did_you_mean

__all__ = ["Shelf", "find", "folder", "installed", "is_path", "names"]

Shelf: TypeAlias = Literal["spaces", "rules"]

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_NOUN: Final = {"spaces": "space", "rules": "rule pack"}


def folder(shelf: Shelf) -> Path:
    """Where the bundled files lie: inside an installed package, or at the top of a checkout."""
    installed = _PACKAGE / shelf
    return installed if installed.is_dir() else _PACKAGE.parents[1] / shelf


def installed() -> bool:
    """Whether the bundled files lie inside an installed package rather than in a checkout."""
    return (_PACKAGE / "spaces").is_dir()


def names(shelf: Shelf) -> tuple[str, ...]:
    """The bundled names in order, such as `h100` or `sglang/gpus`."""
    root = folder(shelf)
    found = (path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.yaml"))
    return tuple(sorted(found))


def is_path(name: str) -> bool:
    """Whether a space is named by its file: the name has a slash or ends in `.yaml`."""
    return "/" in name or "\\" in name or name.endswith((".yaml", ".yml"))


def find(shelf: Shelf, name: str) -> Path:
    """The file of a bundled name. Raises SpaceError for a name that is not bundled."""
    root = folder(shelf)
    path = root / f"{name}.yaml"
    # The name comes from a file or a command line: it must not lead out of the shelf.
    if ".." not in Path(name).parts and not Path(name).is_absolute() and "\0" not in name and path.is_file():
        return path
    known = names(shelf)
    hint = did_you_mean(name, known) or _hint(shelf, name, known)
    raise SpaceError(Fault(f"no {_NOUN[shelf]} is called `{name}`", hint=hint))


def _hint(shelf: Shelf, name: str, known: tuple[str, ...]) -> str:
    if "\0" not in name and Path(name).is_file():
        return f"for the file of that name write `./{name}`"
    listed = ", ".join(f"`{word}`" for word in known) or "none"
    return f"bundled {_NOUN[shelf]}s: {listed}"
