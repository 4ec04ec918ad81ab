"""A space file with all that it stands on: the overlays, the base space, and its rule packs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spacegen.errors import Fault, SpaceError
from spacegen.language import catalog
from spacegen.language.document import Document, Overlay, Pack, Space
from spacegen.language.files import read_source, shown
from spacegen.language.nodes import Tree, read_tree
from spacegen.language.packs import Included, load_packs
from spacegen.language.settings import Settings
from spacegen.language.validate import File, validate
from spacegen.source import Source, Span

__all__ = ["Stack", "find_space", "gather"]

_MAX_OVERLAYS = 20


@dataclass(frozen=True, slots=True)
class Stack:
    """The files of one space: packs in the order of use, the base, overlays base first.
    `stem` names a space that does not name itself."""

    stem: str
    packs: tuple[Included, ...]
    base: File[Space]
    overlays: tuple[File[Overlay], ...]

    @property
    def files(self) -> tuple[File[Document], ...]:
        """All of them, packs last."""
        return (self.base, *self.overlays, *(pack.file for pack in self.packs))


def find_space(path_or_name: str | Path, folder: Path | None = None) -> Path:
    """The file of a space: a path (relative to `folder`) or a bundled name. Raises SpaceError."""
    if isinstance(path_or_name, Path) or catalog.is_path(path_or_name):
        return (folder or Path()) / path_or_name
    return catalog.find("spaces", path_or_name)


def gather(source: Source, folder: Path | None, *, settings: Settings, faults: list[Fault]) -> Stack | None:
    """All files of the space in `source`; relative paths start in `folder`. None where so much is unreadable
    that names would be missing. Adds to `faults`."""
    overlays: list[File[Overlay]] = []
    read = [(folder or Path()) / Path(source.name).name]
    tree = read_tree(source)
    while isinstance(tree.data, dict) and "extends" in tree.data:
        overlay = validate(tree, Overlay, faults)
        if overlay is None:
            return None
        overlays.insert(0, overlay)
        found = _base(overlay, folder, read, faults)
        if found is None:
            return None
        tree, folder = found
    base = _space(tree, faults)
    if base is None:
        return None
    packs = load_packs(_includes(base, settings), folder, faults)
    if packs is None or any(file.torn for file in (base, *overlays)):
        return None
    return Stack(Path(source.name).stem, packs, base, tuple(overlays))


def _base(
    overlay: File[Overlay], folder: Path | None, read: list[Path], faults: list[Fault]
) -> tuple[Tree, Path] | None:
    """The space under an overlay; `read` lists the files above it, and gets this one too."""
    name, span = overlay.document.extends, overlay.at("extends")
    try:
        path = find_space(name, folder)
        if path.resolve() in (above.resolve() for above in read):
            circle = " -> ".join(above.name for above in (*read, path))
            faults.append(Fault(f"the spaces extend each other in a circle: {circle}", span))
            return None
        if len(read) > _MAX_OVERLAYS:
            faults.append(Fault(f"more than {_MAX_OVERLAYS} spaces extend each other", span))
            return None
        read.append(path)
        return read_tree(read_source(path, shown(path))), path.parent
    except SpaceError as error:
        faults.extend(f if f.span else Fault(f.message, span, f.hint) for f in error.faults)
        return None


def _space(tree: Tree, faults: list[Fault]) -> File[Space] | None:
    data = tree.data
    if isinstance(data, dict) and {"rules", "names"} & set(data) and set(data) <= set(Pack.model_fields):
        message = f"{tree.source.name} is a rule pack, not a space"
        raise SpaceError(Fault(message, tree.at(), "a space takes it with `include`"))
    return validate(tree, Space, faults)


def _includes(base: File[Space], settings: Settings) -> list[tuple[str, Span]]:
    document = base.document
    taken = {
        "include": document.include,
        "strict": document.strict if settings.strict_target else [],
        "effective": document.effective if settings.effective else [],
    }
    return [(name, base.at(key, i)) for key, names in taken.items() for i, name in enumerate(names)]
