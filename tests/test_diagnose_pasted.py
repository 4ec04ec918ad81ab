"""What people paste of logs: torn, of older releases, and with what their shells say behind it."""

from __future__ import annotations

import pytest

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.finding import Severity
from spacegen.diagnose.launch import Fact, Launch, Phase, TroubleKind
from tests.read_logs import launches_of

DECODING = (
    "[2025-11-20 09:00:01 TP0] Decode batch, #running-req: 3, #token: 600, token usage: 0.01, "
    "cuda graph: True, gen throughput (token/s): 120.00, #queue-req: 0, "
)
READY = "[2025-11-20 09:00:00] The server is fired up and ready to roll!"
QUIT = "[2025-11-20 09:00:02] Received sigquit from a child process. It usually means the child failed."
RAISED = ("Traceback (most recent call last):", '  File "/sgl/srt/x.py", line 1, in y', "ValueError: no")
LEAK = (
    "ValueError: token_to_kv_pool_allocator memory leak detected! self.max_total_num_tokens=5000, "
    "available_size=4000, evictable_size=900, protected_size=0"
)


def read(*lines: str) -> tuple[Launch, ...]:
    return launches_of("".join(f"{line}\n" for line in lines).encode())


def only(*lines: str) -> Launch:
    (launch,) = read(*lines)
    return launch


def ids(launch: Launch) -> list[str]:
    return [finding.id for finding in findings((launch,))]


@pytest.mark.parametrize("code", [143, 130, 0])
def test_a_server_that_was_stopped_has_not_failed(code: int) -> None:
    assert only(READY, DECODING, f"server-1 exited with code {code}").troubles == ()


@pytest.mark.parametrize("ended", ["server-1 exited with code 255", "exit code: -65"])
def test_an_exit_code_that_is_no_signal_is_an_error(ended: str) -> None:
    (finding,) = findings((only(READY, DECODING, ended),))
    assert (finding.id, finding.severity) == ("crashed", Severity.ERROR)
    assert finding.summary == f"the server ended: {ended}"
    # An exception before it says more.
    (finding,) = findings((only(READY, DECODING, *RAISED, ended),))
    assert finding.summary == "an exception ended the server: ValueError: no"


def test_what_another_program_exits_with_does_not_hide_the_end_of_a_server() -> None:
    batches = [DECODING] * 5
    assert only(READY, *batches, "job-1 exited with code 255", *batches).troubles == ()
    (trouble,) = only(READY, *batches, "job-1 exited with code 255", *batches, *RAISED, QUIT).troubles
    assert (trouble.words, trouble.fatal) == ("ValueError: no", True)


def test_a_signal_that_somebody_sends_ends_a_server() -> None:
    (finding,) = findings((only(READY, DECODING, "server-1 exited with code 138"),))
    assert (finding.id, finding.severity) == ("crashed", Severity.ERROR)
    assert finding.summary == "signal 10 ended a process of the server"
    assert finding.advice[0].startswith("find out who sends that signal")


def test_figures_of_the_start_are_not_read_out_of_a_message_about_a_leak() -> None:
    launch = only(
        DECODING,
        "[2025-11-20 09:00:02] Scheduler hit an exception: Traceback (most recent call last):",
        '  File "/sgl/srt/managers/scheduler_runtime_checker_mixin.py", line 120, in check_memory',
        "    raise ValueError(msg)",
        LEAK,
    )
    assert Fact.POOL_TOKENS not in launch.figures
    assert launch.phase is Phase.SERVING
    (trouble,) = launch.troubles
    assert (trouble.kind, trouble.phase) == (TroubleKind.CRASH, Phase.SERVING)


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("Decode batch. #running-req: 3, #token: 600, token usage: 0.01, #queue-req: 0", "0.5.6"),
        ("Decode batch, #running-req: 3, #token: 600, token usage: 0.01, #queue-req: 0,", "0.5.6"),
        ("Decode batch, #running-req: 3, #token: 600, token usage: 0.01, #queue-req: 0", "0.5.23"),
    ],
)
def test_a_sentence_of_its_own_for_the_kind_is_older(line: str, version: str) -> None:
    assert only(line).version == version


TRACED = (
    "Traceback (most recent call last):",
    '  File "/opt/sglang/python/sglang/srt/managers/scheduler.py", line 1196, in run_scheduler_process',
    "    scheduler.event_loop_normal()",
    "RuntimeError: Failed to allocate memory for batch_prefill_tmp_v with size 5 in AlignedAllocator",
)
WATCHED = (
    "[rank3]:[E1120 09:00:02.1 ProcessGroupNCCL.cpp:2057] [PG ID 2 PG GUID 3 Rank 3] Process group watchdog "
    "thread terminated with exception: CUDA error: an illegal memory access was encountered"
)
KILLED = (
    "Killed",
    "./serve.sh: line 9: 4711 Killed                  python -m sglang.launch_server --tp 2",
    "server-1 exited with code 137",
)


@pytest.mark.parametrize("last", KILLED)
@pytest.mark.parametrize("quit_", [(), (QUIT,)])
def test_a_server_that_ends_itself_was_not_ended_for_want_of_main_memory(
    last: str, quit_: tuple[str, ...]
) -> None:
    launch = only(READY, DECODING, f"[2025-11-20 09:00:02 TP0] {TRACED[0]}", *TRACED[1:], "", *quit_, last)
    (trouble,) = launch.troubles
    assert (trouble.kind, trouble.fatal, trouble.lines[0].number) == (TroubleKind.CRASH, True, 6)
    (finding,) = findings((launch,))
    assert finding.id == "crashed"
    assert any("SGLANG_FLASHINFER_WORKSPACE_SIZE" in advice for advice in finding.advice)


@pytest.mark.parametrize("last", KILLED)
def test_what_ends_with_nothing_said_before_was_ended_from_outside(last: str) -> None:
    assert ids(only(READY, DECODING, last)) == ["host-memory"]
    # So it was where it went on after an exception, and where an exception only misses what is gone.
    assert ids(only(READY, *TRACED, *[DECODING] * 8, last)) == ["host-memory"]
    assert ids(only(READY, DECODING, TRACED[0], TRACED[1], "EOFError", last)) == ["host-memory"]


def test_a_server_says_that_it_ended_without_saying_of_what() -> None:
    launch = only(READY, DECODING, QUIT, "Killed")
    (trouble,) = launch.troubles
    assert (trouble.kind, trouble.fatal) == (TroubleKind.CRASH, True)
    assert trouble.lines[0].text == QUIT


def test_the_exception_may_be_written_after_the_end_is_told() -> None:
    hit = f"[2025-11-20 09:00:03 TP1] Scheduler hit an exception: {TRACED[0]}"
    (trouble,) = only(READY, DECODING, QUIT, hit, *TRACED[1:]).troubles
    assert trouble.words.startswith("RuntimeError: Failed to allocate")
    (trouble,) = only(READY, DECODING, QUIT, *TRACED).troubles
    assert trouble.words.startswith("RuntimeError: Failed to allocate")


def test_the_end_of_a_traceback_is_enough_where_the_server_says_that_it_ended() -> None:
    (trouble,) = only(LEAK, "", QUIT).troubles
    assert (trouble.kind, trouble.fatal, trouble.words) == (TroubleKind.CRASH, True, LEAK)


def test_a_launch_after_the_end_is_another_one() -> None:
    loading = "[2025-11-20 09:01:00 TP0] Load weight begin. avail mem=78.58 GB"
    assert len(read(loading, QUIT, loading)) == 2


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        (
            "Memory access fault by GPU node-5 (Agent handle: 0x1) on address 0x7000. Reason: Unknown.",
            "AMD_SERIALIZE_KERNEL",
        ),
        (
            WATCHED,
            "CUDA_LAUNCH_BLOCKING",
        ),
    ],
)
@pytest.mark.parametrize("before", [(), (READY, DECODING)])
def test_what_native_code_says_when_it_fails(line: str, advice: str, before: tuple[str, ...]) -> None:
    launch = only(*before, line, "Fatal Python error: Aborted", "", "Thread 0x01 (most recent call first):")
    (finding,) = findings((launch,))
    assert (finding.id, finding.phase) == ("crashed", Phase.SERVING)
    assert any(advice in told for told in finding.advice)


@pytest.mark.parametrize(("said", "signal"), [("Aborted", 6), ("Bus error", 7), ("Segmentation fault", 11)])
def test_a_signal_that_python_tells_of(said: str, signal: int) -> None:
    (trouble,) = only(READY, DECODING, f"Fatal Python error: {said}").troubles
    assert (trouble.kind, trouble.numbers["signal"]) == (TroubleKind.KILLED, signal)


@pytest.mark.parametrize(
    ("lines", "found", "phase"),
    [
        (["Exception: Capture cuda graph failed: Ninja build failed."], "graph-capture-failed", Phase.GRAPHS),
        (
            ["[2025-11-20 09:00:02] Health check failed. Server couldn't get a response from detokenizer"],
            "health-check-failed",
            Phase.SERVING,
        ),
        (
            ["[2025-11-20 09:00:02 DP1 TP4] Watchdog timeout (self.watchdog_timeout=300)"],
            "watchdog",
            Phase.SERVING,
        ),
        (
            ["[2025-11-20 09:00:02 TP1] No experts: CUDA out of memory. Tried to allocate 24.00 MiB."],
            "out-of-memory-serving",
            Phase.SERVING,
        ),
        (
            [
                TRACED[0],
                "ray.exceptions.RayTaskError(OutOfMemoryError): ray::run()",
                "torch.OutOfMemoryError: CUDA out of memory.",
            ],
            "out-of-memory-serving",
            Phase.SERVING,
        ),
        (
            ["RuntimeError: Prefill out of memory. Try to lower your batch size."],
            "no-tokens-prefill",
            Phase.SERVING,
        ),
        (
            [*TRACED[:2], "RuntimeError: Prefill out of memory. This should never happen."],
            "crashed",
            Phase.SERVING,
        ),
        (
            [
                *TRACED[:2],
                '  File "/opt/sglang/python/sglang/srt/managers/schedule_batch.py", line 9, in prepare',
                "AttributeError: 'NoneType' object has no attribute 'cpu'",
            ],
            "crashed",
            Phase.ARGUMENTS,
        ),
        (
            [
                f"[2025-11-20 09:00:03 TP1] Scheduler hit an exception: {TRACED[0]}",
                '  File "/opt/sglang/srt/managers/scheduler.py", line 9, in event_loop_overlap',
                "RuntimeError: something else",
            ],
            "crashed",
            Phase.SERVING,
        ),
        (
            [
                f"[2025-11-20 09:00:03 TP1] Scheduler hit an exception: {TRACED[0]}",
                '  File "/opt/sglang/srt/model_executor/model_runner.py", line 9, in load_model',
                "ValueError: TP rank 1 could finish, but there are other ranks that didn't finish loading.",
            ],
            "crashed",
            Phase.WEIGHTS,
        ),
    ],
)
def test_what_is_left_of_a_log_is_placed_by_its_words(lines: list[str], found: str, phase: Phase) -> None:
    launch = only(*lines)
    (finding,) = findings((launch,))
    assert (finding.id, finding.phase) == (found, phase)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (LEAK, "SGLANG_ENABLE_STRICT_MEM_CHECK_DURING_IDLE"),
        ("RuntimeError: Rank 0 failed to pass monitoredBarrier in 480000 ms", "storage"),
        (
            "subprocess.CalledProcessError: Command '['/usr/bin/gcc', 'a.c']' returned non-zero exit",
            "compiled",
        ),
        ("ValueError: Model architectures ['X'] are not supported for now.", "newer"),
    ],
)
def test_what_an_exception_is_known_for(words: str, says: str) -> None:
    launch = only(f"[2025-11-20 09:00:03 TP1] Scheduler hit an exception: {TRACED[0]}", TRACED[1], words)
    (finding,) = findings((launch,))
    assert any(says in advice for advice in finding.advice)


def test_tracebacks_of_other_programs_are_no_launch() -> None:
    frame = '  File "/home/me/sglang/bench_serving.py", line 9, in main'
    assert read(TRACED[0], frame, "ValueError: no such data set") == ()


def advice(launch: Launch, name: str) -> str:
    (found,) = (finding for finding in findings((launch,)) if finding.id == name)
    return "; ".join(found.advice)


FULL = (
    "[2025-11-20 09:00:03 TP1] Scheduler hit an exception: Traceback (most recent call last):",
    '  File "/opt/sglang/srt/managers/scheduler.py", line 9, in event_loop_overlap',
    "RuntimeError: Prefill out of memory. Try to lower your batch size.",
    "Try to allocate 4096 tokens.",
)


@pytest.mark.parametrize(
    ("room", "free"),
    [
        ("Available tokens: 4160 (available_size=4160 + evictable_size=0)", "4160 tokens are free"),
        (
            "Available full tokens: 90000 (full_available_size=9 + full_evictable_size=1)",
            "90000 tokens are free",
        ),
        ("Available tokens: 900 (available_size=900 + evictable_size=0)", None),
    ],
)
def test_a_pool_that_has_the_tokens_is_not_called_full(room: str, free: str | None) -> None:
    said = advice(only(*FULL, room), "no-tokens-prefill")
    assert ("is full, not the GPU" in said) == (free is None)
    assert free is None or free in said


def test_a_share_that_the_log_does_not_say_is_told_by_what_the_weights_take() -> None:
    launch = only(
        "[2025-11-20 09:00:01 TP0] Load weight begin. avail mem=40.00 GB",
        "[2025-11-20 09:00:09 TP0] Load weight end. type=X, avail mem=10.00 GB, mem usage=30.00 GB.",
        "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
    )
    assert "raise `mem_fraction_static` above 0.75" in advice(launch, "no-kv-pool")


def test_arguments_are_written_with_dashes() -> None:
    launch = only("launch_server.py: error: unrecognized arguments: --enable_metrics --no-such")
    assert "write `--enable-metrics` for `--enable_metrics`" in advice(launch, "arguments-refused")


def served(running: int, queue: int, *, asked: int, most: int, usage: str) -> Launch:
    """Two minutes of a server with so many slots."""
    batches = (
        f"[2025-11-20 09:{10 + second // 60}:{second % 60:02} TP0] Decode batch, #running-req: {running}, "
        f"{usage}, cuda graph: True, gen throughput (token/s): 300.00, #queue-req: {queue}"
        for second in range(0, 120, 2)
    )
    return only(
        f"[2025-11-20 09:00:00] server_args={{'model_path': '/m', 'max_running_requests': {asked}}}",
        f"[2025-11-20 09:00:01] max_total_num_tokens=70000, max_running_requests={most}, context_len=32768",
        READY,
        *batches,
    )


def test_slots_that_the_server_does_not_give_are_not_asked_for_again() -> None:
    hybrid = served(9, 20, asked=32, most=9, usage="full token usage: 0.30, mamba usage: 0.80")
    assert "max_mamba_cache_size" in advice(hybrid, "too-few-slots")
    (finding,) = (one for one in findings((hybrid,)) if one.id == "too-few-slots")
    assert not finding.moves
    assert "KV cache" in advice(served(9, 20, asked=32, most=9, usage="token usage: 0.30"), "too-few-slots")
    given = served(32, 20, asked=32, most=32, usage="token usage: 0.30")
    assert "raise `max_running_requests`" in advice(given, "too-few-slots")


def test_one_slot_may_be_with_a_request_in_chunks() -> None:
    assert "too-few-slots" in ids(served(15, 40, asked=16, most=16, usage="token usage: 0.42"))
    assert "queue-empty" not in ids(served(15, 1, asked=16, most=16, usage="token usage: 0.42"))
    assert "queue-empty" in ids(served(13, 1, asked=16, most=16, usage="token usage: 0.42"))


@pytest.mark.parametrize(
    "front",
    [
        "2025-11-20 09:00:02,531 - __main__ - INFO - ",
        "2025-11-20T09:00:02.531 - app.server - ERROR - ",
        "Nov 20, 2025 @ 09:00:02.531    ",
        "11-20 09:00:02.531 ",
    ],
)
def test_what_other_programs_write_in_front_of_each_line_hides_no_traceback(front: str) -> None:
    lines = (TRACED[0], TRACED[1], "    scheduler = Scheduler(", "ValueError: no such layer", QUIT)
    (trouble,) = only(*(front + line for line in lines)).troubles
    assert (trouble.kind, trouble.words) == (TroubleKind.CRASH, "ValueError: no such layer")


def test_times_without_a_date_are_no_excerpt_of_a_moment() -> None:
    lines = [
        f"[09:00:{second:02} TP0] Decode batch. #running-req: 2, #token: 4000, token usage: 0.01, "
        "gen throughput (token/s): 400.00, #queue-req: 0"
        for second in range(5)
    ]
    assert ids(only(*lines)) == []
    assert ids(only(*(line.partition("] ")[2] for line in lines))) == ["queue-empty"]


def test_a_part_that_the_kernel_killed_comes_before_what_the_server_says_of_its_end() -> None:
    died = "[2025-11-20 09:00:02] Subprocess scheduler_0 (pid=9) crashed with exit code -9."
    quits = (
        "[2025-11-20 09:00:02] SIGQUIT received. signum=None, frame=None. It usually means one child failed."
    )
    assert ids(only(READY, DECODING, died, quits, "Killed")) == ["host-memory"]
