"""Arguments that servers scale before they say them: advice speaks of what is given to the flag."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spacegen.diagnose.advice.said import Key, chunk_of_a_rank, number
from spacegen.diagnose.advice.ways import smaller_chunk
from spacegen.diagnose.diagnosis import Diagnosis, examine
from spacegen.diagnose.launch import Fact, Figure, Launch, Line
from spacegen.diagnose.reading.asgiven import as_given
from spacegen.diagnose.reading.serverinfo import read_info, written
from spacegen.diagnose.telling.document import as_document
from spacegen.diagnose.telling.text import in_words
from spacegen.servers.attention_groups import groups_of, scaled
from tests.read_logs import launches_of

OLD = {"enable_dp_attention": True, "dp_size": 8}
NEW = {"enable_dp_attention": True, "dp_size": 1, "attn_dp_size": 8}
RUN = {"chunked_prefill_size": 1024, "schedule_conservativeness": 0.3, "mem_fraction_static": 0.9}
FAILED = """\
[2025-08-11 18:02:31] max_total_num_tokens=455958, chunked_prefill_size=1024, max_prefill_tokens=16384, \
max_running_requests=128, context_len=131072, available_gpu_mem=6.54 GB
[2025-08-11 18:02:35] The server is fired up and ready to roll!
[2025-08-11 18:03:02] Prefill batch, #new-seq: 1, #new-token: 1024, #cached-token: 0, token usage: 0.91, \
#running-req: 18, #queue-req: 346,
[2025-08-11 18:03:03] Scheduler hit an exception: Traceback (most recent call last):
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.50 GiB. GPU 0 has a total capacity of 79.11 \
GiB of which 2.13 GiB is free.
"""


def read(text: str) -> Launch:
    (launch,) = launches_of(text.encode())
    return launch


def logged(arguments: dict[str, Any], *, mapping: bool, rest: str = FAILED) -> Launch:
    inside = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    said = repr(arguments) if mapping else f"ServerArgs({inside})"
    return read(f"[2025-08-11 18:02:10] server_args={said}\n{rest}")


def both() -> list[Launch]:
    """The launch as 0.5.6 logs it, and as 0.5.23 does."""
    return [logged({**OLD, **RUN}, mapping=False), logged({**NEW, **RUN}, mapping=True)]


@pytest.mark.parametrize(
    ("groups", "chunk", "given"),
    [
        (8, 1024, 8192),
        (3, 2730, 8192),
        (3, 333, 1000),
        (8, 0, 0),
        (8, -1, -1),
        (8, None, None),
        (1, 512, 512),
    ],
)
def test_a_chunk_is_what_all_groups_share(groups: int, chunk: int | None, given: int | None) -> None:
    said = {"enable_dp_attention": groups > 1, "dp_size": groups, "chunked_prefill_size": chunk}
    found, own = as_given(said)
    assert found == {**said, "chunked_prefill_size": given}
    assert own == ({} if chunk == given else {"chunked_prefill_size": chunk})
    assert scaled("chunked_prefill_size", given, groups) == chunk


@pytest.mark.parametrize("given", [0.0, 0.1, 0.3, 0.35, 1, 1.1, 1.25, 1.3])
def test_conservativeness_is_what_was_given(given: float) -> None:
    said = {**OLD, "schedule_conservativeness": given * 0.3}
    assert as_given(said)[0]["schedule_conservativeness"] == given


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), True, "1024", None, [1]])
@pytest.mark.parametrize("name", ["chunked_prefill_size", "schedule_conservativeness", "dp_size"])
def test_what_makes_no_sense_stays_as_it_is(name: str, odd: object) -> None:
    assert as_given({**OLD, name: odd})[0][name] is odd


def test_replicas_scale_nothing() -> None:
    said = {**RUN, "dp_size": 8, "enable_dp_attention": False}
    assert as_given(said) == (said, {})


def test_both_versions_log_what_they_made_of_it() -> None:
    for launch in both():
        assert launch.arguments["chunked_prefill_size"] == 8192
        assert launch.arguments["schedule_conservativeness"] == 1.0
        assert launch.as_logged == {"chunked_prefill_size": 1024, "schedule_conservativeness": 0.3}
        assert groups_of(launch.arguments) == 8
        # What a batch of one rank holds is what the server says.
        assert chunk_of_a_rank(launch) == 1024


def test_advice_is_about_the_flag() -> None:
    for launch in both():
        (finding,) = examine([launch]).findings
        chunk = next(move for move in finding.moves if move.parameter == "chunked_prefill_size")
        assert (chunk.was, chunk.to, chunk.at_most) == (8192, 4096, 8191)
        prefill = next(move for move in finding.unless if move.parameter == "max_prefill_tokens")
        assert prefill.at_most == 1023


@pytest.mark.parametrize(
    ("chunk", "to", "most"),
    [(65536, 32768, 65535), (16384, 8192, 16383), (8192, 4096, 8191), (-1, 32768, 32768)],
)
def test_a_smaller_chunk_is_one_of_each_group(chunk: int, to: int, most: int) -> None:
    move = smaller_chunk(Launch(arguments={**RUN, **OLD, "chunked_prefill_size": chunk}))
    assert (move.was, move.to, move.at_most) == (chunk, to, most)


def test_the_text_says_what_was_converted() -> None:
    for launch in both():
        told = "\n".join(in_words(Diagnosis(launches=(launch,))))
        assert "`chunked_prefill_size` 8192 (8199 at most), logged as 1024" in told
        assert "`schedule_conservativeness` 1, logged as 0.3" in told
        document = as_document(Diagnosis(launches=(launch,)))
        assert document["launches"][0]["as_logged"]["chunked_prefill_size"] == 1024
    plain = logged(RUN, mapping=False)
    assert "logged as" not in "\n".join(in_words(Diagnosis(launches=(plain,))))


@pytest.mark.parametrize("key", [Key.CHUNK, Key.RUNNING])
def test_what_each_group_says_it_has_is_given_for_all(key: Key) -> None:
    fact = {Key.CHUNK: Fact.CHUNK, Key.RUNNING: Fact.MOST_RUNNING}[key]
    figures = {fact: Figure(value=128, line=Line(file="f", number=1, text=""))}
    assert number(Launch(arguments=OLD, figures=figures), key) == 1024
    assert number(Launch(arguments={}, figures=figures), key) == 128


def test_a_live_server_says_it_as_its_log_does() -> None:
    told = read_info(written({**OLD, **RUN, "version": "0.5.6.post2"}))
    assert told is not None
    assert told.arguments["chunked_prefill_size"] == 8192
    assert told.as_logged == {"chunked_prefill_size": 1024, "schedule_conservativeness": 0.3}
    assert json.dumps(told.arguments)


def test_a_server_that_scales_does_not_change_what_was_asked_for() -> None:
    asked = {**OLD, "chunked_prefill_size": 8195, "schedule_conservativeness": 1.0}
    for launch in both():
        found = examine([launch], config={**asked, "mem_fraction_static": 0.8}).findings
        (finding,) = (one for one in found if one.id == "arguments-changed")
        assert "`mem_fraction_static`" in finding.summary
        assert "chunk" not in finding.summary
        assert "conservativeness" not in finding.summary


def test_what_is_asked_for_is_not_scaled_again() -> None:
    silent = read(FAILED)
    found = examine([silent], config={**OLD, "chunked_prefill_size": 8192, "max_running_requests": 1024})
    assert found.launches[0].arguments["chunked_prefill_size"] == 8192
    assert [one.id for one in found.findings] == ["out-of-memory-prefill"]


def test_a_version_that_only_the_style_tells_is_said_to_be_a_guess() -> None:
    old, new = both()
    assert next(in_words(Diagnosis(launches=(old,)))).startswith("server.log: sglang (logs as 0.5.6 does), ")
    assert next(in_words(Diagnosis(launches=(new,)))).startswith("server.log: sglang (logs as 0.5.23 does), ")
    assert as_document(Diagnosis(launches=(old,)))["launches"][0]["version_guessed"] is True
    told = Launch(server="sglang", version="0.5.6.post2")
    assert next(in_words(Diagnosis(launches=(told,)))).startswith("<log>: sglang 0.5.6.post2, ")
    mini = read(
        "[2025-08-11|17:16:20|initializer] INFO     Parsed arguments:\nServerArgs(memory_ratio=0.9)\n"
    )
    assert (mini.version, mini.version_guessed) == (None, False)
