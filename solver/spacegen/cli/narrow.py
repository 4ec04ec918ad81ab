"""`spacegen narrow`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegen.cli.diagnose_space import inputs
from spacegen.cli.options import AsJson, EngineChoice, Selection, SpaceName, spread
from spacegen.cli.output import print_json, print_table
from spacegen.cli.process import Failures
from spacegen.cli.studying import Aims

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.diagnose.narrowing.measured import Measurements, Tally
    from spacegen.diagnose.narrowing.narrowing import Narrowing
    from spacegen.tune.metrics import Goal, Limit
    from spacegen.tune.record import Record

__all__ = ["narrow"]


def _option(*flags: str, metavar: str | None = None, help: str, **more: Any) -> Any:
    panel = "The measurements"
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel=panel, **more)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured, and when a value goes."""

    source: Annotated[
        list[str] | None,
        _option(
            "--from",
            metavar="RESULTS",
            help="A file of results, or a study's storage; may be given again.",
            show_default=False,
        ),
    ] = None
    study: Annotated[
        str | None,
        _option("--study", metavar="NAME", help="Its name, where there are several.", show_default=False),
    ] = None
    keep_best: Annotated[
        str, _option("--keep-best", metavar="SHARE", help="The share of configs that count as the best.")
    ] = "20%"
    chance: Annotated[
        str,
        _option(
            "--chance",
            metavar="SHARE",
            help="Drop a value only if chance explains its absence with at most this probability.",
        ),
    ] = "5%"
    drop_untried: Annotated[
        bool, _option("--drop-untried", help="Drop values that were never measured, too.", show_default=False)
    ] = False

    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The narrowed space, an overlay such as narrow.yaml; - is stdout.",
            rich_help_panel="The output",
            show_default=False,
        ),
    ] = None

    def refuse(self, *, as_json: bool) -> None:
        """Raises UsageError where the overlay cannot be written, or shares stdout."""
        from spacegen.diagnose.narrowing.overlay import refuse
        from spacegen.errors import Fault, UsageError

        if self.output == "-" and as_json:
            hint = "name a file for the overlay"
            raise UsageError(Fault("stdout takes one of `--output -` and `--json`", hint=hint))
        if self.output is not None:
            refuse(Path(self.output))

    def names(self) -> list[str]:
        """The files. Raises UsageError where none is given."""
        from spacegen.errors import Fault, UsageError

        if not self.source:
            hint = "`spacegen tune` and `spacegen run` write them: `--from results.jsonl`"
            raise UsageError(Fault("no results given: name a file with `--from`", hint=hint))
        return list(dict.fromkeys(self.source))


@spread
def narrow(
    space: SpaceName,
    engine: EngineChoice = "auto",
    as_json: AsJson = False,
    *,
    evidence: Evidence,
    aims: Aims,
    selection: Selection,
) -> int:
    """Drop the values of a space that were measured and never were among the best.

    Configs are ranked by the objectives, front by front; failures are never among the best. A value is
    dropped if no config among the best has it and that is unlikely to be chance: the probability that as
    many random draws from the measured configs would all miss it. The overlay gives the reason for each
    parameter, and keeps the findings that the file already has.
    """
    from spacegen.diagnose.narrowing.measured import weigh

    evidence.refuse(as_json=as_json)
    keep, chance = share(evidence.keep_best, "--keep-best"), share(evidence.chance, "--chance")
    records, goals, limits = _read(evidence, aims)
    chosen = _load(selection, space, engine, records, evidence.output)
    found = weigh(chosen, records, goals, limits, keep=keep, chance=chance)
    narrowed = _narrowed(chosen, space, found, evidence)
    output, text, failures = evidence.output, "", Failures()
    with failures:
        text = _write(output, space, chosen, narrowed, selection)
    if as_json:
        print_json({"goals": list(map(str, goals)), **found.as_dict(), **narrowed.as_dict()}, indent=2)
    elif output == "-":
        print(text, end="")
    else:
        _print(found, narrowed, goals, limits, untried_go=evidence.drop_untried)
    if text and output != "-":
        selection.say(f"wrote {output}")
    return failures.say()


def _write(output: str | None, name: str, space: Space, narrowed: Narrowing, selection: Selection) -> str:
    """The text of the overlay, if one is wanted."""
    if output is None:
        return ""
    from spacegen.diagnose.narrowing.overlay import write

    asked = inputs(selection)
    return write(Path(output), name, space, narrowed.edits, counts=narrowed.counts, inputs=asked)


def _narrowed(space: Space, name: str, found: Measurements, evidence: Evidence) -> Narrowing:
    """The space without what goes, and with what the overlay says that is to be written."""
    from spacegen.diagnose.narrowing.by_measurements import narrow_by_measurements
    from spacegen.diagnose.narrowing.overlay import earlier

    before = () if evidence.output is None else earlier(Path(evidence.output), name, space)
    sources = ", ".join(evidence.names())
    return narrow_by_measurements(space, found, sources, drop_untried=evidence.drop_untried, earlier=before)


def share(text: str, flag: str) -> float:
    """The share that `20%` or `0.2` says. Raises UsageError."""
    from spacegen.errors import Fault, UsageError

    found = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(%?)", text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 < value <= 1:
        hint = f"give more than 0 and at most 100 %, as `{flag} 20%` or `{flag} 0.2`"
        raise UsageError(Fault(f"`{flag} {text}` is not a share", hint=hint))
    return value


def _read(evidence: Evidence, aims: Aims) -> tuple[list[Record], tuple[Goal, ...], tuple[Limit, ...]]:
    """The records of all files, and what they are ranked by. Raises UsageError and ConfigError."""
    from spacegen.errors import Fault, UsageError
    from spacegen.tune.report.reading import check_goals, read

    found = [read(name, evidence.study) for name in evidence.names()]
    records = [record for one in found for record in one.records]
    said = bool(aims.minimize or aims.maximize or aims.per_gpu)
    goals = aims.goals() if said else found[0].goals
    if not said and any(one.goals != goals for one in found):
        hint = "say which count: `--minimize ttft --maximize tps`"
        raise UsageError(Fault("the studies have different objectives", hint=hint))
    check_goals(records, goals)
    limits = tuple(dict.fromkeys(limit for one in found for limit in one.limits))
    return records, goals, aims.limits() or limits


def _load(selection: Selection, name: str, engine: str, records: list[Record], output: str | None) -> Space:
    """The space under the names that the records have, those of the target that was measured, as earlier
    commands asked for it that wrote `output`."""
    from spacegen.diagnose.narrowing.overlay import as_asked, on_its_base

    measured = next((r.provenance.target for r in records if r.provenance.target), None)
    found = replace(selection, target=selection.target or measured).load(name, engine=engine)
    space = on_its_base(name, found)
    return space if output is None else as_asked(Path(output), name, space)


def _print(
    found: Measurements,
    narrowed: Narrowing,
    goals: Sequence[Goal],
    limits: Sequence[Limit],
    *,
    untried_go: bool,
) -> None:
    from spacegen.diagnose.narrowing.narrowing import left
    from spacegen.errors import how_many
    from spacegen.tune.summary.console import SIMULATED

    if found.simulated:
        print(f"{SIMULATED}\n")
    _print_best(found, goals, limits)
    if found.outside:
        verb = "is" if found.outside == 1 else "are"
        print(f"{how_many(found.outside, 'config')} of the results {verb} not in this space: ignored")
    if found.dropped:
        rows = [_row(tally, found) for tally in found.dropped]
        print()
        print_table(
            ("parameter", "dropped", "among the best", "measured", "by chance"), rows, numbers=(2, 3, 4)
        )
    print()
    _print_rest(found, untried_go=untried_go)
    for one in narrowed.dropped:
        print(f"`{one.finding}` is left out: {one.reason}")
    if narrowed.counts is not None:
        print(left(*narrowed.counts))


def _print_best(found: Measurements, goals: Sequence[Goal], limits: Sequence[Limit]) -> None:
    """How many configs are the best, and of what."""
    from spacegen.errors import how_many

    failed = f", of which {found.failed:,} failed" if found.failed else ""
    verb = "counts" if len(found.best) == 1 else "count"
    print(f"{how_many(found.configs, 'config')} measured{failed}; {len(found.best):,} {verb} as the best")
    print(f"the best by {' and '.join(map(str, goals))}")
    if limits:
        all_limits = " and ".join(map(str, limits))
        if found.kept:
            print(f"{how_many(found.kept, 'config')} {'keeps' if found.kept == 1 else 'keep'} {all_limits}")
        else:
            print(f"no config keeps {all_limits}: the best are those that miss it by the least")


def _print_rest(found: Measurements, *, untried_go: bool) -> None:
    """What stays although none of the best has it, how sure the rest is, and what was never measured."""
    from spacegen.errors import how_many

    if found.dropped:
        print(f"expected to be dropped by chance alone: {found.by_chance:.2g} values")
    else:
        print("no measured value is dropped")
    if found.unsure:
        verb = "is" if len(found.unsure) == 1 else "are"
        many = how_many(len(found.unsure), "value")
        print(f"{many} {verb} missing from the best, possibly by chance: kept (`--chance`)")
    if found.untried:
        fate = "dropped" if untried_go else "kept (`--drop-untried`)"
        verb = "was" if len(found.untried) == 1 else "were"
        print(f"{how_many(len(found.untried), 'value')} {verb} never measured: {fate}")


def _row(tally: Tally, found: Measurements) -> tuple[str, ...]:
    from spacegen.language.scalars import write_scalar
    from spacegen.questions.summary import percent

    value = write_scalar(tally.value) + (" (the default)" if tally.default else "")
    best, measured = f"0 of {len(found.best)}", f"{tally.measured} of {found.configs}"
    return tally.parameter, value, best, measured, percent(tally.chance)
