"""What goes wrong around a server and what it outlives, told apart from what it ends of."""

from __future__ import annotations

import time

import pytest

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.finding import Finding, Severity
from spacegen.diagnose.launch import Launch, Phase, TroubleKind
from spacegen.diagnose.series import Column
from spacegen.tune.secret import masked_text
from tests.read_logs import launches_of
from tests.server_failures import torch_memory
from tests.server_logs import NEW, OLD, log

OUT = f"torch.OutOfMemoryError: {torch_memory()}"
DIED = (
    "Scheduler hit an exception: Traceback (most recent call last):",
    '  File "/sgl/srt/managers/scheduler.py", line 2702, in run_scheduler_process',
    "    scheduler.event_loop_overlap()",
)

EVICTED = (
    "KeyError: 'Decode status not found for request a8f1. Please increase the maximum number of requests by "
    "setting the SGLANG_DETOKENIZER_MAX_STATES environment variable to a bigger value.'"
)
WORKSPACE = (
    "RuntimeError: Error in function 'BatchPrefillWithPagedKVCachePlanImpl' at allocator.h:49: Failed to "
    "allocate memory for batch_prefill_tmp_v with size 679477248 and alignment 16 in AlignedAllocator"
)


def read(text: str) -> tuple[Launch, ...]:
    return launches_of(text.encode())


def only(text: str) -> Launch:
    (launch,) = read(text)
    return launch


def wrong(*launches: Launch) -> list[Finding]:
    return [one for one in findings(launches) if one.severity is not Severity.INFO]


def lines(version: str = OLD, *, dp: int = 1, decodes: int = 130) -> list[str]:
    return "".join(log(version, "healthy", decodes=decodes, dp=dp)).splitlines(keepends=True)


def amid(*said: str, dp: int = 1, left: int | None = None) -> str:
    """A healthy log with lines in the middle, and so many lines after them."""
    whole = lines(dp=dp)
    at = len(whole) // 2
    return "".join((*whole[:at], *(f"{line}\n" for line in said), *whole[at:][:left]))


@pytest.mark.parametrize(
    "said",
    [
        "kernel: Out of memory: Killed process 4242 (python3) total-vm:1kB",
        "nginx-1 exited with code 137",
        "Killed",
        "OSError: [Errno 98] Address already in use",
        "[2025-08-11 17:20:00] Watchdog timeout (self.watchdog_timeout=300)",
        "collect2: error: ld returned 1 exit status",
        "ninja: error: loading 'build.ninja': No such file or directory",
    ],
)
@pytest.mark.parametrize("dp", [1, 2])
def test_what_no_batch_heeds_is_of_another_program(said: str, dp: int) -> None:
    launch = only(amid(said, dp=dp))
    assert launch.troubles == ()
    assert wrong(launch) == []


def test_a_process_that_is_killed_at_the_end_is_the_servers() -> None:
    (trouble,) = only(amid("Killed", left=0)).troubles
    assert (trouble.kind, trouble.fatal, trouble.went_on) == (TroubleKind.KILLED, True, False)


def test_memory_that_ran_out_for_a_while_ended_nothing() -> None:
    launch = only(amid("[2025-08-11 17:20:00] ERROR: " + OUT))
    (trouble,) = launch.troubles
    assert (trouble.kind, trouble.fatal, trouble.went_on) == (TroubleKind.OUT_OF_MEMORY, False, True)
    assert [one.severity for one in wrong(launch)] == [Severity.WARNING]


def test_a_rank_that_died_did_not_go_on_with_the_others() -> None:
    head = f"[2025-08-11 17:20:00 DP1 TP0] {DIED[0]}"
    whole = lines(dp=2)
    at = len(whole) // 2
    others = [line for line in whole[at:] if " DP0" in line]
    text = "".join((*whole[:at], *(f"{line}\n" for line in (head, *DIED[1:], OUT, "")), *others))
    (trouble,) = only(text).troubles
    assert (trouble.fatal, trouble.went_on) == (True, False)


def test_a_launch_ends_of_the_last_and_not_of_what_it_outlived() -> None:
    first, last = ((*DIED, OUT.replace("3.50 GiB", size), "") for size in ("1 GiB", "2 GiB"))
    whole = lines()
    at = len(whole) // 2
    text = "".join((*whole[:at], *(f"{line}\n" for line in first), *whole[at:-9]))
    (trouble,) = only(text + "\n".join(last) + "\n").troubles
    assert (trouble.fatal, trouble.went_on, trouble.count) == (True, False, 2)
    assert trouble.numbers["tried_gib"] == 2
    assert "2 GiB" in trouble.lines[0].text


@pytest.mark.parametrize(
    "said",
    ["EADDRINUSE: address already in use", "ERROR: [Errno 98] address already in use", "Killed"],
)
def test_one_line_is_a_launch_where_it_says_why_it_ended(said: str) -> None:
    launch = only(f"{said}\n")
    assert len(wrong(launch)) == 1


def crash(words: str, *, after: tuple[str, ...] = (), version: str = OLD) -> Finding:
    start = [line for line in lines(version)[:2] if "server_args" in line]
    raised = (*DIED, words, "", *after)
    text = "".join((*start, *(f"{line}\n" for line in raised)))
    (finding,) = wrong(only(text))
    return finding


def test_what_nccl_says_is_the_cause_and_not_the_kill_that_follows() -> None:
    words = "RuntimeError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO for details)"
    quit_ = "[2025-08-11 17:17:10] Received sigquit from a child process. It usually means the child failed."
    found = crash(words, after=(quit_, "Killed"))
    assert (found.id, found.advice[0].split("`")[1]) == ("crashed", "NCCL_DEBUG=INFO")


def test_ranks_that_wait_for_each_other_are_no_slow_batch() -> None:
    said = (
        "[rank3]:[E1101 10:20:00.123 ProcessGroupNCCL.cpp:629] [Rank 3] Watchdog caught collective operation "
        "timeout: WorkNCCL(SeqNum=4211, OpType=ALLREDUCE, NumelIn=1, Timeout(ms)=600000) ran for 600010 "
        "milliseconds before timing out."
    )
    (finding,) = wrong(only(amid(said, left=1)))
    assert (finding.id, finding.numbers) == ("watchdog", {"seconds": 600.0})
    assert "`dist_timeout`" in finding.advice[-1]
    assert not any("watchdog_timeout" in one for one in finding.advice)


@pytest.mark.parametrize(
    ("place", "file", "function"),
    [
        (Phase.WEIGHTS, "model_executor/model_runner.py", "load_model"),
        (Phase.KV_POOL, "mem_cache/memory_pool.py", "_create_buffers"),
        (Phase.KV_POOL, "model_executor/model_runner.py", "alloc_memory_pool"),
        (Phase.GRAPHS, "model_executor/model_runner.py", "init_device_graphs"),
    ],
)
def test_a_rank_fails_where_its_traceback_says_and_not_where_others_are(
    place: Phase, file: str, function: str
) -> None:
    story = "".join(log(OLD, "graphs-oom", tp=2))
    others = story[: story.index("Scheduler hit an exception")].rpartition("\n")[0]
    died = (DIED[0], f'  File "/sgl/srt/{file}", line 460, in {function}', "    torch.zeros(", OUT)
    (trouble,) = only("\n".join((others, *died, ""))).troubles
    assert (trouble.kind, trouble.phase) == (TroubleKind.OUT_OF_MEMORY, place)


@pytest.mark.parametrize("kind", ["prefill", "decode"])
def test_the_result_of_a_batch_is_of_its_kind(kind: str) -> None:
    frame = f'  File "/sgl/srt/managers/scheduler.py", line 3, in process_batch_result_{kind}'
    (trouble,) = only(amid(*DIED[:2], frame, "    x", OUT, left=0)).troubles
    assert trouble.during == kind


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_rank_whose_peer_is_gone_does_not_say_why(version: str) -> None:
    words = (
        "Exception: Capture cuda graph failed: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] "
        "Connection closed by peer [10.0.0.2]:2312"
    )
    found = crash(words, version=version)
    assert (found.id, found.phase) == ("crashed", Phase.GRAPHS)
    assert found.advice == ("another rank or node is gone: the cause is in its log, or above in this one",)


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (EVICTED, "SGLANG_DETOKENIZER_MAX_STATES"),
        (WORKSPACE, "SGLANG_FLASHINFER_WORKSPACE_SIZE"),
    ],
)
def test_a_variable_that_mends_it_is_named(words: str, variable: str) -> None:
    found = crash(words)
    assert found.id == "crashed"
    assert variable in found.advice[0]


def test_a_health_check_that_fails_is_told() -> None:
    said = (
        "[2025-08-11 17:20:00] Health check failed. Server couldn't get a response from detokenizer for last "
        "20 seconds. tic start time: 03:17:58. last_heartbeat time: 03:17:38"
    )
    (found,) = wrong(only(amid(said, said)))
    assert (found.id, found.severity) == ("health-check-failed", Severity.WARNING)
    assert "2 times" in found.summary


def test_a_port_of_its_messages_is_counted_from_that_of_the_api() -> None:
    found = crash("zmq.error.ZMQError: Address already in use (addr='tcp://127.0.0.1:30001')")
    assert found.id == "port-in-use"
    assert found.advice[1] == "or use another port, e.g. `--port 30010`"


def test_retractions_are_read_in_the_words_of_older_versions() -> None:
    text = "".join(log(OLD, "retracting", decodes=130))
    launch = only(text)
    old = only(text.replace("KV cache pool is full. Retract requests.", "Decode out of memory happened."))
    assert old.troubles == ()
    assert sum(old.series.columns[Column.RETRACTIONS]) > 0
    assert old.series == launch.series
    assert [one.id for one in wrong(old)] == [one.id for one in wrong(launch)] == ["retracts-often"]


def of_node(rank: int, version: str) -> list[str]:
    """The lines of a node with ranks of its own."""
    mark, said = ("'device'", f"'nnodes': 2, 'node_rank': {rank}, ")
    if version == OLD:
        mark, said = ("device=", f"nnodes=2, node_rank={rank}, random_seed={rank + 7}, ")
    return [line.replace(mark, said + mark, 1) for line in lines(version)]


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_nodes_of_a_launch_say_its_arguments_once_each(version: str) -> None:
    first, second = of_node(0, version), of_node(1, version)
    both = "".join((*first[:3], *second[:3], *first[3:]))
    launch = only(both)
    assert launch.arguments["node_rank"] == 0
    assert launch.phase is Phase.SERVING
    # The first node again is the next launch, and so is a node of a launch with other arguments.
    assert len(read(both + "".join(first))) == 2
    assert len(read("".join(first) + "".join(second).replace("8192", "4096"))) == 2


@pytest.mark.parametrize(
    "word",
    [
        "Aa",
        "a=",
        "a='",
        "--a",
        "A_",
        "'a': ",
        "a=\\'",
        "a= ",
        '"a":"',
        "key='",
        "://a:",
        "key=[",
        "Basic a",
        "key=['",
    ],
)
def test_secrets_are_looked_for_in_no_time(word: str) -> None:
    started = time.perf_counter()
    masked_text(word * (200_000 // len(word)))
    assert time.perf_counter() - started < 5


NESTED = """{"token": "hush", "deep": {"api_key": "hush"}}"""
TOLD = [
    "launch_server.py: error: unrecognized arguments: --hf-token hush --tpp-size 2",
    "launch_server.py: error: argument --api-key: --api-key=hush",
    "RuntimeError: HF_TOKEN=hush is no good, password='hush' neither",
    'Exception: cannot read {"token": "hush", "x": "y"}',
]


@pytest.mark.parametrize("said", TOLD)
def test_secrets_in_what_went_wrong_are_told_nowhere(said: str) -> None:
    text = "".join(f"{line}\n" for line in (*DIED, said)) if "error: " not in said else said + "\n"
    launch = only(text)
    assert launch.troubles != ()
    assert "hush" not in str(launch)
    assert "***" in launch.troubles[0].words
    assert "***" in launch.troubles[0].lines[0].text


@pytest.mark.parametrize("version", [OLD, NEW])
def test_secrets_in_texts_and_mappings_among_arguments_are_told_nowhere(version: str) -> None:
    mark, text = ("'load_format': ", f"'hf_overrides': '{NESTED}', 'headers': {NESTED}, ")
    if version == OLD:
        mark, text = ("load_format=", f"hf_overrides='{NESTED}', headers={NESTED}, ")
    launch = only("".join(lines(version)).replace(mark, text + mark, 1))
    assert launch.arguments["hf_overrides"].count("***") == 2
    assert launch.arguments["headers"] == {"token": "***", "deep": {"api_key": "***"}}
    assert launch.arguments["model_path"] == "meta-llama/Llama-3.1-8B-Instruct"
    assert "hush" not in str(launch)
