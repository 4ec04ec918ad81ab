"""The arguments that servers run with, from the lines in which they say them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from spacegen.diagnose.reading.asgiven import as_given

__all__ = ["ARGUMENTS", "Given", "arguments"]

ARGUMENTS: Final = re.compile(r"server_args=(?=ServerArgs\(|\{)|^(?=ServerArgs\()")
"""sglang 0.5.6 says `server_args=ServerArgs(...)` and 0.5.23 `server_args={...}`; mini-SGLang the former, on
a line of its own."""
_NAME: Final = re.compile(r"\s*([A-Za-z_]\w*)=")
_QUOTED: Final = re.compile(r"\s*(['\"])([A-Za-z_]\w*)\1:\s*")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|inf|nan)")
_OPEN: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_CLOSE: Final = frozenset(_OPEN.values())
_ENUM: Final = re.compile(r"<[\w.]+: (.+)>")
_RANKS: Final = re.compile(r"size=(\d+)")
"""How many ranks mini-SGLang has, within what it says of each."""
_MINI: Final = frozenset({"server_port", "memory_ratio", "max_running_req", "max_extend_tokens"})


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments of a launch by the line that says them, as they were given."""

    values: dict[str, Any]
    server: str
    """`sglang` or `minisgl`."""
    as_mapping: bool
    """Written as a mapping: newer versions of sglang do."""
    as_logged: dict[str, Any] = field(default_factory=dict)
    """What the line has of those that the server scaled before it said them."""


def arguments(text: str) -> Given | None:
    """What a line says, None where it is no such line; of a torn one, what can be read.

    Values that are no literals stay as text; what Python prints of an enumeration is its value.
    """
    found = ARGUMENTS.search(text)
    if found is None:
        return None
    rest = text[found.end() :]
    as_mapping = rest.startswith("{")
    body = rest[1:] if as_mapping else rest[len("ServerArgs(") :]
    values = dict(_items(body, _QUOTED if as_mapping else _NAME))
    mini = not as_mapping and not _MINI.isdisjoint(values)
    values.update(_graphs(values.get("cuda_graph_config"), values))
    if mini and (ranks := _RANKS.search(str(values.get("tp_info")))):
        values.setdefault("tp_size", int(ranks[1]))
    given, as_logged = as_given(values)
    return Given(given, "minisgl" if mini else "sglang", as_mapping, as_logged)


def _graphs(config: Any, values: dict[str, Any]) -> dict[str, Any]:
    """What 0.5.23 chose about graphs stands in a mapping of its own, by the names of the arguments."""
    phases = config.items() if isinstance(config, dict) else ()
    chosen = {
        f"cuda_graph_{name}_{phase}": settings[name]
        for phase, settings in phases
        if isinstance(settings, dict)
        for name in ("backend", "max_bs", "bs")
        if name in settings
    }
    return {name: value for name, value in chosen.items() if values.get(name) is None}


def _items(body: str, name: re.Pattern[str]) -> Iterator[tuple[str, Any]]:
    at = 0
    while found := name.match(body, at):
        end, whole = _end(body, found.end())
        value = _value(body[found.end() : end].strip())
        # The end of a torn line may be half a value.
        if whole:
            yield found[found.lastindex or 1], value
        if not whole or body[end] != ",":
            return
        at = end + 1


def _end(text: str, at: int) -> tuple[int, bool]:
    """Where the value ends that starts here, and whether it does end."""
    depth = 0
    while at < len(text):
        sign = text[at]
        if sign in "'\"":
            at = _closing(text, at)
            continue
        if depth == 0 and (sign == "," or sign in ")}"):
            return at, True
        depth += (sign in _OPEN) - (sign in _CLOSE and text[at - 1] != "-")
        at += 1
    return at, False


def _closing(text: str, at: int) -> int:
    """Behind the string that starts here."""
    quote, at = text[at], at + 1
    while at < len(text) and text[at] != quote:
        at += 2 if text[at] == "\\" else 1
    return at + 1


def _value(text: str) -> Any:
    if found := _ENUM.fullmatch(text):
        text = found[1]
    if _NUMBER.fullmatch(text) and not text.lstrip("+-").isdigit():
        return float(text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
