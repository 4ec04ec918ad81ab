"""What is weak about the rules of a space: rules that say nothing, or nothing that others do not say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from spacegen.engines.protocol import Block
from spacegen.language.expr import Expr, Not, Or
from spacegen.language.model import Model, Rule
from spacegen.language.walk import scope
from spacegen.questions.lint.against import Against, because, is_false
from spacegen.questions.lint.finding import Finding, Severity
from spacegen.questions.lint.witness import breaks_nothing_else, is_true_somewhere
from spacegen.questions.lint.written import Written
from spacegen.questions.why.conflict import is_own

__all__ = ["Progress", "Rules", "premise"]

Progress: TypeAlias = Callable[[int, int], None]
"""Told after each rule: how many are done, and of how many."""


def premise(rule: Rule) -> Expr | None:
    """The condition that a rule waits for: its `when`, or the first part of an implication."""
    match rule.condition:
        case Or((Not(condition), _)):
            return condition
        case _:
            return None


@dataclass(frozen=True)
class Rules:
    """Asks about the rules of a space."""

    against: Against
    written: Written

    @property
    def model(self) -> Model:
        return self.against.model

    def declared(self) -> tuple[Rule, ...]:
        """The rules that are no wish of the moment: neither pins nor restrictions nor `--where`."""
        return tuple(rule for rule in self.model.conditions if not is_own(rule))

    def _severity(self, rule: Rule, others: Sequence[Rule] = ()) -> Severity:
        """A note for rules that other spaces share, for what somebody asked for, and for `active_when`."""
        shared = rule.pack or (rule.span is not None and rule.span.source != self.written.top)
        made = rule.id.endswith(".active_when") or any(map(is_own, others))
        return Severity.INFO if shared or made else Severity.WARNING

    def _twins(self) -> dict[str, list[Rule]]:
        """The rules by what they say."""
        found: dict[str, list[Rule]] = {}
        for rule in self.declared():
            # As values, `Const(1)` and `Const(True)` are equal.
            found.setdefault(repr(rule.condition), []).append(rule)
        return found

    def duplicates(self) -> Iterator[Finding]:
        """The rules with the condition of an earlier one."""
        for first, *others in self._twins().values():
            for rule in others:
                where = f" ({first.place})" if first.span else ""
                yield Finding(
                    "duplicate-rule",
                    self._severity(rule),
                    f"rule `{rule.id}` says what `{first.id}` says",
                    rule.span,
                    f"leave out one of them; the other is `{first.id}`{where}",
                    scope(rule.condition),
                    (),
                    (rule.id, first.id),
                    rule.pack,
                )

    def idle(self, solutions: Block, progress: Progress) -> Iterator[Finding]:
        """The rules without which the space, which has solutions, would be the same; of those that say the
        same, the first, where the others go as well. Some `solutions` make it faster."""
        groups = list(self._twins().values())
        found: list[tuple[Rule, tuple[Rule, ...]]] = []
        for done, (rule, *others) in enumerate(groups, 1):
            twins = {rule.id, *(other.id for other in others)}
            if not scope(rule.condition):
                yield from self._about_nothing(rule)
            elif not self.against.possible([is_false(rule)], ()):
                yield self._cannot_fail(rule)
            elif not breaks_nothing_else(self.model, rule, twins, solutions):
                reasons = self.against.reasons([is_false(rule)], but=twins)
                if reasons is not None:
                    found.append((rule, reasons))
            progress(done, len(groups))
        idle = {rule.id for rule, _ in found}
        for rule, reasons in found:
            never = self._never_applies(rule, solutions)
            yield never or _redundant(rule, reasons, idle, self.model)

    def _about_nothing(self, rule: Rule) -> Iterator[Finding]:
        # A pack may be about what a space lacks: then constants and defaults stand for it.
        if rule.pack is None:
            hint = "it compares constants, and what it says of them is true"
            yield _finding(
                "about-nothing", Severity.WARNING, f"rule `{rule.id}` mentions no parameter", rule, hint
            )

    def _cannot_fail(self, rule: Rule) -> Finding:
        # Where dead values have been taken out, the rules that they were dead for are like this.
        condition = premise(rule)
        if condition is not None and not self.against.possible([condition], ()):
            message = f"rule `{rule.id}` never applies: no values make its condition true"
            return _finding("never-applies", Severity.INFO, message, rule, _waits(rule))
        message = f"rule `{rule.id}` cannot fail: no combination of values breaks it"
        hint = "it says something once there are other values, or other constants"
        return _finding("cannot-fail", Severity.INFO, message, rule, hint)

    def _never_applies(self, rule: Rule, solutions: Block) -> Finding | None:
        condition = premise(rule)
        if condition is None or is_true_somewhere(self.model, condition, solutions):
            return None
        never = self.against.reasons([condition], but={rule.id})
        if never is None:
            return None
        message = f"rule `{rule.id}` never applies: no solution makes its condition true"
        severity = self._severity(rule, never)
        return _finding("never-applies", severity, message, rule, because(never, self.model), never)


def _redundant(rule: Rule, reasons: Sequence[Rule], idle: Collection[str], model: Model) -> Finding:
    hint = because(reasons, model)
    if mutual := [f"`{other.id}`" for other in reasons if other.id in idle]:
        verb = "is" if len(mutual) == 1 else "are"
        hint = f"{hint}; {' and '.join(mutual)} {verb} redundant, too: leave out one, and look again"
    message = f"rule `{rule.id}` is redundant: the other rules imply it"
    return _finding("redundant-rule", Severity.INFO, message, rule, hint, reasons)


def _waits(rule: Rule) -> str | None:
    return "look at its `when`" if rule.text.startswith("when ") else None


def _finding(
    code: str,
    severity: Severity,
    message: str,
    rule: Rule,
    hint: str | None = None,
    others: Sequence[Rule] = (),
) -> Finding:
    ids = (rule.id, *(other.id for other in others))
    return Finding(code, severity, message, rule.span, hint, scope(rule.condition), (), ids, rule.pack)
