"""From the names, values and defaults of one version of a server to those of another.

A space is written for one version and may be loaded for another (`--target`); each of its packs may use the
names of a third (`names:`). Here is the one way from each of them to the model, whose names are those of the
version that the space is loaded for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from spacegen.errors import SpaceError, did_you_mean
from spacegen.language.expr import Const, Expr, Scalar, Unset
from spacegen.language.model import NO_DEFAULT, Domain, NoDefault, Parameter, Target, identity, same_value
from spacegen.language.scalars import write_scalar
from spacegen.servers import renames
from spacegen.servers.schema import REQUIRED, TargetSchema, load
from spacegen.servers.values import misfit

__all__ = ["Retarget", "target_default"]


def target_default(schema: TargetSchema, name: str) -> Scalar | NoDefault:
    """The value that an argument has when it is not given; none where it must be given or is no single
    value. Raises KeyError where the target lacks the argument."""
    default = schema.arguments[name].default
    if default is REQUIRED or not (default is None or isinstance(default, bool | int | float | str)):
        return NO_DEFAULT
    return default


@dataclass(frozen=True, slots=True)
class Retarget:
    """The target that a space is written for, the one it is loaded for (mostly the same), and the arguments
    of both, which another version may stand in for. `notes` collects what changes on the way."""

    written: TargetSchema
    wanted: TargetSchema
    origin: Target
    target: Target
    notes: list[str] = field(default_factory=list)

    @classmethod
    def between(cls, written: Target, wanted: Target) -> Retarget:
        """The way between two versions of one server. Raises SpaceError where one of them has no data."""
        here = load(wanted.server, wanted.version)
        there = here if written == wanted else load(written.server, written.version)
        notes = list(dict.fromkeys([*there.notes, *here.notes]))
        return cls(there, here, written, wanted, notes)

    @property
    def moves(self) -> bool:
        """Whether anything changes on the way."""
        return self.origin != self.target

    @property
    def data(self) -> str:
        """The target, or the version that stands in for it."""
        return str(self.wanted if self.wanted.notes else self.target)

    def unknown(self, name: str) -> str:
        """A hint for a name that the target of the space lacks: its new or old name, or a similar one."""
        server, version = self.origin.server, self.origin.version
        known = renames.formerly(server, name, version) or did_you_mean(name, self.written.arguments)
        if known is None and self.written.notes:
            # An older version stands in, so the name may well exist.
            return "`spacegen target add --python ENV` reads the arguments of an installed server"
        return known or f"`spacegen target show {self.written}` lists its arguments"

    def takes_all(self, name: str, domain: Domain) -> bool:
        """Whether the target of the space takes every value, as far as their types alone say so."""
        argument = self.written.arguments[name]
        if argument.choices is not None:
            return False
        return all(misfit(argument, value) is None for value in {type(v): v for v in domain}.values())

    def misfit(self, name: str, value: Scalar) -> str | None:
        """What the target of the space takes instead of a value, as a hint; None where it takes it."""
        return misfit(self.written.arguments[name], value)

    def name(self, name: str, version: str | None = None) -> str:
        """What the model calls an argument that `version` (else the target of the space) calls `name`."""
        if version is None and not self.moves:
            return name
        since = version or self.origin.version
        if since == self.target.version:
            return name
        return renames.renamed(self.target.server, name, since, self.target.version) or name

    def default(self, name: str, version: str | None = None) -> Scalar | NoDefault:
        """The default of an argument that `version` calls `name`, where nobody gives it: that of the target,
        or of `version` itself for an argument that the target lacks. Raises KeyError where both lack it."""
        now = self.name(name, version)
        if now in self.wanted.arguments:
            return target_default(self.wanted, now)
        if version is None:
            return target_default(self.written, name)
        try:
            return target_default(load(self.target.server, version), name)
        except SpaceError:
            raise KeyError(name) from None

    def stand_in(self, name: str) -> Expr:
        """What rules see of an argument that is left out on the way: the default of the version in which it
        exists."""
        default = self.default(name)
        return Unset(name) if isinstance(default, NoDefault) else Const(default, name)

    def parameter(self, parameter: Parameter) -> Parameter | None:
        """The parameter as the target has it; None, with a note, where it is left out."""
        name = self.name(parameter.name)
        if name not in self.wanted.arguments:
            self.left_out(parameter.name)
            return None
        self.note_name(parameter.name, name)
        values = tuple(self.kept(name, parameter))
        if not values:
            self.notes.append(f"`{name}` is left out: {self.data} takes none of its values")
            return None
        default = self.moved_default(name, parameter, values)
        if not isinstance(default, NoDefault) and default not in Domain(values):
            values = (default, *values) if default is None else (*values, default)
            self.notes.append(f"`{name}` gains {write_scalar(default)}, its default in {self.data}")
        return replace(parameter, name=name, domain=replace(parameter.domain, values=values), default=default)

    def fixed(self, name: str, value: Scalar) -> str | None:
        """The name of a fixed value in the target; None, with a note, where it is left out."""
        now = self.name(name)
        if now not in self.wanted.arguments:
            self.left_out(name)
            return None
        if misfit(self.wanted.arguments[now], value) is not None:
            self.notes.append(f"`{now}` is left out: {self.data} takes no {write_scalar(value)}")
            return None
        self.note_name(name, now)
        return now

    def note_name(self, written: str, name: str) -> None:
        """Note what the target says of a name that it has: that it is another, or deprecated."""
        if name != written:
            self.notes.append(f"`{written}` is called `{name}` in {self.target}")
        elif instead := renames.replaced(self.target.server, name, self.target.version):
            self.notes.append(f"`{name}` is deprecated in {self.target}: {instead}")

    def left_out(self, name: str) -> None:
        """Note that the target lacks an argument, and what does its work there."""
        note = f"`{name}` is left out: {self.data} has no such argument"
        instead = renames.replaced(self.target.server, name, self.target.version)
        self.notes.append(f"{note}; {instead}" if instead else note)

    def kept(self, name: str, parameter: Parameter) -> Iterator[Scalar]:
        """The values that the target takes too."""
        argument = self.wanted.arguments[name]
        lost = []
        for value in parameter.domain:
            if misfit(argument, value) is not None:
                lost.append(write_scalar(value))
            elif (
                value is not None or argument.nullable or not self.written.arguments[parameter.name].nullable
            ):
                yield value
        if lost:
            pronoun = "it" if len(lost) == 1 else "them"
            self.notes.append(f"`{name}` loses {', '.join(lost)}: {self.data} does not take {pronoun}")

    def moved_default(
        self, name: str, parameter: Parameter, values: tuple[Scalar, ...]
    ) -> Scalar | NoDefault:
        """The default in the target: its own where the parameter had that of the version in the file."""
        old, new = target_default(self.written, parameter.name), target_default(self.wanted, name)
        given = parameter.default
        kept = {identity(value) for value in values}
        if isinstance(given, NoDefault):
            known = not isinstance(new, NoDefault) and identity(new) in kept
            return new if known else NO_DEFAULT
        follows = not isinstance(old, NoDefault) and same_value(given, old)
        if identity(given) in kept and (isinstance(new, NoDefault) or not follows):
            return given
        return new
