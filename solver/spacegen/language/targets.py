"""The target of a space: which one it is loaded for, and the values that it holds fixed there."""

from __future__ import annotations

from collections.abc import Iterator

from spacegen.errors import Fault, SpaceError, UsageError
from spacegen.language import versions
from spacegen.language.document import Overlay, Space
from spacegen.language.expr import Const, Scalar
from spacegen.language.model import Target
from spacegen.language.naming import Symbols
from spacegen.language.overlays import Stack
from spacegen.language.packs import wrong_servers
from spacegen.language.parameters import unknown_argument
from spacegen.language.retarget import Retarget
from spacegen.language.scalars import write_scalar
from spacegen.language.validate import File

__all__ = ["find_target", "find_way", "read_fixed"]


def find_target(stack: Stack, wanted: str | None, faults: list[Fault]) -> Target | None:
    """The target that a space is loaded for: the `wanted` one, else its own. Adds to `faults`; raises
    UsageError for a wanted target that is none, or is another server."""
    chosen = None if wanted is None else versions.read_target(wanted)
    if wanted is not None and chosen is None:
        raise UsageError(Fault(f"`{wanted}` is no target", hint="write it like `sglang==0.5.23`"))
    own = _own(stack, faults)
    if own and chosen and own.server != chosen.server:
        raise UsageError(f"the space is for {own.server}, not for {chosen.server}")
    found = chosen or own
    if found is not None:
        faults.extend(wrong_servers(stack.packs, found.server))
    return found


def _own(stack: Stack, faults: list[Fault]) -> Target | None:
    entry = stack.base.document.target
    if entry is None:
        return None
    try:
        versions.base_release(entry.version)
    except SpaceError as error:
        span = stack.base.at("target", "version")
        faults.extend(Fault(f.message, span, f.hint) for f in error.faults)
        return None
    return Target(entry.server, entry.version)


def find_way(stack: Stack, target: Target | None, faults: list[Fault]) -> Retarget | None:
    """The way from the target in the file to the one that the space is loaded for; None without a target,
    or, after adding to `faults`, without data on it. Raises UsageError where the wanted one lacks data."""
    if target is None:
        return None
    own = _own(stack, [])
    try:
        return Retarget.between(own or target, target)
    except SpaceError as error:
        if own != target:
            raise UsageError(*error.faults) from None
        span = stack.base.at("target")
        faults.extend(Fault(f.message, span, f.hint) for f in error.faults)
        return None


def read_fixed(stack: Stack, symbols: Symbols, way: Retarget | None) -> dict[str, Scalar]:
    """Declare the fixed values of a space and its overlays, under the names of the target."""
    files: tuple[File[Space] | File[Overlay], ...] = (stack.base, *stack.overlays)
    fixed: dict[str, Scalar] = {}
    for file in files:
        for name, value in file.document.fixed.items():
            if not symbols.declare(name, "fixed value", file.at_key("fixed", name), Const(value, name)):
                continue
            faults = [] if way is None else list(_unfit(file, name, value, symbols, way))
            symbols.faults.extend(faults)
            if way is None or not way.moves or faults:
                fixed[name] = value
            elif (now := way.fixed(name, value)) is not None:
                fixed[now] = value
                symbols.rename(name, now)
            else:
                symbols.leave_out(name, way.stand_in(name))
    return fixed


def _unfit(
    file: File[Space] | File[Overlay], name: str, value: Scalar, symbols: Symbols, way: Retarget
) -> Iterator[Fault]:
    fault = unknown_argument(name, file.at_key("fixed", name), symbols, way)
    if fault is not None:
        yield fault
    elif (hint := way.misfit(name, value)) is not None:
        message = f"{way.written} takes no {write_scalar(value)} for `{name}`"
        yield Fault(message, file.at("fixed", name), hint)
