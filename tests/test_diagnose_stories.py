"""From the log of a server to findings: every story of the generator, in every version and dress."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.finding import Finding, Severity
from tests.read_logs import launches_of
from tests.server_logs import MINI, MINI_STORIES, NEW, OLD, STORIES, encoded, log

EXPECTED = {
    "healthy": set(),
    "under-filled": {"queue-empty"},
    "conservative": {"too-conservative"},
    "full-slots": {"too-few-slots"},
    "retracting": {"retracts-often"},
    "retracting-rarely": set(),
    "contradictory": {"admission-swings"},
    "overfull": {"queue-long"},
    "no-graph": {"graphs-too-small"},
    "too-much-left": {"memory-unused"},
    "too-little-left": {"memory-scarce"},
    "shared-prefixes": set(),
    "nothing-shared": set(),
    "killed": {"host-memory"},
    "weights-oom": {"out-of-memory-weights"},
    "no-pool": {"no-kv-pool"},
    "pool-oom": {"out-of-memory-kv-pool"},
    "graphs-oom": {"out-of-memory-graphs"},
    "warm-up-oom": {"out-of-memory-warm-up"},
    "arguments": {"arguments-refused"},
    "refused": {"arguments-refused"},
    "port-torch": {"port-in-use"},
    "graphs-failed": {"graph-capture-failed"},
    "port": {"port-in-use"},
    "prefill-oom": {"out-of-memory-prefill"},
    "decode-oom": {"out-of-memory-decode"},
    "prefill-tokens": {"no-tokens-prefill"},
    "decode-tokens": {"no-tokens-decode"},
    "slots": {"no-request-slots"},
    "aborted": {"request-larger-than-pool"},
    "watchdog": {"watchdog"},
    "crash": {"crashed"},
}
"""The warnings and errors of each."""
DRESSES = {
    "plain": ({}, {}),
    "four ranks and noise": ({"dp": 2, "tp": 2}, {"noise": 0.4}),
    "docker compose": ({"tp": 2}, {"front": "server-1  | ", "noise": 0.1}),
    "kubernetes": ({"dp": 2}, {"front": "2025-08-11T17:17:03.123456789Z stdout F "}),
    "windows": ({}, {"end": "\r\n"}),
}
COMMON = ("healthy", "retracting", "graphs-oom", "prefill-oom")


def told(pieces: Iterable[bytes]) -> tuple[Finding, ...]:
    return findings(launches_of(*pieces))


def wrong(found: Iterable[Finding]) -> set[str]:
    return {finding.id for finding in found if finding.severity is not Severity.INFO}


def test_every_story_has_its_findings() -> None:
    assert EXPECTED.keys() == STORIES.keys()


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize(
    ("story", "dress"),
    [(story, dress) for n, dress in enumerate(DRESSES) for story in (STORIES if n < 2 else COMMON)],
)
def test_a_story_is_told_by_its_log(story: str, version: str, dress: str) -> None:
    ranks, outside = DRESSES[dress]
    found = told(encoded(log(version, story, decodes=130, **ranks), **outside))
    assert wrong(found) == EXPECTED[story]
    assert all(line.text for finding in found for line in finding.evidence)


@pytest.mark.parametrize("story", MINI_STORIES)
def test_mini_sglang_tells_it_too(story: str) -> None:
    found = wrong(told(encoded(log(MINI, story, decodes=20), noise=0.2)))
    # It says nothing of batches, so that prefill and decoding are not told apart.
    assert found == ({"out-of-memory-serving"} if story == "prefill-oom" else EXPECTED[story])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("version", [OLD, NEW])
def test_no_healthy_log_is_blamed(version: str, seed: int) -> None:
    assert (
        wrong(told(encoded(log(version, "healthy", decodes=400, seed=seed), noise=0.3, seed=seed))) == set()
    )


def test_short_logs_and_logs_that_break_off_are_not_blamed() -> None:
    parts = "".join(log(NEW, "healthy", decodes=20)).encode()
    for end in range(0, len(parts), 2003):
        assert wrong(told([parts[:end]])) == set()
