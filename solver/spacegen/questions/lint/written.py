"""Where the parts of a model stand in the files that it was read from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from spacegen.language.expr import Scalar
from spacegen.language.model import Model, Parameter, Rule, identity
from spacegen.language.nodes import Path, Tree, read_tree
from spacegen.source import Source, Span

__all__ = ["Written"]

_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_NAMED: Final = ("constants", "derived")
_TALK: Final = frozenset({"because", "source", "description", "id", "unit", "group"})
"""Keys whose texts are for people."""


@dataclass(frozen=True)
class Written:
    """The files of a model, read again as plain data with places; none for a model made in Python."""

    model: Model

    @cached_property
    def trees(self) -> dict[Source, Tree]:
        """The data of each file, the space and its overlays before the packs."""
        return {source: read_tree(source) for source in self.model.sources}

    @cached_property
    def own(self) -> tuple[Tree, ...]:
        """The files that are no packs."""
        return tuple(t for t in self.trees.values() if {"parameters", "extends"} & set(t.data))

    @property
    def top(self) -> Source | None:
        """The file that was asked for: the last overlay, or the space."""
        return self.own[-1].source if self.own else None

    def value(self, parameter: Parameter, value: Scalar) -> Span | None:
        """Where a value of a domain stands; for one of a range, the range; else the parameter."""
        found = self.declared(parameter.span, "parameters")
        if found is None:
            return parameter.span
        tree, path, entry = found
        if isinstance(entry, list):
            return self._item(tree, path, value) or tree.at(path)
        if "from" in entry:
            return tree.at(path)
        listed = self._item(tree, (*path, "values"), value) if entry.get("values") else None
        return listed or tree.at((*path, "range") if "range" in entry else path)

    def default(self, parameter: Parameter) -> Span | None:
        """Where the default of a parameter stands; else the parameter."""
        found = self.declared(parameter.span, "parameters")
        if found is None or not isinstance(found[2], dict) or "default" not in found[2]:
            return parameter.span
        return found[0].at((*found[1], "default"))

    def restricted(self, rule: Rule, value: Scalar) -> Span | None:
        """Where a value stands in the list of an overlay's restriction."""
        found = self.restriction(rule)
        return rule.span if found is None else self._item(found[0], found[1], value) or rule.span

    def restriction(self, rule: Rule) -> tuple[Tree, Path, list[Any]] | None:
        """The list of an overlay's restriction: its file, path and values."""
        found = self.declared(rule.span, "restrict")
        if found is None:
            return None
        tree, path, entry = found
        return (tree, (*path, "values"), entry["values"]) if isinstance(entry, dict) else found

    def body(self, rule: Rule) -> Span | None:
        """Where the condition of a rule stands; else the rule."""
        found = self._rule(rule)
        if found is None:
            return rule.span
        tree, path, entry = found
        about = {"id", "when", "because", "source", "versions", "kind", "weight"}
        return next((tree.at((*path, key)) for key in entry if key not in about), rule.span)

    def has_own_id(self, rule: Rule) -> bool:
        """Whether the file gives the rule its id."""
        found = self._rule(rule)
        return found is not None and "id" in found[2]

    def names(self) -> Iterator[tuple[str, str, Span]]:
        """The constants and derived values of the space itself: section, name and place."""
        for tree in self.own:
            for section in _NAMED:
                for name in tree.data.get(section) or {}:
                    yield section, name, tree.at_key((section, name))

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of every expression in the files."""
        return frozenset(word for tree in self.trees.values() for word in _used(tree.data))

    def declared(self, span: Span | None, section: str) -> tuple[Tree, Path, Any] | None:
        """The entry of a section whose key stands there: its file, path and data."""
        tree = self.trees.get(span.source) if span else None
        entries = tree.data.get(section) if tree else None
        for name, entry in (entries or {}).items():
            assert tree is not None
            if tree.at_key((section, name)) == span:
                return tree, (section, name), entry
        return None

    def _rule(self, rule: Rule) -> tuple[Tree, Path, Any] | None:
        tree = self.trees.get(rule.span.source) if rule.span else None
        for i, entry in enumerate((tree.data.get("rules") or []) if tree else []):
            assert tree is not None
            if tree.at(("rules", i)) == rule.span:
                return tree, ("rules", i), entry
        return None

    def _item(self, tree: Tree, path: Path, value: Scalar) -> Span | None:
        i = self._items(tree, path).get(identity(value))
        return None if i is None else tree.at((*path, i))

    def _items(self, tree: Tree, path: Path) -> dict[tuple[str, Scalar], int]:
        """The positions of the values in a list."""
        if (tree.source, path) not in self._known:
            items: Any = tree.data
            for step in path:
                items = items[step]
            self._known[tree.source, path] = {identity(item): i for i, item in enumerate(items)}
        return self._known[tree.source, path]

    @cached_property
    def _known(self) -> dict[tuple[Source, Path], dict[tuple[str, Scalar], int]]:
        return {}


def _used(data: Any) -> Iterator[str]:
    """The words of the parts of a file that hold expressions."""
    yield from _words(data.get("rules"))
    yield from _words(data.get("objective"))
    yield from _words(list((data.get("derived") or {}).values()))
    for entry in (data.get("parameters") or {}).values():
        if isinstance(entry, dict):
            yield from _words(entry.get("active_when"))


def _words(data: Any) -> Iterator[str]:
    match data:
        case str():
            yield from _WORD.findall(data)
        case list():
            for item in data:
                yield from _words(item)
        case dict():
            for key, part in data.items():
                if key not in _TALK:
                    yield from _words(key)
                    yield from _words(part)
