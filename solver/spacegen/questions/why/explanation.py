"""What is wrong with a config, why, and what would help: data first, then the words for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from spacegen.errors import Fault, how_many
from spacegen.language.expr import Scalar
from spacegen.language.model import Rule
from spacegen.questions.edits import shorten, words
from spacegen.questions.verdict import Verdict, assignments, shown
from spacegen.questions.why.conflict import Conflict, is_hint, place

if TYPE_CHECKING:
    from spacegen.questions.near.repair import Menu, Repair

__all__ = ["Cause", "Explanation", "indented", "menu_lines", "repair_lines"]


@dataclass(frozen=True, slots=True)
class Cause:
    """A conflict in words, a line for each of its rules, and the changes that end it in a nearest config:
    one option of each menu. Where a menu ends other conflicts, too, `alone` has the single changes that end
    this one, whatever becomes of the others."""

    conflict: Conflict
    lines: tuple[str, ...]
    menus: tuple[Menu, ...] = ()
    alone: tuple[tuple[str, Scalar], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The cause as plain data."""
        found = self.conflict.as_dict()
        for entry, line, rule in zip(found["rules"], self.lines, self.conflict.rules, strict=True):
            entry["why"] = line
            entry["kind"] = None if rule.kind is None else rule.kind.value
        found["menus"] = [menu.as_dict() for menu in self.menus]
        alone = [{name: value} for name, value in self.alone]
        return {**found, "alone": alone} if alone else found

    def __str__(self) -> str:
        return self.told()

    def told(self, shared: Collection[Menu] = ()) -> str:
        """The cause in words; menus that are `shared` with others are left to the reader of all causes."""
        return "\n".join(self._said(shared))

    def _said(self, shared: Collection[Menu]) -> Iterator[str]:
        step = ""
        if len(self.lines) > 1:
            given = f"given {assignments(self.conflict.values)}, " if self.conflict.values else ""
            yield f"{given}these {len(self.lines)} rules cannot all hold:"
            step = "  "
        for rule, line in zip(self.conflict.rules, self.lines, strict=True):
            yield f"{step}{line}"
            yield from (f"{step}  {text}" for text in _source(rule))
        own = [menu for menu in self.menus if menu not in shared]
        if len(own) < len(self.menus):
            yield from (f"  {line}" for line in _lone_lines(self.alone))
        yield from (f"  {line}" for line in menu_lines(own))


def _lone_lines(alone: Sequence[tuple[str, Scalar]]) -> Iterator[str]:
    values: dict[str, list[str]] = {}
    for name, value in alone:
        values.setdefault(name, []).append(words(value))
    choices = [f"{name} to {shorten(_either(texts), 120)}" for name, texts in values.items()]
    if len(choices) == 1:
        yield f"by itself it ends with {choices[0]}"
    elif choices:
        yield "by itself it ends with one of:"
        yield from (f"  {choice}" for choice in choices)


def _source(rule: Rule) -> Iterator[str]:
    where = f" ({place(rule)})" if rule.span else ""
    yield f"rule `{rule.id}`{where}{', a hint only' if is_hint(rule) else ''}"
    if rule.because:
        yield f"because {rule.because}"


def menu_lines(menus: Iterable[Menu]) -> Iterator[str]:
    """What can be changed: one option of each menu, a line for each parameter that changes alone and for
    each group that changes together."""
    word = "change"
    for menu in menus:
        together: dict[tuple[str, ...], list[Mapping[str, Scalar]]] = {}
        for option in menu.options:
            if option:
                together.setdefault(tuple(option), []).append(option)
        lines = [_choice(names, options) for names, options in together.items()]
        if len(lines) == 1:
            yield f"{word} {lines[0]}"
        else:
            yield f"{word} one of:"
            yield from (f"  {line}" for line in lines)
        word = "and"


def _choice(names: tuple[str, ...], options: list[Mapping[str, Scalar]]) -> str:
    if len(names) == 1:
        values = _either([words(option[names[0]]) for option in options])
        return f"{names[0]} to {shorten(values, 120)}"
    each = {name: list(dict.fromkeys(words(option[name]) for option in options)) for name in names}
    if prod(map(len, each.values())) == len(options):
        return " and ".join(f"{name} to {shorten(_either(texts), 120)}" for name, texts in each.items())
    pairs = (" and ".join(f"{name} to {words(value)}" for name, value in o.items()) for o in options)
    return shorten("; or ".join(pairs), 160)


def _either(texts: list[str]) -> str:
    *early, last = texts
    return f"{', '.join(early)} or {last}" if early else last


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict on a config, why it is none, and the nearest config that is valid (None where it is valid
    already, where nothing is, or where nobody asked)."""

    verdict: Verdict
    causes: tuple[Cause, ...] = ()
    repair: Repair | None = None

    @property
    def valid(self) -> bool:
        """Whether the config is a solution, or a part of one."""
        return self.verdict.valid

    def __bool__(self) -> bool:
        return self.valid

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Every conflict that matters: the user's own pins first, hints last."""
        return tuple(cause.conflict for cause in self.causes)

    @property
    def shared(self) -> tuple[Menu, ...]:
        """The menus that end several conflicts together."""
        menus = self.repair.menus if self.repair else ()
        return tuple(menu for menu in menus if sum(menu in cause.menus for cause in self.causes) > 1)

    def with_faults(self, wrong: tuple[Fault, ...], notes: tuple[str, ...]) -> Explanation:
        """The same explanation with more that is wrong, and more to say."""
        return replace(self, verdict=self.verdict.with_faults(wrong, notes))

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain data."""
        found = self.verdict.as_dict()
        if not self.valid:
            found["conflicts"] = [cause.as_dict() for cause in self.causes]
            found["repair"] = None if self.repair is None else self.repair.as_dict()
        return found

    def __str__(self) -> str:
        if self.valid:
            return str(self.verdict)
        shared = self.shared
        told = [cause.told(shared) for cause in self.causes]
        blocks = ["\n".join(self.verdict.flaws()), *told, "\n".join(_together(shared))]
        blocks.append("\n".join(self._repaired()))
        blocks.append("\n".join(self.verdict.remarks()))
        return "\n\n".join(["invalid", *(indented(block) for block in blocks if block)])

    def _repaired(self) -> Iterator[str]:
        if self.repair is not None and self.repair.changes:
            # What is no parameter stays as wrong as it is.
            whole = not self.verdict.unknown and not self.verdict.wrong
            yield from repair_lines(self.repair, f"nearest valid {'config' if whole else 'parameters'}")


def _together(menus: Sequence[Menu]) -> Iterator[str]:
    for menu in menus:
        yield "these conflicts share parameters; to end them together"
        yield from (f"  {line}" for line in menu_lines([menu]))


def repair_lines(repair: Repair, title: str = "nearest valid config") -> Iterator[str]:
    """A repair as its changes, and how many are as near."""
    changes = how_many(len(repair.changes), "change")
    yield f"{title}: {changes}{_equally(repair)}"
    width = max((len(change.parameter) for change in repair.changes), default=0)
    for change in repair.changes:
        yield f"  {change.parameter.ljust(width)} = {words(change.after)} (was {shown(change.before)})"
    if repair.added:
        yield f"  with {shorten(assignments(repair.added))}"


def _equally(repair: Repair) -> str:
    if repair.equally_near == 1:
        return ""
    number = f"{'at least ' if repair.at_least else ''}{repair.equally_near:,} equally near"
    sizes = [str(len(menu.options)) for menu in repair.menus if len(menu.options) > 1]
    return f" ({number} = {' × '.join(sizes)})" if repair.is_product and len(sizes) > 1 else f" ({number})"


def indented(text: str) -> str:
    """A block of text two columns further right."""
    return "  " + text.replace("\n", "\n  ")
