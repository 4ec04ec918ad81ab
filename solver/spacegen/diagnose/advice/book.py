"""The book of rules: all findings of launches, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from spacegen.diagnose.advice.admission import admission
from spacegen.diagnose.advice.agreed import agreed
from spacegen.diagnose.advice.changed import changed
from spacegen.diagnose.advice.endings import endings
from spacegen.diagnose.advice.graphs import graphs
from spacegen.diagnose.advice.load import load
from spacegen.diagnose.advice.memory import left_memory
from spacegen.diagnose.advice.minisgl import mini_graphs
from spacegen.diagnose.advice.opposed import settled
from spacegen.diagnose.advice.options import options
from spacegen.diagnose.advice.outofmemory import gpu_memory
from spacegen.diagnose.advice.rule import Aim, Rule
from spacegen.diagnose.advice.shortpool import short_pool
from spacegen.diagnose.advice.starting import port_in_use, refused, slow_start
from spacegen.diagnose.advice.window import tried, window, within
from spacegen.diagnose.finding import Finding, Severity
from spacegen.diagnose.launch import Launch, Phase, asked_of

__all__ = ["findings"]

_RULES: Final[tuple[Rule, ...]] = (
    refused,
    port_in_use,
    gpu_memory,
    short_pool,
    endings,
    slow_start,
    left_memory,
    mini_graphs,
    load,
    admission,
    graphs,
    options,
)
"""Each looks at one launch. Findings that are equally bad and of the same phase stay in this order."""

_UNKNOWN: Final = (
    "the log does not show the launch's arguments: pass them with `--config` for specific advice"
)
_WHATEVER: Final = ("arguments-refused", "port-in-use", "crashed")
"""What rules have no better advice about, whatever the arguments are."""
_PHASES: Final = tuple(Phase)


def findings(
    launches: Sequence[Launch], goal: Aim = Aim.THROUGHPUT, asked: Mapping[str, Any] | None = None
) -> tuple[Finding, ...]:
    """What launches show, the worst first, then by phase and launch; `asked` are the arguments that were
    given, where they are known."""
    shown = [tuple(finding for rule in _RULES for finding in rule(launch, goal)) for launch in launches]
    kinds = tried(launches, shown)
    found = within(launches, (*_found(launches, shown), *window(launches, shown, kinds)), kinds)
    given = asked_of(launches, asked)
    otherwise = [
        finding.model_copy(update={"launch": number})
        for number, launch in enumerate(launches)
        for finding in changed(launch, given[number] or {})
    ]
    return tuple(sorted((*otherwise, *agreed(launches, found)), key=_place))


def _found(launches: Sequence[Launch], shown: Sequence[Sequence[Finding]]) -> Iterator[Finding]:
    for number, launch in enumerate(launches):
        for finding in settled(shown[number]):
            yield _grounded(launch, finding).model_copy(update={"launch": number})


def _grounded(launch: Launch, finding: Finding) -> Finding:
    """The finding, as advice alone where nobody knows what the launch that failed ran with: which others fail
    too cannot be told then."""
    if finding.severity is not Severity.ERROR or launch.arguments or finding.id in _WHATEVER:
        return finding
    return finding.model_copy(
        update={"moves": (), "unless": (), "also": (), "actions": (*finding.actions, _UNKNOWN)}
    )


def _place(finding: Finding) -> tuple[int, int, int]:
    return finding.severity.place, _PHASES.index(finding.phase), finding.launch
