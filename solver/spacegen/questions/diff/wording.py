"""A comparison of two spaces in words and rows of tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from textwrap import shorten, wrap
from typing import assert_never

from spacegen.language.expr import Scalar
from spacegen.language.model import NoDefault, Parameter, same_value
from spacegen.questions.diff.changes import Changes
from spacegen.questions.diff.diff import Cause, Comparison, Only, RuleCause, ValueCause
from spacegen.questions.edits import words
from spacegen.questions.summary import percent
from spacegen.questions.why.conflict import rule_lines

__all__ = ["cause_rows", "change_lines", "count_rows", "example_lines", "few_values"]

_WIDTH = 90
_HALF = 60
_LINE = 110
_HARD = "\N{NO-BREAK SPACE}"


def count_rows(found: Comparison) -> list[tuple[str, str, str, str]]:
    """Which solutions, how many, and which share of the old and of the new ones."""
    old, new = found.only_old, found.only_new
    return [
        ("only in old", f"{old.count:,}", _share(old.count, old.of), ""),
        ("in both", f"{found.both:,}", _share(found.both, old.of), _share(found.both, new.of)),
        ("only in new", f"{new.count:,}", "", _share(new.count, new.of)),
    ]


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else ""


def cause_rows(only: Only, side: str, other: str) -> list[tuple[str, str, str, str, str]]:
    """What keeps solutions of a side out of the other: how many, their share, how many alone, what, how."""
    return [
        (f"{c.excludes:,}", _share(c.excludes, only.of), f"{c.alone:,}", *_named(c, side, other))
        for c in only.causes
    ]


def _named(cause: Cause, side: str, other: str) -> tuple[str, str]:
    match cause:
        case RuleCause(rule, instead):
            if instead is None or instead.text == rule.text:
                return f"rule {rule.id}", _cut(rule.text, _WIDTH)
            text = f"{_cut(rule.text, _HALF)}; in {side} {_cut(instead.text, _HALF)}"
            return f"rule {rule.id}", text
        case ValueCause(parameter, values, _, others):
            return f"values of {parameter}", f"{_listed(values)}; {other} has {_listed(others)}"
        case _:
            assert_never(cause)


def _cut(text: str, width: int) -> str:
    """The text up to a word that ends within `width` characters."""
    return text if len(text) <= width else shorten(text, width, placeholder=" …")


def _listed(values: Sequence[Scalar]) -> str:
    """Values up to the last that there is room for, and how many there are."""
    told = [f'"{value}"' if isinstance(value, str) and "," in value else words(value) for value in values]
    widths = accumulate(len(word) + 2 for word in told)
    fit = max(sum(width <= _HALF for width in widths), 1)
    return ", ".join(told) if fit == len(told) else f"{', '.join(told[:fit])}, … ({len(told)} values)"


def _wrapped(what: str, parts: Iterable[str]) -> Iterator[str]:
    """Parts after what they are, in lines that a terminal has room for; none is broken."""
    line = f"{what}: {', '.join(part.replace(' ', _HARD) for part in parts)}"
    for text in wrap(line, _LINE, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False):
        yield text.replace(_HARD, " ")


def change_lines(found: Changes) -> Iterator[str]:
    """What else the two declare differently."""
    if found.renamed:
        yield from _wrapped("renamed", (f"{old} → {new}" for old, new in found.renamed.items()))
    for word, names, side in (("new", found.added, "old"), ("gone", found.removed, "new")):
        if names:
            listed = (f"{name} ({words(value)} in {side})" for name, value in names.items())
            yield from _wrapped(f"{word} parameters", listed)
    for word, moved in (
        ("defaults", found.defaults),
        ("constants", found.constants),
        ("fixed", found.fixed),
    ):
        if moved:
            yield from _wrapped(word, map(str, moved))
    rules = {
        "new": found.rules_added,
        "gone": found.rules_removed,
        "changed": found.rules_changed,
    }
    if any(rules.values()):
        yield f"rules: {', '.join(f'{len(ids)} {word}' for word, ids in rules.items() if ids)}"


def few_values(config: Mapping[str, Scalar], parameters: Sequence[Parameter], side: str = "") -> str:
    """A config by what is not at its default; `side` says whose default, where the two differ."""
    default = f"its default in {side}" if side else "its default"
    told = [
        f"{p.name} = {words(config[p.name])}"
        for p in parameters
        if isinstance(p.default, NoDefault) or not same_value(config[p.name], p.default)
    ]
    if len(told) == len(parameters):
        return ", ".join(told)
    return f"{', '.join(told)}, all else at {default}" if told else f"everything at {default}"


def example_lines(only: Only, parameters: Sequence[Parameter], other: str, side: str = "") -> Iterator[str]:
    """One of the solutions, and why the other side lacks it."""
    if only.example is None:
        return
    yield f"for example: {few_values(only.example, parameters, side)}"
    for cause in only.reasons:
        match cause:
            case RuleCause(rule):
                yield from rule_lines(rule)
            case ValueCause(parameter):
                value = words(only.example[parameter])
                yield f"  value: {other} has no {parameter} = {value}"
            case _:
                assert_never(cause)
