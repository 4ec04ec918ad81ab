"""Launches that did not start for reasons other than GPU memory, or that started slowly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from spacegen.diagnose.advice.guide import SLOW_CAPTURE, SLOW_LOADING
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.said import (
    Key,
    argument,
    dummy_weights,
    is_mini,
    key,
    number,
    said,
    troubled,
    words,
)
from spacegen.diagnose.finding import SPACE, Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Launch, Phase, Trouble, TroubleKind
from spacegen.diagnose.series import Column
from spacegen.diagnose.versions import MINI, NEWEST, OLDER
from spacegen.errors import did_you_mean
from spacegen.servers.renames import formerly
from spacegen.servers.schema import load

__all__ = ["port_in_use", "refused", "slow_start"]

# Older Pythons name the file of `python -m minisgl`; sglang is started by files with other names.
_MINI_PROGRAM: Final = re.compile(r"(?:\S*/)?__main__\.py: |\S+ -m minisgl\b|minisgl\b")
_UNKNOWN: Final = re.compile(r"--([a-z][\w-]*)")
_UNDERSCORED: Final = re.compile(r"--[a-z]+_[\w-]*")


def refused(launch: Launch, _goal: Aim) -> Iterable[Finding]:
    """Arguments that the server rejects."""
    for trouble in troubled(launch, TroubleKind.ARGUMENTS)[:1]:
        yield _refused(launch, trouble)


def port_in_use(launch: Launch, _goal: Aim) -> Iterable[Finding]:
    """A port that another process uses."""
    for trouble in troubled(launch, TroubleKind.PORT)[:1]:
        yield _port(launch, trouble)


def _refused(launch: Launch, trouble: Trouble) -> Finding:
    server = _whose(launch, trouble)
    names = tuple(dict.fromkeys(name.replace("-", "_") for name in _UNKNOWN.findall(words(trouble))))
    hints = (_instead(server, name, launch.version) for name in names)
    return Finding(
        id="arguments-refused",
        phase=Phase.ARGUMENTS,
        severity=Severity.ERROR,
        summary=f"the server rejected its arguments: {words(trouble)}",
        evidence=trouble.lines,
        actions=(
            *(hint for hint in dict.fromkeys(hints) if hint),
            *(
                f"write `{flag.replace('_', '-')}` for `{flag}`"
                for flag in dict.fromkeys(_UNDERSCORED.findall(words(trouble)))
            ),
            "check configs before you launch: the rules of a space know what the server rejects",
        ),
        command=f"spacegen check {SPACE} CONFIG",
    )


def _instead(server: str, name: str, version: str | None) -> str | None:
    """What an unknown argument is called in other versions, or which one may have been meant."""
    versions = (version,) if version else (OLDER, NEWEST) if server == "sglang" else (MINI,)
    hints = (formerly(server, name, one) for one in versions)
    found = next((hint for hint in hints if hint), None)
    rows = load(server, versions[-1]).arguments.values()
    known = [flag.removeprefix("--").replace("-", "_") for row in rows for flag in row.flags]
    if found is None and name not in known and (meant := did_you_mean(name, known)):
        return f"`{name}`: {meant}"
    return found


def _whose(launch: Launch, trouble: Trouble) -> str:
    """Which server rejected them; if it logs nothing else, the name of its program tells."""
    if launch.server is not None:
        return launch.server
    return "minisgl" if any(_MINI_PROGRAM.match(line.text) for line in trouble.lines) else "sglang"


def _port(launch: Launch, trouble: Trouble) -> Finding:
    given, name = number(launch, Key.PORT), key(launch, Key.PORT)
    named = said(trouble, "port")
    port = given if named is None else named
    beside = is_mini(launch) and (given is None or port == given + 1)
    meeting = f": mini-SGLang takes `{name}`, and `{name}` + 1 for its ranks" if beside else ""
    free = "" if port is None else f", e.g. `--port {int(given or port) + 10}`"
    both = " (the one after it has to be free too)" if is_mini(launch) else ""
    another = f"or use another port{free}{both}"
    # The ports of its own messages are counted from that of the API.
    if not is_mini(launch) and given is not None and port != given and "ZMQ" not in words(trouble):
        another = f"or choose another rendezvous port with `--nccl-port` (the API's port is {given:.0f})"
    return Finding(
        id="port-in-use",
        phase=trouble.phase,
        severity=Severity.ERROR,
        summary="a port is in use" if port is None else f"port {port:.0f} is in use{meeting}",
        evidence=trouble.lines,
        numbers={} if port is None else {"port": port},
        actions=("stop the process that uses it", another),
        command="ss -tlnp" if port is None else f"ss -tlnp | grep :{port:.0f}",
    )


def slow_start(launch: Launch, _goal: Aim) -> Iterable[Finding]:
    """What delays a start: a download, or graphs that no batch needs."""
    loading, capture = map(launch.figures.get, (Fact.LOADING_SECONDS, Fact.CAPTURE_SECONDS))
    if loading is not None and loading.value > SLOW_LOADING:
        yield Finding(
            id="slow-loading",
            phase=Phase.WEIGHTS,
            severity=Severity.INFO,
            summary=f"loading the weights took {loading.value:.0f} s",
            evidence=(loading.line,),
            numbers={"seconds": loading.value},
            actions=tuple(_faster_loading(launch)),
        )
    if capture is not None and capture.value > SLOW_CAPTURE:
        move = _fewer_graphs(launch)
        name = key(launch, Key.GRAPHS)
        yield Finding(
            id="slow-capture",
            phase=Phase.GRAPHS,
            severity=Severity.INFO,
            summary=f"capturing graphs took {capture.value:.0f} s",
            evidence=(capture.line,),
            numbers={"seconds": capture.value},
            actions=(move or f"lower `{name}` to the largest batch that runs, for a quicker start",),
            moves=() if move is None else (move,),
        )


def _faster_loading(launch: Launch) -> Iterator[str]:
    model = argument(launch, Key.MODEL)
    if not isinstance(model, str) or not _is_local(model):
        yield "download the model once and give its local folder as `model_path`"
    yield "keep the weights on a local disk that is not shared"
    yield f"if you only test memory and speed, `{dummy_weights(launch)}` skips loading"


def _fewer_graphs(launch: Launch) -> Move | None:
    """Graphs up to the largest batch that ran, if that is known and smaller."""
    largest = number(launch, Key.GRAPHS)
    ran = max(launch.series.columns.get(Column.MOST_RUNNING, ()), default=0.0)
    if largest is None or not 0 < ran < largest:
        return None
    return Move(
        parameter=key(launch, Key.GRAPHS),
        at_least=ran,
        at_most=largest - 1,
        was=int(largest),
        to=int(ran),
        because="no larger batch ran",
    )


def _is_local(model: str) -> bool:
    return model.startswith(("/", "./", "../", "~"))
