"""The options of a study: how long, how chosen, where kept, what for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spacegen.cli.options import Selection

if TYPE_CHECKING:
    from spacegen.tune.metrics import Goal, Limit

__all__ = ["Aims", "Keeping", "Pace", "StudySelection", "duration"]

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _option(panel: str, *flags: str, metavar: str | None = None, help: str, **more: Any) -> Any:
    more.setdefault("show_default", False)
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel=panel, **more)


_STUDY: Final = "The study"
_AIMS: Final = "The objectives"
_OUTPUT: Final = "The output"


@dataclass(frozen=True, slots=True)
class StudySelection(Selection):
    """Which part of a space a study is about. `--timeout` is that of the study here."""

    timeout: Annotated[
        float | None,
        typer.Option(
            "--engine-timeout",
            metavar="SECONDS",
            help="How long CP-SAT may look for an answer; 60 unless given.",
            rich_help_panel="The search",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How many trials, how they are chosen, and when to stop."""

    trials: Annotated[
        str,
        _option(
            _STUDY,
            "--trials",
            "-n",
            metavar="N|+N",
            help="How many trials the study has in the end, or how many more.",
            show_default=True,
        ),
    ] = "100"
    sampler: Annotated[
        str,
        _option(
            _STUDY,
            "--sampler",
            metavar="NAME",
            help="tpe, nsga2, nsga3, uniform or balanced.",
            show_default=True,
        ),
    ] = "tpe"
    seed: Annotated[
        int, _option(_STUDY, "--seed", metavar="N", min=0, help="Of the sampler.", show_default=True)
    ] = 0
    warm_start: Annotated[
        list[str] | None,
        _option(
            _STUDY,
            "--warm-start",
            metavar="WHAT",
            help="Try first, after the defaults: balanced:N, around (the defaults), or a file of configs.",
        ),
    ] = None
    repeats: Annotated[
        int,
        _option(
            _STUDY,
            "--repeats",
            metavar="R",
            min=1,
            help="How often each config of the front is measured in all, at the end.",
            show_default=True,
        ),
    ] = 3
    time_limit: Annotated[
        str | None,
        _option(
            _STUDY, "--timeout", metavar="TIME", help="Start no trial after this: seconds, or 90m, 8h, 2d."
        ),
    ] = None
    budget_gpu_hours: Annotated[
        float | None,
        _option(
            _STUDY,
            "--budget-gpu-hours",
            metavar="HOURS",
            min=0,
            help="Start no trial once the study has used this.",
        ),
    ] = None
    plateau: Annotated[
        int | None,
        _option(
            _STUDY,
            "--plateau",
            metavar="K",
            min=1,
            help="Stop when K trials in a row have not made the front any better.",
        ),
    ] = None

    def wanted(self) -> tuple[int, bool]:
        """How many trials, and whether those are more than there are. Raises UsageError."""
        from spacegen.errors import Fault, UsageError

        digits = self.trials.removeprefix("+")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 10):
            hint = "`--trials 100` is how many the study has in the end, `--trials +100` how many more"
            raise UsageError(Fault(f"`--trials {self.trials}` is no number of trials", hint=hint))
        return int(digits), self.trials.startswith("+")

    def seconds(self) -> float | None:
        """How long trials may be started. Raises UsageError."""
        return None if self.time_limit is None else duration(self.time_limit, "--timeout")


@dataclass(frozen=True, slots=True)
class Aims:
    """What makes a config good."""

    minimize: Annotated[
        list[str] | None,
        _option(
            _AIMS,
            "--minimize",
            metavar="METRIC",
            help="What should be small; ttft (seconds) if nothing is said.",
        ),
    ] = None
    maximize: Annotated[
        list[str] | None,
        _option(
            _AIMS, "--maximize", metavar="METRIC", help="What should be large; tps (output tokens a second)."
        ),
    ] = None
    per_gpu: Annotated[
        bool, _option(_AIMS, "--per-gpu", help="Divide rates by the GPUs of a launch.", show_default=False)
    ] = False
    slo: Annotated[
        list[str] | None,
        _option(_AIMS, "--slo", metavar="BOUND", help="What a config must keep: 'p99_ttft_ms<=500'."),
    ] = None

    def goals(self) -> tuple[Goal, ...]:
        """The objectives, those to minimise first. Raises UsageError."""
        from spacegen.errors import UsageError
        from spacegen.tune.metrics import DEFAULT_GOALS, RATES, Goal, read_goal

        found = [read_goal(text, "minimize") for text in self.minimize or ()]
        found += [read_goal(text, "maximize") for text in self.maximize or ()]
        found = found or list(DEFAULT_GOALS)
        names = [goal.metric for goal in found]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise UsageError(f"`{twice}` is an objective twice")
        if not self.per_gpu:
            return tuple(found)
        if not any(goal.metric in RATES for goal in found):
            raise UsageError(f"`--per-gpu` divides rates, and none is an objective: {', '.join(RATES)}")
        return tuple(
            Goal(f"{goal.metric}_per_gpu", goal.direction) if goal.metric in RATES else goal for goal in found
        )

    def limits(self) -> tuple[Limit, ...]:
        """The service levels. Raises UsageError."""
        from spacegen.tune.metrics import read_limit

        return tuple(dict.fromkeys(map(read_limit, self.slo or ())))


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where a study is kept, who works on it, and where its results go."""

    study: Annotated[
        str | None,
        _option(_STUDY, "--study", metavar="NAME", help="Its name; else that of the space and the workload."),
    ] = None
    storage: Annotated[
        str | None,
        _option(
            _STUDY,
            "--storage",
            metavar="URL",
            help="sqlite:///FILE, journal:FILE, postgresql://…, or memory; else NAME.db here.",
        ),
    ] = None
    migrate: Annotated[
        bool,
        _option(
            _STUDY, "--migrate", help="Take over what still holds of a study of another space or workload."
        ),
    ] = False
    workers: Annotated[
        int,
        _option(
            _STUDY,
            "--workers",
            metavar="K",
            min=1,
            help="How many trials run side by side, as far as there are GPUs.",
            show_default=True,
        ),
    ] = 1
    executor: Annotated[
        str,
        _option(
            _STUDY,
            "--executor",
            metavar="NAME",
            help="local, or ray: each trial a task of a cluster.",
            show_default=True,
        ),
    ] = "local"
    address: Annotated[
        str | None,
        _option(_STUDY, "--address", metavar="ADDRESS", help="Of the Ray cluster; else one is started here."),
    ] = None
    output: Annotated[
        str | None,
        _option(
            _OUTPUT, "--output", "-o", metavar="FILE", help="The front as JSON, - for stdout; else NAME.json."
        ),
    ] = None
    results: Annotated[
        str | None,
        _option(_OUTPUT, "--results", metavar="FILE", help="Every record, as it comes; else NAME.jsonl."),
    ] = None

    def url(self, name: str) -> str:
        """The storage of the study of that name."""
        from spacegen.tune.files import file_name

        return self.storage or f"sqlite:///{file_name(name)}.db"

    def stem(self, name: str) -> Path:
        """Where files of the study go, less their suffix: beside a storage that is a file, else the current
        folder. Raises UsageError for a name that is none."""
        from spacegen.tune.files import file_name, storage_file, study_name

        beside = storage_file(self.storage or "")
        return (beside.parent if beside else Path()) / file_name(study_name(name))

    def records(self, stem: Path) -> Path | None:
        """Where records are appended: nowhere unless it is said for what is forgotten at the end."""
        if self.results is None and self.storage == "memory":
            return None
        return Path(self.results or f"{stem}.jsonl")


def duration(text: str, flag: str) -> float:
    """The seconds of `90`, `90m`, `8h` or `2d`. Raises UsageError."""
    from spacegen.errors import Fault, UsageError

    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text)
    if found is None or not float(found[1]):
        hint = f"write seconds, or `{flag} 90m`, `{flag} 8h`"
        raise UsageError(Fault(f"`{flag} {text}` is no time", hint=hint))
    return float(found[1]) * _UNITS[found[2]]
