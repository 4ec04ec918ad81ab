"""JSON without what nobody should write, with faults at their place."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from spacegen.errors import ConfigError, Fault
from spacegen.source import Source, Span

__all__ = ["read_json"]

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.\w]+|[{}:]', re.DOTALL)


class _RefusedError(ValueError):
    """JSON that Python reads and nobody should write: a repeated key, or a word."""

    def __init__(self, message: str, *, key: str | None = None, word: str | None = None) -> None:
        super().__init__(message)
        self.key = key
        self.word = word


def read_json(text: str, source: Source, line: int = 1) -> Any:
    """JSON without duplicate keys and infinities. Raises ConfigError at the place in the source, in which the
    text begins at `line`."""
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        span = Span(source, line + error.lineno - 1, error.colno)
        raise ConfigError(Fault(f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}", span)) from None
    except _RefusedError as error:
        raise ConfigError(Fault(str(error), _span(text, _offset(text, error), source, line))) from None
    except ValueError:
        raise ConfigError(Fault("a number has too many digits", Span(source, line, 1))) from None
    except RecursionError:
        raise ConfigError(Fault("it is nested too deeply", Span(source, line, 1))) from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _RefusedError(f"the key `{key}` occurs twice", key=key)
        found[key] = value
    return found


def _no_constant(text: str) -> Any:
    raise _RefusedError(f"`{text}` is no value of JSON", word=text)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _RefusedError(f"`{text[:40]}` is too large for a number", word=text)
    return value


def _span(text: str, offset: int, source: Source, line: int) -> Span:
    before = text[:offset]
    return Span(source, line + before.count("\n"), offset - before.rfind("\n"))


def _offset(text: str, error: _RefusedError) -> int:
    """Where the refused part stands, found by its word, or by its key occurring twice in one object."""
    objects: list[set[str]] = []
    last = _TOKEN.match("")
    for found in _TOKEN.finditer(text):
        part = found[0]
        # What follows the refused part need not be JSON.
        if error.word is not None and part.startswith(error.word):
            return found.start()
        if part == "{":
            objects.append(set())
        elif part == "}" and objects:
            objects.pop()
        elif part == ":" and objects and last is not None and last[0].startswith('"'):
            key = json.loads(last[0])
            if key == error.key and key in objects[-1]:
                return last.start()
            objects[-1].add(key)
        last = found
    return 0
