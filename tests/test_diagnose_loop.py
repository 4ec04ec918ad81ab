"""The loop: what is measured leaves logs, they narrow the space, and there the next search finds more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from simulated_loads import Served, serve
from spacegen.api import Space, load
from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.diagnosis import Diagnosis, examine
from spacegen.diagnose.narrowing.narrowing import Narrowing, narrow
from spacegen.diagnose.narrowing.overlay import write
from spacegen.tune.front import hypervolume

SPACE = """\
spacegen: 1
target: {server: sglang, version: "0.5.23"}
parameters:
  mem_fraction_static: {values: [null], range: {from: 0.70, to: 0.96, step: 0.02}}
  schedule_conservativeness: {range: {from: 0.3, to: 1.3, step: 0.1}}
  cuda_graph_max_bs_decode: [null, 16, 32, 64, 128, 512, 768]
  max_running_requests: [null, 64, 128, 256, 2048]
  chunked_prefill_size: [null, 1024, 4096, 16384]
"""
TRIALS = 5

pytestmark = pytest.mark.xdist_group("loop")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("loop") / "node.yaml"
    found.write_text(SPACE)
    return found


def _serve(config: Mapping[str, Any]) -> Served:
    """A launch under the load of all: answers end after a twentieth of what they may have."""
    return serve(config, 2000, 4000, 0.05, prompt=500)


def _tried(space: Space) -> list[Served]:
    """As many launches as there are trials."""
    return [_serve(config) for config in space.sample(TRIALS, seed=0)]


def _diagnosed(served: Sequence[Served]) -> Diagnosis:
    launches = []
    for number, one in enumerate(served):
        reader = LogReader(f"trial-{number}.log")
        reader.take(one.log.encode())
        reader.close()
        launches += reader.launches
    return examine(tuple(launches))


def _points(served: Sequence[Served]) -> list[tuple[float, float]]:
    return [(one.wait, -one.rate) for one in served if one.requests]


@pytest.fixture(scope="module")
def before(path: Path) -> list[Served]:
    return _tried(load(path))


@pytest.fixture(scope="module")
def narrowed(path: Path, before: list[Served]) -> Narrowing:
    found = _diagnosed(before)
    return narrow(load(path), found.launches, found.findings)


def test_the_second_front_dominates_more_with_as_many_trials(
    path: Path, before: list[Served], narrowed: Narrowing
) -> None:
    assert narrowed.before is not None
    assert narrowed.after is not None
    assert 0 < narrowed.after < narrowed.before / 2
    out = path.with_name("narrow.yaml")
    write(out, str(path), load(path), narrowed.edits, narrowed.counts)
    after = _tried(load(out))
    points = _points(before), _points(after)
    worst = [max(point[i] for point in (*points[0], *points[1])) for i in (0, 1)]
    volumes = [hypervolume(found, [worst[0] * 1.01, worst[1] * 0.99]) for found in points]
    assert volumes[1] > 1.1 * volumes[0]
    # Not by luck alone: what is usual is better, too.
    assert median(wait for wait, _ in points[1]) < median(wait for wait, _ in points[0])


def test_a_launch_that_keeps_to_the_findings_has_fewer(narrowed: Narrowing) -> None:
    assert narrowed.next is not None
    bad = {"schedule_conservativeness": 1.2, "cuda_graph_max_bs_decode": 32, "mem_fraction_static": 0.8}
    found = _diagnosed([_serve(bad), _serve(narrowed.next.config)])
    moved = [{f.id for f in found.findings if f.launch == i and f.moves} for i in (0, 1)]
    assert {"too-conservative", "graphs-too-small"} <= moved[0]
    assert len(moved[1]) < len(moved[0])
    assert "graphs-too-small" not in moved[1]


def test_evidence_of_both_rounds_stays_in_the_overlay(path: Path, narrowed: Narrowing) -> None:
    out = path.with_name("again.yaml")
    write(out, str(path), load(path), narrowed.edits, narrowed.counts)
    narrow_space = load(out)
    found = _diagnosed([_serve(config) for config in narrow_space.sample(2)])
    again = narrow(narrow_space, found.launches, found.findings)
    write(out, str(out), narrow_space, again.edits, again.counts)
    assert again.after is not None
    assert 0 < again.after <= (narrowed.after or 0)
    kept = {(edit.finding, edit.because) for edit in again.edits}
    assert {edit.because for edit in narrowed.edits if edit.basis == "failure"} <= {why for _, why in kept}
    assert load(out).count() == again.after
