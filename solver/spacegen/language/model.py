"""The space as a value: domains, parameters, rules, constants. Frozen; knows neither YAML nor engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum, StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, TypeGuard, overload

from spacegen.language.expr import (
    Compare,
    Const,
    Expr,
    IsTrue,
    Or,
    Ref,
    Scalar,
)
from spacegen.language.unparse import unparse
from spacegen.language.walk import scope
from spacegen.source import Source, Span

__all__ = [
    "NO_DEFAULT",
    "Constant",
    "Derived",
    "Direction",
    "Domain",
    "Impact",
    "Kind",
    "Model",
    "NoDefault",
    "Objective",
    "Parameter",
    "Preference",
    "Rule",
    "Target",
    "identity",
    "is_number",
    "same_value",
]

Impact: TypeAlias = Literal["high", "medium", "low"]
Direction: TypeAlias = Literal["maximize", "minimize"]


class Kind(StrEnum):
    """What happens to a launch that breaks a rule."""

    REJECTS = "rejects"
    ALTERS = "alters"
    INERT = "inert"
    NEEDS = "needs"
    HEURISTIC = "heuristic"


class NoDefault(Enum):
    """The type of `NO_DEFAULT`; `None` is a value here, so absence needs a word of its own."""

    NO_DEFAULT = "no default"


NO_DEFAULT: Final = NoDefault.NO_DEFAULT


def identity(value: Scalar) -> tuple[str, Scalar]:
    """A key that tells values apart as the language does: 1 is 1.0, and neither is true."""
    match value:
        case bool():
            return ("bool", value)
        case int() | float():
            return ("number", value)
        case str():
            return ("string", value)
        case None:
            return ("null", None)


def same_value(a: Scalar, b: Scalar) -> bool:
    """Whether the language holds `a` and `b` for one value."""
    return identity(a) == identity(b)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value has a size; true and false have none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Domain(Sequence[Scalar]):
    """The finite ordered values of a parameter. `ordered` says that strings move along a scale too."""

    values: tuple[Scalar, ...]
    ordered: bool = False

    @cached_property
    def _codes(self) -> Mapping[tuple[str, Scalar], int]:
        return {identity(value): code for code, value in enumerate(self.values)}

    @overload
    def __getitem__(self, index: int) -> Scalar: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Scalar, ...]: ...
    def __getitem__(self, index: int | slice) -> Scalar | tuple[Scalar, ...]:
        return self.values[index]

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Scalar]:
        return iter(self.values)

    def __contains__(self, value: object) -> bool:
        return self.code(value) is not None

    def __eq__(self, other: object) -> bool:
        # Tuples would hold (1,) and (True,) for equal.
        return (
            isinstance(other, Domain)
            and self.ordered == other.ordered
            and tuple(map(identity, self.values)) == tuple(map(identity, other.values))
        )

    def __hash__(self) -> int:
        return hash((tuple(map(identity, self.values)), self.ordered))

    def code(self, value: object) -> int | None:
        """The position of `value`, or None where the domain lacks it."""
        if value is None or isinstance(value, bool | int | float | str):
            return self._codes.get(identity(value))
        return None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A variable of the space. Where `active_when` is not true it equals its default."""

    name: str
    domain: Domain
    default: Scalar | NoDefault = NO_DEFAULT
    active_when: Expr | None = None
    group: str | None = None
    description: str | None = None
    impact: Impact | None = None
    unit: str | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint: `condition` must not be false. `text` is the body as the author wrote it."""

    id: str
    condition: Expr
    text: str
    because: str | None = None
    source: str | None = None
    kind: Kind | None = None
    versions: str | None = None
    pack: str | None = None
    span: Span | None = field(default=None, compare=False)

    @property
    def place(self) -> str | None:
        """Where the rule stands, as `file:line`."""
        return f"{self.span.source.name}:{self.span.line}" if self.span else None


@dataclass(frozen=True, slots=True)
class Preference:
    """A soft rule: a solution that makes it false pays `weight`. It restricts nothing."""

    rule: Rule
    weight: int = 1

    @property
    def id(self) -> str:
        return self.rule.id


@dataclass(frozen=True, slots=True)
class Objective:
    """What the best solutions have most or least of: a number or a bool, which counts 0 or 1; unknown comes
    last. `text` is the expression as the author wrote it."""

    id: str
    direction: Direction
    expr: Expr
    text: str
    unit: str | None = None
    because: str | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Derived:
    """A named expression over parameters; names of other derived values are already replaced."""

    name: str
    expr: Expr
    text: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A named value that `--set` can change; without a value it is unknown wherever it stands."""

    name: str
    value: Scalar | NoDefault
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The server and version whose argument names the parameters use."""

    server: str
    version: str

    def __str__(self) -> str:
        return f"{self.server}=={self.version}"


def _no_values() -> Mapping[str, Scalar]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Model:
    """A search space: what the engines compile. `objectives` and `preferences` say which solutions are best,
    in order of importance, and never which there are. `notes` says what was left out while reading it,
    `sources` has the files it was read from: the base, then overlays, then packs."""

    name: str
    parameters: tuple[Parameter, ...]
    rules: tuple[Rule, ...] = ()
    derived: tuple[Derived, ...] = ()
    constants: tuple[Constant, ...] = ()
    fixed: Mapping[str, Scalar] = field(default_factory=_no_values)
    objectives: tuple[Objective, ...] = ()
    preferences: tuple[Preference, ...] = ()
    target: Target | None = None
    description: str | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)
    sources: tuple[Source, ...] = field(default=(), compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view cannot be pickled, what is under it can.
        state = {f.name: getattr(self, f.name) for f in fields(self)}
        return _remade, ({**state, "fixed": dict(self.fixed)},)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Parameter name to its position."""
        return {parameter.name: i for i, parameter in enumerate(self.parameters)}

    @cached_property
    def conditions(self) -> tuple[Rule, ...]:
        """Every rule that binds: the declared ones, then one for each `active_when`."""
        return self.rules + tuple(
            _pinned_while_inactive(p, p.active_when) for p in self.parameters if p.active_when is not None
        )

    def __getitem__(self, name: str) -> Parameter:
        return self.parameters[self.index[name]]

    def scope(self, rule: Rule) -> tuple[str, ...]:
        """The parameters that a rule mentions, in declared order."""
        names = set(scope(rule.condition))
        return tuple(p.name for p in self.parameters if p.name in names)

    def replace(self, **changes: object) -> Model:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def _remade(state: dict[str, Any]) -> Model:
    return Model(**{**state, "fixed": MappingProxyType(state["fixed"])})


def _pinned_while_inactive(parameter: Parameter, active: Expr) -> Rule:
    assert not isinstance(parameter.default, NoDefault), "active_when needs a default"
    at_default = Compare("==", Ref(parameter.name), Const(parameter.default))
    return Rule(
        id=f"{parameter.name}.active_when",
        condition=Or((IsTrue(active), at_default)),
        text=f"`{parameter.name}` has no effect unless {unparse(active)}",
        because=f"`{parameter.name}` has no effect here, so it stays at its default",
        kind=Kind.INERT,
        span=parameter.span,
    )
