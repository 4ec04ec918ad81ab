"""Arguments that were asked for and that the server runs otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from spacegen.diagnose.advice.said import SHARED, Key, attention_groups
from spacegen.diagnose.finding import Finding, Severity, shown
from spacegen.diagnose.launch import Fact, Launch, Line, Phase
from spacegen.diagnose.versions import both_names
from spacegen.language.model import is_number
from spacegen.servers.attention_groups import groups_of, scaled
from spacegen.tune.running.effective import same_value
from spacegen.tune.secret import is_secret

__all__ = ["as_run", "changed"]

_SAID: Final = {
    Key.CHUNK.value: Fact.CHUNK,
    "max_prefill_tokens": Fact.PREFILL_TOKENS,
    Key.RUNNING.value: Fact.MOST_RUNNING,
    Key.CONTEXT.value: Fact.CONTEXT,
}
"""What a server says beside its arguments of those that it may set otherwise."""


def as_run(launch: Launch, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a launch that does not say them: as asked for, but for what the server says itself."""
    return {**asked, **{name: value for name, (value, _) in _said(launch, asked).items()}}


def _said(launch: Launch, asked: Mapping[str, Any]) -> dict[str, tuple[int, Line]]:
    """What the server says of arguments that it was given otherwise."""
    found = {}
    for name, fact in _SAID.items():
        given, figure = asked.get(name), launch.figures.get(fact)
        if figure is None or not is_number(given):
            continue
        groups = groups_of(asked) if name in SHARED else 1
        if figure.value != given // groups:
            found[name] = (int(figure.value) * (groups if figure.value > 0 else 1), figure.line)
    return found


def changed(launch: Launch, asked: Mapping[str, Any]) -> Iterable[Finding]:
    """One finding for all arguments of `asked` that the log shows otherwise; null means not asked for."""
    differing = tuple(_differing(launch, asked))
    if not differing:
        return
    said = [line for _, line in _said(launch, asked).values()]
    lines = said if launch.arguments_line is None else [launch.arguments_line]
    told = ", ".join(f"`{name}` is {shown(run)} instead of {shown(given)}" for name, given, run in differing)
    yield Finding(
        id="arguments-changed",
        phase=Phase.ARGUMENTS,
        severity=Severity.INFO,
        summary=f"the server changed its arguments: {told}",
        evidence=tuple(dict.fromkeys(lines)),
        actions=(
            "measurements apply to the values that ran: put these into the config, or fix what changed them",
        ),
    )


def _differing(launch: Launch, asked: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    groups = attention_groups(launch)
    for name, given in asked.items():
        known = next((one for one in both_names(name) if one in launch.arguments), None)
        if given is None or known is None or is_secret(name):
            continue
        if same_value(scaled(name, given, groups), launch.as_logged.get(known)):
            continue
        if not same_value(given, launch.arguments[known]):
            yield name, given, launch.arguments[known]
