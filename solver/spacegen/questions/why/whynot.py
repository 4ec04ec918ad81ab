"""Why a value is impossible beside others, or how many solutions have it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spacegen.engines.protocol import Engine, Given
from spacegen.errors import EngineError, UsageError, how_many
from spacegen.language.expr import Scalar
from spacegen.language.model import Model
from spacegen.questions.check import values_outside
from spacegen.questions.edits import parameter
from spacegen.questions.summary import percent
from spacegen.questions.verdict import OutsideValue, assignments
from spacegen.questions.why.conflicts import find_conflicts
from spacegen.questions.why.explain import causes, offered, why_empty
from spacegen.questions.why.explanation import EMPTY, Cause, cause_blocks, indented, repair_lines
from spacegen.questions.why.remedies import Joint, remedies
from spacegen.questions.why.together import Compile, Together, codes_of, possible

if TYPE_CHECKING:
    from spacegen.questions.near.repair import Repair

__all__ = ["WhyNot", "why_not"]


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Whether values are possible beside `given` ones: `solutions` of `among` have them, or the causes say
    why none has. `repair` is the smallest change of the given values that makes them possible; `outside` has
    what no domain offers, and then nothing else was asked; `joint` has the conflicts that end together; in an
    `empty` space the causes say why it is. A number that no engine can tell is None."""

    wanted: Mapping[str, Scalar]
    given: Mapping[str, Scalar]
    solutions: int | None = 0
    among: int | None = 0
    causes: tuple[Cause, ...] = ()
    repair: Repair | None = None
    outside: tuple[OutsideValue, ...] = ()
    joint: tuple[Joint, ...] = ()
    empty: bool = False

    @property
    def possible(self) -> bool:
        """Whether a solution has the values."""
        return self.solutions is None or self.solutions > 0

    def __bool__(self) -> bool:
        return self.possible

    @property
    def share(self) -> float | None:
        """The part of the solutions with the given values that have the wanted ones too; None of none."""
        return self.solutions / self.among if self.solutions is not None and self.among else None

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain data."""
        found: dict[str, Any] = {
            "possible": self.possible,
            "wanted": dict(self.wanted),
            "given": dict(self.given),
        }
        if self.outside:
            return found | {"outside": [o.as_dict() for o in self.outside]}
        found |= {"solutions": self.solutions, "among": self.among, "share": self.share}
        if not self.possible:
            found["conflicts"] = [cause.as_dict() for cause in self.causes]
            if self.joint:
                found["together"] = [joint.as_dict() for joint in self.joint]
            if self.empty:
                found["empty"] = True
            found["repair"] = None if self.repair is None else self.repair.as_dict()
        return found

    def __str__(self) -> str:
        asked = assignments(self.wanted)
        beside = f" given {assignments(self.given)}" if self.given else ""
        if self.possible:
            return f"{asked} is possible{beside}: {self._number()}"
        return "\n\n".join([f"{asked} is impossible{beside}", *map(indented, self._blocks())])

    def _number(self) -> str:
        if self.solutions is None or self.among is None or self.share is None:
            return "more solutions have it than the engine can count"
        of = f"{how_many(self.among, 'solution')}{' with these' if self.given else ''}"
        return f"{self.solutions:,} of {of} ({percent(self.share)})"

    def _blocks(self) -> Iterator[str]:
        if self.outside:
            yield "\n".join(line for o in self.outside for line in o.lines())
        if self.empty:
            yield EMPTY
        yield from cause_blocks(self.causes, self.joint)
        if self.repair is not None and self.repair.changes:
            yield "\n".join(repair_lines(self.repair, "smallest change of the given values"))
        elif self.given and not self.outside and not self.empty:
            yield "no change of the given values makes it possible"


def _count(engine: Engine, given: Given) -> int | None:
    """How many solutions there are; None where that is out of reach."""
    try:
        return engine.count(given)
    except EngineError:
        return None


def why_not(
    model: Model,
    wanted: Mapping[str, Scalar],
    given: Mapping[str, Scalar],
    engine: Engine,
    compile_model: Compile,
    repair: Callable[[Mapping[str, Scalar], Collection[str]], Repair | None],
) -> WhyNot:
    """Whether a solution has the wanted values beside the given ones. Raises UsageError for names that no
    parameter has, EngineError where the engine cannot count.

    `repair` finds the nearest config to some values that keeps those of some names.
    """
    together = {**given, **wanted}
    for name in together:
        parameter(model, name)
        if name in wanted and name in given:
            raise UsageError(f"`{name}` is asked about and given")
    if outside := values_outside(model, together):
        return WhyNot(wanted, given, outside=tuple(outside))
    if possible(engine, codes_of(model, together)):
        solutions = _count(engine, codes_of(model, together))
        among = None if solutions is None else _count(engine, codes_of(model, given))
        return WhyNot(wanted, given, solutions, among)
    if empty := why_empty(model, compile_model, lambda: engine):
        return WhyNot(wanted, given, causes=empty, empty=True)
    found = find_conflicts(model, compile_model, together, engine=lambda: engine)
    mended = repair(together, wanted) if given else None
    menus, whole = (mended.menus, mended.is_product) if mended else ((), True)
    asked = Together.of(model, compile_model, together)
    ways = remedies(asked, found, menus, lambda: offered(model, lambda: engine, given), is_product=whole)
    said = causes(model, found, together, ways)
    return WhyNot(wanted, given, 0, 0, said, mended, joint=ways.joint)
