"""What is weak about the text of a space, whatever its solutions are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spacegen.errors import did_you_mean
from spacegen.language.expr import Compare, Const, Expr, In, Ref, Scalar, Table
from spacegen.language.model import Model, Rule
from spacegen.language.walk import children, scope
from spacegen.questions.edits import shorten, words
from spacegen.questions.lint.finding import Finding, Severity
from spacegen.questions.lint.written import Written
from spacegen.questions.why.conflict import is_own

__all__ = ["Text", "strangers"]


@dataclass(frozen=True)
class Text:
    """Reads a model and its files; needs no engine."""

    model: Model
    written: Written

    def findings(self) -> Iterator[Finding]:
        """All of them."""
        yield from self._unmentioned()
        for rule in self._own_rules():
            yield from self._of_rule(rule)
        yield from self._aims()
        yield from self._unused()
        yield from self._odd()

    def _own_rules(self) -> list[Rule]:
        """The rules of the space itself: those of packs are made for other spaces, too."""
        asked = [p.rule for p in self.model.preferences]
        return [rule for rule in (*self.model.rules, *asked) if not rule.pack and not _is_made(rule)]

    def _unmentioned(self) -> Iterator[Finding]:
        mentioned = {name for rule in self.model.conditions for name in scope(rule.condition)}
        for parameter in self.model.parameters:
            if parameter.name not in mentioned:
                yield Finding(
                    "unmentioned-parameter",
                    Severity.INFO,
                    f"no rule mentions `{parameter.name}`",
                    parameter.span,
                    "it multiplies the number of solutions by the number of its values",
                    (parameter.name,),
                )

    def _of_rule(self, rule: Rule) -> Iterator[Finding]:
        if not rule.because:
            message, hint = f"rule `{rule.id}` does not say why", "add `because: ...` with one sentence"
            yield Finding("no-reason", Severity.INFO, message, rule.span, hint, rules=(rule.id,))
        if _looks_made(rule) and (self.written.has_own_id(rule) or rule.span is None):
            message = f"the id `{rule.id}` has the form of those that pins and restrictions get"
            hint = "give the rule another id: messages take it for a wish of the moment"
            yield Finding("reserved-id", Severity.WARNING, message, rule.span, hint, rules=(rule.id,))
        for name, value, verdict in strangers(rule.condition, self.model):
            known = [words(v) for v in self.model[name].domain]
            meant = did_you_mean(value, known) if isinstance(value, str) else None
            message = (
                f"rule `{rule.id}` compares `{name}` with `{words(value)}`, which it cannot be: {verdict}"
            )
            yield Finding(
                "outside-domain",
                Severity.WARNING if meant else Severity.INFO,
                message,
                self.written.body(rule),
                meant or f"the values of `{name}` are {shorten(', '.join(known))}",
                (name,),
                (value,),
                (rule.id,),
            )

    def _aims(self) -> Iterator[Finding]:
        for objective in self.model.objectives:
            if not scope(objective.expr):
                message = f"the objective `{objective.id}` mentions no parameter: all solutions are equal"
                yield Finding("about-nothing", Severity.WARNING, message, objective.span)
        for preference in self.model.preferences:
            if not scope(preference.rule.condition) and not preference.rule.pack:
                message = f"the preference `{preference.id}` mentions no parameter: all solutions are equal"
                span, ids = preference.rule.span, (preference.id,)
                yield Finding("about-nothing", Severity.WARNING, message, span, rules=ids)

    def _unused(self) -> Iterator[Finding]:
        for section, name, span in self.written.names():
            if name not in self.written.words:
                if section == "constants":
                    said, hint = "constant", "leave it out, unless outputs or other programs read it"
                else:
                    said, hint = "derived value", "it is still there for outputs: `--with`"
                yield Finding("unused-name", Severity.INFO, f"nothing uses the {said} `{name}`", span, hint)

    def _odd(self) -> Iterator[Finding]:
        for tree in self.written.own:
            for fault in tree.suspects:
                yield Finding("odd-scalar", Severity.INFO, fault.message, fault.span, fault.hint)


def _is_made(rule: Rule) -> bool:
    """Whether a rule comes from a pin, a restriction or `--where` rather than from a list of rules."""
    return is_own(rule) and (rule.because or "").startswith(("it was ", "the overlay "))


def _looks_made(rule: Rule) -> bool:
    return is_own(rule) or rule.id.endswith(".active_when")


def strangers(expr: Expr, model: Model) -> Iterator[tuple[str, Scalar, str]]:
    """The comparisons of a parameter with a literal that its domain lacks, and what they come to."""
    match expr:
        case Compare("==" | "!=" as op, Ref(name), Const(value, None)):
            yield from _stranger(model, name, value, "always true" if op == "!=" else "never true")
        case Compare("==" | "!=" as op, Const(value, None), Ref(name)):
            yield from _stranger(model, name, value, "always true" if op == "!=" else "never true")
        case In(Ref(name), choices):
            for choice in choices:
                if isinstance(choice, Const) and choice.name is None:
                    yield from _stranger(model, name, choice.value, "never true")
        case Table(items, rows):
            refs = [(i, item.name) for i, item in enumerate(items) if isinstance(item, Ref)]
            for row in rows:
                for i, name in refs:
                    yield from _stranger(model, name, row[i], "never true")
    for part in children(expr):
        yield from strangers(part, model)


def _stranger(model: Model, name: str, value: Scalar, verdict: str) -> Iterator[tuple[str, Scalar, str]]:
    if name in model.index and value not in model[name].domain:
        yield name, value, verdict
