"""`spacegen run`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from spacegen.cli.launching import Launching, need_model
from spacegen.cli.options import AsJson, EngineChoice, Selection, one_of, spread
from spacegen.cli.studying import StudySelection

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.cli.candidates import Candidates
    from spacegen.tune.results import ResultsFile

__all__ = ["run"]

_CONFIGS: Final = "The configs"
_SPACE: Final = "The space"
_RUN: Final = "The run"
_OUTPUT: Final = "The output"
_ANYWHERE: Final = ("target", "quiet")
"""What can be said without a space."""


def _option(flag: str, *more: str, metavar: str | None = None, help: str, panel: str) -> Any:
    return typer.Option(flag, *more, metavar=metavar, help=help, rich_help_panel=panel, show_default=False)


ConfigNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CONFIGS…",
        help="JSON, JSON lines, YAML or CSV files, command lines, `--config` files; `-` is stdin.",
        show_default=False,
    ),
]
SpaceOption: TypeAlias = Annotated[
    str | None,
    _option("--space", metavar="SPACE", help="Where the configs come from: they are checked.", panel=_SPACE),
]
ClimbName: TypeAlias = Annotated[
    str | None,
    _option(
        "--climb",
        metavar="PARAM",
        help="Look for its largest value that survives the workload, beside the rest of one config.",
        panel=_RUN,
    ),
]
Workers: TypeAlias = Annotated[
    int,
    typer.Option(
        "--workers",
        metavar="K",
        min=1,
        help="How many launches run side by side, as far as there are GPUs.",
        rich_help_panel=_RUN,
    ),
]


@dataclass(frozen=True, slots=True)
class Reading:
    """How configs are read."""

    argv: Annotated[
        list[str] | None,
        _option("--argv", metavar="TEXT", help="A command line, with or without a command.", panel=_CONFIGS),
    ] = None
    format: Annotated[
        str | None,
        _option(
            "--format",
            metavar="NAME",
            help="json, jsonl, yaml, csv, argv, shell or config; else the suffix or the text decides.",
            panel=_CONFIGS,
        ),
    ] = None
    unchecked: Annotated[
        bool, _option("--unchecked", help="Launch also what is not valid.", panel=_CONFIGS)
    ] = False

    def read(self, space: Space, names: list[str] | None, *, checked: bool) -> Candidates:
        """The configs of files and command lines. Raises UsageError where there are none."""
        from spacegen.cli.candidates import read_candidates
        from spacegen.errors import Fault, UsageError
        from spacegen.launch.reading import FORMATS
        from spacegen.questions.configs import SUFFIXES

        if not names and not self.argv:
            hint = "name files, or give `--argv TEXT`"
            raise UsageError(Fault("there is no config to measure", hint=hint))
        form = self.format and one_of(SUFFIXES.get(f".{self.format}", self.format), FORMATS, "--format")
        checked = checked and not self.unchecked
        return read_candidates(space, names or (), self.argv or (), form, checked=checked)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where results and logs go."""

    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="FILE", help="Where records are added.", rich_help_panel=_OUTPUT),
    ] = "results.jsonl"
    logs: Annotated[
        str | None,
        _option(
            "--logs",
            metavar="FOLDER",
            help="Logs of servers and loads; else beside the records.",
            panel=_OUTPUT,
        ),
    ] = None

    @property
    def folder(self) -> Path:
        """Where each launch has a folder of its own."""
        return Path(self.logs or f"{Path(self.out).with_suffix('')}-launches").absolute()

    def file(self) -> ResultsFile:
        """The results file, which may be a new one. Raises UsageError where it is something else."""
        from spacegen.tune.results import ResultsFile

        found = ResultsFile(self.out)
        found.check()
        return found


@spread
def run(
    configs: ConfigNames = None,
    space: SpaceOption = None,
    engine: EngineChoice = "auto",
    climb: ClimbName = None,
    workers: Workers = 1,
    json: AsJson = False,
    *,
    reading: Reading,
    destination: Destination,
    launching: Launching,
    selection: StudySelection,
) -> int:
    """Measure configs: launch each on a server, put the workload on it, keep what came of it.

    Every record is added to a file as it comes. What that file has of the same launch under the same workload
    is not measured again, so the same command goes on where it was stopped.

    Exits with 0 where all configs gave metrics, with 1 where one failed or is not valid, and with 2 where one
    cannot be read or nothing can be measured.
    """
    from spacegen.cli.measured import tell, tell_climb
    from spacegen.cli.measuring import Bench

    chosen = _space(space, launching, selection, engine)
    found = reading.read(chosen, configs, checked=climb is None)
    results = destination.file()
    setup = launching.setup(chosen, destination.folder)
    need_model(setup, [candidate.config for candidate in found.candidates])
    bench = Bench(chosen, setup, results, workers, selection)
    if climb is not None:
        return max(found.status, tell_climb(bench.climb(climb, found.candidates), json=json))
    return max(found.status, tell(bench.measure(found.candidates), json=json))


def _space(name: str | None, launching: Launching, selection: Selection, engine: str) -> Space:
    """The space of the configs; one without parameters where there is none. Raises UsageError."""
    from spacegen.cli.candidates import bare_space
    from spacegen.errors import Fault, UsageError

    if name is not None:
        return launching.load(selection, name, engine=engine)
    unused = [f.name for f in fields(selection) if f.name not in _ANYWHERE and getattr(selection, f.name)]
    if unused:
        flag = "--engine-timeout" if unused[0] == "timeout" else f"--{unused[0].replace('_', '-')}"
        raise UsageError(Fault(f"`{flag}` is about a space", hint="name it with `--space`"))
    return bare_space(selection.target).completed_as(launching.texts)
