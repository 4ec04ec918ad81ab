"""The scheduler of the SIMULATED server: what it lets run, what it retracts, and what its log says of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from simulated_loads import Served, serve
from spacegen.errors import UsageError
from spacegen.tune.simulated.admission import EOS, Endings, Expected, Request, share_in, to_retract

RETRACTED = re.compile(
    r"KV cache pool is full\. Retract requests\. #retracted_reqs: (\d+), (?:#new_tokens_gained: \d+, )?"
    r"#new_token_ratio: (0\.\d{4}) -> ([01]\.\d{4})\n"
)


def _serve(requests: int, wanted: int, share: float, *, version: str = "0.5.23", **given: Any) -> Served:
    return serve(given, requests, wanted, share, version=version)


def _retractions(found: Served) -> list[tuple[str, ...]]:
    return RETRACTED.findall(found.log)


def test_answers_that_end_early_leave_the_cache_empty_while_requests_wait() -> None:
    found = _serve(800, 4000, 0.02)
    told = zip(found.of_decoding("token usage"), found.of_decoding("#queue-req"), strict=True)
    busy = [share for share, queued in told if queued]
    assert max(busy) < 0.3
    assert _retractions(found) == []


def test_the_less_careful_the_more_requests_run_and_the_more_tokens_come() -> None:
    caution = (1.3, 1.0, 0.6, 0.3)
    found = [_serve(800, 4000, 0.02, schedule_conservativeness=one) for one in caution]
    running = [max(one.of_decoding("#running-req")) for one in found]
    assert running == sorted(running)
    assert [one.rate for one in found] == sorted(one.rate for one in found)
    assert found[-1].rate > 1.1 * found[1].rate


@pytest.mark.parametrize("version", ["0.5.6", "0.5.23"])
def test_where_too_many_run_requests_are_retracted_and_more_is_expected_from_then_on(version: str) -> None:
    small: dict[str, Any] = {"max_total_tokens": 50_000, "version": version}
    found = _serve(400, 1000, 0.8, schedule_conservativeness=0.3, **small)
    assert len(_retractions(found)) > 5
    assert float(_retractions(found)[0][1]) < float(_retractions(found)[0][2])
    assert ("#new_tokens_gained" in found.log) == (version == "0.5.23")
    assert all(request.made == request.ends for request in found.requests)
    assert max(found.of_decoding("token usage")) > 0.95
    careful = _serve(400, 1000, 0.8, schedule_conservativeness=1.3, **small)
    assert len(_retractions(careful)) < len(_retractions(found))


def test_a_prompt_in_chunks_goes_on_where_nothing_else_has_room() -> None:
    small = {"max_total_tokens": 3000, "chunked_prefill_size": 512}
    found = serve(small, 5, 1500, 1.0, prompt=1200)
    assert all(request.made == 1500 for request in found.requests)
    assert max(found.of_decoding("#running-req")) == 1


def test_the_same_requests_take_the_same_times_however_fast_the_machine_is() -> None:
    first, again = _serve(200, 1000, 0.1), _serve(200, 1000, 0.1)
    times = [[(r.first - r.asked, r.done - r.asked, r.made) for r in one.requests] for one in (first, again)]
    assert times[0] == [pytest.approx(one) for one in times[1]]


def test_what_is_expected_falls_to_its_least_and_what_was_retracted_raises_it() -> None:
    expected = Expected(1.0)
    assert expected.ratio == pytest.approx(0.7)
    for _ in range(600):
        expected.decay()
    assert expected.ratio == pytest.approx(0.098)
    for _ in range(10):
        expected.decay()
    assert expected.ratio == pytest.approx(0.098)
    request = Request(10, 100, fixed=False)
    request.made = 40
    assert expected.room([request]) == pytest.approx(0.098 * 60)
    assert expected.room([Request(10, 100)]) == 100
    expected.learn([request])
    assert expected.ratio == pytest.approx(60 / 101)
    assert Expected(10.0).ratio == 1.0


def test_those_with_the_fewest_tokens_are_retracted_and_one_always_goes_on() -> None:
    running = [Request(10, 100) for _ in range(4)]
    for made, request in zip((30, 5, 50, 20), running, strict=True):
        request.left, request.made = 0, made
    assert to_retract(running, 4) == []
    assert to_retract(running, 3)[0] is running[1]
    assert len(to_retract(running, -10_000)) == 3
    running[1].retract()
    assert (running[1].held, running[1].left) == (0, 15)


def test_answers_end_between_half_and_half_as_much_again_of_the_share() -> None:
    endings = Endings(0.1)
    found = [endings(1000) for _ in range(500)]
    assert 50 <= min(found) < 60 < 140 < max(found) <= 150
    assert sum(found) / 500 == pytest.approx(100, rel=0.05)
    again = Endings(0.1)
    assert [again(1000) for _ in range(500)] == found
    assert {Endings()(1000)} == {1000}


@pytest.mark.parametrize("text", ["0", "-1", "2", "much"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="which is no share"):
        share_in({EOS: text})


def test_lines_are_stamped_with_the_time_of_the_server() -> None:
    found = _serve(800, 4000, 0.05)
    stamps = re.findall(r"^\[\S+ (\d\d):(\d\d):(\d\d)\] Decode", found.log, re.MULTILINE)
    seconds = [int(h) * 3600 + int(m) * 60 + int(s) for h, m, s in stamps]
    took = max(request.done for request in found.requests)
    assert (seconds[-1] - seconds[0]) % 86_400 == pytest.approx(took - found.requests[0].asked, abs=3)
