"""What the names in expressions stand for: declared names, and the target's defaults for rule packs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from spacegen.errors import Fault
from spacegen.language.expr import Const, Expr, Ref, Scalar, Unset
from spacegen.language.model import NO_DEFAULT, Domain, NoDefault
from spacegen.language.syntax import Names, is_name
from spacegen.servers.schema import REQUIRED, TargetSchema
from spacegen.source import Span

__all__ = ["PackNames", "Symbols", "target_default"]


@dataclass(slots=True)
class Symbols:
    """The names of a space while it is being read. A name that could not be read stays known, with an
    unknown value, so that it causes no second fault."""

    faults: list[Fault]
    meanings: dict[str, Expr] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=dict)
    places: dict[str, tuple[str, Span]] = field(default_factory=dict)

    def names(self) -> Names:
        """The names as expressions see them."""
        return Names(self.meanings, self.domains)

    def declare(self, name: str, noun: str, span: Span, meaning: Expr | None = None) -> bool:
        """Give a name its meaning (unknown where there is none); False, with a fault, where it cannot have
        one."""
        if name in self.places:
            known, first = self.places[name]
            said = (
                f"`{name}` is declared twice" if known == noun else f"`{name}` is both a {known} and a {noun}"
            )
            self.faults.append(Fault(said, span, f"it is first declared at {first}"))
            return False
        self.places[name] = (noun, span)
        self.meanings[name] = Unset(name) if meaning is None else meaning
        if not is_name(name):
            self.faults.append(Fault(f"`{name}` cannot be a name in expressions", span, _better(name)))
            return False
        return True

    def parameter(self, name: str, domain: Domain) -> None:
        """Give a declared parameter its domain."""
        self.meanings[name] = Ref(name)
        self.domains[name] = domain

    def lose(self, names: Iterable[str]) -> None:
        """Names whose declaration could not be read."""
        for name in names:
            self.meanings.setdefault(name, Unset(name))


def _better(name: str) -> str:
    changed = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    if changed != name and is_name(changed):
        return f"write it as `{changed}`"
    return "a name has letters, digits and `_`, starts with no digit, and is no word of the language"


def target_default(schema: TargetSchema, name: str) -> Scalar | NoDefault:
    """The value that an argument has when it is not given; none where it must be given or is no single
    value. Raises KeyError where the target lacks the argument."""
    default = schema.arguments[name].default
    if default is REQUIRED or not (default is None or isinstance(default, bool | int | float | str)):
        return NO_DEFAULT
    return default


class PackNames(Mapping[str, Expr]):
    """The names that the rules of a pack may use: those of the space, then the target's arguments at their
    defaults. Without a target every name is taken, and `missing` collects those that mean nothing."""

    def __init__(self, symbols: Mapping[str, Expr], schema: Callable[[], TargetSchema | None]) -> None:
        self._symbols = symbols
        self._schema = schema
        self.missing: dict[str, None] = {}

    def __getitem__(self, name: str) -> Expr:
        if name in self._symbols:
            return self._symbols[name]
        if not is_name(name):
            raise KeyError(name)
        schema = self._schema()
        if schema is None:
            self.missing[name] = None
            return Unset(name)
        default = target_default(schema, name)
        return Unset(name) if isinstance(default, NoDefault) else Const(default)

    def __iter__(self) -> Iterator[str]:
        schema = self._schema()
        return iter(dict.fromkeys([*self._symbols, *(schema.arguments if schema else ())]))

    def __len__(self) -> int:
        return sum(1 for _ in self)
