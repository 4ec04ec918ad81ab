"""What the names in expressions stand for: declared names, and the target's defaults for rule packs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from spacegen.errors import Fault
from spacegen.language.expr import Const, Expr, Ref, Unset
from spacegen.language.model import Domain, NoDefault
from spacegen.language.retarget import Retarget
from spacegen.language.syntax import Names, better_name, is_name
from spacegen.source import Span

__all__ = ["PackNames", "Symbols", "reworded"]


@dataclass(slots=True)
class Symbols:
    """The names of a space while it is being read. A name that could not be read stays known, with an
    unknown value, so that it causes no second fault. `renamed` has the names of the file that the model
    spells otherwise, `left_out` those that the target lacks; `arguments` has the declared name of each
    argument of the target."""

    faults: list[Fault]
    meanings: dict[str, Expr] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=dict)
    places: dict[str, tuple[str, Span]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    arguments: dict[str, str] = field(default_factory=dict)

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
            self.faults.append(Fault(f"`{name}` cannot be a name in expressions", span, better_name(name)))
            return False
        return True

    def parameter(self, name: str, domain: Domain, *, written: str | None = None) -> None:
        """Give a declared parameter its domain; `written` is its name in the file, where that is another."""
        self.meanings[name] = Ref(name)
        self.domains[name] = domain
        if written is not None:
            self.rename(written, name)

    def leave_out(self, name: str, stand_in: Expr) -> None:
        """Let rules see something else than a parameter or a fixed value that the target lacks."""
        self.domains.pop(name, None)
        self.left_out.add(name)
        self.meanings[name] = stand_in

    def rename(self, written: str, name: str) -> None:
        """Let a name in the file stand for another in the model."""
        if written != name:
            self.domains.pop(written, None)
            self.meanings[name] = self.meanings[written] = self.meanings.get(name, self.meanings[written])
            self.renamed[written] = name

    def lose(self, names: Iterable[str]) -> None:
        """Names whose declaration could not be read."""
        for name in names:
            self.meanings.setdefault(name, Unset(name))


def reworded(text: str, renamed: Mapping[str, str]) -> str:
    """The text of an expression in the names of the model."""
    if not renamed:
        return text
    return re.sub(r"[A-Za-z_]\w*", lambda word: renamed.get(word[0], word[0]), text)


class PackNames(Mapping[str, Expr]):
    """The names that the rules of a pack may use: those of the space, then the target's arguments at their
    defaults, each as the pack's `version` of the server calls it. Without a target every name is taken, and
    `missing` collects those that mean nothing; `renamed` collects the names that the model spells otherwise.
    """

    def __init__(self, symbols: Symbols, way: Retarget | None, version: str | None = None) -> None:
        self._symbols = symbols
        self._way = way
        self._version = version
        self.missing: dict[str, None] = {}
        self.renamed: dict[str, str] = {}

    def __getitem__(self, name: str) -> Expr:
        declared = self._declared(name)
        if declared is not None:
            if declared != name:
                self.renamed[name] = declared
            return self._symbols.meanings[declared]
        if not is_name(name):
            raise KeyError(name)
        if self._way is None:
            self.missing[name] = None
            return Unset(name)
        default = self._way.default(name, self._version)
        return Unset(name) if isinstance(default, NoDefault) else Const(default, name)

    def _declared(self, name: str) -> str | None:
        """What the space calls it: by the name in the model, as it stands, or by another flag of the same
        argument."""
        known = self._symbols.meanings
        now = name if self._way is None else self._way.name(name, self._version)
        if now in known or self._way is None:
            return now if now in known else None
        if name in known:
            return name
        argument = self._way.wanted.arguments.get(now)
        return None if argument is None else self._symbols.arguments.get(argument.name)

    def __iter__(self) -> Iterator[str]:
        arguments = self._way.wanted.arguments if self._way else ()
        return iter(dict.fromkeys([*self._symbols.meanings, *arguments]))

    def __len__(self) -> int:
        return sum(1 for _ in self)
