"""Version ranges of rules, matched on the base release of the target's version."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from spacegen.errors import Fault, SpaceError
from spacegen.language.model import Target

__all__ = ["base_release", "matches", "read_target"]

_TARGET: Final = re.compile(r"([\w.-]+)==(\d[\w.+!-]*)")


def read_target(text: str) -> Target | None:
    """The server and version of a text such as `sglang==0.5.6`; None where it is no such text."""
    found = _TARGET.fullmatch(text)
    if not found:
        return None
    try:
        base_release(found[2])
    except SpaceError:
        return None
    return Target(found[1], found[2])


@lru_cache
def base_release(version: str) -> str:
    """`version` without its pre, post and local parts. Raises SpaceError where it is no version."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version).base_version
    except InvalidVersion:
        raise SpaceError(Fault(f"`{version}` is not a version", hint="write it like `0.5.6`")) from None


@lru_cache
def matches(versions: str, version: str) -> bool:
    """Whether the base release of `version` lies in the range. Raises SpaceError where it is no range."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        specifiers = SpecifierSet(versions)
    except InvalidSpecifier:
        hint = "write it like `>=0.5.5,<0.5.9`"
        raise SpaceError(Fault(f"`{versions}` is not a range of versions", hint=hint)) from None
    return specifiers.contains(base_release(version), prereleases=True)
