"""The YAML of spaces, overlays and packs as pydantic models: which keys there are and what they hold."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from spacegen.language.leaves import (
    EXPRESSION_SCHEMA,
    SCALAR_SCHEMA,
    Expression,
    Number,
    Value,
    Values,
    Weight,
)
from spacegen.language.model import Kind

__all__ = [
    "BODIES",
    "Document",
    "ObjectiveEntry",
    "Overlay",
    "Pack",
    "ParameterEntry",
    "Part",
    "PinEntry",
    "Quantity",
    "Range",
    "RestrictEntry",
    "RuleEntry",
    "Space",
    "TargetEntry",
]


class Part(BaseModel):
    """What all parts of a document share: no key but the declared ones, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TargetEntry(Part):
    """The server whose argument names the parameters use."""

    server: str = Field(description="name of the server, such as `sglang`")
    version: str = Field(description="its version, in quotes")


class Range(Part):
    """The decimals from `from` to `to`, both included."""

    start: Number = Field(alias="from")
    stop: Number = Field(alias="to")
    step: Number = 1


class ParameterEntry(Part):
    """A parameter in its long form."""

    values: Values | None = Field(default=None, description="the values, in order; null may be one")
    range: Range | None = Field(default=None, description="a decimal range, appended to `values`")
    default: Value = Field(default=None, description="the value when nobody sets it; one of the domain")
    group: str | None = None
    description: str | None = None
    active_when: Expression = Field(default=None, description="where this is not true, the default holds")
    impact: Literal["high", "medium", "low"] | None = None
    ordered: bool = Field(default=False, description="the values are a scale even where they are strings")
    unit: str | None = None


class Quantity(Part):
    """A constant or a derived value with a unit; the unit only dresses messages."""

    value: Value = None
    unit: str | None = None


class PinEntry(Part):
    """The value that an overlay holds a parameter at, and what people should know about it."""

    value: Value = Field(description="the value that is left")
    because: str | None = Field(default=None, description="one sentence on why")
    source: str | None = Field(default=None, description="where the fact comes from")


class RestrictEntry(Part):
    """The values that an overlay leaves a parameter, and what people should know about them."""

    values: Values = Field(description="the values that are left")
    because: str | None = Field(default=None, description="one sentence on why")
    source: str | None = Field(default=None, description="where the fact comes from")


def _form(value: Any) -> str:
    if isinstance(value, dict):
        return "[range]" if "from" in value else "[long]"
    if isinstance(value, Range):
        return "[range]"
    return "[long]" if isinstance(value, ParameterEntry) else "[list]"


def _length(value: Any) -> str:
    return "[long]" if isinstance(value, dict | Quantity | PinEntry) else "[short]"


def _list_or_long(value: Any) -> str:
    return "[long]" if isinstance(value, dict | RestrictEntry) else "[list]"


class ObjectiveEntry(Part):
    """What the best solutions have most or least of."""

    maximize: Expression = Field(default=None, description="a number or a boolean; the more, the better")
    minimize: Expression = Field(default=None, description="a number or a boolean; the less, the better")
    id: str | None = Field(default=None, description="what outputs call it; the expression, if it is a name")
    unit: str | None = None
    because: str | None = Field(default=None, description="one sentence on why it matters")


def _number_of(value: Any) -> str:
    return "[several]" if isinstance(value, list) else "[one]"


# The tags turn up in the paths of errors; brackets keep them apart from keys.
AnyParameter: TypeAlias = Annotated[
    Annotated[Values, Tag("[list]")]
    | Annotated[Range, Tag("[range]")]
    | Annotated[ParameterEntry, Tag("[long]")],
    Discriminator(_form),
]
AnyConstant: TypeAlias = Annotated[
    Annotated[Value, Tag("[short]")] | Annotated[Quantity, Tag("[long]")], Discriminator(_length)
]
AnyPin: TypeAlias = Annotated[
    Annotated[Value, Tag("[short]")] | Annotated[PinEntry, Tag("[long]")], Discriminator(_length)
]
AnyRestriction: TypeAlias = Annotated[
    Annotated[Values, Tag("[list]")] | Annotated[RestrictEntry, Tag("[long]")], Discriminator(_list_or_long)
]
AnyObjective: TypeAlias = Annotated[
    Annotated[ObjectiveEntry, Tag("[one]")] | Annotated[list[ObjectiveEntry], Tag("[several]")],
    Discriminator(_number_of),
]
AnyDerived: TypeAlias = Annotated[
    Annotated[Expression, Tag("[short]")] | Annotated[Quantity, Tag("[long]")], Discriminator(_length)
]


def _body(schema: dict[str, Any], description: str) -> Any:
    return Field(default=None, description=description, json_schema_extra=schema)


_ONE: Final[dict[str, Any]] = {"type": ["string", "boolean"]}
_CONDITION: Final[dict[str, Any]] = {
    "type": ["string", "boolean", "object"],
    "additionalProperties": SCALAR_SCHEMA,
}
_LIST: Final[dict[str, Any]] = {"type": "array", "items": EXPRESSION_SCHEMA}
_OBJECT: Final[dict[str, Any]] = {"type": "object"}


class RuleEntry(Part):
    """A rule: exactly one body, and what people should know about it."""

    id: str | None = Field(default=None, description="unique; `rule-N` where it is missing")
    when: Any = Field(default=None, description="the rule applies where this is true", json_schema_extra=_ONE)
    because: str | None = Field(default=None, description="one sentence on why the rule holds")
    source: str | None = Field(default=None, description="where the fact comes from")
    versions: str | None = Field(default=None, description="of the target, such as `>=0.5.5,<0.5.9`")
    kind: Kind | None = Field(
        default=None, strict=False, description="what happens to a launch that breaks it"
    )

    require: Any = _body(_CONDITION, "an expression or a mapping of values that must not be false")
    forbid: Any = _body(_CONDITION, "an expression or a mapping of values that must not be true")
    bool_or: Any = _body(_LIST, "at least one is true")
    bool_and: Any = _body(_LIST, "all are true")
    bool_xor: Any = _body(_LIST, "an odd number is true")
    at_most_one: Any = _body(_LIST, "at most one is true")
    exactly_one: Any = _body(_LIST, "exactly one is true")
    implication: Any = _body({"type": ["array", "object"]}, "the second holds where the first does")
    linear: Any = _body(_OBJECT, "a weighted sum within bounds")
    all_different: Any = _body(_LIST, "no two are equal")
    allowed_assignments: Any = _body(_OBJECT, "the values form one of the rows")
    forbidden_assignments: Any = _body(_OBJECT, "the values form none of the rows")
    element: Any = _body(_OBJECT, "the choice at an index equals the target")
    multiplication: Any = _body(_OBJECT, "the target is the product")
    division: Any = _body(_OBJECT, "the target is the floor of the quotient")
    modulo: Any = _body(_OBJECT, "the target is the floor's remainder")
    maximum: Any = _body(_OBJECT, "the target is the largest")
    minimum: Any = _body(_OBJECT, "the target is the smallest")
    abs: Any = _body(_OBJECT, "the target is the absolute value")
    automaton: Any = _body(_OBJECT, "the values in order lead to a final state")
    prefer: Any = _body(
        _CONDITION, "an expression or a mapping of values: a solution that makes it false pays the weight"
    )
    weight: Weight = Field(default=1, description="what breaking a preference costs; 1 where it is missing")


_ABOUT: Final = ("id", "when", "because", "source", "versions", "kind", "weight")
BODIES: Final = tuple(name for name in RuleEntry.model_fields if name not in _ABOUT)
"""The keys of a rule that are bodies."""


class Document(Part):
    """What spaces, overlays and packs have in common."""

    spacegen: Literal[1] = Field(description="the version of this language")
    description: str | None = None
    constants: dict[str, AnyConstant] = Field(default={}, description="named values that `--set` can change")
    derived: dict[str, AnyDerived] = Field(default={}, description="named expressions")
    rules: list[RuleEntry] = []


_OBJECTIVE: Final = "which solutions are best: one objective, or several in order of importance"


class Space(Document):
    """A search space: parameters and the rules among them."""

    name: str | None = None
    target: TargetEntry | None = None
    include: list[str] = Field(default=[], description="rule packs by name or relative path")
    strict: list[str] = Field(default=[], description="packs loaded only with `--strict-target`")
    effective: list[str] = Field(
        default=[], description="packs loaded only where values that come to the same launch count once"
    )
    kinds: list[Annotated[Kind, Field(strict=False)]] | None = Field(
        default=None, description="the kinds of rule taken; all where it is missing"
    )
    parameters: dict[str, AnyParameter]
    fixed: dict[str, Value] = Field(default={}, description="in every output, not searched")
    objective: AnyObjective | None = Field(default=None, description=_OBJECTIVE)


class Overlay(Document):
    """A base space with some of it narrowed."""

    extends: str = Field(description="the base: a bundled name, or a path from this file")
    name: str | None = None
    kinds: list[Annotated[Kind, Field(strict=False)]] | None = None
    pin: dict[str, AnyPin] = Field(default={}, description="parameters held at one value")
    restrict: dict[str, AnyRestriction] = Field(
        default={}, description="parameters held within some of their values"
    )
    fixed: dict[str, Value] = Field(default={}, description="in every output, not searched")
    objective: AnyObjective | None = Field(default=None, description=f"{_OBJECTIVE}; instead of the base's")


class Pack(Document):
    """Rules that several spaces share."""

    names: str | None = Field(default=None, description="whose argument names it uses: `sglang==0.5.6`")
    versions: str | None = Field(default=None, description="of the target; elsewhere the pack is left out")
    include: list[str] = Field(default=[], description="packs that this one needs")
