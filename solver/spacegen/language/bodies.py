"""Rule bodies: from their YAML data to conditions, under the names that CP-SAT gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from spacegen.errors import SpaceError, did_you_mean
from spacegen.language.bodyreader import At, BodyReader, Path, a_kind_of
from spacegen.language.expr import (
    And,
    Compare,
    Const,
    Count,
    Expr,
    Not,
    Or,
    Product,
    Sum,
    Within,
)
from spacegen.language.listings import all_different, automaton, element, table
from spacegen.language.spell import body_of, rule_of
from spacegen.language.sugar import SUGAR
from spacegen.language.syntax import Names, bounded
from spacegen.language.translate import MALFORMED
from spacegen.language.unparse import literal
from spacegen.language.walk import implies

__all__ = ["KEYWORDS", "body_of", "condition", "rule_of", "text_of"]

_SHOWN_ITEMS: Final = 12


def condition(keyword: str, value: object, at: At, names: Names, *, at_key: At | None = None) -> Expr:
    """The condition that a rule body stands for; it must not be false, or had better not be (`prefer`).

    `keyword` is one of `KEYWORDS`, `value` the plain data below it; `at` gives the place of a part of
    `value` by its path, `at_key` that of the key which names it. Raises SpaceError with all faults.
    """
    reader = BodyReader(keyword, at, names, at_key or at)
    expr = _BODIES[keyword](reader, value)
    if reader.faults:
        raise SpaceError(*reader.faults)
    return bounded(expr, at(()))


def text_of(keyword: str, value: object) -> str:
    """A rule body on one line, as its author wrote it: `require` and `prefer` go without their keywords."""
    text = _flow(value, top=True)
    if keyword in ("require", "prefer"):
        return text
    return f"{keyword} {text}" if isinstance(value, str) else f"{keyword}: {text}"


def _flow(value: object, *, top: bool = False) -> str:
    match value:
        case str():
            return " ".join(value.split())
        case dict():
            inner = ", ".join(f"{key}: {_flow(part)}" for key, part in value.items())
            return f"{{{inner}}}"
        case list() | tuple() if len(value) > _SHOWN_ITEMS and not top:
            return f"[{', '.join(map(_flow, value[:_SHOWN_ITEMS]))}, ... {len(value):,} in all]"
        case list() | tuple():
            return f"[{', '.join(map(_flow, value))}]"
        case _:
            return literal(value)  # type: ignore[arg-type]


def _require(reader: BodyReader, value: object) -> Expr:
    if not isinstance(value, dict):
        return reader.expression(value, (), "bool")
    if not value:
        return reader.fault((), f"`{reader.keyword}` needs at least one value")
    items = tuple(_equality(reader, name, part) for name, part in value.items())
    return items[0] if len(items) == 1 else And(items)


def _equality(reader: BodyReader, name: str, value: object) -> Expr:
    symbols = reader.names.symbols
    if name not in symbols:
        return reader.key_fault((name,), f"unknown name `{name}`", did_you_mean(str(name), symbols))
    if isinstance(value, list | dict):
        hint = f"write an expression: `{name} in [...]`" if isinstance(value, list) else None
        return reader.fault((name,), f"expected a value for `{name}`, found {a_kind_of(value)}", hint)
    constant = Const(reader.scalar(value, (name,)))
    return reader.checked(Compare("==", symbols[name], constant), [(name, (name,)), (value, (name,))])


def _forbid(reader: BodyReader, value: object) -> Expr:
    return Not(_require(reader, value))


def _conditions(build: Callable[[tuple[Expr, ...]], Expr]) -> Callable[[BodyReader, object], Expr]:
    return lambda reader, value: build(reader.expressions(value, (), "bool"))


def _odd(items: tuple[Expr, ...]) -> Expr:
    return Count(items, frozenset(range(1, len(items) + 1, 2)))


def _implication(reader: BodyReader, value: object) -> Expr:
    if not isinstance(value, dict):
        listed = reader.items(value, (), "two conditions")
        if listed is None or len(listed) != 2:
            return (
                MALFORMED
                if listed is None
                else reader.fault((), f"expected two conditions, found {len(listed)}")
            )
        return implies(*(reader.expression(part, (i,), "bool") for i, part in enumerate(listed)))
    parts = reader.parts(value, ["if", "then"])
    if parts is None:
        return MALFORMED
    return implies(*(reader.expression(parts[key], (key,), "bool") for key in ("if", "then")))


def _linear(reader: BodyReader, value: object) -> Expr:
    parts = reader.parts(value, ["terms"], ["min", "max", "domain"])
    if parts is None:
        return MALFORMED
    total = _terms(reader, parts["terms"])
    if "domain" in parts:
        if "min" in parts or "max" in parts:
            return reader.fault(("domain",), "`domain` stands alone, without `min` and `max`")
        return Within(total, _intervals(reader, parts["domain"]))
    if "min" not in parts and "max" not in parts:
        return reader.fault((), "`linear` needs `min`, `max` or `domain`")
    ends = {key: reader.expression(parts[key], (key,), "number") for key in ("min", "max") if key in parts}
    if all(isinstance(end, Const) for end in ends.values()):
        low, high = (_number(ends.get(key)) for key in ("min", "max"))
        return Within(total, ((low, high),))
    bounds = (Compare(">=" if key == "min" else "<=", total, end) for key, end in ends.items())
    return And(tuple(bounds))


def _number(expr: Expr | None) -> int | float | None:
    return expr.value if isinstance(expr, Const) and isinstance(expr.value, int | float) else None


def _terms(reader: BodyReader, value: object) -> Expr:
    if isinstance(value, dict):
        found = [
            _term(reader, text, factor, ("terms", text), ("terms", text)) for text, factor in value.items()
        ]
    else:
        listed = reader.items(value, ("terms",), "a mapping of expressions to coefficients")
        if listed is None:
            return MALFORMED
        found = [_pair(reader, pair, ("terms", i)) for i, pair in enumerate(listed)]
    return Sum(tuple(found)) if found else reader.fault(("terms",), "`linear` needs at least one term")


def _pair(reader: BodyReader, pair: object, path: Path) -> Expr:
    if isinstance(pair, list | tuple) and len(pair) == 2:
        return _term(reader, pair[1], pair[0], (*path, 1), (*path, 0))
    return reader.fault(path, f"expected a term, found {a_kind_of(pair)}", "write `[2, tp_size]`")


def _term(reader: BodyReader, text: object, factor: object, path: Path, factor_path: Path) -> Expr:
    key = path == factor_path
    item = reader.expression(text, path, key=key)
    if isinstance(factor, bool) or not isinstance(factor, int | float):
        return reader.fault(factor_path, f"a coefficient must be a number, found {a_kind_of(factor)}")
    term = Product((Const(reader.scalar(factor, factor_path)), item))
    return reader.checked(term, [(factor, factor_path), (text, path)], key=key)


def _intervals(
    reader: BodyReader, value: object
) -> tuple[tuple[int | float | None, int | float | None], ...]:
    found = []
    for i, pair in enumerate(reader.items(value, ("domain",), "a list of intervals") or ()):
        ends = pair if isinstance(pair, list | tuple) else (pair, pair)
        if len(ends) != 2 or not all(_is_end(end) for end in ends):
            reader.fault(("domain", i), "expected an interval of two numbers", "for example `[0, 8]`")
            continue
        low, high = ends
        if low is not None and high is not None and low > high:
            reader.fault(("domain", i), f"the interval ends before it starts: [{low}, {high}]")
        found.append((low, high))
    return tuple(found)


def _is_end(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


_BODIES: Final[Mapping[str, Callable[[BodyReader, object], Expr]]] = {
    "require": _require,
    "forbid": _forbid,
    "bool_or": _conditions(Or),
    "bool_and": _conditions(And),
    "bool_xor": _conditions(_odd),
    "at_most_one": _conditions(lambda items: Count(items, frozenset({0, 1}))),
    "exactly_one": _conditions(lambda items: Count(items, frozenset({1}))),
    "implication": _implication,
    "linear": _linear,
    "all_different": all_different,
    "allowed_assignments": table,
    "forbidden_assignments": lambda reader, value: Not(table(reader, value)),
    "element": element,
    **SUGAR,
    "automaton": automaton,
    "prefer": _require,
}
KEYWORDS: Final = tuple(_BODIES)
"""The rule bodies, in the order in which the documentation lists them."""
