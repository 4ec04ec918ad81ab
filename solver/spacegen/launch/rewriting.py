"""Configs changed where they stand: the text keeps its order, its spacing and its comments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import yaml

from spacegen.errors import ConfigError, Fault, SpaceError, UsageError
from spacegen.language.nodes import read_tree
from spacegen.language.scalars import write_scalar
from spacegen.questions.configs import SUFFIXES
from spacegen.questions.strictjson import read_json
from spacegen.source import Source

__all__ = ["form_to_rewrite", "rewritten"]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def form_to_rewrite(name: str, form: str | None) -> str:
    """The format in which a file is changed, its suffix's unless it is given. Raises UsageError where that
    cannot be done."""
    found = form or SUFFIXES.get(PurePath(name).suffix.lower())
    if found not in ("json", "jsonl", "yaml"):
        hint = "`-o FILE` writes the repaired configs to another file"
        raise UsageError(Fault(f"`--write` changes JSON, JSON lines and YAML, and {name} is none", hint=hint))
    return found


def rewritten(text: str, form: str, edits: Mapping[int, Mapping[str, Any]]) -> str:
    """The text of a file of configs with other values for some keys, by the number of the config.

    `form` is json, jsonl or yaml. Raises ConfigError where the values cannot be put in their place.
    """
    if form == "jsonl":
        lines = text.split("\n")
        full = [i for i, line in enumerate(lines) if line.strip()]
        for number, values in edits.items():
            lines[full[number]] = rewritten(lines[full[number]], "json", {0: values})
        return "\n".join(lines)
    data = _read(text, form)
    items = data if isinstance(data, list) else [data]
    wanted = [{**item, **edits[i]} if i in edits else item for i, item in enumerate(items)]
    made = _edited(text, form, edits)
    expected = wanted if isinstance(data, list) else wanted[0]
    if made is not None and _same(made, form, expected):
        return made
    if form == "json":
        return json.dumps(expected, ensure_ascii=False, indent=2 if "\n" in text.strip() else None) + "\n"
    hint = "print the repaired config, or write it to another file with `-o`"
    raise ConfigError(Fault("this YAML cannot be changed where it stands", hint=hint))


def _read(text: str, form: str) -> Any:
    source = Source("<text>", text)
    return read_json(text, source) if form == "json" else read_tree(source).data


def _same(text: str, form: str, expected: Any) -> bool:
    try:
        return json.dumps(_read(text, form)) == json.dumps(expected)
    except (ConfigError, SpaceError):
        return False


def _edited(text: str, form: str, edits: Mapping[int, Mapping[str, Any]]) -> str | None:
    """The text with each value in its place; None where a place cannot be told."""
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError:
        return None
    nodes = root.value if isinstance(root, yaml.SequenceNode) else [root]
    pieces: list[tuple[int, int, str]] = []
    for number, values in edits.items():
        pieces += _pieces(text, form, nodes[number], values)
    for start, end, piece in sorted(pieces, reverse=True):
        text = text[:start] + piece + text[end:]
    return text


def _pieces(text: str, form: str, node: Any, values: Mapping[str, Any]) -> Iterator[tuple[int, int, str]]:
    """What replaces which characters."""
    spell = _as_json if form == "json" else write_scalar
    there = {key.value: value for key, value in node.value}
    for name, value in values.items():
        if name in there:
            start, end = there[name].start_mark.index, there[name].end_mark.index
            yield start, end, (" " if start == end else "") + spell(value)
    new = {name: spell(value) for name, value in values.items() if name not in there}
    if new and node.value:
        place, joint = _end(text, node)
        quoted = _as_json if form == "json" else str
        yield place, place, "".join(f"{joint}{quoted(name)}: {value}" for name, value in new.items())


def _end(text: str, node: Any) -> tuple[int, str]:
    """Where another key goes, and what joins it to the one before."""
    first, last = node.value[0][0].start_mark.index, node.value[-1][1].end_mark.index
    before = text[text.rfind("\n", 0, first) + 1 : first]
    line = "\n" + " " * len(before)
    if node.flow_style:
        return last, f",{line}" if not before.strip() and "\n" in text[
            node.start_mark.index : first
        ] else ", "
    # (The end of a block is the start of what follows it.)
    ending = text.find("\n", len(text[:last].rstrip()))
    return (ending if ending >= 0 else len(text)), line


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
