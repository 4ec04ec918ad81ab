"""What is weak about the rules of a space: rules that say nothing, or nothing that others do not say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from spacegen.language.expr import Expr, Not, Or
from spacegen.language.model import Model, Rule
from spacegen.language.walk import scope
from spacegen.questions.against import Against, because, is_false
from spacegen.questions.conflict import is_own, place
from spacegen.questions.edits import combinations
from spacegen.questions.finding import Finding, Severity
from spacegen.questions.leaving import Left
from spacegen.questions.written import Written

__all__ = ["Rules", "premise"]


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
                where = f" ({place(first)})" if first.span else ""
                yield Finding(
                    "duplicate-rule",
                    Severity.INFO if rule.pack else Severity.WARNING,
                    f"rule `{rule.id}` says what `{first.id}` says",
                    rule.span,
                    f"leave out one of them; the other is `{first.id}`{where}",
                    scope(rule.condition),
                    (),
                    (rule.id, first.id),
                    rule.pack,
                )

    def idle(self, left: Iterable[Left]) -> Iterator[Finding]:
        """The rules without which the space would be the same; of those that say the same, the first,
        where the others go as well."""
        everything = combinations(self.model)
        idle = {one.rule.id: one for one in left if one.is_redundant}
        for rule, *others in self._twins().values():
            if rule.id not in idle:
                continue
            if not scope(rule.condition):
                yield from self._about_nothing(rule)
            elif idle[rule.id].alone == everything:
                yield self._cannot_fail(rule)
            else:
                yield from self._redundant(rule, {rule.id, *(other.id for other in others)}, idle)

    def _about_nothing(self, rule: Rule) -> Iterator[Finding]:
        # A pack may be about what a space lacks: then constants and defaults stand for it.
        if rule.pack is None:
            hint = "it compares constants, and what it says of them is true"
            yield _finding(
                "about-nothing", Severity.WARNING, f"rule `{rule.id}` mentions no parameter", rule, hint
            )

    def _cannot_fail(self, rule: Rule) -> Finding:
        severity = Severity.INFO if rule.pack else Severity.WARNING
        condition = premise(rule)
        if condition is not None and not self.against.possible([condition], ()):
            message = f"rule `{rule.id}` never applies: no values make its condition true"
            return _finding("never-applies", severity, message, rule, _waits(rule))
        message = f"rule `{rule.id}` cannot fail: no combination of values breaks it"
        return _finding("cannot-fail", severity, message, rule)

    def _redundant(self, rule: Rule, twins: Collection[str], idle: Collection[str]) -> Iterator[Finding]:
        condition = premise(rule)
        never = None if condition is None else self.against.reasons([condition], but=twins)
        if never is not None:
            message = f"rule `{rule.id}` never applies: no solution makes its condition true"
            severity = Severity.INFO if rule.pack or any(map(is_own, never)) else Severity.WARNING
            yield _finding("never-applies", severity, message, rule, because(never, self.model), never)
            return
        rules = self.against.reasons([is_false(rule)], but=twins)
        if rules is not None:
            hint = because(rules, self.model)
            if mutual := [f"`{other.id}`" for other in rules if other.id in idle]:
                verb = "is" if len(mutual) == 1 else "are"
                hint = f"{hint}; {' and '.join(mutual)} {verb} redundant, too: leave out one, and look again"
            message = f"rule `{rule.id}` is redundant: the other rules imply it"
            yield _finding("redundant-rule", Severity.INFO, message, rule, hint, rules)


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
