"""What is found in the logs of the SIMULATED server: what would be found in those of the real one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from simulated_loads import serve
from spacegen.diagnose.diagnosis import Diagnosis, examine
from spacegen.diagnose.launch import Fact
from spacegen.tune.simulated.prefixes import Beginnings, Prefixes, beginnings
from tests.read_logs import launches_of


def _examined(log: str) -> Diagnosis:
    return examine(launches_of(log.encode()))


def _found(log: str) -> set[str]:
    return {finding.id for finding in _examined(log).findings}


def _prompts(same: int) -> list[Beginnings]:
    """Prompts of 500 tokens of which so many at the beginning are the same, if in steps of 16."""
    return [beginnings("same" * same + f"{i:04}" * (500 - same)) for i in range(2000)]


@pytest.mark.parametrize(
    ("same", "given", "finding"),
    [
        (320, {}, "shared-prefixes"),
        (320, {"disable_radix_cache": True}, None),
        (8, {}, "nothing-cached"),
        (320, {"schedule_policy": "lpm"}, None),
    ],
)
def test_prompts_with_one_beginning_are_found_in_the_cache(
    same: int, given: dict[str, Any], finding: str | None
) -> None:
    served = serve({"max_running_requests": 256, **given}, 2000, 800, 0.5, prompt=500, shared=_prompts(same))
    found = {"shared-prefixes", "nothing-cached"} & _found(served.log)
    assert found == ({finding} if finding else set())
    cached = 320 if same == 320 and not given.get("disable_radix_cache") else 0
    assert sorted({request.cached or 0 for request in served.requests}) == ([0, cached] if cached else [0])


def test_prompts_that_were_cached_take_less_prefill() -> None:
    waits = [serve({}, 500, 4, 1.0, prompt=500, shared=_prompts(same)[:500]).wait for same in (480, 0)]
    assert waits[0] < waits[1] / 2


def test_prompts_are_alike_as_far_as_their_blocks_are() -> None:
    one, other = beginnings("a" * 200), beginnings("a" * 150 + "b" * 50)
    assert len(one) == len(other) == 3
    assert one[:2] == other[:2]
    assert one[2] != other[2]
    assert beginnings([1] * 40)[0] == beginnings([1] * 16)[0] != beginnings([2] * 16)[0]
    assert beginnings("a" * 63) == beginnings([]) == ()


def test_what_was_used_last_stays_and_of_that_the_beginning() -> None:
    prefixes, one, other = Prefixes(), beginnings("a" * 192), beginnings("b" * 192)
    prefixes.keep(one, 100)
    assert prefixes.found(one) == 48
    prefixes.keep(other, 64)
    assert (prefixes.found(one), prefixes.found(other)) == (16, 48)
    prefixes.keep(one[:1], -1)
    assert prefixes.found(other) == 0


@pytest.mark.parametrize("version", ["0.5.6", "0.5.23"])
def test_memory_that_ends_while_serving_ends_in_prefill(version: str) -> None:
    given = {"mem_fraction_static": 0.96, "chunked_prefill_size": 16384, "disable_cuda_graph": True}
    served = serve(given, 10, 10, 1.0, prompt=8000, version=version)
    assert served.requests == []
    assert "out-of-memory-prefill" in _found(served.log)
    assert "SIMULATED" in served.log


@pytest.mark.parametrize(
    ("version", "groups"),
    [
        ("0.5.6", {"dp_size": 8, "enable_dp_attention": True}),
        ("0.5.23", {"dp_size": 8, "enable_dp_attention": True}),
        ("0.5.23", {"attn_dp_size": 8}),
    ],
)
def test_groups_of_attention_log_what_they_make_of_their_arguments(
    version: str, groups: dict[str, Any]
) -> None:
    given = {"tp_size": 8, "schedule_conservativeness": 1.0, "chunked_prefill_size": 8192, **groups}
    served = serve(given, 2000, 300, 0.4, prompt=500, version=version)
    (launch,) = _examined(served.log).launches
    assert launch.as_logged == {"chunked_prefill_size": 1024, "schedule_conservativeness": 0.3}
    assert launch.arguments["chunked_prefill_size"] == 8192
    assert launch.arguments["schedule_conservativeness"] == 1
    assert launch.figure(Fact.CHUNK) == 1024
    assert launch.series.ranks == 8
    fresh = [int(found) for found in re.findall(r"DP\d TP\d\] Prefill.*?#new-token: (\d+)", served.log)]
    assert 0 < max(fresh) <= 1024
    assert sum(fresh) == 2000 * 500
    served = serve({**given, **dict.fromkeys(groups)}, 500, 30, 0.4, prompt=500, version=version)
    (launch,) = _examined(served.log).launches
    assert launch.as_logged == {}
