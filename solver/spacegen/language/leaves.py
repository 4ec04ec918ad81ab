"""The single values of a document as pydantic takes them: scalars, numbers, weights, expressions."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = ["EXPRESSION_SCHEMA", "SCALAR_SCHEMA", "Expression", "Number", "Value", "Values", "Weight"]

SCALAR_SCHEMA: Final[dict[str, Any]] = {"type": ["boolean", "number", "string", "null"]}
EXPRESSION_SCHEMA: Final[dict[str, Any]] = {"type": ["string", "number", "boolean"]}
_HEAVIEST: Final = 10**9


def _scalar(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise PydanticCustomError("scalar", "must be a single value")
    return value


def _scalars(values: list[Any]) -> list[Any]:
    for i, value in enumerate(values):
        if isinstance(value, list | dict):
            hint = "put ranges under `range:` beside `values:`" if isinstance(value, dict) else None
            raise PydanticCustomError(
                "scalar", "must be a single value", {"step": i, "value": value, "hint": hint}
            )
    return values


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "must be a number")
    return value


def _weight(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _HEAVIEST:
        raise PydanticCustomError("weight", "must be a whole number")
    return value


def _expression(value: Any) -> Any:
    if value is None or isinstance(value, list | dict):
        raise PydanticCustomError("expression", "must be an expression")
    return value


Value: TypeAlias = Annotated[Any, AfterValidator(_scalar), WithJsonSchema(SCALAR_SCHEMA)]
Values: TypeAlias = Annotated[
    list[Any],
    AfterValidator(_scalars),
    WithJsonSchema({"type": "array", "items": SCALAR_SCHEMA, "minItems": 1}),
]
Number: TypeAlias = Annotated[Any, AfterValidator(_number), WithJsonSchema({"type": "number"})]
Weight: TypeAlias = Annotated[
    Any,
    AfterValidator(_weight),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": _HEAVIEST}),
]
Expression: TypeAlias = Annotated[Any, AfterValidator(_expression), WithJsonSchema(EXPRESSION_SCHEMA)]
