"""Static types: which kinds of value an expression may have, and which operands an operator takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never

from spacegen.language.expr import (
    Abs,
    AllDifferent,
    And,
    Automaton,
    Compare,
    Const,
    Count,
    Divide,
    Element,
    Expr,
    Extreme,
    IfElse,
    In,
    IsNull,
    IsTrue,
    Negate,
    Not,
    Or,
    Product,
    Ref,
    Scalar,
    Sum,
    Table,
    Unset,
    Within,
)
from spacegen.language.model import Domain, identity
from spacegen.language.walk import children

__all__ = ["Mismatch", "Type", "Types", "Want", "comparable", "mismatches", "types_of", "unwanted"]

Type: TypeAlias = Literal["bool", "number", "string", "null"]
Types: TypeAlias = frozenset[Type]
"""The types that values of an expression may have; none says that nothing is known (an unset constant)."""
Want: TypeAlias = Literal["bool", "number", "measure", "any"]

_ANYTHING: Final[Types] = frozenset()
_NULL: Final[Types] = frozenset({"null"})
_BOOL: Final[Types] = frozenset({"bool"})
_NUMBER: Final[Types] = frozenset({"number"})
_ORDER: Final[tuple[Type, ...]] = ("bool", "number", "string", "null")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An operand of the wrong type: its position among the `children` of the node, and the words."""

    operand: int
    message: str
    hint: str | None = None


def types_of(expr: Expr, domains: Mapping[str, Domain]) -> Types:
    """The types that `expr` may have; a name without a domain may have any."""
    match expr:
        case Const(value):
            return frozenset({_type(value)})
        case Unset():
            return _ANYTHING
        case Ref(name):
            return frozenset(map(_type, domains.get(name, ())))
        case Sum() | Product() | Divide() | Negate() | Abs() | Extreme():
            return _NUMBER
        case IfElse(_, then, other):
            sides = types_of(then, domains), types_of(other, domains)
            return sides[0] | sides[1] if all(sides) else _ANYTHING
        case Not() | And() | Or() | IsTrue() | IsNull() | Compare() | In() | Within():
            return _BOOL
        case Count() | AllDifferent() | Table() | Element() | Automaton():
            return _BOOL
        case _:
            assert_never(expr)


def comparable(a: Types, b: Types) -> bool:
    """Whether a value of `a` could equal one of `b`, nulls aside; a side that is only null fits all."""
    a, b = a - _NULL, b - _NULL
    return not a or not b or bool(a & b)


def unwanted(types: Types, want: Want, text: str) -> tuple[str, str | None] | None:
    """Message and hint where an expression of `types` cannot stand where `want` is expected."""
    match want:
        case "any":
            return None
        case "bool":
            return None if types <= _BOOL | _NULL else _no_condition(types, text)
        case "number":
            return None if types <= _NUMBER | _NULL else (f"expected a number, but {_is(text, types)}", None)
        case "measure":
            # What can be had more or less of: true is 1 there.
            if types <= _NUMBER | _BOOL | _NULL:
                return None
            hint = f'say what is good: `{text if text.isidentifier() else "..."} == "..."`'
            return f"expected a number or a condition, but {_is(text, types)}", hint
        case _:
            assert_never(want)


def mismatches(  # noqa: C901 - one flat match over the nodes
    expr: Expr, domains: Mapping[str, Domain], text: Callable[[int], str]
) -> Iterator[Mismatch]:
    """What is wrong with the types of the direct operands of `expr`; `text` gives an operand's spelling."""
    match expr:
        case Const() | Unset() | Ref() | IsNull():
            return
        case Not() | And() | Or() | IsTrue() | Count():
            yield from _need_bools(expr, domains, text)
        case IfElse():
            yield from _need_bools(expr, domains, text, only_first=True)
        case Sum() | Product() | Within():
            yield from _need_numbers(expr, domains, text, bools=True)
        case Divide() | Negate() | Abs() | Extreme():
            yield from _need_numbers(expr, domains, text, bools=False)
        case Compare(op=op):
            yield from _comparison(expr, op, domains, text)
        case In() | AllDifferent():
            yield from _same_types(expr, domains, text)
        case Element():
            yield from _element(expr, domains, text)
        case Table(items, rows):
            for i, item in enumerate(items):
                yield from _column(i, types_of(item, domains), [row[i] for row in rows], text)
        case Automaton(items, _, _, transitions):
            labels = frozenset(_type(value) for _, value, _ in transitions)
            for i, item in enumerate(items):
                types = types_of(item, domains)
                if not comparable(types, labels):
                    yield Mismatch(i, f"{_is(text(i), types)}, the transitions read {_plural(labels)}")
        case _:
            assert_never(expr)


def _type(value: Scalar) -> Type:
    return identity(value)[0]  # type: ignore[return-value]


def _words(types: Types) -> str:
    nouns = {"bool": "true or false", "number": "a number", "string": "a string", "null": "null"}
    present = [t for t in _ORDER if t in types]
    # A nullable number is still called a number: null is never what is wrong.
    present = [t for t in present if t != "null"] or present
    return " or ".join(nouns[t] for t in present)


def _plural(types: Types) -> str:
    nouns = {"bool": "booleans", "number": "numbers", "string": "strings", "null": "nulls"}
    present = [t for t in _ORDER if t in types]
    return " or ".join(nouns[t] for t in [t for t in present if t != "null"] or present)


def _is(text: str, types: Types) -> str:
    verb = "is" if len(types - _NULL) <= 1 else "may be"
    return f"`{text}` {verb} {_words(types)}"


def _no_condition(types: Types, text: str) -> tuple[str, str]:
    name = text if text.isidentifier() else "..."
    hint = (
        f"compare it, for example `{name} > 0`"
        if types - _NULL == _NUMBER
        else f"compare it: `{name} == ...`"
    )
    return f"expected a condition, but {_is(text, types)}", hint


def _need_bools(
    expr: Expr, domains: Mapping[str, Domain], text: Callable[[int], str], *, only_first: bool = False
) -> Iterator[Mismatch]:
    operands = children(expr)
    for i, operand in enumerate(operands[:1] if only_first else operands):
        problem = unwanted(types_of(operand, domains), "bool", text(i))
        if problem:
            yield Mismatch(i, *problem)


def _need_numbers(
    expr: Expr, domains: Mapping[str, Domain], text: Callable[[int], str], *, bools: bool
) -> Iterator[Mismatch]:
    allowed = _NUMBER | _NULL | (_BOOL if bools else _NULL)
    for i, operand in enumerate(children(expr)):
        types = types_of(operand, domains)
        if not types <= allowed:
            bool_only = types <= _BOOL | _NULL
            hint = "only `+` and `*` count true as 1" if bool_only else None
            yield Mismatch(i, f"expected a number, but {_is(text(i), types)}", hint)


def _comparison(
    expr: Compare, op: str, domains: Mapping[str, Domain], text: Callable[[int], str]
) -> Iterator[Mismatch]:
    if op in ("==", "!="):
        yield from _same_types(expr, domains, text)
        return
    for i, side in enumerate((expr.left, expr.right)):
        types = types_of(side, domains)
        if not types <= _NUMBER | _NULL:
            yield Mismatch(
                i, f"`{op}` orders numbers, but {_is(text(i), types)}", "compare it with `==` or `in`"
            )


def _same_types(expr: Expr, domains: Mapping[str, Domain], text: Callable[[int], str]) -> Iterator[Mismatch]:
    first, *rest = children(expr) or (Const(None),)
    types = types_of(first, domains)
    for i, other in enumerate(rest, start=1):
        if not comparable(types, types_of(other, domains)):
            yield _never_equal(i, (text(0), types), (text(i), types_of(other, domains)))


def _never_equal(operand: int, a: tuple[str, Types], b: tuple[str, Types]) -> Mismatch:
    met = (a[1] | b[1]) - _NULL
    hint = None
    if met == {"number", "string"}:
        hint = "quotes make a string: drop them for a number, add them for a string"
    elif met == {"bool", "number"}:
        hint = "`true` is not `1`: compare with `true` or `false`"
    elif met == {"bool", "string"}:
        hint = "write `true` and `false` without quotes"
    return Mismatch(operand, f"cannot compare `{a[0]}` ({_words(a[1])}) with `{b[0]}` ({_words(b[1])})", hint)


def _element(expr: Element, domains: Mapping[str, Domain], text: Callable[[int], str]) -> Iterator[Mismatch]:
    index = types_of(expr.index, domains)
    if not index <= _NUMBER | _NULL:
        yield Mismatch(0, f"the index must be a number, but {_is(text(0), index)}")
    target = types_of(expr.target, domains)
    last = len(expr.choices) + 1
    for i, choice in enumerate(expr.choices, start=1):
        if not comparable(types_of(choice, domains), target):
            yield _never_equal(i, (text(i), types_of(choice, domains)), (text(last), target))


def _column(
    operand: int, types: Types, values: list[Scalar], text: Callable[[int], str]
) -> Iterator[Mismatch]:
    for value in values:
        if not comparable(types, frozenset({_type(value)})):
            kind = _words(frozenset({_type(value)}))
            yield Mismatch(operand, f"{_is(text(operand), types)}, but a row has {kind} for it")
            return
