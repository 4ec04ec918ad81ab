"""`spacegen diagnose`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spacegen.cli.diagnose_space import NarrowOptions, PageOptions, space_to_narrow
from spacegen.cli.options import AsJson, EngineChoice, Selection, one_of, spread
from spacegen.cli.output import print_json, say, say_empty, watched
from spacegen.cli.process import Failures

if TYPE_CHECKING:
    from spacegen.cli.diagnose_space import SpaceToNarrow
    from spacegen.diagnose.diagnosis import Diagnosis
    from spacegen.diagnose.launch import Launch
    from spacegen.diagnose.narrowing.narrowing import Narrowing
    from spacegen.diagnose.watched import Watched
    from spacegen.errors import Fault

__all__ = ["diagnose"]

_LONG: Final = 2**25
"""Bytes from which it is told how far reading is."""
_VARIABLE: Final = re.compile(r"\$[A-Za-z_{(@*0-9]|`")


def _option(*flags: str, metavar: str | None = None, help: str, panel: str = "The log") -> Any:
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel=panel, show_default=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """How logs are read, and from which point of view."""

    goal: Annotated[
        str, _option("--goal", metavar="NAME", help="What to tune for: throughput or latency.")
    ] = "throughput"
    config: Annotated[
        str | None,
        _option(
            "--config", metavar="FILE", help="What the launch was given: a command, a --config file or JSON."
        ),
    ] = None
    follow: Annotated[bool, _option("--follow", "-f", help="Go on while the logs grow, until Ctrl-C.")] = (
        False
    )
    idle: Annotated[
        float | None,
        _option(
            "--idle",
            metavar="SECONDS",
            help="With --follow: stop after so many seconds without anything new.",
        ),
    ] = None

    def check(self) -> None:
        """Raises UsageError for options that make no sense."""
        from spacegen.diagnose.advice.rule import Aim
        from spacegen.errors import Fault, UsageError

        one_of(self.goal, Aim, "--goal")
        if self.idle is not None and not self.follow:
            raise UsageError(Fault("`--idle` is about `--follow`", hint="add `--follow`, or leave it out"))


@spread
def diagnose(
    log: Annotated[
        list[str],
        typer.Argument(
            metavar="LOG…",
            help="Server logs (plain or gzip), folders of them, http://…/metrics, or `-` for stdin.",
            show_default=False,
        ),
    ],
    engine: EngineChoice = "auto",
    as_json: AsJson = False,
    *,
    reading: Reading,
    page: PageOptions,
    narrowed: NarrowOptions,
    selection: Selection,
) -> int:
    """Read server logs and say what to change: which argument, from which value to which.

    With a space: what each finding changes in it, how much is left, and the solution to launch next.

    Exits with 0 where nothing is wrong, with 1 where there is a warning or an error, and with 2 where a log
    cannot be read or a file not be written.
    """
    reading.check()
    page.refuse(narrowed.output, as_json=as_json)
    place = space_to_narrow(narrowed, selection, engine)
    if place is not None and place.empty:
        say_empty(place.space)
        return 1
    if reading.follow:
        found, ended_by = _followed(log, reading, as_json=as_json, quiet=selection.quiet)
    else:
        found, ended_by = _read(log, reading, quiet=selection.quiet), None
    if not found.launches and ended_by is None:
        raise _nothing_said(log)
    if not selection.quiet:
        _tell_unset(reading, found.launches)
    told = _tell(found, place, page, reading, as_json=as_json, quiet=selection.quiet)
    return told or ended_by or _status(found)


def _nothing_said(log: Sequence[str]) -> Exception:
    from spacegen.diagnose.diagnosis import nothing_said

    return nothing_said(log)


def _status(found: Diagnosis) -> int:
    from spacegen.diagnose.finding import Severity

    return 0 if found.worst in (None, Severity.INFO) else 1


def _read(log: Sequence[str], reading: Reading, *, quiet: bool) -> Diagnosis:
    from spacegen.diagnose.diagnosis import read
    from spacegen.diagnose.reading.sources import log_files, name_of

    launches: list[Launch] = []
    for file in log_files(log):
        size = file.size or 0
        total = size if size >= _LONG and not file.name.endswith(".gz") else 0
        through = partial(watched, total=total, quiet=quiet, what=file.name)
        found = read(file, through, None if quiet else _cut)
        if not found and file.name in map(name_of, log) and len(log) > 1 and not quiet:
            say(f"note: no server output in {file.name}")
        launches += found
    if not quiet:
        _hint_at_following(launches)
    return _examined(launches, reading)


def _hint_at_following(launches: Sequence[Launch]) -> None:
    """Says of metrics of one moment that they are too few."""
    from spacegen.diagnose.series import Column

    for launch in launches:
        moments = sum(launch.series.columns.get(Column.DECODES, ()))
        if launch.series.sampled and moments <= launch.series.ranks:
            name = launch.files[0]
            say(f"note: {name} is one moment of serving at most; watch it with `--follow http://…/metrics`")


def _cut(name: str) -> None:
    say(f"note: {name} is truncated: the rest is missing")


def _followed(
    log: Sequence[str], reading: Reading, *, as_json: bool, quiet: bool
) -> tuple[Diagnosis, int | None]:
    from spacegen.cli.follow import follow, view
    from spacegen.diagnose.watched import Watched

    logs = Watched(log)
    examine = partial(_of_watched, logs, reading)
    return follow(logs, examine, view(as_json=as_json), reading.idle, quiet=quiet)


def _of_watched(logs: Watched, reading: Reading) -> Diagnosis:
    return _examined(logs.launches, reading)


def _examined(launches: Sequence[Launch], reading: Reading) -> Diagnosis:
    from spacegen.diagnose.diagnosis import examine

    return examine(launches, config=_asked(reading, launches), goal=reading.goal)


def _asked(reading: Reading, launches: Sequence[Launch]) -> Mapping[str, Any] | None:
    """The arguments of the config file, as the server of the last launch reads it. Raises ConfigError."""
    if reading.config is None or not launches:
        return None
    found = _read_config(reading.config, _target(launches[-1]))
    # What a variable of the shell gave is what the server says that it has.
    said = {name: launches[-1].arguments.get(name) for name in _variables(found)}
    return {name: said.get(name, value) for name, value in found.items() if said.get(name, value) is not None}


def _target(launch: Launch) -> str:
    from spacegen.diagnose.versions import version_of

    server = launch.server or "sglang"
    return f"{server}=={version_of(launch)}"


def _variables(config: Mapping[str, Any]) -> list[str]:
    """The arguments whose values are variables of a shell, which nobody knows here."""
    return [name for name, value in config.items() if isinstance(value, str) and _VARIABLE.search(value)]


def _tell_unset(reading: Reading, launches: Sequence[Launch]) -> None:
    """Says which arguments of the config file are not compared."""
    if reading.config is not None and launches:
        for name in _variables(_read_config(reading.config, _target(launches[-1]))):
            say(f"note: {reading.config} sets `{name}` from a shell variable: the log's value is used")


# Logs that grow are looked at again and again, and stdin is read once.
@lru_cache
def _read_config(name: str, target: str) -> Mapping[str, Any]:
    from spacegen.cli.candidates import bare_space
    from spacegen.cli.sources import source
    from spacegen.errors import ConfigError, Fault
    from spacegen.launch.reading import read_launches

    try:
        found = read_launches(source(name), bare_space(target).model)
    except ConfigError as error:
        raise ConfigError(*map(_discreet, error.faults)) from None
    if len(found.entries) != 1:
        message = f"{name} holds {len(found.entries)} configs"
        raise ConfigError(Fault(message, hint="give the one of the launch"))
    config = found.entries[0].config
    if isinstance(config, Fault):
        raise ConfigError(_discreet(config))
    return config


def _discreet(fault: Fault) -> Fault:
    """The fault, without a line of the file that has a secret in it."""
    from spacegen.errors import Fault
    from spacegen.tune.secret import masked_text

    if masked_text(str(fault)) == str(fault):
        return fault
    place = "" if fault.span is None else f"{fault.span}: "
    return Fault(masked_text(f"{place}{fault.message}"), hint=fault.hint)


def _tell(
    found: Diagnosis,
    place: SpaceToNarrow | None,
    page: PageOptions,
    reading: Reading,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    """Writes the files that are wanted, prints the diagnosis, and says what could not be done; the exit
    status of that, or 0."""
    narrowing, failures = None, Failures()
    if place is not None:
        with failures:
            narrowing = place.narrowed(found, _asked(reading, found.launches))
    # Whoever reads stdout may stop, and is to have the files all the same.
    written: list[str] = []
    if not page.alone:
        with failures:
            written += page.write(found, narrowing)
    if place is not None and not place.alone:
        with failures:
            written += place.write(narrowing)
    try:
        _print(found, narrowing, place, page, as_json=as_json, indent=None if reading.follow else 2)
    finally:
        for name in () if quiet else written:
            say(f"wrote {name}")
        status = failures.say()
    return status


def _print(
    found: Diagnosis,
    narrowing: Narrowing | None,
    place: SpaceToNarrow | None,
    page: PageOptions,
    *,
    as_json: bool,
    indent: int | None,
) -> None:
    """Prints the one document that stdout gets."""
    from spacegen.cli.diagnose_text import print_diagnosis
    from spacegen.diagnose.telling.document import as_document

    if page.alone:
        page.write(found, narrowing)
    elif place is not None and place.alone:
        place.write(narrowing)
    elif as_json:
        print_json(as_document(found, narrowing), indent=indent)
    else:
        print_diagnosis(found, narrowing)
