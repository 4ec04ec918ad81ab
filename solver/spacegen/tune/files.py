"""The files of a study: how they are called, and that none takes the place of something else."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from itertools import combinations
from pathlib import Path
from typing import BinaryIO, Final

from spacegen.errors import Fault, UsageError
from spacegen.launch.files import refuse_foreign

__all__ = [
    "JOURNAL",
    "check_files",
    "expanded",
    "file_name",
    "refuse_other_than_front",
    "storage_file",
    "study_name",
]

JOURNAL: Final = "spacegen.journal"
"""The file of the storage `journal` without a path."""
_LONGEST: Final = 60
_FRONT: Final = re.compile(rb'\s*\{\s*"study_name"\s*:')


def study_name(name: str) -> str:
    """The name of a study. Raises UsageError for one that nobody could see."""
    if not name.strip():
        raise UsageError(Fault("a study needs a name", hint="`--study NAME`"))
    return name


def file_name(name: str) -> str:
    """A name that is fit for a file, another one for each name: letters and digits of all scripts stay, and
    where something does not, a few digits tell the names apart."""
    plain = unicodedata.normalize("NFC", name)
    fit = re.sub(r"[^\w.@+=-]+", "-", plain)[:_LONGEST].strip("-.")
    if fit == name:
        return fit
    mark = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{fit}-{mark}" if fit else mark


def expanded(text: str) -> Path:
    """The path of a text, with the home of a user in the place of `~`, if there is one."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def storage_file(url: str) -> Path | None:
    """The file that a storage is; None for one that is no file."""
    kind, _, rest = url.partition(":")
    match kind.lower():
        case "journal":
            return expanded(rest.removeprefix("//") or JOURNAL)
        case "sqlite" if rest.startswith("///") and len(rest) > 3 and rest != "///:memory:":
            return expanded(rest[3:])
    return None


def check_files(storage: str, results: Path | None, front: Path | None) -> None:
    """Makes sure that the files of a study can be written and take the place of nothing but its own earlier
    ones. Raises UsageError."""
    for path in (results, front):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            why = "it is a folder" if path.is_dir() else f"there is no folder `{path.parent}`"
            raise UsageError(Fault(f"cannot write {path}: {why}"))
    files = {"the storage": storage_file(storage), "the results": results, "the front": front}
    known = [(what, path.resolve()) for what, path in files.items() if path is not None and _lasting(path)]
    for (what, path), (other, same) in combinations(known, 2):
        if path == same:
            raise UsageError(Fault(f"{what} and {other} would be one file, {same}", hint="name another"))
    if results is not None:
        # Who reads a log needs the names of files, and nothing of what a study measures.
        from spacegen.tune.results import ResultsFile

        ResultsFile(results).check()
    if front is not None:
        refuse_other_than_front(front)


def refuse_other_than_front(path: Path) -> None:
    """Raises UsageError where a file is no front that was saved earlier."""
    refuse_foreign(path, "front of a study", _is_front, "write the front elsewhere: `-o FILE`")


def _is_front(stream: BinaryIO) -> bool:
    return _FRONT.match(stream.read(4096)) is not None


def _lasting(path: Path) -> bool:
    """Whether a path is that of a file, or will be; a pipe or a terminal may take several things."""
    return path.is_file() or not path.exists()
