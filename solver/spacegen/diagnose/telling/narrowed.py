"""What findings leave of a space, as the text that people read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from spacegen.diagnose.finding import Finding
from spacegen.diagnose.narrowing.launched import schema_of
from spacegen.diagnose.narrowing.narrowing import Narrowing
from spacegen.diagnose.telling.flags import words_of
from spacegen.errors import how_many
from spacegen.questions.verdict import shown

__all__ = ["edit_line", "narrowing_lines", "next_launch_lines"]


_WAYS: Final = 3
"""Of the ways in which a clause holds, so many are told."""


def edit_line(finding: Finding, narrowing: Narrowing) -> str | None:
    """What a finding changes in the space, or why it changes nothing; None where it was not asked to."""
    if (edit := narrowing.edit_of(finding)) is not None:
        domains = {p.name: p.domain for p in narrowing.space.parameters}
        shown_ways = edit.model_copy(update={"ways": edit.ways[:_WAYS]}).text(domains)
        others = len(edit.ways) - _WAYS
        more = f" or {how_many(others, 'other way')}" if others > 0 else ""
        return f"{edit.form} in `{narrowing.space.name}`: {shown_ways}{more}"
    reasons = (d.reason for d in narrowing.dropped if (d.finding, d.launch) == (finding.id, finding.launch))
    reason = next(reasons, None)
    return None if reason is None else f"changes nothing: {reason}"


def next_launch_lines(narrowing: Narrowing) -> Iterator[str]:
    """The flags that differ in the solution to launch next."""
    if narrowing.next is None or not narrowing.next.changes:
        return
    schema = schema_of(narrowing.space)
    yield f"next launch, a solution of `{narrowing.space.name}`:"
    for change in narrowing.next.changes:
        words = words_of(schema, change.parameter, change.after)
        yield f"  {words}  (was {_before(change.before)})"


def narrowing_lines(narrowing: Narrowing) -> Iterator[str]:
    """Windows that are missing, and how much of the space is left."""
    yield from map(str, narrowing.windows)
    if narrowing.before is not None and narrowing.after is not None:
        share = narrowing.after / narrowing.before if narrowing.before else 0.0
        left = f"{narrowing.after:,} of {how_many(narrowing.before, 'config')} are left ({100 * share:.3g} %)"
        yield f"`{narrowing.space.name}`: {left}"


def _before(value: Any) -> str:
    return "not given" if value is None else shown(value)
