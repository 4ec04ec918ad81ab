"""A comparison of two spaces in words and rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from spacegen.language.expr import Scalar
from spacegen.language.model import NoDefault, Parameter, same_value
from spacegen.questions.diff.changes import Changes
from spacegen.questions.diff.diff import Cause, Comparison, Only, RuleCause, ValueCause
from spacegen.questions.edits import shorten, words
from spacegen.questions.summary import percent
from spacegen.questions.why.conflict import rule_lines

__all__ = ["cause_rows", "change_lines", "count_rows", "example_lines", "few_values"]

_WIDTH = 90
_HALF = 60


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
                return f"rule {rule.id}", shorten(rule.text, _WIDTH)
            text = f"{shorten(rule.text, _HALF)}; in {side} {shorten(instead.text, _HALF)}"
            return f"rule {rule.id}", text
        case ValueCause(parameter, values, _, others):
            several, there = (shorten(", ".join(map(words, v)), _HALF) for v in (values, others))
            return f"values of {parameter}", f"{several}; {other} has {there}"
        case _:
            assert_never(cause)


def change_lines(found: Changes) -> Iterator[str]:
    """What else the two declare differently."""
    if found.renamed:
        yield f"renamed: {', '.join(f'{old} → {new}' for old, new in found.renamed.items())}"
    for word, names, side in (("new", found.added, "old"), ("gone", found.removed, "new")):
        if names:
            listed = ", ".join(f"{name} ({words(value)} in {side})" for name, value in names.items())
            yield f"{word} parameters: {listed}"
    for word, moved in (
        ("defaults", found.defaults),
        ("constants", found.constants),
        ("fixed", found.fixed),
    ):
        if moved:
            yield f"{word}: {', '.join(map(str, moved))}"
    rules = {
        "new": found.rules_added,
        "gone": found.rules_removed,
        "changed": found.rules_changed,
    }
    if any(rules.values()):
        yield f"rules: {', '.join(f'{len(ids)} {word}' for word, ids in rules.items() if ids)}"


def few_values(config: Mapping[str, Scalar], parameters: Sequence[Parameter]) -> str:
    """A config by what is not at its default."""
    told = [
        f"{p.name} = {words(config[p.name])}"
        for p in parameters
        if isinstance(p.default, NoDefault) or not same_value(config[p.name], p.default)
    ]
    if len(told) == len(parameters):
        return ", ".join(told)
    return f"{', '.join(told)}, all else at its default" if told else "everything at its default"


def example_lines(only: Only, parameters: Sequence[Parameter], other: str) -> Iterator[str]:
    """One of the solutions, and why the other side lacks it."""
    if only.example is None:
        return
    yield f"for example: {few_values(only.example, parameters)}"
    for cause in only.reasons:
        match cause:
            case RuleCause(rule):
                yield from rule_lines(rule)
            case ValueCause(parameter):
                value = words(only.example[parameter])
                yield f"  value: {other} has no {parameter} = {value}"
            case _:
                assert_never(cause)
