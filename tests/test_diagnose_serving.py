"""What logs show about serving: the guide's own lines, whole logs of both versions, loads of other shapes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import pytest

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.advice.guide import HIGHEST_SHARE
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.steady import Steady, steady
from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Figure, Launch, Line, Phase
from spacegen.diagnose.series import Column, Series
from tests.read_logs import launches_of
from tests.server_logs import NEW, OLD, STORIES, Story, encoded, log

DECODE = (
    "Decode batch. #running-req: 233, #token: 370959, token usage: 0.82, cuda graph: True, "
    "gen throughput (token/s): 4594.01, #queue-req: 317"
)
RETRACT = "KV cache pool is full. Retract requests. #retracted_reqs: 1, #new_token_ratio: 0.9998 -> 1.0000"
READY = (
    "[2025-08-11 17:17:03] max_total_num_tokens=665690, chunked_prefill_size=8192, max_prefill_tokens=16384, "
    "max_running_requests=4096, context_len=65536, available_gpu_mem=13.50 GB"
)

SERVING = (
    "queue-empty",
    "ranks-uneven",
    "queue-long",
    "requests-wait",
    "too-conservative",
    "too-few-slots",
    "admission-swings",
    "retracts-often",
    "graphs-too-small",
)
"""What is no information but a fault of serving."""


def read(pieces: Iterable[str | bytes]) -> Launch:
    text = b"".join(piece.encode() if isinstance(piece, str) else piece for piece in pieces)
    (launch,) = launches_of(text)
    return launch


def lines(*texts: str) -> Launch:
    return read(f"{text}\n" for text in texts)


def ids(launch: Launch, goal: Aim = Aim.THROUGHPUT) -> list[str]:
    return [finding.id for finding in findings([launch], goal)]


def faults(launch: Launch, goal: Aim = Aim.THROUGHPUT) -> list[str]:
    return [found.id for found in findings([launch], goal) if found.severity is not Severity.INFO]


def one(launch: Launch, name: str, goal: Aim = Aim.THROUGHPUT) -> Finding:
    (found,) = (finding for finding in findings([launch], goal) if finding.id == name)
    return found


def full_load(launch: Launch) -> Steady:
    found = steady(launch)
    assert found is not None
    return found


def decode(
    second: float,
    running: int,
    *,
    queue: int = 0,
    usage: float = 0.95,
    graph: bool = True,
    rate: float | None = None,
    rank: str = "",
) -> str:
    hours, rest = divmod(int(second), 3600)
    stamp = f"[2026-01-02 {hours:02}:{rest // 60:02}:{rest % 60:02}{rank}]"
    return (
        f"{stamp} Decode batch, #running-req: {running}, #token: {int(usage * 400_000)}, "
        f"token usage: {usage:.2f}, cuda graph: {graph}, "
        f"gen throughput (token/s): {rate or running * 20:.2f}, #queue-req: {queue}"
    )


def retraction(second: float) -> str:
    return f"[2026-01-02 00:{int(second) // 60:02}:{int(second) % 60:02}] {RETRACT}"


# The guide's own lines


def test_the_line_of_decoding_that_the_guide_shows() -> None:
    assert faults(lines(DECODE)) == ["too-conservative"]
    found = one(lines(DECODE), "too-conservative")
    assert found.evidence[0].text == DECODE
    (move,) = found.moves
    assert move == Move(
        parameter="schedule_conservativeness",
        at_most=0.9,
        to=0.5,
        because="0.18 of the cache stays free, where 0.05 would do",
    )
    assert "`max_new_tokens`" in found.advice[1]
    assert "EOS or stop string" in found.advice[1]
    assert faults(lines(*[DECODE] * 5)) == ["too-conservative"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"0.82": "0.93"}, "load-good"),
        ({"317": "0"}, "queue-empty"),
        ({"0.82": "0.93", "317": "2500"}, "queue-long"),
        ({"0.82": "0.93", "317": "99"}, "queue-short"),
        ({"0.82": "0.93", "317": "40"}, "queue-short"),
        ({"0.82": "0.93", "317": "100"}, "load-good"),
        ({"0.82": "0.93", "317": "0"}, None),
        ({"0.82": "0.93", "True": "False"}, "graphs-too-small"),
    ],
)
def test_the_same_line_with_other_numbers(changed: dict[str, str], expected: str | None) -> None:
    text = DECODE
    for before, after in changed.items():
        text = text.replace(f": {before}", f": {after}")
    found = ids(lines(text))
    assert found[:1] == ([expected] if expected else [])


def test_a_retraction_alone_says_nothing_of_how_often() -> None:
    (found,) = findings([lines(RETRACT)])
    assert (found.id, found.severity) == ("retracts-sometimes", Severity.INFO)
    assert "about once a minute" in found.advice[0]
    assert "the log does not tell the rate" in found.summary
    assert found.moves == ()
    (beside,) = (f for f in findings([lines(DECODE.replace("0.82", "0.97"), RETRACT)]) if f.id == found.id)
    assert beside.summary == found.summary
    assert one(told(OLD, "retracting-rarely"), found.id).advice == ()


@pytest.mark.parametrize(
    ("apart", "count", "expected"),
    [
        (20, 30, ("retracts-often", Severity.WARNING)),
        (60, 10, ("retracts-sometimes", Severity.INFO)),
        (1, 30, None),
        (30, 1, None),
    ],
)
def test_retractions_of_a_server_that_logs_no_batches(
    apart: int, count: int, expected: tuple[str, Severity] | None
) -> None:
    found = findings([lines(*(retraction(apart * at) for at in range(count)))])
    assert [(one.id, one.severity) for one in found] == ([] if expected is None else [expected])
    if expected == ("retracts-often", Severity.WARNING):
        assert found[0].summary.startswith("30 retractions in 10 min, 3 a minute (up to 1.5 is fine)")
        assert [move.to for move in found[0].moves] == [1.3]


def test_the_guides_lines_in_one_file() -> None:
    assert faults(lines(READY, DECODE, RETRACT)) == ["memory-unused", "too-conservative"]


def test_many_retractions_among_few_lines_of_a_full_cache() -> None:
    launch = lines(*[DECODE.replace("0.82", "0.99"), RETRACT] * 6)
    assert faults(launch) == ["retracts-often"]
    assert one(launch, "retracts-often").moves[0].to == 1.3


# Whole logs


TOLD = {
    "healthy": ["load-good"],
    "under-filled": ["queue-empty"],
    "conservative": ["too-conservative"],
    "full-slots": ["too-few-slots"],
    "retracting": ["retracts-often", "load-good"],
    "retracting-rarely": ["load-good", "retracts-sometimes"],
    "contradictory": ["admission-swings"],
    "overfull": ["queue-long"],
    "no-graph": ["graphs-too-small", "load-good"],
    "shared-prefixes": ["load-good", "shared-prefixes"],
    "nothing-shared": ["load-good", "nothing-cached"],
}


@cache
def told(version: str, story: str, **options: Any) -> Launch:
    return read(log(version, story, **options))


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("story", TOLD)
def test_stories(version: str, story: str) -> None:
    launch = told(version, story)
    assert [name for name in ids(launch) if name != "memory-good"] == TOLD[story]
    assert all(finding.evidence and finding.numbers for finding in findings([launch]))


@pytest.mark.parametrize(
    "story", ["healthy", "conservative", "retracting", "retracting-rarely", "under-filled"]
)
@pytest.mark.parametrize("ranks", [{"dp": 4}, {"tp": 4}, {"dp": 2, "tp": 2}], ids=str)
def test_several_ranks(story: str, ranks: dict[str, int]) -> None:
    expected = [name for name in TOLD[story] if name in SERVING]
    assert faults(told(OLD, story, **ranks)) == expected
    assert full_load(told(OLD, story, **ranks)).ranks == ranks.get("dp", 1)


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_wrong_with_a_healthy_log(version: str, seed: int) -> None:
    assert faults(told(version, "healthy", seed=seed, decodes=40 + 200 * seed)) == []
    assert faults(read(encoded(log(version, "healthy", seed=seed), noise=0.3, seed=seed))) == []


@pytest.mark.parametrize("story", [name for name, story in STORIES.items() if story.ends is None])
def test_a_short_log_says_nothing_about_serving(story: str) -> None:
    assert set(faults(told(OLD, story, minutes=0.5))) & set(SERVING) == set()


@pytest.mark.parametrize("story", TOLD)
def test_long_logs_in_wide_intervals_say_the_same(story: str) -> None:
    launch = read(log(NEW, story, minutes=90))
    assert launch.series.width == 16
    assert faults(launch) == [name for name in TOLD[story] if name in SERVING]


def test_stamps_may_be_missing() -> None:
    bare = (line.split("] ", 1)[-1] for line in log(OLD, "conservative"))
    launch = read(bare)
    assert not launch.series.timed
    assert faults(launch) == ["too-conservative"]
    assert full_load(launch).seconds == pytest.approx(600, rel=0.1)


def test_the_evidence_shows_what_is_found() -> None:
    text = [decode(2 * step, 200, queue=300, usage=0.8) for step in range(200)]
    text[50] = decode(100, 230, queue=300, usage=0.93)
    text[51] = shown = decode(102, 210, queue=300, usage=0.8)
    (line,) = one(lines(*text), "too-conservative").evidence
    assert (line.file, line.number, line.text) == ("server.log", 52, shown)


# Loads of other shapes


def batch(queued: float = 300, drain: float = 200) -> Iterator[str]:
    """A benchmark: it fills, runs for five minutes, and drains for as long as its longest request takes."""
    for step in range(30):
        yield decode(step * 2, 8 * step, queue=900, usage=0.02 * step)
    for step in range(150):
        yield decode(60 + step * 2, 240, queue=max(1, int(queued * (1 - step / 150))), usage=0.96)
    for step in range(int(drain)):
        left = 1 - step / drain
        yield decode(360 + step * 2, int(240 * left) or 1, usage=0.96 * left)


@pytest.mark.parametrize("drain", [20, 200, 800])
def test_filling_and_draining_are_no_evidence(drain: int) -> None:
    launch = lines(*batch(drain=drain))
    assert faults(launch) == []
    found = full_load(launch)
    assert found.running == pytest.approx(240, abs=1)
    assert found.empty_queue == 0


def test_outputs_that_just_began_are_no_evidence() -> None:
    growing = [decode(2 * step, 200, queue=500, usage=min(0.94, 0.2 + 0.02 * step)) for step in range(100)]
    assert faults(lines(*growing)) == []


def test_each_of_several_benchmarks_fills_and_drains() -> None:
    text = [line for run in range(4) for line in shifted(batch(drain=60), run * 700)]
    launch = lines(*text)
    assert faults(launch) == []
    assert full_load(launch).seconds == pytest.approx(4 * 300, rel=0.1)


def test_many_benchmarks_in_wide_intervals_have_no_fault() -> None:
    launch = lines(*(line for run in range(30) for line in shifted(batch(drain=60), run * 700)))
    assert launch.series.width == 64
    assert ids(launch) == ["load-good"]


@pytest.mark.parametrize("apart", [600, 1800, 3600, 14_000])
def test_bursts_drain_however_wide_intervals_are(apart: int) -> None:
    def burst() -> Iterator[str]:
        for step in range(40):
            left = 1 - max(step - 25, 0) / 16
            yield decode(step * 2, int(200 * left), queue=max(200 - 14 * step, 0), usage=0.93 * left)

    launch = lines(*(line for run in range(6) for line in shifted(burst(), run * apart)))
    assert faults(launch) == []


def ranks(queues: list[int], usages: list[float], lag: float = 0.0) -> Iterator[str]:
    for step in range(200):
        for rank, (queue, usage) in enumerate(zip(queues, usages, strict=True)):
            second = 3 * step + lag * rank
            yield decode(second, int(240 * usage), queue=queue, usage=usage, rank=f" DP{rank} TP0")


@pytest.mark.parametrize("lag", [0.0, 1.0])
@pytest.mark.parametrize(("version", "to"), [(OLD, "shortest_queue"), (NEW, "total_requests")])
def test_requests_that_wait_for_some_ranks_only_are_shared_out_badly(
    lag: float, version: str, to: str
) -> None:
    launch = lines(*ranks([250, 0, 300, 0], [0.95, 0.3, 0.95, 0.4], lag)).model_copy(
        update={"version": version}
    )
    assert faults(launch) == ["ranks-uneven"]
    assert faults(launch, Aim.LATENCY) == ["ranks-uneven"]
    found = one(launch, "ranks-uneven")
    assert found.numbers["uneven_share"] == pytest.approx(0.5, abs=0.01)
    assert [(move.parameter, move.to) for move in found.moves] == [("load_balance_method", to)]
    known = one(with_arguments(launch, load_balance_method=to), "ranks-uneven")
    assert known.moves == ()


def test_ranks_that_are_alike_have_no_uneven_load() -> None:
    assert "ranks-uneven" not in ids(lines(*ranks([0, 0], [0.5, 0.5])))
    assert "queue-empty" in faults(lines(*ranks([0, 0, 3], [0.5, 0.5, 0.5])))
    assert ids(lines(*ranks([200, 300], [0.95, 0.95]))) == ["load-good"]


def shifted(told: Iterable[str], seconds: int) -> Iterator[str]:
    for line in told:
        hours, minutes, rest = line[12:20].split(":")
        now = int(hours) * 3600 + int(minutes) * 60 + int(rest) + seconds
        yield f"{line[:12]}{now // 3600:02}:{now % 3600 // 60:02}:{now % 60:02}{line[20:]}"


def service() -> Iterator[str]:
    """Requests come when they come: mostly few, at times many, and none ever waits for long."""
    for step in range(600):
        running = 6 + (step * 37) % 23 + (60 if step % 100 > 85 else 0)
        yield decode(3 * step, running, queue=int(step % 29 == 0), usage=running / 400)


def test_a_service_with_a_varying_load_has_no_fault() -> None:
    found = one(lines(*service()), "queue-empty")
    assert found.severity is Severity.INFO
    assert "the load varies" in found.summary
    assert faults(lines(*service())) == []
    assert ids(lines(*service()), Aim.LATENCY) == []


def test_an_idle_server_has_no_fault() -> None:
    probes = [decode(600 * step, 1, usage=0.0) for step in range(30)]
    assert faults(lines(*probes)) == []
    assert one(lines(*probes), "queue-empty").numbers["busy_share"] < 0.1


def test_who_aims_at_latency_wants_no_queue() -> None:
    steadily = lines(*(decode(2 * step, 40, usage=0.3) for step in range(200)))
    assert faults(steadily) == ["queue-empty"]
    assert faults(steadily, Aim.LATENCY) == []
    queued = lines(*(decode(2 * step, 240, queue=300) for step in range(200)))
    assert faults(queued) == []
    assert faults(queued, Aim.LATENCY) == ["requests-wait"]
    assert one(queued, "requests-wait", Aim.LATENCY).numbers["waiting_by_serving"] == 1.25


def arriving(most: int) -> Iterator[str]:
    """A service that is hardly filled: who waits has come just now."""
    return (decode(2 * step, 40 + step % 5, queue=step % (most + 1), usage=0.16) for step in range(300))


@pytest.mark.parametrize("most", [1, 3])
def test_who_has_just_come_is_not_held_back(most: int) -> None:
    launch = lines(*arriving(most))
    assert faults(launch) == ["queue-empty"]
    assert faults(launch, Aim.LATENCY) == []


def test_few_that_wait_are_told_where_the_queue_is_never_quite_empty() -> None:
    launch = lines(*(decode(2 * step, 40, queue=2, usage=0.16) for step in range(300)))
    summary = one(launch, "queue-empty").summary
    assert summary.startswith("only 2 waited on average at full load (10 min), with 40 running")


def prefills(second: float, count: int, tokens: int) -> Iterator[str]:
    """As many in the time up to the next line of decoding."""
    for number in range(count):
        yield decode(second + number, 16, queue=800, usage=0.12).split("Decode")[0] + (
            f"Prefill batch, #new-seq: 8, #new-token: {tokens}, #cached-token: 100, token usage: 0.12, "
            "#running-req: 8, #queue-req: 800, "
        )


@pytest.mark.parametrize(
    ("count", "tokens", "expected"),
    [(20, 8192, "prefill-bound"), (20, 900, "too-conservative"), (1, 8192, "too-conservative")],
)
@pytest.mark.parametrize("goal", list(Aim))
def test_who_waits_for_prefills_does_not_wait_for_room(
    count: int, tokens: int, expected: str, goal: Aim
) -> None:
    text = [
        line
        for step in range(30)
        for line in (*prefills(21 * step, count, tokens), decode(21 * step + 20, 16, queue=800, usage=0.12))
    ]
    launch = with_arguments(lines(*text), chunked_prefill_size=8192, max_running_requests=1024)
    assert {"prefill-bound", "too-conservative"} & set(ids(launch, goal)) == {expected}
    assert ("too-conservative" in faults(launch, goal)) == (expected == "too-conservative")


def test_as_many_servers_as_hold_all_requests_where_one_is_full() -> None:
    full = lines(*(decode(2 * step, 240, queue=300, usage=0.95) for step in range(200)))
    assert "over 3 servers like this one" in one(full, "requests-wait", Aim.LATENCY).advice[1]
    roomy = lines(*(decode(2 * step, 16, queue=800, usage=0.12) for step in range(200)))
    assert "over more servers like this one" in one(roomy, "requests-wait", Aim.LATENCY).advice[1]


def test_memory_that_is_left_is_no_fault_for_latency_while_the_cache_has_room() -> None:
    launch = told(OLD, "too-much-left")
    assert one(launch, "memory-unused").severity is Severity.WARNING
    assert one(launch, "memory-unused", Aim.LATENCY).severity is Severity.WARNING
    idle = read(log(OLD, Story(share=0.8, usage=0.4, queue=0)))
    assert one(idle, "memory-unused", Aim.LATENCY).severity is Severity.INFO
    assert one(lines(READY), "memory-unused", Aim.LATENCY).severity is Severity.INFO


def test_for_latency_two_thousand_that_wait_are_no_measure() -> None:
    launch = lines(*(decode(2 * step, 240, queue=5000, usage=0.95) for step in range(200)))
    assert faults(launch) == ["queue-long"]
    assert faults(launch, Aim.LATENCY) == ["requests-wait"]


def test_a_client_of_fixed_concurrency_is_told_how_many_fit() -> None:
    found = one(lines(*(decode(2 * step, 40, usage=0.2) for step in range(200))), "queue-empty")
    assert found.numbers["in_flight"] == 190 + 100
    assert "290 in flight" in found.advice[0]


def test_a_cache_of_few_large_requests_has_no_room_for_another() -> None:
    assert faults(lines(*(decode(2 * step, 3, queue=50, usage=0.8) for step in range(200)))) == []
    assert faults(lines(*(decode(2 * step, 30, queue=50, usage=0.8) for step in range(200)))) == [
        "too-conservative"
    ]


def test_usage_that_is_good_on_average_is_good() -> None:
    wavering = (decode(2 * step, 200, queue=300, usage=0.89 + 0.04 * (step % 2)) for step in range(200))
    assert faults(lines(*wavering)) == []


def test_retractions_count_by_the_minute_and_the_rank() -> None:
    def launch(every: float) -> Launch:
        text = [(2.0 * step, decode(2 * step, 240, queue=300, usage=0.99)) for step in range(600)]
        text += [(second, retraction(second)) for second in (every * i for i in range(1, int(1200 / every)))]
        return lines(*(line for _, line in sorted(text)))

    assert faults(launch(60)) == []
    assert faults(launch(45)) == []
    assert faults(launch(20)) == ["retracts-often"]
    found = one(launch(20), "retracts-often")
    assert found.numbers["retractions_per_minute"] == pytest.approx(3, abs=0.1)
    assert found.evidence[0].text == retraction(20)


def test_few_retractions_are_no_rate_however_short_the_log() -> None:
    text = [decode(2 * step, 240, queue=300, usage=0.99) for step in range(36)]
    text[20:20] = [retraction(40), retraction(40)]
    found = one(lines(*text), "retracts-sometimes")
    assert found.summary.startswith("requests were retracted 2 times; that is too few for a rate")
    text = [decode(2 * step, 240, queue=300, usage=0.99) for step in range(300)]
    found = one(lines(*text[:200], retraction(400), *text[200:]), "retracts-sometimes")
    assert found.summary.startswith("1 retraction in 10 min at full load, 0.1 a minute (")


@pytest.mark.parametrize("goal", list(Aim))
@pytest.mark.parametrize("usage", [0.05, 0.45, 0.93, 0.99])
@pytest.mark.parametrize("queue", [0, 1, 5, 150, 3000])
@pytest.mark.parametrize("idle", [0, 1])
def test_what_is_told_of_few_requests_makes_sense(goal: Aim, usage: float, queue: int, idle: int) -> None:
    text = [decode(2 * step, step % 2 or 1 - idle, queue=queue, usage=usage) for step in range(200)]
    text[100:100] = [retraction(200)] * 30 * (queue > 1)
    for arguments in ({}, {"max_running_requests": 1}, {"schedule_conservativeness": 1.3}):
        for found in findings([with_arguments(lines(*text), **arguments)], goal):
            said = " ".join((found.summary, *found.advice))
            assert not re.search(r"(?:about|near|to|with|while|only|over|among) 0 |(?<!\S)1 requests", said)
            for move in found.moves:
                assert not isinstance(move.to, int) or move.to >= 1


@pytest.mark.parametrize("half", ["prefill", "decode"])
def test_a_server_of_prefill_or_decode_is_said_not_to_be_judged(half: str) -> None:
    launch = told(OLD, "conservative")
    apart = with_arguments(launch, disaggregation_mode=half)
    assert set(faults(apart)) & set(SERVING) == set()
    found = one(apart, "half-of-serving")
    assert f"only does {half} (" in found.summary
    assert (found.severity, found.moves, found.advice) == (Severity.INFO, (), ())
    assert "half-of-serving" not in ids(with_arguments(launch, disaggregation_mode="null"))
    assert "half-of-serving" not in ids(apart.model_copy(update={"series": Series()}))


def test_a_simulated_log_is_timed_by_its_steps() -> None:
    fast = lines(*(decode(step // 20, 240, queue=300, usage=0.6, rate=4800) for step in range(200)))
    assert faults(fast) == []
    assert faults(fast.model_copy(update={"simulated": True})) == ["too-conservative"]


# Sizes


def with_arguments(launch: Launch, **arguments: Any) -> Launch:
    return launch.model_copy(update={"arguments": {**launch.arguments, **arguments}})


@pytest.mark.parametrize(
    ("was", "usage", "to"),
    [
        (1.0, 0.62, 0.3),
        (1.0, 0.8, 0.5),
        (1.0, 0.88, 0.8),
        (1.0, 0.5, 0.3),
        (1.3, 0.88, 1.1),
        (0.5, 0.88, 0.3),
        (0.4, 0.6, 0.3),
    ],
)
def test_less_conservative_by_what_stays_free(was: float, usage: float, to: float) -> None:
    launch = lines(*(decode(2 * step, 200, queue=300, usage=usage) for step in range(200)))
    (move,) = one(with_arguments(launch, schedule_conservativeness=was), "too-conservative").moves
    assert (move.was, move.to) == (was, to)
    assert move.at_most == pytest.approx(was - 0.1)


def test_what_cannot_be_less_conservative_has_another_way() -> None:
    launch = lines(*(decode(2 * step, 200, queue=300, usage=0.6) for step in range(200)))
    found = one(with_arguments(launch, schedule_conservativeness=0.3), "too-conservative")
    assert found.moves == ()
    assert "SGLANG_CLIP_MAX_NEW_TOKENS_ESTIMATION" in found.advice[0]


@pytest.mark.parametrize(("was", "to"), [(1.0, 1.3), (0.3, 0.6), (0.7, 1.0), (1.2, 1.3)])
def test_more_conservative_by_steps(was: float, to: float) -> None:
    launch = told(OLD, "retracting")
    (move,) = one(with_arguments(launch, schedule_conservativeness=was), "retracts-often").moves
    assert (move.parameter, move.was, move.to) == ("schedule_conservativeness", was, to)
    assert move.at_least is not None
    assert was < move.at_least <= to


def test_at_the_guides_limit_fewer_requests_run() -> None:
    launch = with_arguments(told(OLD, "retracting"), schedule_conservativeness=1.3)
    (move,) = one(launch, "retracts-often").moves
    assert (move.parameter, move.was) == ("max_running_requests", 1024)
    assert isinstance(move.to, int)
    assert 180 < move.to < 230


def test_slots_for_as_many_as_fit() -> None:
    (move,) = one(told(OLD, "full-slots"), "too-few-slots").moves
    assert (move.parameter, move.at_least, move.was, move.to) == ("max_running_requests", 129, 128, 192)
    # Who aims at latency may have meant it.
    assert one(told(OLD, "full-slots"), "too-few-slots", Aim.LATENCY).severity is Severity.INFO


@pytest.mark.parametrize(
    ("slots", "usage", "to"),
    [(1, 0.4, 2), (3, 0.7, 4), (8, 0.4, 19), (10, 0.5, 19), (15, 0.75, 19), (64, 0.8, 72)],
)
def test_slots_where_few_requests_run(slots: int, usage: float, to: int) -> None:
    text = (decode(2 * step, slots, queue=300, usage=usage) for step in range(200))
    launch = with_arguments(lines(*text), max_running_requests=slots)
    (move,) = one(launch, "too-few-slots").moves
    assert (move.was, move.to) == (slots, to)
    assert to * usage / slots <= 1


@pytest.mark.parametrize(
    ("running", "to"), [(1, None), (2, 1), (8, 7), (10, 9), (15, 13), (64, 59), (80, 72)]
)
def test_few_requests_are_not_made_one(running: int, to: int | None) -> None:
    text = [decode(2 * step, running, queue=300, usage=0.97) for step in range(200)]
    text[100:100] = [retraction(200)] * 30
    launch = with_arguments(lines(*text), schedule_conservativeness=1.3, max_running_requests=128)
    found = one(launch, "retracts-often")
    assert [(move.was, move.to) for move in found.moves] == ([] if to is None else [(128, to)])
    assert found.advice[-1].endswith("give the KV cache more memory")


@pytest.mark.parametrize("groups", [2, 8])
@pytest.mark.parametrize("running", [1, 2, 10, 200])
def test_each_group_of_attention_data_parallelism_keeps_a_request(running: int, groups: int) -> None:
    text = [decode(2 * step, running, queue=300, usage=0.97) for step in range(200)]
    text[100:100] = [retraction(200)] * 30
    shared = {"enable_dp_attention": True, "dp_size": groups, "schedule_conservativeness": 1.3}
    for move in one(with_arguments(lines(*text), **shared), "retracts-often").moves:
        assert isinstance(move.to, int)
        assert groups <= move.to < running * groups
        assert move.to % groups == 0


@pytest.mark.parametrize(
    ("running", "graphs", "tp_size", "name", "to"),
    [
        (400, 160, 1, "graphs-too-small", 512),
        (600, 256, 8, "graphs-too-small", 768),
        (600, 256, 4, "graphs-too-small", 768),
        (600, 256, 2, "beyond-graphs", None),
        (513, 512, 1, "beyond-graphs", None),
        (200, 160, 1, "graphs-too-small", 256),
        (1500, 256, 8, "beyond-graphs", None),
        (120, 160, 1, "graphs-unused", None),
        (2, 1, 1, "graphs-too-small", 2),
        (3, 1, 1, "graphs-too-small", 4),
        (7, 4, 1, "graphs-too-small", 8),
        (9, 8, 1, "graphs-too-small", 16),
        (16, 12, 1, "graphs-too-small", 16),
    ],
)
def test_graphs_for_the_batches_that_run(
    running: int, graphs: int, tp_size: int, name: str, to: int | None
) -> None:
    batches = lines(*(decode(2 * step, running, queue=300, graph=False) for step in range(100)))
    found = one(with_arguments(batches, cuda_graph_max_bs=graphs, tp_size=tp_size), name)
    assert [move.to for move in found.moves] == ([] if to is None else [to])
    for move in found.moves:
        assert (move.parameter, move.at_least, move.was) == ("cuda_graph_max_bs", running, graphs)


@pytest.mark.parametrize(
    ("sizes", "at_least", "to"),
    [
        # A peak of a moment is no reason for graphs that nearly no batch needs.
        ([307] * 99 + [500], 309, 384),
        ([307] * 80 + [400] * 20, 326, 512),
        # On average there are graphs for them; for a third of the batches there are none.
        ([230] * 60 + [300] * 40, 258, 384),
    ],
)
def test_graphs_for_the_running_batch_and_not_for_its_peak(sizes: list[int], at_least: int, to: int) -> None:
    batches = lines(
        *(decode(2 * step, size, queue=300, graph=size <= 256) for step, size in enumerate(sizes))
    )
    found = one(with_arguments(batches, cuda_graph_max_bs=256), "graphs-too-small")
    assert [(move.at_least, move.to) for move in found.moves] == [(at_least, to)]


@pytest.mark.parametrize(("largest", "running", "more"), [(1, 3, 0.11), (4, 8, 0.15), (16, 32, 0.6)])
def test_what_the_first_graphs_take_is_not_taken_again(largest: int, running: int, more: float) -> None:
    whole = told(NEW, "no-graph")
    batches = lines(*(decode(2 * step, running, queue=300, graph=False) for step in range(100)))
    figure = Figure(value=0.6, line=Line(file="server.log", number=1, text="?"))
    launch = with_arguments(batches, mem_fraction_static=0.9).model_copy(
        update={"graph_sizes": (largest,), "figures": {**whole.figures, Fact.GRAPHS: figure}}
    )
    assert one(launch, "graphs-too-small").numbers["graphs_gib_more"] == pytest.approx(more, abs=0.01)


def test_graphs_cover_the_slots_that_are_proposed_and_no_more() -> None:
    text = [decode(2 * step, 64, queue=300, usage=0.46) for step in range(200)]
    launch = with_arguments(lines(*text), max_running_requests=64, cuda_graph_max_bs=64)
    found = one(launch, "too-few-slots")
    assert (found.numbers["fitting"], found.moves[0].to) == (132.2, 128)
    assert [move.to for move in found.also] == [128]


def test_graphs_cost_memory() -> None:
    launch = with_left(told(NEW, "no-graph"), 6.0)
    found = one(launch, "graphs-too-small")
    assert found.moves[0].to == 384
    assert found.numbers["graphs_gib_more"] > 1
    assert "lower `mem_fraction_static` from 0.9 to 0.87" in found.advice[1]
    assert [move.to for move in found.also] == [0.87]
    assert [move.at_most for move in found.also] == [0.89]


@pytest.mark.parametrize("left", [1.0, 3.0, 5.2, 6.0])
def test_what_graphs_cost_is_told_in_tokens_and_requests_and_they_cover_what_is_left(left: float) -> None:
    launch = with_left(told(NEW, "no-graph"), left)
    found = one(launch, "graphs-too-small")
    (move,), (less,) = found.moves, found.also
    lost = (0.9 - float(str(less.to))) * launch.figures[Fact.BEFORE_LOADING].value
    kept = 1 - lost / launch.figures[Fact.POOL].value
    steady = full_load(launch)
    running = steady.full * kept * max(steady.usage, 0.9)
    assert found.numbers["running_then"] == pytest.approx(running, abs=0.1)
    assert found.numbers["tokens_lost"] == pytest.approx((1 - kept) * 455_958, abs=1)
    assert f"({found.numbers['tokens_lost']:.0f} tokens) of the KV cache" in found.advice[2]
    assert f"about {running:.0f} requests run instead of {steady.running:.0f}" in found.advice[2]
    # No smaller graphs cover what then runs, and no larger ones are of use.
    assert isinstance(move.to, int)
    assert move.at_least is not None
    assert running <= move.to < running + 32
    assert running <= move.at_least <= move.to


def test_graphs_that_fit_into_what_is_left_are_as_large_as_what_runs() -> None:
    found = one(with_left(told(NEW, "no-graph"), 6.9), "graphs-too-small")
    assert (found.moves[0].to, found.also) == (400, ())
    assert found.advice[1].endswith("leave 5.42 GB: `mem_fraction_static` can stay")


@pytest.mark.parametrize("limit", [200, 256])
def test_more_slots_and_the_graphs_for_them_agree(limit: int) -> None:
    batches = lines(
        *(decode(2 * step, limit, queue=300, usage=0.6, graph=False) for step in range(100)),
    )
    launch = with_arguments(batches, max_running_requests=limit, cuda_graph_max_bs=160)
    slots, graphs = one(launch, "too-few-slots"), one(launch, "graphs-too-small")
    assert [move.to for move in slots.also] == [move.to for move in graphs.moves]
    more = slots.moves[0].to
    assert isinstance(more, int)
    assert f"with more slots {more} would run" in graphs.advice[0]


def with_left(launch: Launch, gib: float) -> Launch:
    figure = launch.figures[Fact.LEFT].model_copy(update={"value": gib})
    return launch.model_copy(update={"figures": {**launch.figures, Fact.LEFT: figure}})


@pytest.mark.parametrize("left", [1.0, 3.0, 6.0, 9.0, 11.0, 13.0, 15.0, 20.0, 30.0])
def test_what_graphs_take_and_what_the_share_leaves_agree(left: float) -> None:
    launch = with_left(told(NEW, "no-graph"), left)
    graphs, gpu = one(launch, "graphs-too-small"), launch.figures[Fact.BEFORE_LOADING].value
    (memory,) = (found for found in findings([launch]) if found.id.startswith("memory-"))
    shares = {move.to for move in (*graphs.also, *memory.moves)}
    assert len(shares) <= 1
    was = launch.arguments["mem_fraction_static"]
    rest = left - graphs.numbers["graphs_gib_more"]
    kept = rest - sum(float(share) - was for share in shares) * gpu
    assert kept >= 5
    # No share beyond what is sensible, whatever is left.
    assert kept <= 8 or shares == {HIGHEST_SHARE}
    assert ("can stay" in graphs.advice[1]) == (5 <= rest <= 8)


def test_graphs_that_are_switched_off_are_no_fault() -> None:
    batches = lines(*(decode(2 * step, 100, queue=300, graph=False) for step in range(100)))
    for arguments in ({"disable_cuda_graph": True}, {"cuda_graph_backend_decode": "disabled"}):
        found = one(with_arguments(batches, **arguments), "graphs-off")
        assert found.severity is Severity.INFO
        assert found.moves[0].among == (False,)


# What else to try


def test_replicas_before_ranks_where_the_weights_are_small() -> None:
    launch = told(OLD, "healthy", tp=4)
    found = one(launch, "data-parallel-first")
    assert found.severity is Severity.INFO
    assert (found.moves[0].was, found.moves[0].to) == (4, 1)
    assert "4 replicas" in found.advice[0]
    assert "data-parallel-first" not in ids(launch, Aim.LATENCY)
    heavy = read(log(OLD, Story(weights=141.2), tp=4))
    assert "data-parallel-first" not in ids(heavy)


def test_the_gateway_rather_than_replicas_in_one_server() -> None:
    assert "gateway" in one(told(OLD, "healthy", dp=2), "gateway").advice[0]


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [({}, "enable_dp_attention"), ({"attn_dp_size": 1}, "attn_dp_size")],
)
def test_attention_data_parallelism_for_latent_caches(arguments: dict[str, Any], parameter: str) -> None:
    launch = with_arguments(
        told(OLD, "healthy"), model_path="deepseek-ai/DeepSeek-V3", tp_size=8, **arguments
    )
    assert one(launch, "attention-data-parallel").moves[0].parameter == parameter
    already = with_arguments(launch, enable_dp_attention=True, dp_size=8, attn_dp_size=8)
    assert "attention-data-parallel" not in ids(already)


def test_prefixes_first_only_where_it_matters() -> None:
    launch = told(OLD, "shared-prefixes")
    assert "at most 128 wait" in one(launch, "shared-prefixes").advice[0]
    assert "shared-prefixes" not in ids(with_arguments(launch, schedule_policy="lpm"))
    assert "nothing-cached" not in ids(with_arguments(told(OLD, "nothing-shared"), disable_radix_cache=True))


@pytest.mark.parametrize(
    ("said", "accepted"),
    [
        ("accept len: 1.03, accept rate: 0.01, ", 1.03),
        ("accept len: 1.03, accept rate: 0.01, cap len: 3.00, block accept len: 2.50, ", 1.03),
        ("accept len: 2.91, accept rate: 0.58, ", None),
        ("", None),
    ],
)
def test_drafts_that_are_not_accepted(said: str, accepted: float | None) -> None:
    text = (decode(2 * step, 40, queue=150).replace("cuda graph", f"{said}cuda graph") for step in range(200))
    launch = lines(*text)
    assert faults(launch) == []
    assert [name for name in ids(launch) if name == "drafts-rejected"] == ["drafts-rejected"] * bool(accepted)
    if accepted:
        assert one(launch, "drafts-rejected").numbers == {"accepted": accepted}


def test_steps_that_give_several_tokens_take_as_long_as_they_take() -> None:
    def launch(said: str, rate: float) -> Launch:
        text = (decode(0, 40, queue=150, rate=rate).split("] ", 1)[1] for _ in range(100))
        return lines(*(line.replace("cuda graph", f"{said}cuda graph") for line in text))

    assert full_load(launch("", 800.0)).seconds == 200
    assert full_load(launch("accept len: 3.00, ", 2400.0)).seconds == pytest.approx(200)


def test_small_models_on_small_batches_are_compiled() -> None:
    launch = read(log(OLD, Story(running=12, queue=0, usage=0.1)))
    assert one(with_arguments(launch, enable_torch_compile=False), "compile").moves[0].to is True
    assert "compile" not in ids(with_arguments(launch, enable_torch_compile=True))
    assert "compile" not in ids(with_arguments(told(OLD, "healthy"), enable_torch_compile=False))


def test_weights_that_leave_little_are_quantized() -> None:
    launch = read(log(OLD, Story(weights=50.0)))
    assert one(launch, "quantize").numbers["gained_gib"] == 25
    assert "quantize" not in ids(with_arguments(launch, quantization="fp8"))
    assert "quantize" not in ids(read(log(OLD, Story(weights=50.0, queue=0, usage=0.3))))


@pytest.mark.parametrize(
    ("model", "proposed"),
    [
        ("meta-llama/Llama-3.1-70B", True),
        ("deepseek-ai/DeepSeek-V3", False),
        ("/models/deepseek_v3.1", False),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", True),
        ("unsloth/DeepSeek-V3-bf16", True),
        ("Qwen/Qwen3-235B-A22B-FP8", False),
        ("hugging-quants/Llama-70B-AWQ-INT4", False),
        ("RedHatAI/Llama-70B-w8a8", False),
    ],
)
def test_weights_of_few_bits_are_not_quantized_again(model: str, *, proposed: bool) -> None:
    launch = with_arguments(read(log(OLD, Story(weights=50.0))), model_path=model)
    assert ("quantize" in ids(launch)) == proposed


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_log_says_that_weights_have_few_bits(version: str) -> None:
    plain = list(log(version, Story(weights=50.0)))
    at = next(place for place, line in enumerate(plain) if "Load weight end" in line)
    assert "quantize" in ids(read(plain))
    for said in (
        "Detected fp8 checkpoint.",
        "Detected nvfp4 checkpoint.",
        "Detected ModelOpt FP8 checkpoint. The",
    ):
        stamped = f"[2025-08-11 17:17:05] {said}\n"
        assert "quantize" not in ids(read([*plain[:at], stamped, *plain[at:]]))
    loaded = plain[at].replace("avail mem", "quant=fp8, avail mem")
    assert "quantize" not in ids(read([*plain[:at], loaded, *plain[at + 1 :]]))


def test_a_checkpoint_alone_is_no_server() -> None:
    reader = LogReader("other.log")
    reader.take(b"INFO 08-11 17:17:05 [fp8.py:72] Detected fp8 checkpoint. Please note\n")
    reader.close()
    assert reader.launches == ()


@pytest.mark.parametrize(
    ("move", "sentence"),
    [
        (Move(parameter="a", among=("lpm",), to="lpm"), "set `a` to `lpm`"),
        (Move(parameter="a", apart_from=("fa3",), was="fa3"), "try another `a` than `fa3`"),
        (Move(parameter="a", among=(True,), to=True), "set `a` to `true`"),
        (Move(parameter="a", at_least=8, was=4, to=8, because="so"), "raise `a` from 4 to 8 (so)"),
        (Move(parameter="a", at_most=1048576, was=2097152, to=1048576), "lower `a` from 2097152 to 1048576"),
    ],
)
def test_values_are_words_and_numbers_are_not(move: Move, sentence: str) -> None:
    assert move.sentence == sentence


# The book


def anything(dice: random.Random) -> Launch:
    """A launch of any numbers, with arguments of types that no server has."""
    count = dice.choice([1, 2, 20])
    columns = {name: tuple(float(dice.choice([0, 1, 7, 900])) for _ in range(count)) for name in Column}
    columns[Column.DECODES] = lines = tuple(float(dice.choice([0, 1, 5])) for _ in range(count))
    columns[Column.USAGE] = tuple(dice.random() * number for number in lines)
    for part in (Column.EMPTY_QUEUE, Column.UNFILLED, Column.NO_GRAPH):
        columns[part] = tuple(float(dice.randint(0, int(number))) for number in lines)
    values: dict[str, list[Any]] = {
        "tp_size": [None, 0, 1, 8, "?", True],
        "dp_size": [None, 0, 1, 8, "?", True],
        "attn_dp_size": [None, 0, 1, 8, "?"],
        "enable_dp_attention": [None, True, "?"],
        "max_running_requests": [None, 0, 1, 256, "?"],
        "cuda_graph_max_bs": [None, 0, 1, 256, "?"],
        "schedule_conservativeness": [None, 0, 0.3, 1.3, "?"],
        "decode_log_interval": [None, 0, 1, "?"],
    }
    given = {name: dice.choice(choices) for name, choices in values.items()}
    line = Line(file="server.log", number=1, text="?")
    figures = {fact: Figure(value=dice.choice([0, 1, 80, 4096]), line=line) for fact in Fact}
    return Launch(
        arguments=given,
        figures={fact: figure for fact, figure in figures.items() if dice.random() < 0.7},
        series=Series(timed=dice.random() < 0.5, width=64, ranks=dice.choice([1, 8]), columns=columns),
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_is_to_be_tried_is_within_its_own_bounds(seed: int) -> None:
    dice = random.Random(seed)
    told = [findings([anything(dice)], goal) for _ in range(120) for goal in Aim]
    assert {finding.id for found in told for finding in found} >= {
        "queue-empty",
        "too-conservative",
        "graphs-too-small",
    }
    for move in (move for found in told for finding in found for move in finding.moves):
        if isinstance(move.to, int | float) and move.among is None:
            assert move.at_least is None or move.to >= move.at_least
            assert move.at_most is None or move.to <= move.at_most


def test_the_worst_comes_first_then_the_phase() -> None:
    launches = [told(OLD, "healthy"), told(OLD, "retracting"), told(OLD, "prefill-oom")]
    found = findings(launches)
    order: Callable[[Finding], tuple[int, int]] = lambda one: (  # noqa: E731
        one.severity.place,
        tuple(Phase).index(one.phase),
    )
    assert [order(one) for one in found] == sorted(order(one) for one in found)
    assert {one.launch for one in found} == {0, 1, 2}
    assert found[0].launch == 2
