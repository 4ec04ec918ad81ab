"""Names and values of a space as its file has them; the space may be loaded for another version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spacegen.api import Space
from spacegen.diagnose.narrowing.edit import Edit, Kept
from spacegen.diagnose.narrowing.overlay_files import base_of
from spacegen.language.model import Domain
from spacegen.servers import renames

__all__ = ["Spelling", "spelling_of"]


@dataclass(frozen=True, slots=True)
class Spelling:
    """The names and domains of the parameters in the file of a space."""

    domains: Mapping[str, Domain]
    names: Mapping[str, str]
    """The name in the file, by the name in the space."""

    @classmethod
    def of(cls, space: Space) -> Spelling:
        return cls(space.domains, {})

    @property
    def renamed(self) -> Mapping[str, str]:
        """The names that differ."""
        return {now: then for now, then in self.names.items() if now != then}

    def out(self, edit: Edit) -> Edit:
        """The edit under the names of the file, without values that only the target has."""
        return edit.model_copy(update={"ways": tuple(map(self._way, edit.ways))})

    def _way(self, way: Kept) -> Kept:
        name = self.names.get(way.parameter, way.parameter)
        return Kept(parameter=name, values=tuple(v for v in way.values if v in self.domains[name]))

    def back(self, edit: Edit, domains: Mapping[str, Domain]) -> Edit | None:
        """The edit under the names of the space; None if the space lacks one of its parameters."""
        now = {written: name for name, written in self.names.items()}
        ways = [Kept(parameter=now.get(w.parameter, w.parameter), values=w.values) for w in edit.ways]
        if any(way.parameter not in domains for way in ways):
            return None
        return edit.model_copy(update={"ways": tuple(ways)})


def spelling_of(name: str, space: Space) -> Spelling:
    """The spelling of the file that `name` names, for `space`, which it was loaded as."""
    if not space.base.sources:
        return Spelling.of(space)
    from spacegen.api import load

    file = load(str(base_of(name)))
    domains = file.domains
    target, written = space.base.target, file.base.target
    if target is None or written is None or written.version == target.version:
        return Spelling(domains, {name: name for name in domains})
    version = written.version
    old = {p.name: renames.renamed(target.server, p.name, target.version, version) for p in space.parameters}
    names = {now: then for now, then in old.items() if then is not None and then in domains}
    return Spelling(domains, names)
