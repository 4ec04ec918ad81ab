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
from spacegen.language.typecheck import mismatches, types_of, unwanted
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


@dataclass(slots=True)
class BodyReader:
    """Reads the body of one rule. Faults are collected; what is malformed becomes `MALFORMED` or nothing."""

    keyword: str
    at: At
    names: Names
    faults: list[Fault] = field(default_factory=list)

    def fault(self, path: Path, message: str, hint: str | None = None) -> Expr:
        """Report a fault at a part of the body."""
        self.faults.append(Fault(message, self.at(path), hint))
        return MALFORMED

    def expression(self, value: object, path: Path, want: Want = "any") -> Expr:
        """An expression text, or a bare bool or number."""
        match value:
            case str():
                try:
                    return parse(value, self.at(path), self.names, want=want)
                except SpaceError as error:
                    self.faults.extend(error.faults)
                    return MALFORMED
            case bool() | int() | float():
                constant = Const(self.scalar(value, path))
                problem = unwanted(types_of(constant, {}), want, literal(value))
                return self.fault(path, *problem) if problem else constant
            case _:
                noun = {"bool": "a condition", "number": "a number", "any": "an expression"}[want]
                return self.fault(path, f"expected {noun}, found {a_kind_of(value)}")

    def expressions(
        self, value: object, path: Path, want: Want = "any", *, least: int = 1
    ) -> tuple[Expr, ...]:
        """A list of at least `least` expressions."""
        items = self.items(value, path, "a list of conditions" if want == "bool" else "a list of expressions")
        if items is None:
            return ()
        if len(items) < least:
            self.fault(path, f"`{self.keyword}` needs at least {least} {'item' if least == 1 else 'items'}")
        return tuple(self.expression(item, (*path, i), want) for i, item in enumerate(items))

    def items(self, value: object, path: Path, noun: str) -> Sequence[object] | None:
        """The items of a list; `noun` says what was expected."""
        if isinstance(value, list | tuple):
            return value
        self.fault(path, f"expected {noun}, found {a_kind_of(value)}")
        return None

    def parts(
        self, value: object, required: Iterable[str | tuple[str, str]], optional: Iterable[str] = ()
    ) -> Mapping[str, object] | None:
        """A mapping with these keys (a pair: two names for one key, stored under the first)."""
        pairs = [(key, key) if isinstance(key, str) else key for key in required]
        spelled = ", ".join(f"{key}: ..." for key, _ in pairs)
        if not isinstance(value, dict):
            self.fault((), f"expected a mapping, found {a_kind_of(value)}", f"write `{{{spelled}}}`")
            return None
        known = [*dict.fromkeys(name for pair in pairs for name in pair), *optional]
        found: dict[str, object] = {}
        before = len(self.faults)
        for key, part in value.items():
            if key not in known:
                hint = did_you_mean(str(key), known) or "the keys are " + ", ".join(f"`{k}`" for k in known)
                self.fault((key,), f"unknown key `{key}` in `{self.keyword}`", hint)
                continue
            name = next((first for first, second in pairs if key == second), key)
            if name in found:
                self.fault((key,), f"`{key}` says the same as `{name}`", "keep one of them")
            found[name] = part
        for name, _ in pairs:
            if name not in found:
                self.fault((), f"`{self.keyword}` needs the key `{name}`", f"write `{{{spelled}}}`")
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

    def checked(self, expr: Expr, operands: Sequence[tuple[object, Path]]) -> Expr:
        """`expr` if the types of its operands fit; an operand is its data and its path."""

        def text(i: int) -> str:
            value = operands[i][0]
            return value if isinstance(value, str) else literal(value)  # type: ignore[arg-type]

        wrong = list(mismatches(expr, self.names.domains, text))
        for mismatch in wrong:
            self.fault(operands[mismatch.operand][1], mismatch.message, mismatch.hint)
        return MALFORMED if wrong else expr
