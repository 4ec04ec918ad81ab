"""A space without values that measurements rule out."""

from __future__ import annotations

from collections.abc import Sequence

from spacegen.api import Space
from spacegen.diagnose.narrowing.edit import Edit
from spacegen.diagnose.narrowing.measured import Measurements
from spacegen.diagnose.narrowing.narrowing import Narrowing, counted
from spacegen.diagnose.narrowing.resolving import resolve

__all__ = ["narrow_by_measurements"]


def narrow_by_measurements(
    space: Space,
    found: Measurements,
    source: str,
    *,
    drop_untried: bool = False,
    earlier: Sequence[Edit] = (),
) -> Narrowing:
    """The space without the dropped values, and without those that were never measured if `drop_untried`.

    Edits that the space has, and those of `earlier`, stay. `source` names the files of the measurements.

    Raises EngineError where no engine can tell whether a solution is left.
    """
    resolved = resolve(space, found.edits(space, source, drop_untried=drop_untried), earlier)
    return Narrowing(
        space=resolved.space,
        edits=resolved.kept,
        dropped=resolved.dropped,
        whole=counted(resolved.base),
        before=counted(space),
        after=counted(resolved.space),
    )
