"""What findings leave of a space, as the text that people read."""

from __future__ import annotations

from collections.abc import Iterator
from math import nextafter
from typing import Any, Final

from spacegen.diagnose.finding import Finding
from spacegen.diagnose.narrowing.edit import Kept, condition
from spacegen.diagnose.narrowing.launched import schema_of
from spacegen.diagnose.narrowing.narrowing import Narrowing, left
from spacegen.diagnose.telling.flags import words_of
from spacegen.errors import how_many
from spacegen.language.expr import Compare
from spacegen.language.model import Domain
from spacegen.language.unparse import unparse
from spacegen.questions.summary import percent
from spacegen.questions.verdict import shown

__all__ = ["edit_line", "narrowing_lines", "next_flags", "next_heading", "next_launch_lines"]

_WAYS: Final = 3
"""Of the ways in which a clause holds, so many are told."""


def edit_line(finding: Finding, narrowing: Narrowing) -> str | None:
    """What a finding changes in the space, or why it changes nothing; None where it was not asked to."""
    if (edit := narrowing.edit_of(finding)) is not None:
        domains = narrowing.space.domains
        ways = [_way(way, domains[way.parameter], alone=edit.form != "rule") for way in edit.ways[:_WAYS]]
        shown_ways = " or ".join(ways)
        others = len(edit.ways) - _WAYS
        more = f" or {how_many(others, 'other way')}" if others > 0 else ""
        return f"{edit.form} in `{narrowing.space.name}`: {shown_ways}{more}"
    reasons = (d.reason for d in narrowing.dropped if (d.finding, d.launch) == (finding.id, finding.launch))
    reason = next(reasons, None)
    return None if reason is None else f"changes nothing: {reason}"


def _way(way: Kept, domain: Domain, *, alone: bool) -> str:
    """What a clause leaves of a parameter. A comparison rejects no null, which nobody would guess."""
    found = condition(way, domain)
    text = unparse(found)
    if None not in way.values or not isinstance(found, Compare):
        return text
    with_null = f"{way.parameter} is null or {text.removeprefix(f'{way.parameter} ')}"
    return with_null if alone else f"({with_null})"


def next_launch_lines(narrowing: Narrowing) -> Iterator[str]:
    """The flags that differ in the solution to launch next."""
    if flags := next_flags(narrowing):
        yield f"{next_heading(narrowing)}:"
    for words, was in flags:
        yield f"  {words}  {was}"


def next_heading(narrowing: Narrowing) -> str:
    """What the flags are of."""
    return f"next launch, a solution of `{narrowing.space.name}`"


def next_flags(narrowing: Narrowing) -> list[tuple[str, str]]:
    """The words of each flag that differs in the solution to launch next, and what it was."""
    if narrowing.next is None:
        return []
    schema, whys = schema_of(narrowing.space), narrowing.next.whys
    return [
        (
            words_of(schema, change.parameter, change.after),
            f"(was {_before(change.before)}{_because(whys.get(change.parameter))})",
        )
        for change in narrowing.next.changes
    ]


def _because(why: str | None) -> str:
    """What asks for a change that no finding does."""
    return "" if why is None else f"; {why}"


def narrowing_lines(narrowing: Narrowing) -> Iterator[str]:
    """Windows that are missing, and how much of the space is left."""
    yield from map(str, narrowing.windows)
    if narrowing.counts is not None:
        whole, after = narrowing.counts
        share = after / whole if whole else 0.0
        # No float is as near to 1 as a share of so many configs may be.
        share = min(share, nextafter(1, 0)) if after < whole else share
        yield f"`{narrowing.space.name}`: {left(whole, after)} ({percent(share)})"


def _before(value: Any) -> str:
    return "not given" if value is None else shown(value)
