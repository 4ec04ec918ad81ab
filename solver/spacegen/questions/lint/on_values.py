"""What is weak about the values of a space: dead ones, frozen parameters, pairs, defaults, proportions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from spacegen.engines.protocol import Block, Engine
from spacegen.language.expr import Const, Expr, In, Scalar
from spacegen.language.model import Model, NoDefault, Parameter, Rule
from spacegen.language.walk import scope
from spacegen.questions.dead import narrows
from spacegen.questions.edits import runs, shorten, words
from spacegen.questions.lint.against import Against, because, equals, is_set
from spacegen.questions.lint.finding import Finding, Severity
from spacegen.questions.lint.written import Written
from spacegen.questions.summary import of_space, percent
from spacegen.questions.why.conflict import is_own
from spacegen.source import Span

__all__ = ["Values"]


@dataclass(frozen=True)
class Values:
    """Asks about the values of a space that has solutions; `held` are the parameters that somebody narrowed
    on purpose, and some `solutions` make it faster."""

    engine: Engine
    against: Against
    written: Written
    held: frozenset[str]
    solutions: Block

    @property
    def model(self) -> Model:
        return self.against.model

    @cached_property
    def counts(self) -> dict[str, tuple[int, ...]]:
        """How many solutions have each value."""
        return {
            p.name: counts for p, counts in zip(self.model.parameters, self.engine.marginals(), strict=True)
        }

    def live(self, parameter: Parameter) -> list[Scalar]:
        """The values that some solution has."""
        counts = zip(parameter.domain, self.counts[parameter.name], strict=True)
        return [value for value, count in counts if count]

    def dead(self) -> Iterator[Finding]:
        """A finding for each dead value; those that stand at one place for the same reason share it."""
        for parameter in self.model.parameters:
            if parameter.name not in self.held:
                yield from self._dead(parameter)
        for rule in self.model.rules:
            yield from self._dead_restriction(rule)

    def _dead(self, parameter: Parameter) -> Iterator[Finding]:
        dead = [code for code, count in enumerate(self.counts[parameter.name]) if not count]
        for codes, rules in self.against.killers(parameter.name, dead):
            places: dict[Span | None, list[Scalar]] = {}
            for code in codes:
                value = parameter.domain[code]
                places.setdefault(self.written.value(parameter, value), []).append(value)
            for span, values in places.items():
                listed = runs(values, parameter.domain)
                yield Finding(
                    "dead-value",
                    self._severity(span, rules),
                    f"no solution has `{parameter.name}` = {listed}",
                    span,
                    because(rules, self.model),
                    (parameter.name,),
                    tuple(values),
                    tuple(rule.id for rule in rules),
                )

    def _severity(self, span: Span | None, rules: Sequence[Rule]) -> Severity:
        """A note where the values are dead because somebody asked for it, or stand in another space: they may
        live there."""
        elsewhere = span is not None and span.source != self.written.top
        return Severity.INFO if elsewhere or any(map(is_own, rules)) else Severity.WARNING

    def _dead_restriction(self, rule: Rule) -> Iterator[Finding]:
        """The values that the restriction of an overlay names, and that no solution has all the same."""
        name = narrows(rule)
        if name is None or name not in self.model.index or not isinstance(rule.condition, In):
            return
        listed = [choice.value for choice in rule.condition.choices if isinstance(choice, Const)]
        counts = self.counts[name]
        for value in listed:
            code = self.model[name].domain.code(value)
            if code is not None and not counts[code]:
                rules = self.against.reasons([equals(name, value)], but={rule.id}) or ()
                span = self.written.restricted(rule, value)
                yield Finding(
                    "dead-value",
                    self._severity(span, rules),
                    f"no solution has `{name}` = `{words(value)}`, which the overlay keeps",
                    span,
                    because(rules, self.model),
                    (name,),
                    (value,),
                    tuple(r.id for r in rules),
                )

    def frozen(self) -> Iterator[Finding]:
        """The parameters that have one value left of several."""
        for parameter in self.model.parameters:
            live = self.live(parameter)
            if parameter.name not in self.held and len(live) == 1 < len(parameter.domain):
                yield Finding(
                    "frozen-parameter",
                    Severity.INFO,
                    f"`{parameter.name}` is `{words(live[0])}` in every solution",
                    parameter.span,
                    f"of its {len(parameter.domain)} values the rules leave one: there is nothing to search",
                    (parameter.name,),
                    (live[0],),
                )

    def never_both(self) -> Iterator[Finding]:
        """The pairs of nullable parameters that are both set in no solution."""
        nullable = [
            p
            for p in self.model.parameters
            if None in p.domain and p.name not in self.held and any(v is not None for v in self.live(p))
        ]
        for a, b in combinations(nullable, 2):
            if not self._both(a, b):
                rules = self.against.reasons([is_set(a.name), is_set(b.name)]) or ()
                yield Finding(
                    "never-both",
                    self._severity(b.span, rules),
                    f"`{a.name}` and `{b.name}` are never both set",
                    b.span,
                    because(rules, self.model),
                    (a.name, b.name),
                    (),
                    tuple(rule.id for rule in rules),
                )

    def _both(self, a: Parameter, b: Parameter) -> bool:
        block = self.solutions
        first, second = (block.columns[self.model.index[p.name]] != p.domain.code(None) for p in (a, b))
        return bool((first & second).any()) or bool(self.engine.count(_set(a) | _set(b)))

    def lopsided(self) -> Iterator[Finding]:
        """The parameters with values that nearly all solutions have, or hardly any."""
        found: dict[str, list[tuple[Scalar, float]]] = {}
        for frequency in of_space(self.engine).lopsided():
            if frequency.parameter not in self.held and frequency.share < 1:
                found.setdefault(frequency.parameter, []).append((frequency.value, frequency.share))
        for name, shares in found.items():
            listed = ", ".join(f"`{words(value)}` {percent(share)}" for value, share in shares)
            yield Finding(
                "lopsided",
                Severity.INFO,
                f"the values of `{name}` are uneven among the solutions: {shorten(listed)}",
                self.model[name].span,
                "`--method balanced` draws such values more evenly",
                (name,),
                tuple(value for value, _ in shares),
            )

    def defaults(self) -> Iterator[Finding]:
        """That some have no default; that all of them together are no solution."""
        have = {p.name: p.default for p in self.model.parameters if not isinstance(p.default, NoDefault)}
        lack = [p for p in self.model.parameters if p.name not in have]
        if lack:
            listed = shorten(", ".join(f"`{p.name}`" for p in lack))
            yield Finding(
                "no-default",
                Severity.INFO,
                f"without a default: {listed}",
                lack[0].span,
                "`--drop`, `--only` and `active_when` hold a parameter at its default",
                tuple(p.name for p in lack),
            )
        yield from self._bad_defaults({n: v for n, v in have.items() if n not in self.held})

    def _bad_defaults(self, defaults: dict[str, Scalar]) -> Iterator[Finding]:
        codes = {name: self.model[name].domain.code(value) for name, value in defaults.items()}
        if self.engine.count({name: (code,) for name, code in codes.items() if code is not None}):
            return
        asked = {name: equals(name, value) for name, value in defaults.items()}
        for rules, names in _broken(self.against, asked):
            text = " and ".join(f"`{name}` = `{words(defaults[name])}`" for name in names)
            yield Finding(
                "bad-defaults",
                Severity.INFO if any(map(is_own, rules)) else Severity.WARNING,
                f"the defaults are no solution: {text}",
                self.written.default(self.model[names[0]]) if names else None,
                because(rules, self.model),
                names,
                tuple(defaults[name] for name in names),
                tuple(rule.id for rule in rules),
            )


def _broken(against: Against, asked: dict[str, Expr]) -> Iterator[tuple[tuple[Rule, ...], tuple[str, ...]]]:
    """The rules that the asked values break, each with those values; what several do together comes only
    where no single rule is broken."""
    found = False
    for rule in against.model.conditions:
        names = tuple(name for name in against.model.scope(rule) if name in asked)
        if not against.possible([asked[name] for name in names], [rule]):
            found = True
            yield (rule,), names
    if not found:
        rules = against.reasons(list(asked.values())) or ()
        mentioned = {name for rule in rules for name in scope(rule.condition)}
        yield rules, tuple(name for name in asked if name in mentioned)


def _set(parameter: Parameter) -> dict[str, tuple[int, ...]]:
    null = parameter.domain.code(None)
    return {parameter.name: tuple(code for code in range(len(parameter.domain)) if code != null)}
