"""Lines that may say something are found in a whole text at once, and none is lost; what requests say is no
evidence."""

from __future__ import annotations

import json
import re
from itertools import islice
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.reading import batches
from spacegen.diagnose.reading.batches import BatchReader
from spacegen.diagnose.reading.candidates import Candidates, told
from spacegen.diagnose.reading.digits import words_of
from spacegen.diagnose.reading.events import LINES, START, WORDS
from spacegen.diagnose.reading.faults import AT_START
from spacegen.diagnose.reading.fields import KIND
from spacegen.diagnose.reading.literals import SHORTEST, Literals
from spacegen.diagnose.series import Column
from tests.server_logs import NEW, OLD, log

TEXTS = st.text("abAB .", min_size=SHORTEST, max_size=12).map(str.encode)


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=5), st.lists(st.one_of(TEXTS, st.integers(0, 4)), max_size=12))
def test_words_are_found_wherever_they_stand(words: list[bytes], parts: list[bytes | int]) -> None:
    text = b"".join(words[part % len(words)] if isinstance(part, int) else part for part in parts)
    expected = {
        (at, word)
        for word in words
        for at in range(len(text) - len(word) + 1)
        if (text.lower() if word.islower() else text)[at : at + len(word)] == word
    }
    found = Literals(words).places(text, words_of(text))
    assert set(found) == expected
    assert len(found) == len(expected)
    ends = [at + len(word) for at, word in found]
    assert ends == sorted(ends)


def test_short_words_are_none() -> None:
    with pytest.raises(ValueError, match="too short"):
        Literals([b"short"])


def _runs(parsed: Any, *, any_case: bool = False) -> list[list[str]]:
    """Each way to match a pattern as the texts that must be there; in capitals where any case will do."""
    ways = [[""]]
    for kind, value in parsed:
        match str(kind):
            case "LITERAL":
                more = [[chr(value).upper() if any_case else chr(value)]]
            case "IN" if all(part is sre.LITERAL for part, _ in value):
                more = [[chr(sign).upper() if any_case else chr(sign)] for _, sign in value]
            case "SUBPATTERN":
                more = _runs(value[3], any_case=any_case or bool(value[1] & re.IGNORECASE))
            case "BRANCH":
                more = [way for branch in value[1] for way in _runs(branch, any_case=any_case)]
            case "MAX_REPEAT" if value[:2] == (0, 1):
                more = [[""], *_runs(value[2], any_case=any_case)]
            case _:
                more = [["", ""]]
        ways = [[*first[:-1], first[-1] + then[0], *then[1:]] for first in ways for then in more]
    return ways


BRANCHES = sre_parser.parse(LINES.pattern)[0][1][1]


@pytest.mark.parametrize("branch", [branch for branch in BRANCHES if branch[0][0] is not sre.AT])
def test_each_way_in_which_a_line_says_something_has_a_word_that_is_looked_for(branch: Any) -> None:
    words = [word.decode() for word in WORDS]
    for way in _runs(branch):
        assert any(
            word in run or (word.islower() and word in run.lower()) for run in way for word in words
        ), f"add a word of {way} to `WORDS`"


def test_each_beginning_that_says_something_is_one_that_is_looked_for() -> None:
    beginnings = [b"ServerArgs\\(", b"SIMULATED", AT_START, START.pattern]
    for beginning in beginnings:
        assert beginning in START.pattern
        assert re.search(rb"\|\^(?:\(\?:)?" + re.escape(beginning), LINES.pattern)
    assert len([branch for branch in BRANCHES if branch[0][0] is sre.AT]) == len(beginnings)


@given(st.text())
def test_what_a_web_server_says_does_not_begin_so(rest: str) -> None:
    for line in (f"INFO:   {rest}", f"INFO:     127.0.0.1 - {rest}"):
        assert not START.match(line.encode())


def _all(text: bytes, words: Any, starts: Any, ends: Any, lines: Any) -> Candidates:
    """Every line, as if nothing was looked for."""
    found = Candidates()
    for line in lines.tolist():
        here = told(text[int(starts[line]) : int(ends[line])])
        (found.batches if KIND.search(here) else found.others).append(line)
    return found


def _launches(text: bytes, size: int = 2**16) -> tuple[Launch, ...]:
    reader = LogReader("server.log")
    for at in range(0, len(text), size):
        reader.take(text[at : at + size])
    reader.close()
    return reader.launches


FRONTS = [
    "",
    "",
    "web-1  | ",
    "2025-08-11T17:17:03.5Z stderr F ",
    "\x1b[36mweb-1  | \x1b[0m",
    "[rank0]: ",
    "é | ",
]
SAID = [
    "Traceback (most recent call last):",
    '  File "server.py", line 3, in run',
    "ValueError: no such model",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    "Killed",
    "kernel: oom-killer: constraint=CONSTRAINT_MEMCG",
    "[2025-08-11 17:17:03 TP0] Scheduler hit an exception: Traceback (most recent call last):",
    "[2025-08-11 17:17:03] The server is fired up and ready to roll!",
    "[2025-08-11 17:17:03] Load weight begin. avail mem=78.00 GB",
    "[2025-08-11 17:17:03] KV cache pool is full. Retract requests. #retracted_reqs: 2",
    "[Errno 98] address already in use",
    "launch_server.py: error: unrecognized arguments: --x",
    "Process scheduler_0:",
    "[2025-08-11 17:17:03] Receive: obj=GenerateReqInput(text='CUDA out of memory')",
    "INFO:     127.0.0.1:30 - GET /v1/models 200 OK",
    "{}",
    "",
]


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    told_of = list(islice(log(draw(st.sampled_from([OLD, NEW])), "healthy", decodes=20), 60))
    cut = draw(st.integers(0, 40))
    lines = [line.rstrip("\n") for line in told_of[cut:]]
    for _ in range(draw(st.integers(0, 8))):
        line = draw(st.sampled_from(FRONTS)) + draw(st.sampled_from(SAID))
        line = line[draw(st.sampled_from([0, 0, 0, 1, 5])) :]
        lines.insert(draw(st.integers(0, len(lines))), line)
    return "\n".join(lines).encode()


@settings(max_examples=40, deadline=None)
@given(texts())
def test_what_is_looked_for_at_once_says_the_same_as_each_line(text: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "candidates", _all)
        expected = _launches(text)
    assert _launches(text) == expected
    assert _launches(text, 777) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FRONTS), st.sampled_from(SAID)), min_size=1, max_size=30))
def test_no_line_that_says_something_is_lost(parts: list[tuple[str, str]]) -> None:
    lines = [(front + said).encode() for front, said in parts]
    found = BatchReader().read(b"\n".join(lines))
    asked = {at for at, line in enumerate(lines) if LINES.search(told(line))}
    assert asked <= {*found.others, *found.lines.tolist()}


def test_what_never_repeats_is_no_other_line() -> None:
    lines = [
        f"[2025-08-11 17:17:03] user {'xyz'[n % 3] * n} asked for a graph in a memory\n" for n in range(90)
    ]
    assert BatchReader().read("".join(lines).encode()).others == []


PASTED = """Why does my server say:
[2025-08-11 17:17:03] Decode batch, #running-req: 233, #token: 370959, token usage: 0.99, #queue-req: 3170,
KV cache pool is full. Retract requests. #retracted_reqs: 20, #new_token_ratio: 0.9998 -> 1.0000
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB
Traceback (most recent call last):
Killed
server_args=ServerArgs(tp_size=9)"""
RID = "rid='8f3a', http_worker_ipc=None"
TIME = "[2025-08-11 17:17:04] "
REQUESTS = {
    "received": f"{TIME}Receive: obj=GenerateReqInput({RID}, text={PASTED!r}, stream=False)",
    "finished": f"{TIME}Finish: obj=GenerateReqInput({RID}, text=None), out={{'text': {PASTED!r}}}",
    "headers": f"{TIME}Finish: obj=GenerateReqInput({RID}), headers={{'x': 'y'}}, out={{'text': {PASTED!r}}}",
    "OpenAI": f"{TIME}Receive OpenAI: obj={{'messages': [{{'role': 'user', 'content': {PASTED!r}}}]}}",
    "JSON": TIME
    + json.dumps({"timestamp": "2025-08-11T17:17:04", "event": "request.received", "obj": {"text": PASTED}}),
    "JSON at its end": TIME
    + json.dumps({"timestamp": "2025-08-11T17:17:04", "event": "request.finished", "out": {"text": PASTED}}),
}


@pytest.mark.parametrize("front", ["", "web-1  | "])
@pytest.mark.parametrize("request_line", REQUESTS.values(), ids=REQUESTS)
def test_what_a_request_says_is_no_evidence(request_line: str, front: str) -> None:
    for often in (1, 40):
        served = [line.rstrip("\n") for line in log(OLD, "healthy", decodes=60)]
        middle = len(served) - 30
        with_requests = [*served[:middle], *[front + request_line] * often, *served[middle:]]
        (expected,) = _launches("\n".join(served).encode())
        (launch,) = _launches("\n".join(with_requests).encode())
        assert launch.series == expected.series
        assert launch.troubles == ()
        assert launch.retraction is None
        assert launch.arguments == expected.arguments
        assert launch.lines == expected.lines + often


def test_a_request_in_the_middle_of_a_line_ends_it() -> None:
    said = "[2025-08-11 17:17:03] KV cache pool is full. Retract requests. #retracted_reqs: 2, "
    (launch,) = _launches(f"{said}{REQUESTS['received']}\n".encode() * 20)
    assert launch.retraction is not None
    assert launch.retraction.text == said.rstrip() + " " + TIME.rstrip()
    assert sum(launch.series.columns[Column.RETRACTED]) == 40
    assert not launch.troubles
