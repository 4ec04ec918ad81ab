"""Advice on exceptions, signals and watchdogs."""

from __future__ import annotations

import pytest

from spacegen.diagnose.finding import Severity
from spacegen.diagnose.launch import Phase, Trouble, TroubleKind
from tests.made_launches import (
    ARGUMENTS,
    FACTS,
    READY,
    failed,
    launch,
    only,
    ways,
)


@pytest.mark.parametrize(
    ("trouble", "name", "command"),
    [
        (failed(TroubleKind.PORT, Phase.ARGUMENTS), "port-in-use", "ss -tlnp | grep :30000"),
        (
            failed(TroubleKind.ARGUMENTS, Phase.ARGUMENTS, words="bad"),
            "arguments-refused",
            "spacegen check SPACE CONFIG",
        ),
        (failed(TroubleKind.WATCHDOG, Phase.SERVING), "watchdog", "py-spy dump --pid PID"),
        (
            failed(TroubleKind.KILLED, Phase.WEIGHTS, signal=9),
            "host-memory",
            "dmesg -T | grep -i -E 'killed process|oom'",
        ),
        (failed(TroubleKind.KILLED, Phase.SERVING, signal=11), "crashed", None),
        (failed(TroubleKind.CRASH, Phase.SERVING, words="RuntimeError: NCCL error"), "crashed", None),
    ],
)
def test_other_ends_come_with_a_command_or_a_sentence(
    trouble: Trouble, name: str, command: str | None
) -> None:
    finding = only(launch(ARGUMENTS, FACTS, trouble))
    assert (finding.id, finding.command, finding.severity) == (name, command, Severity.ERROR)
    assert finding.advice


def test_an_exception_that_the_server_survived_is_a_warning() -> None:
    trouble = failed(TroubleKind.CRASH, Phase.SERVING, words="ValueError: x").model_copy(
        update={"fatal": False}
    )
    assert only(launch(ARGUMENTS, FACTS, trouble, ready=READY)).severity is Severity.WARNING


def test_a_hierarchical_cache_is_what_main_memory_is_saved_on() -> None:
    arguments = {**ARGUMENTS, "enable_hierarchical_cache": True, "hicache_ratio": 3.0, "hicache_size": 0}
    words = "ValueError: Not enough host memory available. Requesting {} GB but only have 40.00 GB free."
    trouble = failed(TroubleKind.CRASH, Phase.KV_POOL, words="ValueError: Not enough host memory available.")
    finding = only(launch(arguments, FACTS, trouble))
    assert ways(finding.moves) == {"hicache_ratio": 2.0, "enable_hierarchical_cache": False}
    trouble = failed(TroubleKind.CRASH, Phase.KV_POOL, words=words.format("50.00"))
    (ratio, _) = only(launch(arguments, FACTS, trouble)).moves
    assert (ratio.at_most, ratio.to) == (2.4, 2.4)
    arguments = {**arguments, "hicache_size": 100}
    trouble = failed(TroubleKind.CRASH, Phase.KV_POOL, words=words.format("100.00"))
    (size, _) = only(launch(arguments, FACTS, trouble)).moves
    assert (size.parameter, size.at_least, size.at_most) == ("hicache_size", 1, 40)
