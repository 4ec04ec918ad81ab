"""What Python can say and this language cannot: message and hint for each form."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from spacegen.errors import did_you_mean

__all__ = ["unsupported", "unsupported_call", "unsupported_operator"]

Words: TypeAlias = tuple[str, str | None]

_FORMS: Final[Mapping[type[ast.expr], Words]] = {
    ast.Attribute: ("attributes cannot be read", "a name stands alone, without a dot"),
    ast.Subscript: ("indexing is not part of the language", "use the rule body `element`, or `x in [...]`"),
    ast.Lambda: ("functions cannot be defined here", None),
    ast.JoinedStr: ("strings cannot be formatted here", 'write a plain string, for example "auto"'),
    ast.ListComp: ("comprehensions are not part of the language", "write the items out"),
    ast.SetComp: ("comprehensions are not part of the language", "write the items out"),
    ast.DictComp: ("comprehensions are not part of the language", "write the items out"),
    ast.GeneratorExp: ("comprehensions are not part of the language", "write the items out"),
    ast.List: ("a list can only stand on the right side of `in`", None),
    ast.Tuple: ("a list can only stand on the right side of `in`", "join conditions with `and` or `or`"),
    ast.Set: ("sets are not part of the language", "write a list, for example `x in [1, 2]`"),
    ast.Dict: ("mappings are not part of an expression", "write `a == 1 and b == 2`"),
    ast.NamedExpr: ("values cannot be assigned here", "compare with `==`, or add a name under `derived`"),
    ast.Starred: ("`*` needs a value on its left", None),
}
_OPERATORS: Final[Mapping[type[ast.AST], Words]] = {
    ast.Pow: ("`**` is not part of the language", "multiply: `x * x`"),
    ast.MatMult: ("`@` is not part of the language", None),
    ast.BitAnd: ("`&` is not part of the language", "write `and`"),
    ast.BitOr: ("`|` is not part of the language", "write `or`"),
    ast.BitXor: ("`^` is not part of the language", "for one of two conditions write `a != b`"),
    ast.LShift: ("`<<` is not part of the language", "multiply by a power of two"),
    ast.RShift: ("`>>` is not part of the language", "divide with `//`"),
    ast.Invert: ("`~` is not part of the language", "write `not`"),
    ast.UAdd: ("a sign `+` is not part of the language", "leave it out"),
}
_CALLS: Final[Mapping[str, str]] = {
    "all": "write `a and b`",
    "all_different": "`all_different` is a rule body, or write `a != b`",
    "any": "write `a or b`",
    "at_most_one": "`at_most_one` is a rule body, not a function",
    "bool": "compare it, for example `x > 0`",
    "ceil": "round up with `-(-a // b)`",
    "exactly_one": "`exactly_one` is a rule body, not a function",
    "float": "numbers need no conversion",
    "floor": "round down with `a // b`",
    "iff": "write `a == b`",
    "int": "round down with `a // 1`",
    "is_null": "write `x is null`",
    "isnull": "write `x is null`",
    "len": "strings and lists have no length here",
    "pow": "multiply: `x * x`",
    "prod": "write `a * b`",
    "round": "round down with `a // 1`",
    "str": 'compare with a string: `x == "..."`',
    "sum": "write `a + b`",
    "xor": "write `a != b`",
}


def unsupported(node: ast.expr) -> Words:
    """Words for a form outside the language."""
    return _FORMS.get(type(node), ("this form is not part of the language", None))


def unsupported_operator(op: ast.AST) -> Words:
    """Words for an operator outside the language."""
    return _OPERATORS.get(type(op), ("this operator is not part of the language", None))


def unsupported_call(node: ast.Call, name: str | None, functions: Sequence[str]) -> Words:
    """Words for a call of anything but the `functions` (`name` is None where no plain name is called)."""
    if isinstance(node.func, ast.Attribute):
        hint = "list the values: `x in [...]`" if hasattr(str, node.func.attr) else None
        return f"methods such as `.{node.func.attr}()` cannot be called", hint
    if name is None:
        return "only a function's name can be called", None
    known = ", ".join(f"`{function}`" for function in functions[:-1]) + f" and `{functions[-1]}`"
    hint = _CALLS.get(name) or did_you_mean(name, functions) or f"the functions are {known}"
    return f"unknown function `{name}`", hint
