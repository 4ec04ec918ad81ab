"""Libraries that only some installations have."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from spacegen.errors import Fault, UsageError

__all__ = ["require"]


def require(library: str, extra: str, what: str) -> ModuleType:
    """The library, for what needs it. Raises UsageError where it is not installed, with the extra that has
    it."""
    try:
        return import_module(library)
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != library.partition(".")[0]:
            raise  # the library is there, and broken
        name = library.partition(".")[0]
        hint = f"pip install 'spacegen[{extra}]'"
        raise UsageError(Fault(f"{what} needs `{name}`", hint=hint)) from None
