"""What a space is made of, and the definitions made from it. Immutable; knows no engine but by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Self

from spacegen.engines.plan import EngineName
from spacegen.errors import Fault, UsageError, did_you_mean
from spacegen.language.expr import Const, Expr, IsTrue, Ref, Scalar, Unset
from spacegen.language.model import (
    NO_DEFAULT,
    Direction,
    Domain,
    Kind,
    Model,
    NoDefault,
    Objective,
    Parameter,
    Preference,
    Rule,
)
from spacegen.language.syntax import Names, Want, objective_id, parse
from spacegen.questions import edits, given
from spacegen.questions.configs import read_cell
from spacegen.source import Source, Span

__all__ = ["Definition", "read_kind"]

_NOTHING: Final[Mapping[str, Scalar]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Definition:
    """A model and what was chosen of it.

    `base` is the model without the pins; `settled` has the values of the parameters that were removed;
    `timeout` is how many seconds CP-SAT may look for an answer (a minute unless said).
    """

    base: Model
    engine_name: EngineName = "auto"
    pins: Mapping[str, Scalar] = field(default_factory=lambda: _NOTHING)
    settled: Mapping[str, Scalar] = field(default_factory=lambda: _NOTHING)
    timeout: float | None = None

    @classmethod
    def build(
        cls,
        name: str,
        parameters: Mapping[str, Iterable[Scalar] | Parameter],
        rules: Sequence[str | Rule | Mapping[str, Any]] = (),
        *,
        engine: EngineName = "auto",
    ) -> Self:
        """A space made in Python: values or whole parameters by name, and rules as expressions, as `Rule`s,
        or as the arguments of `with_rule`."""
        space = cls(Model(name, ()), engine)
        for parameter, values in parameters.items():
            if isinstance(values, Parameter):
                space = space.with_parameter(values)
            else:
                space = space.with_parameter(parameter, values)
        for rule in rules:
            space = (
                space.with_rule(**_rule_keys(rule)) if isinstance(rule, Mapping) else space.with_rule(rule)
            )
        return space

    def __reduce__(self) -> tuple[Any, ...]:
        # What was compiled stays behind: it is large, and made again when it is asked for.
        return type(self), (self.base, self.engine_name, dict(self.pins), dict(self.settled), self.timeout)

    @cached_property
    def model(self) -> Model:
        """The model that the engine compiles, pins included as rules."""
        pins = tuple(edits.pin(self.base, name, value) for name, value in self.pins.items())
        return self.base.replace(rules=(*self.base.rules, *pins)) if pins else self.base

    @property
    def name(self) -> str:
        return self.base.name

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in declared order."""
        return self.base.parameters

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The declared domain of each parameter, by name."""
        return {p.name: p.domain for p in self.parameters}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The declared rules; neither pins nor `active_when`."""
        return self.base.rules

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out while the space was read or changed."""
        return self.base.notes

    @property
    def combinations(self) -> int:
        """The size of the product of the domains, where a pinned parameter counts one value."""
        return edits.combinations(self.base, self.pins)

    @property
    def not_searched(self) -> Mapping[str, Scalar]:
        """The values of names that rules and configs know and nobody searches."""
        return {**self.settled, **self.base.fixed}

    def with_parameter(
        self,
        parameter: Parameter | str,
        values: Iterable[Scalar] = (),
        *,
        default: Scalar | NoDefault = NO_DEFAULT,
        active_when: str | None = None,
        group: str | None = None,
        description: str | None = None,
    ) -> Self:
        """One more parameter: a whole one, or a name and its values. One of that name is replaced.

        Raises UsageError for a name, values or a default that a file could not declare either.
        """
        if isinstance(parameter, str):
            domain = Domain(given.values_of(parameter, values))
            parameter = Parameter(parameter, domain, default, None, group, description)
        if active_when is not None:
            condition = self._expression(active_when, f"active_when of {parameter.name}")
            parameter = replace(parameter, active_when=condition)
        return self._changed(edits.with_parameter(self.base, given.sound(parameter)))

    def with_rule(
        self,
        require: str | Rule,
        *,
        id: str | None = None,
        because: str | None = None,
        kind: Kind | str | None = None,
    ) -> Self:
        """One more rule: an expression that must not be false."""
        if isinstance(require, Rule):
            return self._changed(edits.with_rule(self.base, require))
        name = id or edits.fresh_id(self.base)
        condition = self._expression(require, f"rule {name}")
        rule = Rule(name, condition, require, because, kind=None if kind is None else read_kind(kind))
        return self._changed(edits.with_rule(self.base, rule))

    def preferring(
        self, expression: str, weight: int = 1, *, id: str | None = None, because: str | None = None
    ) -> Self:
        """With a soft rule: solutions that make the expression false pay the weight."""
        if given.whole(weight, "a weight") < 1:
            raise UsageError(f"a weight is at least 1: {weight}")
        name = id or edits.fresh_id(self.base)
        rule = Rule(name, self._expression(expression, f"preference {name}"), expression, because)
        return self._changed(edits.with_preference(self.base, Preference(rule, weight)))

    def maximizing(self, expression: str, *, id: str | None = None, unit: str | None = None) -> Self:
        """With one more objective, less important than those there are: the more, the better."""
        return self._aiming("maximize", expression, id, unit)

    def minimizing(self, expression: str, *, id: str | None = None, unit: str | None = None) -> Self:
        """With one more objective, less important than those there are: the less, the better."""
        return self._aiming("minimize", expression, id, unit)

    def without_objectives(self) -> Self:
        """Without the objectives; preferences stay."""
        return self._changed(self.base.replace(objectives=()))

    def _aiming(self, direction: Direction, expression: str, id: str | None, unit: str | None) -> Self:
        name = id or objective_id(expression.strip(), {o.id for o in self.base.objectives})
        expr = self._expression(expression, direction, want="measure")
        objective = Objective(name, direction, expr, " ".join(expression.split()), unit)
        return self._changed(edits.with_objective(self.base, objective))

    def where(self, expression: str) -> Self:
        """Only the solutions for which the expression is true: unlike in a rule, unknown is no."""
        number = 1 + sum(rule.id.startswith("where-") for rule in self.rules)
        condition = self._expression(expression, "--where")
        rule = Rule(f"where-{number}", IsTrue(condition), expression, "it was asked for")
        return self._changed(edits.with_rule(self.base, rule))

    def without_rules(self, ids: Iterable[str] | None = None) -> Self:
        """Without the rules of these ids, or without any, `active_when` included; pins stay."""
        chosen = None if ids is None else given.several(ids, "rules")
        return self._changed(edits.without_rules(self.base, chosen))

    def without(self, *names: str) -> Self:
        """Without these parameters: rules see them at their defaults (at their pins, where pinned).

        A rule that mentions one without a default is left out, and `notes` says so.
        """
        base = self.base
        for name in names:
            p = edits.parameter(base, name)
            base = edits.with_parameter(base, replace(p, default=self.pins.get(name, p.default)))
        gone = {n: base[n].default for n in names}
        settled = {**self.settled, **{n: v for n, v in gone.items() if not isinstance(v, NoDefault)}}
        pins = {name: value for name, value in self.pins.items() if name not in gone}
        return replace(self, base=edits.without(base, names), pins=pins, settled=settled)

    def dropped(self, *names: str) -> Self:
        """Without these parameters, groups or parameters of an impact."""
        return self.narrowed(drop=names)

    def only(self, *names: str) -> Self:
        """Without all parameters but these (or those of these groups or impacts)."""
        return self.narrowed(only=names)

    def narrowed(self, *, only: Iterable[str] | None = None, drop: Iterable[str] = ()) -> Self:
        """Without the parameters that `drop` names and those that `only`, where it is given, does not."""
        kept = edits.choose(self.base, self.base.index if only is None else given.several(only, "names"))
        gone = edits.choose(self.base, given.several(drop, "names"))
        return self.without(*(p.name for p in self.parameters if p.name in gone or p.name not in kept))

    def pinned(self, values: Mapping[str, Scalar] = _NOTHING, /, **named: Scalar) -> Self:
        """With these parameters held at one value each; their declared domains stay as they are."""
        pins = {name: given.plain(value) for name, value in {**values, **named}.items()}
        for name, value in pins.items():
            edits.pin(self.base, name, value)
        return replace(self, pins={**self.pins, **pins})

    def pinned_as(self, name: str, text: str) -> Self:
        """With a parameter held at the value that a text spells, as YAML or as its domain does."""
        domain = edits.parameter(self.base, name).domain
        return self.pinned({name: read_cell(text, domain)})

    def with_engine(self, engine: EngineName) -> Self:
        """The same space, answered by another engine."""
        return replace(self, engine_name=engine)

    def with_timeout(self, seconds: float | None) -> Self:
        """The same space, for whose answers CP-SAT has that long; None is a minute. Raises UsageError."""
        if seconds is not None and not 0 < seconds < float("inf"):
            raise UsageError(f"a time to wait is a positive number of seconds: {seconds:g}")
        return replace(self, timeout=seconds)

    def _changed(self, base: Model) -> Self:
        return replace(self, base=base)

    def _expression(self, text: str, name: str, *, want: Want = "bool") -> Expr:
        return parse(text, Span(Source(name, text), 1, 1), self._names, want=want)

    @cached_property
    def _names(self) -> Names:
        symbols: dict[str, Expr] = {p.name: Ref(p.name) for p in self.parameters}
        symbols |= {name: Const(value, name) for name, value in self.not_searched.items()}
        symbols |= {
            c.name: Unset(c.name) if isinstance(c.value, NoDefault) else Const(c.value, c.name)
            for c in self.base.constants
        }
        symbols |= {d.name: d.expr for d in self.base.derived}
        return Names(symbols, self.domains)


def _rule_keys(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    known = ("require", "id", "because", "kind")
    for key in rule:
        given.known_word(key, known, "part of a rule")
    if "require" not in rule:
        raise UsageError("a rule needs an expression under `require`")
    return rule


def read_kind(name: Kind | str) -> Kind:
    """The kind of that name. Raises UsageError."""
    try:
        return Kind(name)
    except ValueError:
        hint = did_you_mean(str(name), [*Kind]) or f"kinds are {', '.join(Kind)}"
        raise UsageError(Fault(f"no kind is called `{name}`", hint=hint)) from None
