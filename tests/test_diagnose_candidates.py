"""Lines that may say something are found in a whole text at once, and none is lost; what requests say is no
evidence."""

from __future__ import annotations

import json
from itertools import islice
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
from spacegen.diagnose.reading.events import SIGNS, START, events
from spacegen.diagnose.reading.fields import KIND
from spacegen.diagnose.reading.literals import SHORTEST, Literals
from spacegen.diagnose.reading.text import plain
from spacegen.diagnose.series import Column
from spacegen.servers.logwords import Sign
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


EXAMPLES = [
    "Load weight begin. avail mem=78.58 GB",
    "Load weight end. elapsed=3.00 s, avail mem=70.00 GB",
    "KV Cache is allocated. #tokens: 403000, K size: 24.00 GB, V size: 24.00 GB",
    "Post-capture KV sizing: KV cache allocated. dtype: torch.bfloat16, #tokens: 40, KV size: 2.00 GB",
    "Post-capture KV sizing: draft KV cache allocated. dtype: torch.bfloat16, #tokens: 40, KV size: 2.00 GB",
    "Capture cuda graph begin. This can take up to several minutes. avail mem=9.00 GB",
    "Capture target decode CUDA graph begin. backend=full, num_tokens_per_req=1, avail mem=9.00 GB",
    "Capture single-CG draft extend begin. This can take several minutes. avail mem=9.00 GB",
    "Capture cuda graph bs [1, 2, 4]",
    "Capture cpu graph end. Time elapsed: 3.00 s. mem usage=1.00 GB. avail mem=8.00 GB.",
    "Capture single-CG draft extend end. elapsed=3.00 s, mem usage=1.00 GB, avail mem=8.00 GB.",
    "max_total_num_tokens=403000, chunked_prefill_size=8192, max_prefill_tokens=16384",
    "Free memory before loading model: 78.58 GiB",
    "Allocating 403000 tokens for KV cache, K + V = 49.00 GiB",
    "Allocating 403000 pages for KV cache, K + V = 49.00 GiB",
    "Free memory after initialization: 9.00 GiB",
    "Start capturing CUDA graphs with sizes: [1, 2, 4]",
    "Free GPU memory after capturing CUDA graphs: 7.29 GiB",
    "CUDA graph is disabled.",
    "Detected fp8 checkpoint. Please note that the format is experimental and subject to change.",
    "server_args=ServerArgs(model_path='m', tp_size=1)",
    "server_args={'model_path': 'm', 'tp_size': 1}",
    "The server is fired up and ready to roll!",
    "Scheduler is ready",
    "Capture cuda graph failed: CUDA out of memory",
    "Capture single-CG draft extend failed: CUDA out of memory",
    "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
    "AssertionError: Not enough memory for KV cache, try reducing --num-pages",
    "AssertionError: Memory pool size is too small",
    "ValueError: Loaded weights leave no GPU memory for the KV cache under --mem-fraction-static=0.15.",
    "ValueError: the pool of 3.00 GiB leaves no room for the full KV pool",
    "RuntimeError: MLX auxiliary-state cache is too small to serve any request",
    "Prefill out of memory. Try to lower your batch size.",
    "alloc_req_slots runs out of memory. Please set a smaller number for `--max-running-requests`.",
    "ValueError: Out of memory even after retracting all other requests in the decode batch.",
    "retract_decode: aborted last request 7f due to OOM",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    "torch.AcceleratorError: CUDA error: out of memory (cudaErrorMemoryAllocation)",
    "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "Try to allocate 8192 tokens.",
    "Available tokens: 12",
    "Available full tokens: 12",
    "[Errno 98] error while attempting to bind on address: address already in use",
    "Port 30000 is already in use",
    "DistNetworkError: The server socket has failed to listen. code: -98, name: EADDRINUSE",
    "ValueError: port at 30000 is not available in 30 seconds",
    "Watchdog timeout (self.watchdog_last_forward_ct=1, self.watchdog_timeout=300)",
    "Watchdog caught collective operation timeout: WorkNCCL(SeqNum=3, Timeout(ms)=600000)",
    "Health check failed. Server couldn't get a response from detokenizer for last 20 seconds.",
    "launch_server.py: error: unrecognized arguments: --x",
    "Out of memory: Killed process 4242 (sglang::schedul) total-vm:1kB",
    "oom-kill:constraint=CONSTRAINT_MEMCG",
    "web-1 OOMKilled",
    "Killed",
    "run.sh: line 3:    42 Killed                  python -m sglang.launch_server",
    "Received sigquit from a child process. It usually means the child failed.",
    "SIGQUIT received. signum=3, frame=None",
    "Process group watchdog thread terminated with exception: CUDA error",
    "Memory access fault by GPU node-2",
    "Fatal Python error: Bus error",
    "Fatal Python error: Segmentation fault",
    "Rank 0 scheduler died during initialization (exit code: -9)",
    "server-1 exited with code 137",
    "Scheduler or DataParallelController 4242 terminated with -9",
    "Scheduler hit an exception: Traceback (most recent call last):",
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
]
BEGINNINGS = [
    "ServerArgs(model_path='m', server_port=30000)",
    "SIMULATED server: a formula answers",
    "Process sglang::scheduler:",
    '  File "server.py", line 3, in run',
    "    assert tokens > 0",
    "ValueError: no such model",
]


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.words[0])
def test_each_line_that_says_something_has_a_word_that_is_looked_for(sign: Sign) -> None:
    lines = [line for line in EXAMPLES if sign.pattern.search(line)]
    assert all(map(sign.search, lines))
    for word in sign.words:
        assert any(word in (line.lower() if word.islower() else line) for line in lines), word


@pytest.mark.parametrize("line", [*EXAMPLES, *BEGINNINGS])
def test_each_line_that_says_something_is_found(line: str) -> None:
    assert list(events(line))
    for front in ("", "web-1  | ", "[2025-08-11 17:17:04 TP0] " if line not in BEGINNINGS else ""):
        assert BatchReader().read((front + line).encode()).others == [0]


@pytest.mark.parametrize("line", BEGINNINGS)
def test_a_beginning_has_no_word_that_is_looked_for(line: str) -> None:
    assert not any(sign.search(line) for sign in SIGNS)


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
    asked = {at for at, line in enumerate(lines) if list(events(plain(told(line))))}
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
