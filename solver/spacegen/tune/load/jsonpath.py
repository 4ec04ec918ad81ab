"""JSONPath expressions into the results of load generators."""

from __future__ import annotations

from typing import Any

from spacegen.extras import require

__all__ = ["PathError", "compiled", "first"]


class PathError(ValueError):
    """An expression that is no JSONPath."""


def compiled(path: str) -> Any:
    """A JSONPath expression (RFC 9535; `a.b` stands for `$.a.b`), ready to be asked. Raises PathError, and
    UsageError where the library is missing."""
    library = require("jsonpath", "tune", "a load generator of your own")
    if not path.strip():
        raise PathError("it is empty")
    try:
        return library.compile(path)
    except library.JSONPathError as error:
        raise PathError(str(error).split("\n", 1)[0]) from None


def first(path: str, data: Any) -> Any | None:
    """The first value that an expression finds, or None."""
    found = compiled(path).match(data)
    return None if found is None else found.value
