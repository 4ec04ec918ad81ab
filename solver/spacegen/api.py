"""The public face of a space: an immutable value that compiles itself when first asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from spacegen.engines.canonical import fingerprint
from spacegen.engines.plan import EngineName, compile_model
from spacegen.engines.protocol import Engine, Method, RankedEngine
from spacegen.engines.relation import normalise
from spacegen.errors import Fault, UsageError
from spacegen.language.expr import Const, Expr, Ref, Scalar, Unset
from spacegen.language.model import NO_DEFAULT, Domain, Kind, Model, NoDefault, Parameter, Rule
from spacegen.language.syntax import Names, parse
from spacegen.questions import edits
from spacegen.questions.check import Verdict, check
from spacegen.questions.conflict import Conflict, find_conflict
from spacegen.questions.counting import Count, count
from spacegen.questions.draw import draw, is_ranked, shard
from spacegen.questions.encode import encode
from spacegen.questions.info import Info, info
from spacegen.questions.summary import Summary, of_space
from spacegen.solutions import AllSolutions, Config, Solutions
from spacegen.source import Source, Span

__all__ = ["Space", "load"]

_NOTHING: Final[Mapping[str, Scalar]] = MappingProxyType({})


def load(
    path_or_name: str | Path,
    *,
    constants: Mapping[str, Scalar] = _NOTHING,
    with_kinds: Iterable[Kind | str] = (),
    without_kinds: Iterable[Kind | str] = (),
    without_rules: Iterable[str] = (),
    strict_target: bool = False,
    engine: EngineName = "auto",
) -> Space:
    """The space of a YAML file (a path with a `/` or ending in `.yaml`) or a bundled one (a name).

    Raises SpaceError with every fault of the file.
    """
    from spacegen.language.elaborate import load_model  # a space made in Python needs no YAML
    from spacegen.language.settings import Settings

    settings = Settings(
        constants=dict(constants),
        with_kinds=frozenset(map(_kind, with_kinds)),
        without_kinds=frozenset(map(_kind, without_kinds)),
        without_rules=frozenset(without_rules),
        strict_target=strict_target,
    )
    return Space(load_model(str(path_or_name), settings=settings), engine)


def _kind(name: Kind | str) -> Kind:
    try:
        return Kind(name)
    except ValueError:
        raise UsageError(Fault(f"no kind is called `{name}`", hint=f"kinds are {', '.join(Kind)}")) from None


@dataclass(frozen=True, eq=False)
class Space:
    """A search space. Every `with…` and `without…` gives a new one.

    `base` is the model without the pins; `settled` has the values of the parameters that were removed.
    """

    base: Model
    engine_name: EngineName = "auto"
    pins: Mapping[str, Scalar] = field(default_factory=lambda: _NOTHING)
    settled: Mapping[str, Scalar] = field(default_factory=lambda: _NOTHING)

    @classmethod
    def build(
        cls,
        name: str,
        parameters: Mapping[str, Iterable[Scalar] | Parameter],
        rules: Sequence[str | Rule | Mapping[str, Any]] = (),
        *,
        engine: EngineName = "auto",
    ) -> Space:
        """A space made in Python: values or whole parameters by name, and rules as expressions, as `Rule`s,
        or as the arguments of `with_rule`."""
        space = cls(Model(name, ()), engine)
        for parameter, values in parameters.items():
            if isinstance(values, Parameter):
                space = space.with_parameter(values)
            else:
                space = space.with_parameter(parameter, values)
        for rule in rules:
            space = space.with_rule(**rule) if isinstance(rule, Mapping) else space.with_rule(rule)
        return space

    @cached_property
    def model(self) -> Model:
        """The model that the engine compiles, pins included as rules."""
        pins = tuple(edits.pin(self.base, name, value) for name, value in self.pins.items())
        return self.base.replace(rules=(*self.base.rules, *pins)) if pins else self.base

    @cached_property
    def engine(self) -> Engine:
        """The compiled space. Raises EngineError where the chosen engine cannot hold it."""
        return compile_model(self.model, self.engine_name)

    @property
    def name(self) -> str:
        return self.base.name

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in declared order."""
        return self.base.parameters

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

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that name the meaning of the space and the order of its solutions."""
        return fingerprint(normalise(self.model))

    def __repr__(self) -> str:
        return f"<space `{self.name}`: {len(self.parameters)} parameters, {len(self.rules)} rules>"

    # Questions

    def count(self) -> int:
        """The exact number of solutions."""
        return self.engine.count()

    def counted(self) -> Count:
        """The number of solutions beside the number of combinations."""
        return count(self.engine, self.combinations)

    def sample(
        self, n: int, *, seed: int = 0, method: Method = "uniform", replace: bool = False
    ) -> Solutions:
        """`n` random solutions, distinct unless `replace` (then fewer where the space has fewer).

        `balanced` weighs the off side of a switch like all its children together.
        """
        drawn = draw(self.engine, n, seed=seed, method=method, replace=replace)
        return Solutions(self.model, drawn.block, drawn.note)

    def solutions(self) -> AllSolutions:
        """All solutions in canonical order, made as they are looked at."""
        return AllSolutions(self.engine)

    def first(self, n: int) -> Solutions:
        """The first `n` solutions in canonical order."""
        return self.solutions()[:n].materialised()

    def shard(self, part: int, parts: int) -> AllSolutions:
        """Slice `part` (from 0) of the solutions cut into `parts` equal slices of ranks."""
        ranks = shard(self.count(), part, parts)
        return AllSolutions(self.engine, ranks)

    def rank(self, config: Mapping[str, object]) -> int:
        """The number of a solution in the canonical order. Raises UsageError where it is none."""
        block = encode(self.model, config)
        try:
            if block is not None:
                return int(self._ranked().rank(block)[0])
        except ValueError:
            pass
        raise UsageError(Fault(f"this config is no solution of `{self.name}`", hint="`check` says why"))

    def unrank(self, rank: int) -> Config:
        """The solution with this number. Raises UsageError outside 0 … count - 1."""
        total = self.count()
        if not 0 <= rank < total:
            hint = f"ranks run from 0 to {total - 1:,}" if total else "the space is empty"
            raise UsageError(Fault(f"`{self.name}` has no solution of rank {rank:,}", hint=hint))
        ranks = np.array([rank], np.int64 if rank < 2**63 else object)
        return Solutions(self.model, self._ranked().unrank(ranks))[0]

    def _ranked(self) -> RankedEngine:
        if not is_ranked(self.engine):
            raise UsageError(Fault(f"`{self.engine.name}` knows no ranks", hint="use the engine `jointree`"))
        return self.engine

    def marginals(self) -> dict[str, dict[Scalar, int]]:
        """For each value of each parameter, how many solutions have it."""
        counts = zip(self.parameters, self.engine.marginals(), strict=True)
        return {p.name: dict(zip(p.domain, found, strict=True)) for p, found in counts}

    def summary(self) -> Summary:
        """How often each value occurs over all solutions; made to be printed."""
        return of_space(self.engine)

    def check(self, config: Mapping[str, object]) -> Verdict:
        """What is wrong with a config; a parameter that it does not name is free."""
        return check(self.model, config, self._compile, engine=lambda: self.engine, settled=self._settled)

    @property
    def _settled(self) -> Mapping[str, Scalar]:
        return {**self.settled, **self.base.fixed}

    def _compile(self, model: Model) -> Engine:
        return compile_model(model, self.engine_name)

    def conflict(self) -> Conflict | None:
        """A minimal set of rules that cannot hold together, where the space is empty."""
        return find_conflict(self.model, self._compile)

    def info(self) -> Info:
        """Parameters, rules and everything else that the space declares."""
        return info(self.base, self.combinations, self.pins)

    def to_yaml(self) -> str:
        """The space as a YAML document that reads back as the same space."""
        from spacegen.language.emit import emit

        return emit(self.model)

    # Spaces made from this one

    def with_parameter(
        self,
        parameter: Parameter | str,
        values: Iterable[Scalar] = (),
        *,
        default: Scalar | NoDefault = NO_DEFAULT,
        active_when: str | None = None,
        group: str | None = None,
        description: str | None = None,
    ) -> Space:
        """One more parameter: a whole one, or a name and its values. One of that name is replaced."""
        if isinstance(parameter, str):
            parameter = Parameter(parameter, Domain(tuple(values)), default, None, group, description)
        if active_when is not None:
            condition = self._expression(active_when, f"active_when of {parameter.name}")
            parameter = replace(parameter, active_when=condition)
        return self._changed(edits.with_parameter(self.base, parameter))

    def with_rule(
        self,
        require: str | Rule,
        *,
        id: str | None = None,
        because: str | None = None,
        kind: Kind | str | None = None,
    ) -> Space:
        """One more rule: an expression that must not be false."""
        if isinstance(require, Rule):
            return self._changed(edits.with_rule(self.base, require))
        name = id or edits.fresh_id(self.base)
        condition = self._expression(require, f"rule {name}")
        rule = Rule(name, condition, require, because, kind=None if kind is None else _kind(kind))
        return self._changed(edits.with_rule(self.base, rule))

    def where(self, expression: str) -> Space:
        """Only the solutions for which the expression is not false."""
        number = 1 + sum(rule.id.startswith("where-") for rule in self.rules)
        condition = self._expression(expression, "--where")
        rule = Rule(f"where-{number}", condition, expression, "it was asked for")
        return self._changed(edits.with_rule(self.base, rule))

    def without_rules(self, ids: Iterable[str] | None = None) -> Space:
        """Without the rules of these ids, or without any, `active_when` included; pins stay."""
        return self._changed(edits.without_rules(self.base, None if ids is None else list(ids)))

    def without(self, *names: str) -> Space:
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
        return Space(edits.without(base, names), self.engine_name, pins, settled)

    def dropped(self, *names: str) -> Space:
        """Without these parameters, groups or parameters of an impact."""
        return self.without(*edits.choose(self.base, names))

    def only(self, *names: str) -> Space:
        """Without all parameters but these (or those of these groups or impacts)."""
        kept = edits.choose(self.base, names)
        return self.without(*(p.name for p in self.parameters if p.name not in kept))

    def pinned(self, values: Mapping[str, Scalar] = _NOTHING, /, **named: Scalar) -> Space:
        """With these parameters held at one value each; their declared domains stay as they are."""
        pins = {**values, **named}
        for name, value in pins.items():
            edits.pin(self.base, name, value)
        return replace(self, pins={**self.pins, **pins})

    def with_engine(self, engine: EngineName) -> Space:
        """The same space, answered by another engine."""
        return replace(self, engine_name=engine)

    def _changed(self, base: Model) -> Space:
        return replace(self, base=base)

    def _expression(self, text: str, name: str) -> Expr:
        return parse(text, Span(Source(name, text), 1, 1), self._names)

    @cached_property
    def _names(self) -> Names:
        symbols: dict[str, Expr] = {p.name: Ref(p.name) for p in self.parameters}
        symbols |= {name: Const(value) for name, value in self._settled.items()}
        symbols |= {
            c.name: Unset(c.name) if isinstance(c.value, NoDefault) else Const(c.value)
            for c in self.base.constants
        }
        symbols |= {d.name: d.expr for d in self.base.derived}
        return Names(symbols, {p.name: p.domain for p in self.parameters})
