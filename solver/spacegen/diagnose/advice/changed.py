"""Arguments that were asked for and that the server runs otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from spacegen.diagnose.finding import Finding, Severity
from spacegen.diagnose.launch import Launch, Phase
from spacegen.servers.renames import renamed
from spacegen.tune.running.effective import same_value
from spacegen.tune.secret import is_secret

__all__ = ["changed"]

_VERSIONS: Final = ("0.5.6", "0.5.23")


def changed(launch: Launch, asked: Mapping[str, Any]) -> Iterable[Finding]:
    """One finding for all arguments of `asked` that the log shows otherwise; null means not asked for."""
    differing = tuple(_differing(launch, asked))
    if not differing or launch.arguments_line is None:
        return
    told = ", ".join(f"`{name}` is {_shown(run)}, not {_shown(given)}" for name, given, run in differing)
    yield Finding(
        id="arguments-changed",
        phase=Phase.ARGUMENTS,
        severity=Severity.INFO,
        summary=f"the server runs otherwise than it was asked to: {told}",
        evidence=(launch.arguments_line,),
        advice=("what was measured is what the server ran: put that into the config, or mend the cause",),
    )


def _differing(launch: Launch, asked: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name, given in asked.items():
        known = next((one for one in _names(launch, name) if one in launch.arguments), None)
        if given is None or known is None or is_secret(name):
            continue
        if not same_value(given, launch.arguments[known]):
            yield name, given, launch.arguments[known]


def _names(launch: Launch, name: str) -> Iterator[str]:
    yield name
    server = launch.server or "sglang"
    for since in _VERSIONS:
        for until in _VERSIONS:
            if (other := renamed(server, name, since, until)) is not None:
                yield other


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
