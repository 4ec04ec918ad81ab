"""Small changes of YAML texts that leave every other character as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import yaml

from spacegen.errors import SpaceError
from spacegen.language.nodes import Data, Path, read_tree
from spacegen.language.scalars import resolve
from spacegen.source import Source

__all__ = ["scalar_text", "with_scalar", "without_item"]

_TAIL: Final = re.compile(r"[ \t]*(?:(?<=[ \t])#[^\r\n]*)?")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def without_item(source: Source, path: Path, i: int) -> Source | None:
    """The text without item `i` of the list at `path`. A comment behind an item with a line of its own goes
    with it, other comments stay. None where the change would touch anything else, such as the other uses of
    an alias."""
    node = _node(source.text, path)
    if not isinstance(node, yaml.SequenceNode):
        return None
    start, end = (_flow_item if node.flow_style else _block_item)(source.text, node.value, i)
    if _begins_line(source.text, node.value[i].start_mark.index):
        end = _after_comment(source.text, end)
    expected = _changed(read_tree(source).data, path, lambda items: [*items[:i], *items[i + 1 :]])
    return _checked(source, _spliced(source.text, start, end), expected)


def scalar_text(source: Source, path: Path) -> str | None:
    """A plain scalar as it is written; None where there is none at `path`."""
    node = _node(source.text, path)
    return node.value if isinstance(node, yaml.ScalarNode) and not node.style else None


def with_scalar(source: Source, path: Path, text: str) -> Source | None:
    """The text with another plain scalar at `path`. None where the change would touch anything else."""
    node = _node(source.text, path)
    if not isinstance(node, yaml.ScalarNode) or not path:
        return None
    start, end = node.start_mark.index, node.end_mark.index
    expected = _changed(read_tree(source).data, path, lambda _: resolve(text))
    return _checked(source, source.text[:start] + text + source.text[end:], expected)


def _node(text: str, path: Path) -> Any:
    node = yaml.compose(text, _LOADER)
    for step in path:
        if isinstance(node, yaml.MappingNode):
            node = next((part for key, part in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
        else:
            return None
    return node


def _flow_item(text: str, items: Sequence[Any], i: int) -> tuple[int, int]:
    """From where to where to cut: the item with the comma after it, or before it where it is the last."""
    start, end = items[i].start_mark.index, items[i].end_mark.index
    after = end
    while after < len(text) and text[after] in " \t":
        after += 1
    if after < len(text) and text[after] == ",":
        after += 1
        while after < len(text) and text[after] in " \t":
            after += 1
        return start, after
    if i > 0:
        before = items[i - 1].end_mark.index
        if not text[before:start].strip(" \t\r\n,"):
            return before, end
    return start, end


def _block_item(text: str, items: Sequence[Any], i: int) -> tuple[int, int]:
    """From where to where to cut: the dash, the item and the blanks after it."""
    start, end = items[i].start_mark.index, items[i].end_mark.index
    start = text.rindex("-", 0, start)
    while end < len(text) and text[end] in " \t":
        end += 1
    return start, end


def _begins_line(text: str, start: int) -> bool:
    """Whether an item is the first of its line, its dash aside."""
    return not text[text.rfind("\n", 0, start) + 1 : start].strip(" \t-")


def _after_comment(text: str, end: int) -> int:
    """Where the blanks at `end`, and the comment behind them, stop."""
    found = _TAIL.match(text, end)
    return end if found is None else found.end()


def _spliced(text: str, start: int, end: int) -> str:
    """The text without a part, and without the line of that part where nothing else is on it."""
    line = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    stop = len(text) if stop < 0 else stop + 1
    if not (text[line:start] + text[end:stop]).strip():
        return text[:line] + text[stop:]
    return text[:start] + text[end:]


def _changed(data: Data, path: Path, change: Callable[[Data], Data]) -> Data:
    if not path:
        return change(data)
    step, rest = path[0], path[1:]
    if isinstance(data, list):
        return [_changed(part, rest, change) if i == step else part for i, part in enumerate(data)]
    return {key: _changed(part, rest, change) if key == step else part for key, part in data.items()}


def _checked(source: Source, text: str, expected: Data) -> Source | None:
    changed = Source(source.name, text)
    try:
        # As values, 1 and true are equal.
        return changed if repr(read_tree(changed).data) == repr(expected) else None
    except SpaceError:
        return None
