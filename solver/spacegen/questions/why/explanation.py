"""What is wrong with a config, why, and what would help: data first, then the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, Final

from spacegen.errors import Fault, how_many
from spacegen.language.expr import Scalar
from spacegen.language.model import Rule, identity
from spacegen.questions.edits import fitting, several, shorten, words
from spacegen.questions.verdict import Verdict, assignments, listed, shown
from spacegen.questions.why.conflict import Conflict, is_hint
from spacegen.questions.why.remedies import Joint

if TYPE_CHECKING:
    from spacegen.questions.near.repair import Menu, Repair

__all__ = ["EMPTY", "Cause", "Explanation", "cause_blocks", "indented", "menu_lines", "repair_lines"]

EMPTY: Final = "the space has no solution at all"


@dataclass(frozen=True, slots=True)
class Cause:
    """A conflict in words, a line for each of its rules, and a menu of changes each of which ends it, as in
    a nearest config. Where it takes several menus, or one that other conflicts need too, `alone` has the
    single changes that end this one, whatever becomes of the others."""

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
        return "\n".join([*self.told(), *(f"  {line}" for line in menu_lines(self.menus))])

    def told(self) -> Iterator[str]:
        """The conflict in words, without what ends it."""
        step = ""
        if len(self.lines) > 1:
            given = f"given {assignments(self.conflict.values)}, " if self.conflict.values else ""
            yield f"{given}these {len(self.lines)} rules cannot all hold:"
            step = "  "
        for rule, line in zip(self.conflict.rules, self.lines, strict=True):
            yield f"{step}{line}"
            yield from (f"{step}  {text}" for text in _source(rule))


def cause_blocks(causes: Sequence[Cause], joint: Sequence[Joint]) -> Iterator[str]:
    """A block for each cause, then one for each group of conflicts that end together."""
    for cause in causes:
        if any(cause.conflict in found.conflicts for found in joint):
            yield "\n".join([*cause.told(), *(f"  {line}" for line in _lone_lines(cause.alone))])
        else:
            yield str(cause)
    for found in joint:
        head = _joint_head(found, whole=len(found.conflicts) == len(causes))
        yield "\n".join([head, *(f"  {line}" for line in menu_lines(found.menus))])


def _joint_head(joint: Joint, *, whole: bool) -> str:
    if whole:
        return "to end these conflicts together" if len(joint.conflicts) > 1 else "to end this conflict"
    rules = dict.fromkeys(f"`{rule.id}`" for conflict in joint.conflicts for rule in conflict.rules)
    if len(joint.conflicts) == 1:
        return f"to end the conflict with {listed(rules)}"
    return f"to end the conflicts with {listed(rules)} together"


def _lone_lines(alone: Sequence[tuple[str, Scalar]]) -> Iterator[str]:
    values: dict[str, list[Scalar]] = {}
    for name, value in alone:
        values.setdefault(name, []).append(value)
    choices = [f"{name} to {several(found, ' or ')}" for name, found in values.items()]
    if len(choices) == 1:
        yield f"by itself it ends with {choices[0]}"
    elif choices:
        yield "by itself it ends with one of:"
        yield from (f"  {choice}" for choice in choices)


def _source(rule: Rule) -> Iterator[str]:
    where = f" ({rule.place})" if rule.span else ""
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
        elif lines:
            yield f"{word} one of:"
            yield from (f"  {line}" for line in lines)
        word = "and"


def _choice(names: tuple[str, ...], options: list[Mapping[str, Scalar]]) -> str:
    each: dict[str, dict[object, Scalar]] = {
        name: {identity(option[name]): option[name] for option in options} for name in names
    }
    if prod(map(len, each.values())) == len(options):
        parts = {f"{n} to {several(list(found.values()), ' or ')}": len(found) for n, found in each.items()}
        grouped = len(names) > 1
        return " and ".join(f"({text})" if grouped and n > 1 else text for text, n in parts.items())
    sets = [" and ".join(f"{name} to {words(value)}" for name, value in o.items()) for o in options]
    return fitting([f"({one})" for one in sets], " or ", " or ")


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict on a config, why it is none, and the nearest config that is valid (None where it is valid
    already, where nothing is, or where nobody asked).

    `joint` has the conflicts that end together, `anyway` changes of values outside their domains that no
    conflict is about; in an `empty` space the causes say why it is, and nothing else was asked.
    """

    verdict: Verdict
    causes: tuple[Cause, ...] = ()
    repair: Repair | None = None
    joint: tuple[Joint, ...] = ()
    anyway: tuple[Menu, ...] = ()
    empty: bool = False

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

    def with_faults(self, wrong: tuple[Fault, ...], notes: tuple[str, ...]) -> Explanation:
        """The same explanation with more that is wrong, and more to say."""
        return replace(self, verdict=self.verdict.with_faults(wrong, notes))

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain data."""
        found = self.verdict.as_dict()
        if not self.valid:
            found["conflicts"] = [cause.as_dict() for cause in self.causes]
            if self.joint:
                found["together"] = [joint.as_dict() for joint in self.joint]
            if self.anyway:
                found["anyway"] = [menu.as_dict() for menu in self.anyway]
            if self.empty:
                found["empty"] = True
            found["repair"] = None if self.repair is None else self.repair.as_dict()
        return found

    def __str__(self) -> str:
        if self.valid:
            return str(self.verdict)
        blocks = [
            EMPTY if self.empty else "",
            "\n".join(self.verdict.flaws()),
            *cause_blocks(self.causes, self.joint),
            "\n".join(f"in any case {line}" for menu in self.anyway for line in menu_lines([menu])),
            "\n".join(self._repaired()),
            "\n".join(self.verdict.remarks()),
        ]
        return "\n\n".join(["invalid", *(indented(block) for block in blocks if block)])

    def _repaired(self) -> Iterator[str]:
        if self.repair is not None and self.repair.changes:
            # What is no parameter stays as wrong as it is.
            whole = not self.verdict.unknown and not self.verdict.wrong
            yield from repair_lines(self.repair, f"nearest valid {'config' if whole else 'parameters'}")


def repair_lines(repair: Repair, title: str = "nearest valid config") -> Iterator[str]:
    """A repair as its changes, and in how many ways as few do."""
    changes = how_many(len(repair.changes), "change")
    yield f"{title}: {changes}{_as_few(repair)}"
    width = max((len(change.parameter) for change in repair.changes), default=0)
    for change in repair.changes:
        yield f"  {change.parameter.ljust(width)} = {words(change.after)} (was {shown(change.before)})"
    if repair.added:
        yield f"  with {shorten(assignments(repair.added))}"


def _as_few(repair: Repair) -> str:
    """In how many ways as few changes do, where there are several."""
    if repair.equally_near == 1 and not repair.at_least:
        return ""
    sizes = [str(len(menu.options)) for menu in repair.menus if len(menu.options) > 1]
    product = f" = {' × '.join(sizes)}" if repair.is_product and len(sizes) > 1 else ""
    return f" ({repair.number}{product} ways with as few)"


def indented(text: str) -> str:
    """A block of text two columns further right."""
    return "  " + text.replace("\n", "\n  ")
