"""The question of the room: what logs show, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.advice.changed import as_run
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.finding import Finding, Severity
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.printable import printable_value
from spacegen.diagnose.readers import Reader
from spacegen.diagnose.reading.sources import LogFile, log_files, name_of, pieces
from spacegen.errors import ConfigError, Fault
from spacegen.tune.secret import masked
from spacegen.tune.values import Value

__all__ = ["Diagnosis", "diagnose", "examine", "nothing_said", "read"]


class Diagnosis(Value):
    """Launches in the order of their logs, and what they show, the worst first."""

    launches: tuple[Launch, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether any of it comes from the simulated server."""
        return any(launch.simulated for launch in self.launches)

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding."""
        return min((finding.severity for finding in self.findings), key=lambda one: one.place, default=None)


def diagnose(
    sources: Iterable[str | Path], *, config: Mapping[str, Any] | None = None, goal: str = Aim.THROUGHPUT
) -> Diagnosis:
    """What the logs show: files (also compressed with gzip), folders of them, and `-` for stdin.

    `config` are the arguments that were asked for, which the server may run otherwise; of several launches it
    speaks for those that do not say theirs. `goal` is "throughput" or "latency". Raises ConfigError for what
    cannot be read, and where no line is a server's; UsageError for another goal.
    """
    aim = Aim.of(goal)
    found = [launch for file in log_files(sources) for launch in read(file)]
    if not found:
        raise nothing_said(sources)
    return examine(found, config=config, goal=aim)


def examine(
    launches: Iterable[Launch], *, config: Mapping[str, Any] | None = None, goal: str = Aim.THROUGHPUT
) -> Diagnosis:
    """What launches show. One that does not say its arguments is taken to run as it was asked to, but
    for what it says otherwise. Raises UsageError for a goal that there is not."""
    # What a launch holds is masked, too: of secrets nobody learns here whether they differ.
    asked = {name: masked(name, printable_value(value)) for name, value in (config or {}).items()}
    seen = tuple(
        launch
        if launch.arguments or not asked
        else launch.model_copy(update={"arguments": as_run(launch, asked)})
        for launch in launches
    )
    return Diagnosis(launches=seen, findings=findings(seen, Aim.of(goal), asked))


def read(
    file: LogFile,
    through: Callable[[Iterator[bytes]], Iterable[bytes]] = iter,
    cut: Callable[[str], object] | None = None,
) -> tuple[Launch, ...]:
    """The launches of one log, with what was rotated away from it; its pieces pass `through` somebody who
    counts them, and `cut` is told of archives that are cut off. Raises ConfigError."""
    first, *later = (*file.older, file)
    reader = Reader(first.name)

    def parts() -> Iterator[bytes]:
        yield from pieces(first, cut)
        for part in later:
            reader.move_on(part.name)
            yield from pieces(part, cut)

    for piece in through(parts()):
        reader.take(piece)
    reader.close()
    return reader.launches


def nothing_said(sources: Iterable[str | Path]) -> ConfigError:
    """The error for sources without a line of a server."""
    names = ", ".join(map(name_of, sources))
    hint = "logs of sglang and mini-SGLang are read, such as what `python -m sglang.launch_server` prints"
    return ConfigError(Fault(f"no server output in {names}", hint=hint))
