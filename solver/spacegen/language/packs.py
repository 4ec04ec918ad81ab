"""Rule packs: which files an `include` means, and their documents in the order of use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spacegen.errors import Fault, SpaceError
from spacegen.language import catalog
from spacegen.language.document import Pack
from spacegen.language.files import read_source, shown
from spacegen.language.model import Target
from spacegen.language.nodes import read_tree
from spacegen.language.validate import File, validate
from spacegen.language.versions import matches, read_target
from spacegen.source import Span

__all__ = ["Included", "about", "load_packs", "names_version", "wrong_servers"]


@dataclass(frozen=True, slots=True)
class Included:
    """A pack under the name that the including file gives it."""

    name: str
    file: File[Pack]


@dataclass(slots=True)
class _Loader:
    faults: list[Fault]
    packs: list[Included] = field(default_factory=list)
    open: list[tuple[Path, str]] = field(default_factory=list)
    done: set[Path] = field(default_factory=set)
    complete: bool = True

    def include(self, name: str, span: Span, folder: Path | None, root: Path | None) -> None:
        """Load one pack and, before it, the packs that it needs. `folder` is where relative paths start,
        `root` what they must not leave."""
        try:
            path, root = _locate(name, folder, root)
        except SpaceError as error:
            self.fail(*(Fault(f.message, span, f.hint) for f in error.faults))
            return
        if any(path == other for other, _ in self.open):
            names = [n for _, n in self.open] + [name]
            start = next(i for i, (other, _) in enumerate(self.open) if other == path)
            circle = " -> ".join(f"`{n}`" for n in names[start:])
            self.fail(Fault(f"packs include each other in a circle: {circle}", span))
        elif path not in self.done:
            self.open.append((path, name))
            self.load(path, name, span, root)
            self.open.pop()
            self.done.add(path)

    def fail(self, *faults: Fault) -> None:
        self.faults.extend(faults)
        self.complete = False

    def load(self, path: Path, name: str, span: Span, root: Path) -> None:
        try:
            tree = read_tree(read_source(path, shown(path)))
        except SpaceError as error:
            self.fail(*(f if f.span else Fault(f.message, span, f.hint) for f in error.faults))
            return
        if isinstance(tree.data, dict) and ("parameters" in tree.data or "extends" in tree.data):
            hint = "a space is taken as a base: `extends`"
            self.fail(Fault(f"`{name}` is a space, not a rule pack", span, hint))
            return
        file = validate(tree, Pack, self.faults)
        self.complete = self.complete and file is not None and not file.torn
        if file is not None:
            for i, needed in enumerate(file.document.include):
                self.include(needed, file.at("include", i), path.parent, root)
            self.packs.append(Included(name, file))


def _locate(name: str, folder: Path | None, root: Path | None) -> tuple[Path, Path]:
    """The file of a pack and the folder that its own includes must stay in."""
    if not name.startswith((".", "/")) and not name.endswith((".yaml", ".yml")):
        return catalog.find("rules", name).resolve(), catalog.folder("rules").resolve()
    if folder is None or root is None:
        hint = "use the name of a bundled pack"
        raise SpaceError(Fault(f"`{name}` is a relative path, and this space is in no folder", hint=hint))
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError):
        raise SpaceError(Fault(f"`{name}` is no path")) from None
    if not path.is_relative_to(root.resolve()):
        raise SpaceError(Fault(f"`{name}` leads out of the folder of the space", hint="keep packs below it"))
    return path, root


def load_packs(
    includes: Iterable[tuple[str, Span]], folder: Path | None, faults: list[Fault]
) -> tuple[Included, ...] | None:
    """The packs of a space, each once, those that others need first; None where one cannot be read. Adds to
    `faults`."""
    loader = _Loader(faults)
    for name, span in includes:
        loader.include(name, span, folder, folder)
    return tuple(loader.packs) if loader.complete else None


def wrong_servers(packs: Iterable[Included], server: str) -> Iterator[Fault]:
    """A fault for each pack that uses the names of another server, or says unreadably whose it uses."""
    for pack in packs:
        if (names := pack.file.document.names) is None:
            continue
        span = pack.file.at("names")
        found = read_target(names)
        if not found:
            yield Fault("`names` must be a server and a version", span, "write it like `sglang==0.5.6`")
        elif found.server != server:
            yield Fault(f"this pack uses the names of {found.server}, and the space is for {server}", span)


def about(packs: Iterable[Included], target: Target | None, faults: list[Fault]) -> tuple[Included, ...]:
    """The packs that are about the version of the target; those about versions need one. Adds to `faults`."""
    kept = []
    for pack in packs:
        wanted = pack.file.document.versions
        try:
            if wanted is None or (target is not None and matches(wanted, target.version)):
                kept.append(pack)
        except SpaceError as error:
            span = pack.file.at("versions")
            faults.extend(Fault(f.message, span, f.hint) for f in error.faults)
    return tuple(kept)


def names_version(pack: Included) -> str | None:
    """The version of the server whose names a pack uses; None where it uses those of the space."""
    names = pack.file.document.names
    found = None if names is None else read_target(names)
    return found.version if found else None
