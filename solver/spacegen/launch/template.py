"""Files made from templates: JSON or YAML in which a launch takes its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path, PurePath
from string import Formatter
from typing import Any, Final

from spacegen.errors import Fault, UsageError, did_you_mean

__all__ = ["Template", "file_name", "filled", "read_template", "shipped_templates"]

# Doubled braces stand for themselves.
_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")
# These stand for the whole launch.
_WHOLE: Final = ("arguments", "argv", "flags", "command", "config")


@dataclass(frozen=True)
class Template:
    """A document with `{placeholders}` in its strings.

    A string that is one placeholder becomes its value, of whatever type, and in a list the items of a list.
    Where none of the placeholders stands for the whole launch, its arguments are merged into the document.
    """

    name: str
    document: Mapping[str, Any]
    is_json: bool

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of its placeholders."""
        return frozenset(_names(self.document))

    @property
    def suffix(self) -> str:
        """That of the files it makes."""
        return ".json" if self.is_json else ".yaml"


def filled(template: Template, values: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """The document for one launch: `values` of placeholders, and the arguments to merge into it.

    Raises UsageError for an unknown placeholder.
    """
    for name in sorted(template.names - values.keys()):
        hint = did_you_mean(name, values) or "give it a value: `--extra NAME=VALUE`"
        raise UsageError(Fault(f"`{template.name}` has an unknown placeholder `{{{name}}}`", hint=hint))
    document = _filled(template.document, values)
    if template.names.isdisjoint(_WHOLE):
        document = {**document, **arguments}
    if template.is_json:
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120))


def shipped_templates() -> dict[str, Path]:
    """The templates in the package by name."""
    folder = Path(str(files("spacegen.launch") / "templates"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_template(name: str) -> Template:
    """The template of that file, or the shipped one of that name. Raises UsageError, OSError."""
    shipped = shipped_templates()
    path = shipped.get(name) or Path(name)
    if not path.is_file():
        hint = did_you_mean(name, shipped) or f"shipped templates: {', '.join(shipped)}"
        raise UsageError(Fault(f"no template file is called `{name}`", hint=hint))
    suffix = path.suffix.lower()
    if suffix not in (".json", ".yaml", ".yml"):
        raise UsageError(Fault(f"`{name}` is no template", hint="templates are .json or .yaml files"))
    document = _parsed(name, path.read_text(encoding="utf-8"), is_json=suffix == ".json")
    if not isinstance(document, dict):
        raise UsageError(Fault(f"`{name}` is no template", hint="a template is a mapping"))
    return Template(name, document, suffix == ".json")


def _parsed(name: str, text: str, *, is_json: bool) -> Any:
    import yaml

    try:
        return json.loads(text) if is_json else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        kind = "JSON" if is_json else "YAML"
        raise UsageError(f"`{name}` is not {kind}: {error}") from None


def _names(document: Any) -> Iterator[str]:
    match document:
        case str():
            yield from (match[2] for match in _PLACEHOLDER.finditer(document) if match[2])
        case dict():
            for key, value in document.items():
                yield from _names(key)
                yield from _names(value)
        case list():
            for item in document:
                yield from _names(item)


def _filled(document: Any, values: Mapping[str, Any]) -> Any:
    match document:
        case str():
            return _text(document, values)
        case dict():
            return {_text(key, values): _filled(value, values) for key, value in document.items()}
        case list():
            return [filled for item in document for filled in _items(item, values)]
        case _:
            return document


def _items(item: Any, values: Mapping[str, Any]) -> list[Any]:
    """What takes the place of an item of a list: a placeholder for a list takes its items."""
    filled = _filled(item, values)
    return filled if isinstance(filled, list) and isinstance(item, str) else [filled]


def _text(text: Any, values: Mapping[str, Any]) -> Any:
    if not isinstance(text, str):
        return text
    whole = _PLACEHOLDER.fullmatch(text)
    if whole and whole[2]:
        return values[whole[2]]
    return _PLACEHOLDER.sub(lambda m: f"{{{m[1]}}}" if m[1] else _spelled(values[m[2]]), text)


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def file_name(pattern: str, values: Mapping[str, Any]) -> str:
    """The name that a pattern such as `exp_{index:03}.json` gives to one launch. Raises UsageError."""
    try:
        for _, name, _, _ in Formatter().parse(pattern):
            if name is not None and name not in values:
                hint = did_you_mean(name, values) or "write `{index}` for the number of the config"
                raise UsageError(Fault(f"`--pattern {pattern}` has an unknown `{{{name}}}`", hint=hint))
        named = pattern.format_map(values)
    except (ValueError, IndexError, TypeError) as error:
        raise UsageError(f"`--pattern {pattern}` makes no names: {error}") from None
    path = PurePath(named)
    if not path.name or path.is_absolute() or ".." in path.parts:
        hint = "`-o FOLDER` says where the files go"
        raise UsageError(Fault(f"`--pattern {pattern}` leaves its folder", hint=hint))
    return named
