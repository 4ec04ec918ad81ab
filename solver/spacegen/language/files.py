"""Text files from disk, or clear words about why not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from spacegen.errors import Fault, SpaceError
from spacegen.source import Source, Span

__all__ = ["MAX_BYTES", "read_source", "shown"]

MAX_BYTES: Final = 16 * 2**20


def shown(path: Path) -> str:
    """A path as messages show it: relative where it lies below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def read_source(path: Path, name: str | None = None) -> Source:
    """The text of a UTF-8 file of at most 16 MiB. Raises SpaceError for anything else."""
    name = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpaceError(Fault(f"no such file: {name}", hint=_neighbour(path))) from None
    except IsADirectoryError:
        raise SpaceError(Fault(f"{name} is a folder, not a file")) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpaceError(Fault(f"cannot read {name}: {reason.lower()}")) from None
    if len(data) > MAX_BYTES:
        raise SpaceError(Fault(f"{name} is larger than {MAX_BYTES // 2**20} MiB"))
    return Source(name, _decoded(data, name))


def _neighbour(path: Path) -> str | None:
    for suffix in (".yaml", ".yml"):
        if path.suffix != suffix and path.with_name(path.name + suffix).is_file():
            return f"did you mean `{path.name}{suffix}`?"
    return None


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="replace")
        lines = (before + "x").splitlines()
        span = Span(Source(name, data.decode("utf-8-sig", errors="replace")), len(lines), len(lines[-1]))
        byte = f"0x{data[error.start]:02x}"
        raise SpaceError(Fault(f"not UTF-8 text: byte {byte}", span, "save the file as UTF-8")) from None
