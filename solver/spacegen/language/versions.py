"""Version ranges of rules, matched on the base release of the target's version."""

from __future__ import annotations

from functools import lru_cache

from spacegen.errors import Fault, SpaceError

__all__ = ["base_release", "matches"]


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
