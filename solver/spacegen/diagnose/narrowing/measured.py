"""Which values of a space were measured, but are missing from the best configs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from spacegen.api import Space
from spacegen.diagnose.narrowing.edit import Basis, Edit, Kept
from spacegen.diagnose.narrowing.ranking import order
from spacegen.engines.verdict import accepts
from spacegen.errors import Fault, UsageError, how_many
from spacegen.language.expr import Scalar
from spacegen.language.model import NO_DEFAULT, Parameter, same_value
from spacegen.language.scalars import write_scalar
from spacegen.questions.encode import encode_all
from spacegen.tune.metrics import Goal, Limit
from spacegen.tune.record import Record
from spacegen.tune.summary.measured import Measured, measured

__all__ = ["CHANCE", "KEEP", "Measurements", "Tally", "weigh"]

KEEP: Final[float] = 0.2
CHANCE: Final[float] = 0.05

_Row: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a value was measured that none of the best configs has. `chance` is the probability of that
    if the best were drawn at random (hypergeometric); `default` says whether it is the default."""

    parameter: str
    value: Scalar
    measured: int
    chance: float
    default: bool

    def __str__(self) -> str:
        default = ", the default" if self.default else ""
        return f"{write_scalar(self.value)} ({self.measured}{default})"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "parameter": self.parameter,
            "value": self.value,
            "best": 0,
            "measured": self.measured,
            "chance": self.chance,
            "default": self.default,
        }


@dataclass(frozen=True, slots=True)
class Measurements:
    """What measurements say of the values of a space.

    `configs` solutions were measured, of which `failed` gave nothing and `kept` kept all limits; `best` are
    the best of them. Of the values that none of the best has, chance explains those of `unsure` and not those
    of `dropped`; `untried` were never measured. `outside` counts configs that are no solutions of the space.
    """

    configs: int
    failed: int
    kept: int
    outside: int
    simulated: bool
    best: tuple[Mapping[str, Scalar], ...]
    dropped: tuple[Tally, ...]
    unsure: tuple[Tally, ...]
    untried: tuple[tuple[str, Scalar], ...]
    by_chance: float
    """How many values would be dropped on average if no value mattered."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "configs": self.configs,
            "failed": self.failed,
            "kept_limits": self.kept,
            "outside": self.outside,
            "simulated": self.simulated,
            "best": [dict(config) for config in self.best],
            "values_dropped": [tally.as_dict() for tally in self.dropped],
            "values_unsure": [tally.as_dict() for tally in self.unsure],
            "values_untried": [{"parameter": name, "value": value} for name, value in self.untried],
            "by_chance": self.by_chance,
        }

    def edits(self, space: Space, source: str, *, drop_untried: bool = False) -> tuple[Edit, ...]:
        """A clause for each parameter that loses values; `source` names the files of the measurements."""
        return tuple(
            edit
            for parameter in space.parameters
            if (edit := self._edit(parameter, source, drop_untried=drop_untried)) is not None
        )

    def _edit(self, parameter: Parameter, source: str, *, drop_untried: bool) -> Edit | None:
        name = parameter.name
        tallies = [tally for tally in self.dropped if tally.parameter == name]
        untried = [value for other, value in self.untried if other == name and drop_untried]
        gone = [tally.value for tally in tallies] + untried
        kept = tuple(v for v in parameter.domain if not any(same_value(v, other) for other in gone))
        if not gone:
            return None
        seen = ", ".join(map(str, tallies))
        reasons = [f"in none of the {len(self.best)} best of {self.configs} configs: {seen}"] if seen else []
        if untried:
            reasons.append(f"never measured: {', '.join(map(write_scalar, untried))}")
        said = "SIMULATED, " if self.simulated else ""
        return Edit(
            finding=f"measured-{name.replace('_', '-')}",
            basis=Basis.MEASURED,
            ways=(Kept(parameter=name, values=kept),),
            because=f"{said}{source}: {'; '.join(reasons)}",
        )


def weigh(
    space: Space,
    records: Iterable[Record],
    goals: Sequence[Goal],
    limits: Sequence[Limit] = (),
    *,
    keep: float = KEEP,
    chance: float = CHANCE,
) -> Measurements:
    """What records say about the values of a space.

    `keep` is the share of the measured configs that count as the best, at least one. A value that none of
    them has is dropped if random draws would miss it with a probability of at most `chance`. Failures are
    never among the best; failures that may pass do not count.

    Raises UsageError where records are of different workloads, targets, models or machines, where all are of
    another space, and where no solution of the space was measured.
    """
    known = list(records)
    _check_alike(known)
    _check_own(space, known)
    configs = _Configs.of(space, known, goals, limits)
    if not (good := configs.measured):
        hint = _why_outside(space, known) if configs.outside else None
        said = f"none of {how_many(configs.outside + len(configs.rows), 'config')} is one that was measured"
        raise UsageError(Fault(f"{said} and a solution of `{space.name}`", hint=hint))
    best = _ranked(good, goals)[: max(1, round(keep * len(good)))]
    looked = _looked_at(space, list(configs.rows), best, chance)
    return Measurements(
        configs=len(configs.rows),
        failed=len(configs.rows) - len(good),
        kept=sum(one.keeps for one in good.values()),
        outside=configs.outside,
        simulated=any(record.outcome.simulated or record.provenance.simulated for record in known),
        best=tuple(_config(space, row) for row in best),
        dropped=tuple(looked.dropped),
        unsure=tuple(looked.unsure),
        untried=tuple(looked.untried),
        by_chance=looked.by_chance,
    )


def _why_outside(space: Space, records: Sequence[Record]) -> str:
    if any(record.provenance.space and not _foreign(space, record) for record in records):
        return "it has their parameters, but leaves them out, as an overlay may: narrow what was measured"
    return "they are records of another space, or of another target"


def _ranked(good: Mapping[_Row, Measured], goals: Sequence[Goal]) -> list[_Row]:
    """The configs that were measured, the best first."""
    points = [[goal.sign * one.metrics[goal.metric] for goal in goals] for one in good.values()]
    missed = [sum(max(0.0, share) for share in one.violations.values()) for one in good.values()]
    rows = list(good)
    return [rows[i] for i in order(points, missed)]


def _check_alike(records: Sequence[Record]) -> None:
    """Raises UsageError for records whose metrics cannot be compared."""
    for noun in ("workload", "target", "model", "hardware"):
        seen = [getattr(record.provenance, noun) for record in records]
        if others := [one for one in seen if one != seen[0]]:
            shown = " and ".join(f"`{getattr(one, 'name', one)}`" for one in (seen[0], others[0]))
            hint = "what they measure cannot be compared: narrow by one of them after the other"
            raise UsageError(Fault(f"the records are of more than one {noun}, as of {shown}", hint=hint))


def _check_own(space: Space, records: Sequence[Record]) -> None:
    """Raises UsageError where all records are of another space."""
    if records and all(_foreign(space, record) for record in records):
        others = ", ".join(dict.fromkeys(f"`{record.provenance.space}`" for record in records))
        hint = "narrow the space that was measured, or give results of this one"
        raise UsageError(Fault(f"the records are of {others}, not of `{space.name}`", hint=hint))


def _foreign(space: Space, record: Record) -> bool:
    """Whether a record is of a space with another name and other parameters. A space and its overlay have the
    same ones."""
    of = record.provenance.space
    return of not in (None, space.name) and record.config.keys() != space.model.index.keys()


@dataclass(frozen=True, slots=True)
class _Configs:
    """The solutions that were tried, as rows of codes, with their measurements; None for those that failed. A
    config in several records, of whatever studies, counts once."""

    rows: Mapping[_Row, Measured | None]
    outside: int

    @property
    def measured(self) -> dict[_Row, Measured]:
        return {row: one for row, one in self.rows.items() if one is not None}

    @classmethod
    def of(
        cls, space: Space, records: Sequence[Record], goals: Sequence[Goal], limits: Sequence[Limit]
    ) -> _Configs:
        tried = [record for record in records if record.outcome.passing is None]
        # The first record of a config decides whether it was measured: a success, where there is one.
        tried.sort(key=lambda record: not record.outcome.ok)
        rows = _rows(space, tried)
        trials = {row: trial for trial, row in enumerate(dict.fromkeys(row for row in rows if row))}
        times: Counter[_Row] = Counter()
        together = []
        for record, row in zip(tried, rows, strict=True):
            if row:
                update = {"trial": trials[row], "again": times[row]}
                together.append(record.model_copy(update=update))
                times[row] += 1
        found = {one.trial: one for one in measured(together, goals, limits)}
        foreign = {repr(sorted(r.config.items())) for r, row in zip(tried, rows, strict=True) if not row}
        return cls({row: found.get(trial) for row, trial in trials.items()}, len(foreign))


def _rows(space: Space, records: Sequence[Record]) -> list[_Row]:
    """The codes of each record's config; none where it is no solution of the space. A parameter that a
    record does not have ran at its default."""
    defaults = {p.name: p.default for p in space.parameters if p.default is not NO_DEFAULT}
    names = [p.name for p in space.parameters]
    given = [{**defaults, **record.config} for record in records]
    configs = [{name: config[name] for name in names if name in config} for config in given]
    places, block = encode_all(space.model, configs)
    found: list[_Row] = [()] * len(records)
    kept = accepts(space.model, block).tolist() if places else []
    table = zip(*(column.tolist() for column in block.columns), strict=True)
    for place, row, accepted in zip(places, table, kept, strict=True):
        if accepted and not _foreign(space, records[place]):
            found[place] = row
    return found


def _config(space: Space, row: _Row) -> dict[str, Scalar]:
    return {p.name: p.domain[code] for p, code in zip(space.parameters, row, strict=True)}


@dataclass(slots=True)
class _Looked:
    """The values of all parameters, sorted by what was found about them."""

    dropped: list[Tally] = field(default_factory=list)
    unsure: list[Tally] = field(default_factory=list)
    untried: list[tuple[str, Scalar]] = field(default_factory=list)
    by_chance: float = 0.0


def _looked_at(space: Space, rows: Sequence[_Row], best: Sequence[_Row], chance: float) -> _Looked:
    found = _Looked()
    for i, parameter in enumerate(space.parameters):
        times, chosen = Counter(row[i] for row in rows), {row[i] for row in best}
        for code, value in enumerate(parameter.domain):
            if code not in times:
                found.untried.append((parameter.name, value))
                continue
            none = _none_of(len(best), times[code], len(rows))
            found.by_chance += none if none <= chance else 0.0
            if code not in chosen:
                default = parameter.default is not NO_DEFAULT and same_value(value, parameter.default)
                tally = Tally(parameter.name, value, times[code], none, default)
                (found.dropped if none <= chance else found.unsure).append(tally)
    return found


def _none_of(best: int, having: int, all: int) -> float:
    """The probability that none of `best` draws without replacement is one of `having` among `all`."""
    return math.comb(all - having, best) / math.comb(all, best)
