"""Reading the parts of a rule body: expressions, values and lists whose shape nobody has checked yet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from spacegen.errors import Fault, SpaceError, did_you_mean
from spacegen.language.expr import Const, Expr, Scalar
from spacegen.language.syntax import Names, Want, parse
from spacegen.language.translate import MALFORMED
from spacegen.language.typecheck import Types, mismatches, types_of, unwanted
from spacegen.language.unparse import literal
from spacegen.source import Span

__all__ = ["At", "BodyReader", "Path", "a_kind_of"]

Path: TypeAlias = tuple[str | int, ...]
At: TypeAlias = Callable[[Path], Span]


def a_kind_of(value: object) -> str:
    """What YAML data is, in words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"`{literal(value)}`"
        case int() | float():
            return f"the number `{value}`"
        case str():
            return f"`{value if len(value) <= 40 else value[:37] + '...'}`"
        case dict():
            return "a mapping"
        case _:
            return "a list"


def _types(value: bool | float) -> Types:
    return types_of(Const(value), {})


@dataclass(slots=True)
class BodyReader:
    """Reads the body of one rule. Faults are collected; what is malformed becomes `MALFORMED` or nothing."""

    keyword: str
    at: At
    names: Names
    at_key: At
    faults: list[Fault] = field(default_factory=list)

    def fault(self, path: Path, message: str, hint: str | None = None) -> Expr:
        """Report a fault at a part of the body."""
        self.faults.append(Fault(message, self.at(path), hint))
        return MALFORMED

    def key_fault(self, path: Path, message: str, hint: str | None = None) -> Expr:
        """Report a fault at the key that names a part."""
        self.faults.append(Fault(message, self.at_key(path), hint))
        return MALFORMED

    def expression(self, value: object, path: Path, want: Want = "any", *, key: bool = False) -> Expr:
        """An expression text (`key`: it is the key of a mapping), or a bare bool or number."""
        match value:
            case str():
                try:
                    place = self.at_key(path) if key else self.at(path)
                    return parse(value, place, self.names, want=want)
                except SpaceError as error:
                    self.faults.extend(error.faults)
                    return MALFORMED
            case bool() | int() | float() if unwanted(_types(value), want, "") is None:
                return Const(self.scalar(value, path))
            case _:
                noun = {"bool": "a condition", "number": "a number", "any": "an expression"}[want]
                hint = "join conditions with `and`" if want == "bool" and isinstance(value, list) else None
                return self.fault(path, f"expected {noun}, found {a_kind_of(value)}", hint)

    def expressions(
        self, value: object, path: Path, want: Want = "any", *, least: int = 1
    ) -> tuple[Expr, ...]:
        """A list of at least `least` expressions."""
        items = self.items(value, path, "a list of conditions" if want == "bool" else "a list of expressions")
        if items is None:
            return ()
        if len(items) < least:
            self.fault(path, f"`{self.keyword}` needs at least {'one item' if least == 1 else 'two items'}")
        return tuple(self.expression(item, (*path, i), want) for i, item in enumerate(items))

    def items(self, value: object, path: Path, noun: str) -> Sequence[object] | None:
        """The items of a list; `noun` says what was expected."""
        if isinstance(value, list | tuple):
            return value
        self.fault(path, f"expected {noun}, found {a_kind_of(value)}")
        return None

    def parts(
        self, value: object, required: Iterable[str | tuple[str, str]], optional: Sequence[str] = ()
    ) -> Mapping[str, object] | None:
        """A mapping with these keys (a pair: two names for one key, stored under the first)."""
        pairs = [(key, key) if isinstance(key, str) else key for key in required]
        example = ", ".join(f"{key}: ..." for key in [*(key for key, _ in pairs), *optional[:2]])
        if not isinstance(value, dict):
            self.fault((), f"expected a mapping, found {a_kind_of(value)}", f"write `{{{example}}}`")
            return None
        known = {name: pair[0] for pair in pairs for name in pair} | {key: key for key in optional}
        found: dict[str, object] = {}
        before = len(self.faults)
        for key, part in value.items():
            if key not in known:
                listed = "the keys are " + ", ".join(f"`{name}`" for name in known)
                hint = did_you_mean(str(key), known) or listed
                self.key_fault((key,), f"unknown key `{key}` in `{self.keyword}`", hint)
            elif known[key] in found:
                self.key_fault(
                    (key,), f"`{key}` is given already, under its other name", "keep one of the two"
                )
            else:
                found[known[key]] = part
        missing = [name for name, _ in pairs if name not in found]
        if missing and len(self.faults) == before:
            needed = " and ".join(f"`{name}`" for name in missing)
            self.fault((), f"`{self.keyword}` needs {needed}", f"write `{{{example}}}`")
        return found if len(self.faults) == before else None

    def scalar(self, value: object, path: Path) -> Scalar:
        """A plain value."""
        match value:
            case bool() | None | str():
                return value
            case int() if -(2**63) <= value < 2**63:
                return value
            case float() if math.isfinite(value):
                return value
            case int() | float():
                self.fault(path, f"the number `{str(value)[:40]}` is too large")
            case _:
                self.fault(path, f"expected a value, found {a_kind_of(value)}")
        return None

    def integer(self, value: object, path: Path, noun: str) -> int:
        """An integer; `noun` says what it is."""
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.fault(path, f"{noun} must be an integer, found {a_kind_of(value)}")
        return 0

    def checked(self, expr: Expr, operands: Sequence[tuple[object, Path]], *, key: bool = False) -> Expr:
        """`expr` if the types of its operands fit; an operand is its data and path (`key`: they are keys)."""

        def text(i: int) -> str:
            value = operands[i][0]
            return value if isinstance(value, str) else literal(value)  # type: ignore[arg-type]

        wrong = list(mismatches(expr, self.names.domains, text))
        for mismatch in wrong:
            report = self.key_fault if key else self.fault
            report(operands[mismatch.operand][1], mismatch.message, mismatch.hint)
        return MALFORMED if wrong else expr
