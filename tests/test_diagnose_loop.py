"""The loop: what is measured leaves logs, they narrow the space, and there the next search finds more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from simulated_loads import Served, serve
from spacegen.api import Space, load
from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.diagnosis import Diagnosis, examine
from spacegen.diagnose.launch import Launch
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
# The same with a fifth of the cache: a fifth of the requests fills it, and launches are soon done.
SMALL = SPACE.replace("16, 32, 64, 128, 512, 768", "4, 8, 16, 32, 64, 128").replace(
    "64, 128, 256, 2048", "16, 32, 64, 512"
)
TRIALS = 5
SEEDS = range(6)

pytestmark = pytest.mark.xdist_group("loop")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("loop") / "node.yaml"
    found.write_text(SMALL)
    return found


def _serve(config: Mapping[str, Any]) -> Served:
    """A launch under the load of all: answers end after a twentieth of what they may have."""
    return serve({**config, "max_total_tokens": 100_000}, 600, 4000, 0.05, prompt=500)


def _tried(space: Space, seed: int) -> list[Served]:
    """As many launches as there are trials."""
    return [_serve(config) for config in space.sample(TRIALS, seed=seed)]


def _diagnosed(served: Sequence[Served]) -> Diagnosis:
    launches: list[Launch] = []
    for number, one in enumerate(served):
        reader = LogReader(f"trial-{number}.log")
        reader.take(one.log.encode())
        reader.close()
        launches += reader.launches
    return examine(tuple(launches))


def _points(served: Sequence[Served]) -> list[tuple[float, float]]:
    return [(one.wait, -one.rate) for one in served if one.requests]


def _narrowed(path: Path, tried: Sequence[Served]) -> Narrowing:
    found = _diagnosed(tried)
    return narrow(load(path), found.launches, found.findings)


@dataclass(frozen=True)
class Round:
    """The same number of launches before and after their space was narrowed."""

    before: list[Served]
    narrowed: Narrowing
    after: list[Served]

    @property
    def gain(self) -> float:
        """How much more the second front dominates."""
        points = _points(self.before), _points(self.after)
        worst = [max(point[i] for point in (*points[0], *points[1])) for i in (0, 1)]
        first, second = (hypervolume(found, [worst[0] * 1.01, worst[1] * 0.99]) for found in points)
        return second / first


@pytest.fixture(scope="module")
def rounds(path: Path) -> list[Round]:
    found = []
    for seed in SEEDS:
        before = _tried(load(path), seed)
        narrowed = _narrowed(path, before)
        out = path.with_name(f"narrow-{seed}.yaml")
        write(out, str(path), load(path), narrowed.edits, counts=narrowed.counts)
        found.append(Round(before, narrowed, _tried(load(out), seed)))
    return found


def test_the_second_front_dominates_more_with_as_many_trials(rounds: list[Round]) -> None:
    for one in rounds:
        assert one.narrowed.before is not None
        assert one.narrowed.after is not None
        assert 0 < one.narrowed.after < one.narrowed.before
    # So few trials may be lucky before or unlucky after, but not as a rule.
    assert median(one.gain for one in rounds) > 1.05


def test_launches_of_the_narrowed_space_are_better_as_a_rule(rounds: list[Round]) -> None:
    before = [served for one in rounds for served in one.before]
    after = [served for one in rounds for served in one.after]
    waits = [median(wait for wait, _ in _points(served)) for served in (before, after)]
    assert waits[1] < 0.9 * waits[0]
    assert len(_points(after)) > len(_points(before))


def test_a_launch_that_keeps_to_the_findings_has_fewer(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    path.write_text(SPACE)
    bad = {"schedule_conservativeness": 1.2, "cuda_graph_max_bs_decode": 32, "mem_fraction_static": 0.8}
    first = serve(bad, 2000, 4000, 0.05, prompt=500)
    narrowed = _narrowed(path, [first])
    assert narrowed.next is not None
    found = _diagnosed([first, serve(narrowed.next.config, 2000, 4000, 0.05, prompt=500)])
    moved = [{f.id for f in found.findings if f.launch == i and f.moves} for i in (0, 1)]
    assert {"too-conservative", "graphs-too-small"} <= moved[0]
    assert len(moved[1]) < len(moved[0])
    assert "graphs-too-small" not in moved[1]


def test_evidence_of_both_rounds_stays_in_the_overlay(path: Path, rounds: list[Round]) -> None:
    narrowed = rounds[0].narrowed
    out = path.with_name("again.yaml")
    write(out, str(path), load(path), narrowed.edits, counts=narrowed.counts)
    narrow_space = load(out)
    found = _diagnosed([_serve(config) for config in narrow_space.sample(2)])
    again = narrow(narrow_space, found.launches, found.findings)
    write(out, str(out), narrow_space, again.edits, counts=again.counts)
    assert again.after is not None
    assert 0 < again.after <= (narrowed.after or 0)
    kept = {(edit.finding, edit.because) for edit in again.edits}
    assert {edit.because for edit in narrowed.edits if edit.basis == "failure"} <= {why for _, why in kept}
    assert load(out).count() == again.after
