"""The questions about configs: whether, why not, and what instead."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from spacegen.compiled import Compiled
from spacegen.errors import EngineError, Fault, UsageError
from spacegen.questions.check import check, check_all
from spacegen.questions.given import plain_config, several, whole
from spacegen.questions.verdict import Verdict
from spacegen.questions.why.conflict import Conflict

if TYPE_CHECKING:
    from spacegen.language.expr import Scalar
    from spacegen.questions.many.batch import Judge
    from spacegen.questions.many.verdicts import Verdicts
    from spacegen.questions.near.around import Around, Within
    from spacegen.questions.near.repair import NoRepair, Repair
    from spacegen.questions.why.explanation import Cause, Explanation
    from spacegen.questions.why.whynot import WhyNot

__all__ = ["Reasons"]

_ONE_EACH: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, eq=False, repr=False)
class Reasons(Compiled):
    """A space that judges configs."""

    def check(self, config: Mapping[str, object]) -> Verdict:
        """What is wrong with a config; a parameter that it does not name is free.

        Arguments that only the target knows are judged by its schema, and pass.
        """
        from spacegen.launch.sorting import Sorter

        given = Sorter(self.base, self.not_searched)(plain_config(config))
        settled, engine = self.not_searched, lambda: self.engine
        return given.told(check(self.model, given.config, self._compile, engine=engine, settled=settled))

    def check_all(self, configs: Iterable[Mapping[str, object]]) -> Iterator[Verdict]:
        """The verdict on each config; many complete ones are tried together, which is faster."""
        from spacegen.launch.sorting import Sorted, Sorter

        settled = self.not_searched
        sort = Sorter(self.base, settled)
        waiting: deque[Sorted] = deque()

        def searched() -> Iterator[Mapping[str, object]]:
            for config in configs:
                waiting.append(sort(plain_config(config)))
                yield waiting[-1].config

        found = check_all(self.model, searched(), self._compile, engine=lambda: self.engine, settled=settled)
        return (waiting.popleft().told(verdict) for verdict in found)

    def verdicts(self, table: Any, *, ignore_unknown: bool = False) -> Verdicts:
        """What `check` says of each row of a table, at once: whether it is valid, and which rules it breaks.

        A table is a mapping of columns, an Arrow table, a data frame, or rows; a parameter that it lacks is
        free. `ignore_unknown` takes columns that neither the space nor its target knows for data.
        """
        from spacegen.launch.sifting import Sieve
        from spacegen.questions.many.tables import columns_of

        columns, length = columns_of(table)
        sifted = Sieve(self.base, self.not_searched, lenient=ignore_unknown)(columns, length)
        return self.judge(sifted.columns, length, sifted.flaws)

    @cached_property
    def judge(self) -> Judge:
        """What judges columns of many configs; compiled when it is first asked."""
        from spacegen.questions.many.batch import Judge

        return Judge(self.model, lambda: self.engine, self.not_searched)

    def repair(
        self,
        config: Mapping[str, object],
        *,
        keep: Iterable[str] = (),
        weights: Mapping[str, int] = _ONE_EACH,
    ) -> Repair | NoRepair:
        """The nearest valid config: fewest changed parameters, then least movement over their domains.

        A parameter that the config does not name is free. `keep` names parameters that must not change,
        `weights` how much a change of one counts, 1 unless given. Raises ConfigError for names that neither
        the space nor its target knows, UsageError for names that the config lacks.
        """
        from spacegen.launch.mending import mended
        from spacegen.questions.near.repair import repair

        kept = several(keep, "parameters to keep")

        def ask(searched: Mapping[str, Any]) -> Repair | NoRepair:
            return repair(
                self.model,
                searched,
                self.engine,
                self._compile,
                keep=kept,
                weights=weights,
                settled=self.not_searched,
            )

        return mended(self.base, self.not_searched, plain_config(config), ask)

    def explain(self, config: Mapping[str, object], *, repair: bool = True) -> Explanation:
        """What is wrong with a config and why: every conflict that matters, what ends it, and the nearest
        valid config, unless `repair` is false."""
        from spacegen.launch.sorting import Sorter
        from spacegen.questions.why.explain import explain

        settled, engine = self.not_searched, lambda: self.engine
        given = Sorter(self.base, settled)(plain_config(config))
        verdict = given.told(check(self.model, given.config, self._compile, engine=engine, settled=settled))
        mend = partial(self._repaired, given.config) if repair else None
        return explain(self.model, verdict, self._compile, engine, mend)

    def why_not(
        self, wanted: Mapping[str, Scalar], given: Mapping[str, Scalar] = MappingProxyType({})
    ) -> WhyNot:
        """Whether a solution has the wanted values beside the given ones; if none has, why, and which given
        values would have to change. Raises UsageError where nothing is wanted."""
        from spacegen.questions.why.whynot import why_not

        asked, beside = plain_config(wanted), plain_config(given)
        if not asked:
            raise UsageError(Fault("no value is asked about", hint="`count` counts the whole space"))
        return why_not(self.model, asked, beside, self.engine, self._compile, self._repaired)

    def _repaired(self, config: Mapping[str, object], keep: Collection[str] = ()) -> Repair | None:
        """The nearest valid config, where there is one and the engine can tell."""
        from spacegen.questions.near.repair import Repair, repair

        try:
            settled = self.not_searched
            found = repair(self.model, config, self.engine, self._compile, keep=keep, settled=settled)
        except EngineError:
            return None
        return found if isinstance(found, Repair) else None

    def why_empty(self) -> tuple[Cause, ...]:
        """Why the space has no solution, in words; nothing where it has one."""
        from spacegen.questions.why.explain import causes

        conflict = self.conflict()
        return () if conflict is None else causes(self.model, (conflict,), {})

    def around(self, base: Mapping[str, object] | None = None) -> Around:
        """One parameter at a time: for each value of each parameter the solution nearest to `base` that has
        it, and why more had to change. What the base does not name is at its default.

        Raises EmptySpaceError where there is no solution, ConfigError for names that nobody knows.
        """
        from spacegen.questions.near.around import around

        return around(self.model, self.engine, self._start(base))

    def within(self, radius: int, base: Mapping[str, object] | None = None) -> Within:
        """The solutions that differ from `base` in at most `radius` parameters. What the base does not name
        is at its default; without one, it is free. Raises ConfigError for names that nobody knows."""
        from spacegen.questions.near.around import within

        return within(self.model, self.engine, self._start(base), whole(radius, "a radius"))

    def _start(self, base: Mapping[str, object] | None) -> Mapping[str, Any]:
        from spacegen.launch.mending import named
        from spacegen.questions.near.around import defaults

        config = plain_config(base or {})
        own = named(self.base, self.not_searched, config).own
        given = {name: config[key] for key, name in own.items() if name in self.model.index}
        return {**defaults(self.model), **given}

    def conflict(self) -> Conflict | None:
        """A minimal set of rules that cannot hold together, where the space is empty."""
        from spacegen.questions.why.conflicts import find_conflict

        return find_conflict(self.model, self._compile)
