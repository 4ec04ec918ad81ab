"""Why launches fail: logs as the servers write them, and the failures that are found in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from spacegen.tune.outcome import Cause
from spacegen.tune.running.failures import complained, died, late
from spacegen.tune.running.serverlog import ServerLog, Stage

NO_SERVER = (
    "Error while finding module specification for 'sglang.launch_server' "
    "(ModuleNotFoundError: No module named 'sglang')"
)
T = "[2026-01-31 12:00:00"
OLD_START = (
    f"{T}] server_args=ServerArgs(model_path='m', tokenizer_path='m', port=30000)",
    f"{T} TP0] Init torch distributed begin.",
    f"{T} TP0] Load weight begin. avail mem=78.58 GB",
    (
        "\rLoading safetensors checkpoint shards:  25% Completed | 1/4 [00:00<00:02]"
        "\rLoading safetensors checkpoint shards: 100% Completed | 4/4 [00:01<00:00]"
    ),
)
OLD_LOADED = (
    *OLD_START,
    (
        f"{T} TP0] Load weight end. type=LlamaForCausalLM, dtype=torch.bfloat16, avail mem=63.45 GB, "
        "mem usage=15.13 GB."
    ),
)
OLD_POOL = (
    *OLD_LOADED,
    f"{T} TP0] KV Cache is allocated. #tokens: 404000, K size: 24.66 GB, V size: 24.66 GB",
    f"{T} TP0] Memory pool end. avail mem=13.24 GB",
)
OLD_CAPTURE = (
    *OLD_POOL,
    f"{T} TP0] Capture cuda graph begin. This can take up to several minutes. avail mem=12.70 GB",
    f"{T} TP0] Capture cuda graph bs [1, 2, 4, 8]",
)
OLD_UP = (
    *OLD_CAPTURE,
    f"{T} TP0] Capture cuda graph end. Time elapsed: 2.50 s. mem usage=0.20 GB. avail mem=12.50 GB.",
    (
        f"{T} TP0] max_total_num_tokens=404000, chunked_prefill_size=8192, max_prefill_tokens=16384, "
        "max_running_requests=2048, context_len=131072, available_gpu_mem=12.50 GB"
    ),
    "INFO:     Uvicorn running on http://127.0.0.1:30000 (Press CTRL+C to quit)",
    f"{T}] The server is fired up and ready to roll!",
    (
        f"{T} TP0] Prefill batch, #new-seq: 1, #new-token: 6, #cached-token: 0, token usage: 0.00, "
        "#running-req: 0, #queue-req: 0, "
    ),
)
NEW_START = (
    (
        "UserWarning: 'python -m sglang.launch_server' is still supported, but 'sglang serve' is the "
        "recommended entrypoint."
    ),
    f"{T} TP0] Load weight begin. avail mem=78.58 GB",
)
NEW_LOADED = (
    *NEW_START,
    (
        f"{T} TP0] Load weight end. elapsed=1.50 s, type=LlamaForCausalLM, quant=fp8, avail mem=63.45 GB, "
        "mem usage=15.13 GB."
    ),
)
NEW_POOL = (
    *NEW_LOADED,
    f"{T} TP0] MHATokenToKVPool is allocated. dtype: torch.bfloat16, #tokens: 404000, K size: 24.66 GB",
)
NEW_CAPTURE = (
    *NEW_POOL,
    (
        f"{T} TP0] Capture target prefill CUDA graph begin. backend=tc_piecewise, num_tokens=[4, 8], "
        "avail mem=12.70 GB"
    ),
)
NEW_UP = (
    *NEW_CAPTURE,
    f"{T} TP0] Capture target prefill CUDA graph end. elapsed=2.50 s, mem usage=0.20 GB, avail mem=12.50 GB.",
    (
        f"{T} TP0] max_total_num_tokens=404000, chunked_prefill_size=8192, max_prefill_tokens=16384, "
        "max_running_requests=2048, context_len=131072, available_gpu_mem=12.50 GB"
    ),
    f"{T}] The server is fired up and ready to roll!",
    (
        f"{T} TP0] Decode batch, #running-req: 1, #token: 39, token usage: 0.00, cuda graph: True, "
        "gen throughput (token/s): 8.22, #queue-req: 0"
    ),
)
MINI_START = (f"{T}|initializer] INFO Free memory before loading model: 78.58 GiB",)
MINI_POOL = (*MINI_START, f"{T}|core] INFO Allocating 404000 tokens for KV cache, K + V = 49.32 GiB")
MINI_PAGES = (*MINI_START, f"{T}|core] INFO Allocating 404000 pages for KV cache, K + V = 49.32 GiB")
MINI_CAPTURE = (*MINI_POOL, f"{T}|core] INFO Start capturing CUDA graphs with sizes: [1, 2, 4]")
MINI_CAPTURED = (*MINI_CAPTURE, f"{T}|core] INFO Free GPU memory after capturing CUDA graphs: 7.29 GiB")
MINI_UP = (*MINI_CAPTURE, f"{T}|core] INFO Scheduler is ready")

SCHEDULER = (
    f"{T} TP1] Scheduler hit an exception: Traceback (most recent call last):",
    '  File "/x/sglang/srt/managers/scheduler.py", line 2699, in run_scheduler_process',
    "    scheduler = Scheduler(",
    "                ^^^^^^^^^^",
)
QUIT = (
    "",
    f"{T}] SIGQUIT received. signum=None, frame=None. It usually means one child failed.",
)
MAIN_ARGUMENTS = (
    "Traceback (most recent call last):",
    '  File "<frozen runpy>", line 198, in _run_module_as_main',
    '  File "/x/sglang/launch_server.py", line 27, in <module>',
    "    server_args = prepare_server_args(sys.argv[1:])",
    '  File "/x/sglang/srt/server_args.py", line 4480, in prepare_server_args',
)
TORCH = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of "
    "79.11 GiB of which 1.02 GiB is free."
)
CHAINED = ("", "During handling of the above exception, another exception occurred:", "")
SOLUTIONS = (
    "Possible solutions:",
    "1. set --mem-fraction-static to a smaller value (e.g., 0.8 or 0.7)",
    "2. set --cuda-graph-max-bs to a smaller value (e.g., 16)",
)


@dataclass(frozen=True)
class Case:
    name: str
    cause: Cause
    message: str
    lines: tuple[str, ...]
    status: int = -9
    stage: Stage | None = field(default=None)

    def __str__(self) -> str:
        return self.name


CASES = [
    Case(
        "0.5.6 argparse",
        Cause.ARGUMENTS,
        "argument --attention-backend: invalid choice: 'fa9' (choose from 'triton', 'fa3')",
        (
            "usage: launch_server.py [-h] --model-path MODEL_PATH",
            "                        [--port PORT]",
            (
                "launch_server.py: error: argument --attention-backend: invalid choice: 'fa9' (choose from "
                "'triton', 'fa3')"
            ),
        ),
        status=2,
        stage=Stage.STARTING,
    ),
    Case(
        "0.5.6 a value that its checks refuse",
        Cause.ARGUMENTS,
        "AssertionError: chunked_prefill_size must be divisible by page_size",
        (
            *MAIN_ARGUMENTS,
            '  File "/x/sglang/srt/server_args.py", line 5000, in check_server_args',
            "    assert (",
            "AssertionError: chunked_prefill_size must be divisible by page_size",
        ),
        status=1,
    ),
    Case(
        "0.5.6 an assertion without words",
        Cause.ARGUMENTS,
        "AssertionError: assert self.tp_size % self.dp_size == 0",
        (
            *MAIN_ARGUMENTS,
            '  File "/x/sglang/srt/server_args.py", line 1570, in _handle_data_parallelism',
            "    assert self.tp_size % self.dp_size == 0",
            "           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
            "AssertionError",
        ),
        status=1,
    ),
    Case(
        "0.5.23 argparse",
        Cause.ARGUMENTS,
        "argument --page-size: invalid int value: 'x'",
        (
            NEW_START[0],
            "usage: sglang serve [-h] --model-path MODEL_PATH",
            "sglang serve: error: argument --page-size: invalid int value: 'x'",
        ),
        status=2,
    ),
    Case(
        "0.5.23 a value that resolving refuses",
        Cause.ARGUMENTS,
        "ValueError: The tensor parallel size 3 must divide the number of heads",
        (
            NEW_START[0],
            "Traceback (most recent call last):",
            '  File "/x/sglang/launch_server.py", line 80, in <module>',
            "    run_server(server_args)",
            '  File "/x/sglang/srt/arg_groups/parallel_hook.py", line 12, in resolve',
            "    raise ValueError(",
            "ValueError: The tensor parallel size 3 must divide the number of heads",
        ),
        status=1,
    ),
    Case(
        "mini arguments",
        Cause.ARGUMENTS,
        "ValueError: Unsupported attention backend: fa9",
        (
            "Traceback (most recent call last):",
            '  File "/x/minisgl/server/args.py", line 240, in parse_args',
            "ValueError: Unsupported attention backend: fa9",
        ),
        status=1,
    ),
    Case(
        "0.5.6 weights do not fit",
        Cause.LOADING_MEMORY,
        TORCH,
        (*OLD_START, *SCHEDULER, TORCH, *QUIT),
        stage=Stage.LOADING,
    ),
    Case(
        "0.5.6 no memory for the cache",
        Cause.LOADING_MEMORY,
        "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: "
        "self.server_args.mem_fraction_static=0.2",
        (
            *OLD_LOADED,
            *SCHEDULER,
            (
                "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current "
                "value: self.server_args.mem_fraction_static=0.2"
            ),
            *QUIT,
        ),
        stage=Stage.ALLOCATING,
    ),
    Case(
        "0.5.23 no memory for the cache",
        Cause.LOADING_MEMORY,
        "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: "
        "mem_fraction_static=0.2",
        (
            *NEW_LOADED,
            *SCHEDULER,
            (
                "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current "
                "value: mem_fraction_static=0.2"
            ),
            *QUIT,
        ),
    ),
    Case(
        "0.5.23 the cache takes too much",
        Cause.LOADING_MEMORY,
        TORCH,
        (*NEW_POOL, *SCHEDULER, TORCH, *QUIT),
    ),
    Case(
        "nccl gets no memory",
        Cause.LOADING_MEMORY,
        "7a1:7a1 [3] init.cc:1 NCCL WARN Cuda failure 2 'out of memory'",
        (*OLD_START, "7a1:7a1 [3] init.cc:1 NCCL WARN Cuda failure 2 'out of memory'", *QUIT),
    ),
    Case(
        "a kernel is loaded without memory",
        Cause.GRAPH_MEMORY,
        "RuntimeError: Triton Error [CUDA]: out of memory",
        (*NEW_CAPTURE, *SCHEDULER, "RuntimeError: Triton Error [CUDA]: out of memory", *QUIT),
    ),
    Case(
        "one rank is short of memory at graph capture, the other says so first",
        Cause.GRAPH_MEMORY,
        TORCH,
        (
            *OLD_CAPTURE,
            *SCHEDULER,
            "Exception: Capture cuda graph failed: [pair.cc:534] Connection closed by peer",
            *SCHEDULER,
            TORCH,
            *QUIT,
        ),
    ),
    Case("mini weights do not fit", Cause.LOADING_MEMORY, TORCH, (*MINI_START, TORCH), status=1),
    Case(
        "0.5.6 graphs do not fit",
        Cause.GRAPH_MEMORY,
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 256.00 MiB.",
        (
            *OLD_CAPTURE,
            *SCHEDULER,
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 256.00 MiB.",
            *CHAINED,
            SCHEDULER[0],
            *SCHEDULER[1:],
            "Exception: Capture cuda graph failed: CUDA out of memory. Tried to allocate 256.00 MiB.",
            *SOLUTIONS,
            *QUIT,
        ),
        stage=Stage.CAPTURING,
    ),
    Case(
        "0.5.23 graphs do not fit",
        Cause.GRAPH_MEMORY,
        "Exception: Capture prefill CUDA graph failed: CUDA error: out of memory",
        (
            *NEW_CAPTURE,
            *SCHEDULER,
            "Exception: Capture prefill CUDA graph failed: CUDA error: out of memory",
            "Fail when using backend: tc_piecewise for prefill runner.",
            *QUIT,
        ),
    ),
    Case("mini graphs do not fit", Cause.GRAPH_MEMORY, TORCH, (*MINI_CAPTURE, TORCH), status=1),
    Case(
        "graphs fail for another reason",
        Cause.CRASH,
        "Exception: Capture cuda graph failed: page size 16 is not supported (while capturing graphs)",
        (
            *OLD_CAPTURE,
            *SCHEDULER,
            "ValueError: page size 16 is not supported",
            *CHAINED,
            SCHEDULER[0],
            *SCHEDULER[1:],
            "Exception: Capture cuda graph failed: page size 16 is not supported",
            *SOLUTIONS,
            *QUIT,
        ),
    ),
    Case(
        "0.5.6 prefill without memory",
        Cause.SERVING_MEMORY,
        "Prefill out of memory. Try to lower your batch size.",
        (
            *OLD_UP,
            f"{T} TP0] Prefill out of memory. Try to lower your batch size.",
            "Try to allocate 8192 tokens.",
            "Available tokens: 100 (self.available_size=100)",
            *SCHEDULER,
            "RuntimeError: Prefill out of memory. Try to lower your batch size.",
            "Try to allocate 8192 tokens.",
            *QUIT,
        ),
    ),
    Case(
        "0.5.23 decode without memory",
        Cause.SERVING_MEMORY,
        "RuntimeError: Decode out of memory. Try to lower your batch size.",
        (*NEW_UP, *SCHEDULER, "RuntimeError: Decode out of memory. Try to lower your batch size.", *QUIT),
        stage=Stage.SERVING,
    ),
    Case(
        "0.5.6 neither prefill nor decode",
        Cause.SERVING_MEMORY,
        "Out of memory. Try to lower your batch size.",
        (*OLD_UP, f"{T} TP0] Out of memory. Try to lower your batch size.", "Try to allocate 1 tokens."),
    ),
    Case(
        "0.5.6 no slot for a request",
        Cause.SERVING_MEMORY,
        "RuntimeError: alloc_req_slots runs out of memory. Please set a smaller number for "
        "`--max-running-requests`. req_to_token_pool.available_size()=0, num_reqs=1,",
        (
            *OLD_UP,
            *SCHEDULER,
            (
                "RuntimeError: alloc_req_slots runs out of memory. Please set a smaller number for "
                "`--max-running-requests`. req_to_token_pool.available_size()=0, num_reqs=1, "
            ),
            *QUIT,
        ),
    ),
    Case("a forward pass without memory", Cause.SERVING_MEMORY, TORCH, (*NEW_UP, *SCHEDULER, TORCH, *QUIT)),
    Case("mini serving without memory", Cause.SERVING_MEMORY, TORCH, (*MINI_UP, TORCH), status=1),
    Case(
        "uvicorn finds its port taken",
        Cause.PORT,
        "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 30000): address "
        "already in use",
        (
            *OLD_UP[:-3],
            (
                "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 30000): "
                "address already in use"
            ),
        ),
        status=1,
    ),
    Case(
        "torch finds its port taken",
        Cause.PORT,
        "torch.distributed.DistNetworkError: The server socket has failed to listen on any local network "
        "address. port: 30001, useIpv6: false, code: -98, name: EADDRINUSE, message: address already in use",
        (
            OLD_START[0],
            *SCHEDULER,
            (
                "torch.distributed.DistNetworkError: The server socket has failed to listen on any local "
                "network address. port: 30001, useIpv6: false, code: -98, name: EADDRINUSE, "
                "message: address already in use"
            ),
            *QUIT,
        ),
    ),
    Case(
        "data parallelism finds its port taken",
        Cause.PORT,
        "Port is already in use. dist_init_port=30233 port_base=30234",
        (
            f"{T}] Port is already in use. dist_init_port=30233 port_base=30234",
            *MAIN_ARGUMENTS,
            "ValueError: dist_init_port at 30233 is not available in 30 seconds. used by a process already",
        ),
        status=1,
    ),
    Case(
        "0.5.6 a batch that never ends",
        Cause.TIMEOUT,
        "Watchdog timeout (self.watchdog_timeout=300)",
        (*OLD_UP, f"{T} TP0] Watchdog timeout (self.watchdog_timeout=300)", *QUIT),
    ),
    Case(
        "0.5.23 a batch that never ends",
        Cause.TIMEOUT,
        "scheduler watchdog timeout (self.watchdog_timeout=300, self.soft=False)",
        (
            *NEW_UP,
            f"{T} TP0] scheduler watchdog timeout (self.watchdog_timeout=300, self.soft=False)",
            *QUIT,
        ),
    ),
    Case(
        "0.5.6 a scheduler is killed",
        Cause.CRASH,
        "a process of the server was ended by SIGKILL (the machine may be out of main memory) while loading "
        "weights",
        (
            *OLD_START,
            f"{T}] Rank 0 scheduler is dead. Please check if there are relevant logs.",
            f"{T}] Exit code: -9",
        ),
        status=1,
    ),
    Case(
        "0.5.23 a scheduler is killed",
        Cause.CRASH,
        "a process of the server was ended by SIGKILL (the machine may be out of main memory) while loading "
        "weights",
        (
            *NEW_START,
            "Traceback (most recent call last):",
            '  File "/x/sglang/srt/entrypoints/engine.py", line 2029, in _wait_for_scheduler_ready',
            (
                "RuntimeError: Rank 1 scheduler died during initialization (exit code: -9). If exit code is "
                "-9 (SIGKILL), a common cause is the OS OOM killer. Run `dmesg -T | grep -i oom` to check."
            ),
        ),
        status=1,
    ),
    Case(
        "the whole server is killed",
        Cause.CRASH,
        "the server was ended by SIGKILL (the machine may be out of main memory) while serving",
        OLD_UP,
    ),
    Case("a container is killed", Cause.CRASH, "the server was ended by SIGSEGV while serving", NEW_UP, 139),
    Case(
        "a kernel crashes, and the other ranks after it",
        Cause.CRASH,
        "RuntimeError: CUDA error: an illegal memory access was encountered (while serving)",
        (
            *OLD_UP,
            *SCHEDULER,
            "RuntimeError: CUDA error: an illegal memory access was encountered",
            *SCHEDULER,
            "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:3356",
            *QUIT,
        ),
    ),
    Case(
        "a model that is not there",
        Cause.CRASH,
        "OSError: m does not appear to have a file named config.json (while starting)",
        (
            "Traceback (most recent call last):",
            '  File "/x/sglang/srt/utils/hf_transformers_utils.py", line 300, in get_config',
            "OSError: m does not appear to have a file named config.json",
        ),
        status=1,
    ),
    Case(
        "a package that is not installed",
        Cause.CRASH,
        "ModuleNotFoundError: No module named 'flashinfer' (while starting)",
        (*MAIN_ARGUMENTS, "ModuleNotFoundError: No module named 'flashinfer'"),
        status=1,
    ),
    Case(
        "a Python without the server",
        Cause.CRASH,
        f"the server ended with status 1 while starting: python: {NO_SERVER}",
        (f"python: {NO_SERVER}",),
        status=1,
    ),
    Case("no word", Cause.CRASH, "the server ended with status 3 while starting", (), 3),
]


def log_of(folder: Path, lines: tuple[str, ...], end: str = "\n") -> ServerLog:
    path = folder / "server.log"
    path.write_text("\n".join(lines) + end, encoding="utf-8")
    return ServerLog(path).close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_server_that_ended_says_why(case: Case, tmp_path: Path) -> None:
    log = log_of(tmp_path, case.lines)
    found = died(log, case.status)
    assert (found.cause, found.message) == (case.cause, case.message)
    assert case.stage in (None, log.stage)
    assert len(found.log_tail) <= 40


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_log_read_while_it_grows(case: Case, tmp_path: Path) -> None:
    """Piece by piece, cut anywhere, a log says what it says as a whole."""
    path = tmp_path / "server.log"
    log = ServerLog(path)
    data = ("\n".join(case.lines) + "\n").encode()
    with path.open("ab") as out:
        for start in range(0, len(data), 61):
            out.write(data[start : start + 61])
            out.flush()
            log.read()
    assert died(log.close(), case.status).message == case.message


@pytest.mark.parametrize(
    ("lines", "stage"),
    [
        ((), Stage.STARTING),
        (OLD_START, Stage.LOADING),
        (OLD_LOADED, Stage.ALLOCATING),
        (OLD_POOL, Stage.ALLOCATING),
        (OLD_CAPTURE, Stage.CAPTURING),
        (OLD_UP, Stage.SERVING),
        (NEW_START, Stage.LOADING),
        (NEW_POOL, Stage.ALLOCATING),
        (NEW_CAPTURE, Stage.CAPTURING),
        ((*NEW_POOL, f"{T} TP0] Capture single-CG draft extend begin."), Stage.CAPTURING),
        ((*NEW_UP[:-4], f"{T} TP0] Post-capture KV sizing: KV cache allocated."), Stage.ALLOCATING),
        (NEW_UP, Stage.SERVING),
        ((*OLD_UP[:-4], f"{T} TP0] Load weight begin. avail mem=10.00 GB"), Stage.LOADING),
        (MINI_START, Stage.LOADING),
        (MINI_POOL, Stage.ALLOCATING),
        (MINI_PAGES, Stage.ALLOCATING),
        (MINI_CAPTURE, Stage.CAPTURING),
        (MINI_CAPTURED, Stage.SERVING),
        ((*MINI_POOL, f"{T}|core] INFO CUDA graph is disabled."), Stage.SERVING),
        (MINI_UP, Stage.SERVING),
    ],
)
def test_a_log_says_how_far_a_launch_is(lines: tuple[str, ...], stage: Stage, tmp_path: Path) -> None:
    assert log_of(tmp_path, lines).stage is stage


@pytest.mark.parametrize("lines", [OLD_UP, NEW_UP, MINI_UP])
def test_a_healthy_log_blames_nobody(lines: tuple[str, ...], tmp_path: Path) -> None:
    log = log_of(tmp_path, lines)
    assert log.ready
    assert complained(log) is None


@pytest.mark.parametrize(
    "words",
    [
        "ValueError: Loaded weights leave no GPU memory for the KV cache under --mem-fraction-static=0.15.",
        "AssertionError: Not enough memory for KV cache, try reducing --num-pages",
        "AssertionError: Memory pool size is too small",
    ],
)
def test_a_pool_without_room_is_a_want_of_memory(words: str, tmp_path: Path) -> None:
    found = died(log_of(tmp_path, (*NEW_LOADED, *SCHEDULER, words, *QUIT)), 1)
    assert (found.cause, found.message) == (Cause.LOADING_MEMORY, words)


def test_a_watchdog_that_only_looks_on_ends_nothing(tmp_path: Path) -> None:
    soft = f"{T} TP0] Detokenizer watchdog timeout (self.watchdog_timeout=300, self.soft=True)"
    assert log_of(tmp_path, (*NEW_START, soft)).evidence is None
    caught = "Watchdog caught collective operation timeout: WorkNCCL(SeqNum=3, Timeout(ms)=600000)"
    assert died(log_of(tmp_path, (*NEW_START, caught)), -6).cause is Cause.TIMEOUT


def test_what_was_overcome_before_the_server_stood_is_no_reason(tmp_path: Path) -> None:
    log = log_of(tmp_path, (TORCH, *OLD_UP))
    assert died(log, 1).message == "the server ended with status 1 while serving"


def test_a_server_that_is_late_is_told_by_its_stage(tmp_path: Path) -> None:
    found = late(log_of(tmp_path, OLD_CAPTURE), "ready", 60)
    assert (found.cause, found.message) == (Cause.TIMEOUT, "not ready after 60 s: still capturing graphs")


def test_a_server_that_hangs_for_want_of_memory_is_not_late(tmp_path: Path) -> None:
    found = late(log_of(tmp_path, (*OLD_START, *SCHEDULER, TORCH)), "ready", 60)
    assert found.cause is Cause.LOADING_MEMORY


def test_a_server_that_gives_requests_up_goes_on_and_complains(tmp_path: Path) -> None:
    line = f"{T} TP0] retract_decode: aborted last request 7f due to OOM"
    found = complained(log_of(tmp_path, (*NEW_UP, line)), ("tail of the load",))
    assert found is not None
    assert (found.cause, found.message) == (
        Cause.SERVING_MEMORY,
        "retract_decode: aborted last request 7f due to OOM",
    )
    assert found.log_tail[-1] == "tail of the load"


def test_a_server_that_dies_later_did_not_die_of_a_request_that_it_gave_up(tmp_path: Path) -> None:
    line = f"{T} TP0] retract_decode: aborted last request 7f due to OOM"
    log = log_of(tmp_path, (*NEW_UP, line, *SCHEDULER, "RuntimeError: CUDA error: unspecified"))
    assert died(log, -9).cause is Cause.CRASH


def test_a_fatal_exception_counts_before_the_process_has_ended(tmp_path: Path) -> None:
    found = complained(log_of(tmp_path, (*OLD_UP, *SCHEDULER, "KeyError: 'x'")))
    assert found is not None
    assert (found.cause, found.message) == (Cause.CRASH, "KeyError: 'x' (while serving)")


def test_a_line_of_another_process_does_not_end_a_traceback(tmp_path: Path) -> None:
    lines = (*OLD_UP, *SCHEDULER, f"{T} TP0] Decode batch, #running-req: 1", "KeyError: 'x'", *QUIT)
    assert died(log_of(tmp_path, lines), -9).message == "KeyError: 'x' (while serving)"


def test_bytes_that_are_no_text_hide_nothing(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(b"\xff\xfe\x00" + f"{T} TP0] Load weight begin\n\xe9".encode("latin-1") + TORCH.encode())
    assert died(ServerLog(path).close(), 1).cause is Cause.LOADING_MEMORY


def test_a_last_line_without_its_end_counts(tmp_path: Path) -> None:
    assert died(log_of(tmp_path, ("x: error: no such model",), end=""), 2).cause is Cause.ARGUMENTS


def test_a_long_log_is_kept_by_its_end(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    lines = [*OLD_START, *SCHEDULER, TORCH, *(f"{T}] {n} {'x' * 600}" for n in range(3000))]
    path.write_text("\n".join(lines))
    found = died(ServerLog(path).close(), 1)
    assert found.cause is Cause.LOADING_MEMORY
    assert len(found.log_tail) == 40
    assert max(map(len, found.log_tail)) == 500
    assert found.log_tail[-1].startswith(f"{T}] 2999")


def test_a_log_that_is_not_there_yet(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "none").read()
    assert (log.stage, log.tail, log.exception) == (Stage.STARTING, (), None)


def test_words_of_a_server_are_not_those_of_its_warden_nor_of_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("ended 0\nserving the model SIMULATED-7B\n")
    log = ServerLog(path).close()
    assert (log.code, log.simulated, len(log.tail)) == (None, False, 2)
    assert ServerLog(path, elsewhere=True).close().code == 0
    path.write_text("SIMULATED server: sglang==0.5.6; its times and its memory are made up\n")
    assert ServerLog(path).close().simulated
