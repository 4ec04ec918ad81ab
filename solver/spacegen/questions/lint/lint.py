"""Everything that is weak about a space: what no solution can have, what no rule needs, what nobody meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from spacegen.engines.protocol import Engine
from spacegen.errors import SpaceError
from spacegen.language.model import Model, Rule
from spacegen.questions.lint.against import Against, because
from spacegen.questions.lint.finding import Finding, Severity
from spacegen.questions.lint.on_rules import Progress, Rules
from spacegen.questions.lint.on_text import Text
from spacegen.questions.lint.on_values import Values
from spacegen.questions.lint.witness import some_solutions
from spacegen.questions.lint.written import Written
from spacegen.questions.why.conflicts import find_conflict
from spacegen.questions.why.together import Compile, possible

__all__ = ["grouped", "lint", "unreadable"]

_PLURAL: Final = {
    "redundant-rule": "are redundant",
    "duplicate-rule": "say what other rules say",
    "cannot-fail": "cannot fail",
    "never-applies": "never apply",
}


def _quiet(done: int, total: int) -> None:
    """Tells nobody."""


def unreadable(error: SpaceError) -> tuple[Finding, ...]:
    """The faults of a file as findings."""
    return tuple(Finding("unreadable", Severity.ERROR, f.message, f.span, f.hint) for f in error.faults)


def lint(
    model: Model,
    engine: Engine,
    compile_model: Compile,
    held: frozenset[str] = frozenset(),
    progress: Progress = _quiet,
) -> tuple[Finding, ...]:
    """The findings by file and place. `engine` is the compiled model; `held` parameters were narrowed on
    purpose, so nothing is said of their values. Raises EngineError where the engine cannot count.

    Of a space without solutions only the reason is told, and what its text alone tells.
    """
    written, against = Written(model), Against(model, compile_model)
    rules = Rules(against, written)
    found = [*Text(model, written).findings(), *rules.duplicates()]
    if not possible(engine):
        found += _unsatisfiable(model, compile_model)
    else:
        solutions = some_solutions(engine)
        values = Values(engine, against, written, held, solutions)
        for group in (values.dead, values.frozen, values.never_both, values.lopsided, values.defaults):
            found += group()
        found += rules.idle(solutions, progress)
    return tuple(sorted(found, key=_order(model)))


def _order(model: Model) -> Callable[[Finding], tuple[int, int, int]]:
    """Findings go by file, in the order in which they were read, and by place; those of none come first."""
    files = {source: i for i, source in enumerate(model.sources)}

    def key(finding: Finding) -> tuple[int, int, int]:
        span = finding.span
        return (files.get(span.source, len(files)), span.line, span.column) if span else (-1, 0, 0)

    return key


def grouped(findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings as people read them: rules of one pack with the same weakness are told together."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.pack is not None:
            groups.setdefault((finding.pack, finding.code), []).append(finding)
    for finding in findings:
        group = groups.get((finding.pack, finding.code), [finding]) if finding.pack else [finding]
        if len(group) == 1:
            yield finding
        elif finding is group[0]:
            listed = ", ".join(f"`{one.rules[0]}`" for one in group)
            message = f"{len(group)} rules of the pack `{finding.pack}` {_PLURAL[finding.code]}: {listed}"
            hint = "other spaces may need them; `--json` has the reason for each"
            yield replace(finding, message=message, hint=hint, rules=tuple(one.rules[0] for one in group))


def _unsatisfiable(model: Model, compile_model: Compile) -> Iterator[Finding]:
    conflict = find_conflict(model, compile_model)
    rules: tuple[Rule, ...] = () if conflict is None else conflict.rules
    span = next((rule.span for rule in rules if rule.span), None)
    ids = tuple(rule.id for rule in rules)
    message = "no combination of values keeps all rules"
    yield Finding("unsatisfiable", Severity.ERROR, message, span, because(rules, model), rules=ids)
