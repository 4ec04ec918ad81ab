"""Spaces, launches and findings for tests of narrowing."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from spacegen import Space, load
from spacegen.diagnose.diagnosis import Diagnosis, diagnose
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Launch, Line, Phase
from spacegen.diagnose.narrowing.edit import Basis, Edit, Kept
from tests.server_logs import STORIES, Story, write


@lru_cache(maxsize=1)
def h100() -> Space:
    return load("h100")


def of(tmp_path: Path, version: str, *stories: str | Story) -> Diagnosis:
    # What is never cached is told from many prefills.
    long = [story == STORIES["nothing-shared"] for story in stories]
    return diagnose(
        write(tmp_path / f"{i}.log", version, story, decodes=300 if long[i] else 80)
        for i, story in enumerate(stories)
    )


def small() -> Space:
    return (
        Space.build("s", {"tp_size": [1, 2, 4]})
        .with_parameter("chunked_prefill_size", [None, -1, 2048, 4096, 8192], default=None)
        .with_parameter("mem_fraction_static", [0.8, 0.84, 0.88], default=0.8)
        .with_parameter("caution", [0.3, 0.7, 1.0, 1.3], default=1.0)
    )


RAN = {"tp_size": 1, "chunked_prefill_size": 8192, "mem_fraction_static": 0.88, "caution": 1.0}


def launch(**arguments: Any) -> Launch:
    return Launch(server="sglang", version="0.5.6", arguments={**RAN, **arguments})


def finding(
    *moves: Move,
    id: str = "f",
    error: bool = False,
    launch: int = 0,
    unless: tuple[Move, ...] = (),
    narrows: bool = True,
) -> Finding:
    return Finding(
        id=id,
        phase=Phase.SERVING,
        severity=Severity.ERROR if error else Severity.WARNING,
        launch=launch,
        summary=f"it shows {id}",
        evidence=(Line(file="a.log", number=3, text="x"),),
        moves=moves,
        unless=unless,
        narrows=narrows,
    )


CHUNK = Move(parameter="chunked_prefill_size", at_most=4096, was=8192, to=4096)
LOWER = Move(parameter="mem_fraction_static", at_most=0.84, was=0.88, to=0.8)
RANKS = Move(parameter="tp_size", at_least=2, was=1, to=2)


def edit(values: tuple[Any, ...], basis: Basis = Basis.ADVICE, name: str = "caution") -> Edit:
    ways = (Kept(parameter=name, values=values),)
    return Edit(finding="older", basis=basis, ways=ways, because="log line 1 of old.log: it was so")
