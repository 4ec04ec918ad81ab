"""YAML text as plain data with places: no tags, no duplicate keys, bounded depth and size.

The events of PyYAML's C parser are composed here, because its own composer crashes on deep nesting and
expands aliases without a bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

import yaml

from spacegen.errors import Fault, SpaceError
from spacegen.language.scalars import UnreadableError, hint_for_string, resolve
from spacegen.language.yamlfaults import syntax_fault, unprintable
from spacegen.source import Source, Span

__all__ = ["MAX_DEPTH", "MAX_NODES", "Data", "Path", "Tree", "read_tree"]

Data: TypeAlias = Any
"""Plain data: scalars, lists and dicts with string keys."""
Path: TypeAlias = tuple[str | int, ...]
"""The keys and positions that lead from the root to a part."""

MAX_DEPTH: Final = 50
MAX_NODES: Final = 10**6
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Mark(NamedTuple):
    """Line and column from 1."""

    line: int
    column: int


class _Place(NamedTuple):
    mark: _Mark
    parts: Mapping[str | int, _Place]
    keys: Mapping[str, _Mark]


_NOTHING: Final[dict[Any, Any]] = {}


@dataclass(frozen=True, slots=True)
class Tree:
    """The data of one file and where its parts stand. `faults` were met while reading; `suspects` are
    scalars that may not mean what their author thinks: faults only beside others."""

    source: Source
    data: Data
    root: _Place
    faults: tuple[Fault, ...] = ()
    suspects: tuple[Fault, ...] = ()

    def at(self, path: Path = ()) -> Span:
        """Where a part starts; steps that the data lacks are skipped."""
        mark = self._place(path).mark
        return Span(self.source, mark.line, mark.column)

    def at_key(self, path: Path) -> Span:
        """The place of the key that names a part, or of the part where it has none."""
        mark = self._place(path[:-1]).keys.get(str(path[-1])) if path else None
        return Span(self.source, mark.line, mark.column) if mark else self.at(path)

    def keys(self, path: Path = ()) -> tuple[str, ...]:
        """The keys of a mapping in the order of the text."""
        return tuple(self._place(path).keys)

    def _place(self, path: Path) -> _Place:
        place = self.root
        for step in path:
            place = place.parts.get(step, place)
        return place


def read_tree(source: Source) -> Tree:
    """The single document of a YAML text. Raises SpaceError where there is none to speak of; faults that
    leave the rest readable are kept in the tree."""
    if fault := unprintable(source):
        raise SpaceError(fault)
    try:
        reader = _Reader(source, _LOADER(source.text))
        data, root = reader.document()
    except yaml.MarkedYAMLError as error:
        raise SpaceError(syntax_fault(source, error)) from None
    except yaml.YAMLError as error:
        raise SpaceError(Fault(f"{source.name} is not YAML: {error}")) from None
    return Tree(source, data, root, tuple(reader.faults), tuple(reader.suspects))


class _Anchor(NamedTuple):
    data: Data
    place: _Place
    nodes: int
    height: int


@dataclass(slots=True)
class _Reader:
    """Composes data and places from the events of one document."""

    source: Source
    parser: Any
    faults: list[Fault] = field(default_factory=list)
    suspects: list[Fault] = field(default_factory=list)
    anchors: dict[str, _Anchor | None] = field(default_factory=dict)
    nodes: int = 0
    deepest: int = 0

    def document(self) -> tuple[Data, _Place]:
        self.parser.get_event()
        if isinstance(self.parser.get_event(), yaml.StreamEndEvent):
            raise SpaceError(Fault("the file is empty", Span(self.source, 1, 1)))
        result = self.node(self.parser.get_event(), 1)
        self.parser.get_event()
        after = self.parser.get_event()
        if not isinstance(after, yaml.StreamEndEvent):
            raise SpaceError(
                self.fault(after, "a second document starts here", "one file holds one document")
            )
        return result

    def fault(self, event: Any, message: str, hint: str | None = None) -> Fault:
        mark = event.start_mark
        return Fault(message, Span(self.source, mark.line + 1, mark.column + 1), hint)

    def node(self, event: Any, depth: int) -> tuple[Data, _Place]:
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self.alias(event, depth)
        self.grow(event, 1, depth)
        if event.tag is not None:
            self.faults.append(self.fault(event, f"tags are not allowed: `{event.tag}`", "remove the tag"))
        if event.anchor is not None:
            return self.anchored(event, depth)
        return self.content(event, depth)

    def content(self, event: Any, depth: int) -> tuple[Data, _Place]:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            return self.scalar(event)
        return self.mapping(event, depth) if kind is yaml.MappingStartEvent else self.sequence(event, depth)

    def grow(self, event: Any, nodes: int, deepest: int) -> None:
        self.nodes += nodes
        self.deepest = max(self.deepest, deepest)
        if deepest > MAX_DEPTH:
            raise SpaceError(self.fault(event, f"nested more than {MAX_DEPTH} levels deep"))
        if self.nodes > MAX_NODES:
            hint = "an alias counts as all that it stands for"
            raise SpaceError(self.fault(event, f"more than {MAX_NODES:,} values in one file", hint))

    def anchored(self, event: Any, depth: int) -> tuple[Data, _Place]:
        self.anchors[event.anchor] = None
        nodes, deepest, self.deepest = self.nodes, self.deepest, depth
        data, place = self.content(event, depth)
        # Long texts weigh more, so that aliases cannot multiply them either.
        weight = self.nodes - nodes + 1 + (len(data) // 64 if isinstance(data, str) else 0)
        self.anchors[event.anchor] = _Anchor(data, place, weight, self.deepest - depth)
        self.deepest = max(deepest, self.deepest)
        return data, place

    def alias(self, event: Any, depth: int) -> tuple[Data, _Place]:
        if event.anchor not in self.anchors:
            raise SpaceError(
                self.fault(
                    event,
                    f"the alias `*{event.anchor}` names no anchor",
                    "a value that starts with `*` needs quotes",
                )
            )
        anchor = self.anchors[event.anchor]
        if anchor is None:
            raise SpaceError(self.fault(event, f"the alias `*{event.anchor}` stands inside its own anchor"))
        self.grow(event, anchor.nodes, depth + anchor.height)
        return anchor.data, anchor.place

    def scalar(self, event: Any) -> tuple[Data, _Place]:
        text = event.value
        place = _Place(_mark(event), _NOTHING, _NOTHING)
        return (text if event.style else self.plain(event, text)), place

    def plain(self, event: Any, text: str) -> Data:
        try:
            value = resolve(text)
        except UnreadableError as error:
            self.faults.append(self.fault(event, error.message, error.hint))
            return text
        if (hint := hint_for_string(text)) is not None:
            read = "a string, not a number" if isinstance(value, str) else f"the number {value}"
            self.suspects.append(self.fault(event, f"`{text}` is {read}", hint))
        return value

    def sequence(self, event: Any, depth: int) -> tuple[Data, _Place]:
        data: list[Data] = []
        parts: dict[str | int, _Place] = {}
        get = self.parser.get_event
        while type(item := get()) is not yaml.SequenceEndEvent:
            value, parts[len(data)] = self.node(item, depth + 1)
            data.append(value)
        return data, _Place(_mark(event), parts, _NOTHING)

    def mapping(self, event: Any, depth: int) -> tuple[Data, _Place]:
        data: dict[str, Data] = {}
        parts: dict[str | int, _Place] = {}
        keys: dict[str, _Mark] = {}
        get = self.parser.get_event
        while type(item := get()) is not yaml.MappingEndEvent:
            key, _ = self.node(item, depth + 1)
            value, place = self.node(get(), depth + 1)
            name = self.key(item, key, keys)
            if name is not None:
                data[name], parts[name], keys[name] = value, place, _mark(item)
        return data, _Place(_mark(event), parts, keys)

    def key(self, event: Any, key: Data, keys: Mapping[str, _Mark]) -> str | None:
        if not isinstance(key, str):
            self.faults.append(self.odd_key(event))
            return None
        if key == "<<" and not getattr(event, "style", None):
            hint = "merge keys are not part of YAML 1.2: write the keys out"
            self.faults.append(self.fault(event, "unknown key `<<`", hint))
            return None
        if key in keys:
            hint = f"it is first given on line {keys[key].line}"
            self.faults.append(self.fault(event, f"the key `{key}` is given twice", hint))
            return None
        return key

    def odd_key(self, event: Any) -> Fault:
        if type(event) is not yaml.ScalarEvent:
            return self.fault(event, "a key must be a string, not a list, a mapping or an alias")
        if not event.value:
            return self.fault(event, "a key is missing here")
        message = f"a key must be a string, and `{event.value}` is none"
        return self.fault(event, message, f'put it in quotes: "{event.value}"')


def _mark(event: Any) -> _Mark:
    mark = event.start_mark
    return _Mark(mark.line + 1, mark.column + 1)
