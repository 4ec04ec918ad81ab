"""What lines of no batch say: words of each version, with the place of its source where they stand, and what
launches come of them. `old` is sglang/srt of 0.5.6.post2, `new` that of 0.5.23, `mini` python/minisgl."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.collecting.startup import Startup
from spacegen.diagnose.launch import Fact, Launch, Line, Phase, TroubleKind
from spacegen.diagnose.reading.arguments import arguments
from spacegen.diagnose.reading.batches import BatchReader
from spacegen.diagnose.reading.candidates import told
from spacegen.diagnose.reading.events import Detail, Event, Fault, Progress, events
from spacegen.diagnose.reading.stamps import rank_of, replica_of
from spacegen.diagnose.reading.text import plain
from tests.server_failures import PLACES, torch_memory
from tests.server_logs import MINI, MINI_STORIES, NEW, OLD, STORIES, encoded, log

DATA = Path(__file__).parent / "data"
T = "[2025-08-11 17:17:03 TP0]"


def launches(lines: Iterable[str | bytes]) -> list[Launch]:
    """The launches that the lines tell of, as far as those of no batch do."""
    text = b"".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    found, batch = [Startup()], None
    for number, raw in enumerate(text.split(b"\n"), 1):
        words = raw.lower()
        kind = next((kind for kind in ("decode", "prefill") if f"{kind} batch".encode() in words), None)
        batch = kind or batch
        if kind:
            continue
        # What users and models say is no evidence.
        shown = plain(told(raw))
        for event in events(shown):
            if found[-1].over(event):
                found.append(Startup())
            found[-1].take(event, Line(file="server.log", number=number, text=shown[:500]), batch)
    return [Launch(**startup.fields()) for startup in found]


def only(line: str) -> Event:
    assert BatchReader().read(line.encode()).others == [0], "the line is skipped"
    (event,) = events(line)
    return event


def progress(line: str) -> Progress:
    found = only(f"{T} {line}")
    assert isinstance(found, Progress)
    return found


@pytest.mark.parametrize("version", ["0.5.6", "0.5.23"])
def test_the_arguments_of_a_real_launch_are_read_whole(version: str) -> None:
    """The line as a server of this version prints it, with `--tp-size 2 --mem-fraction-static 0.88`."""
    text = (DATA / f"server-args-{version}.txt").read_text(encoding="utf-8")
    given = arguments(f"[2025-08-11 17:17:03] {text}")
    assert given is not None
    body = ast.parse(text.removeprefix("server_args=").strip(), mode="eval").body
    if isinstance(body, ast.Call):
        said = {word.arg: ast.literal_eval(word.value) for word in body.keywords}
    else:
        said = ast.literal_eval(body)
    assert len(said) > 250
    changed = {name for name, value in said.items() if given.values[name] != value}
    assert changed <= {f"cuda_graph_{name}" for name in GRAPHS}
    assert given.values["tp_size"] == 2
    assert given.values["cuda_graph_max_bs" if version == "0.5.6" else "cuda_graph_max_bs_decode"] == 256


GRAPHS = ("backend_decode", "max_bs_decode", "bs_decode", "backend_prefill", "max_bs_prefill", "bs_prefill")


@pytest.mark.parametrize("version", ["0.5.6", "0.5.23"])
def test_a_torn_line_gives_the_arguments_before_the_tear(version: str) -> None:
    text = (DATA / f"server-args-{version}.txt").read_text(encoding="utf-8")
    whole = arguments(text)
    assert whole is not None
    for end in range(40, len(text), 331):
        torn = arguments(text[:end])
        assert torn is not None
        assert torn.values == {name: whole.values[name] for name in torn.values}


def test_values_that_are_no_literals_stay_as_text() -> None:
    """mini server/args.py prints a dataclass on a line of its own, below `Parsed arguments:`."""
    given = arguments(
        "ServerArgs(model_path='a, b(', tp_info=DistributedInfo(rank=0, size=2), dtype=torch.bfloat16, "
        "cuda_graph_bs=[1, 2], policy=<Policy.LPM: 'lpm'>, far=inf, memory_ratio=0.9, server_port=1919)"
    )
    assert given is not None
    assert given.server == "minisgl"
    said = {
        "model_path": "a, b(",
        "tp_info": "DistributedInfo(rank=0, size=2)",
        "tp_size": 2,
        "dtype": "torch.bfloat16",
        "cuda_graph_bs": [1, 2],
        "policy": "lpm",
        "far": float("inf"),
        "memory_ratio": 0.9,
        "server_port": 1919,
    }
    assert {name: given.values[name] for name in said} == said


def test_other_lines_give_no_arguments() -> None:
    assert arguments("we set server_args=x and ServerArgs( too") is None


@pytest.mark.parametrize(
    ("line", "phase", "facts"),
    [
        # old model_executor/model_runner.py:730, new :1274
        ("Load weight begin. avail mem=78.58 GB", Phase.WEIGHTS, {Fact.BEFORE_LOADING: 78.58}),
        # the same file of old, line 852
        (
            (
                "Load weight end. type=LlamaForCausalLM, dtype=torch.bfloat16, avail mem=63.45 GB, mem "
                "usage=15.13 GB."
            ),
            Phase.KV_POOL,
            {Fact.AFTER_LOADING: 63.45, Fact.WEIGHTS: 15.13},
        ),
        # and of new, line 1373
        (
            (
                "Load weight end. elapsed=1.50 s, type=LlamaForCausalLM, quant=fp8, avail mem=63.45 GB, "
                "mem usage=15.13 GB."
            ),
            Phase.KV_POOL,
            {Fact.AFTER_LOADING: 63.45, Fact.WEIGHTS: 15.13, Fact.LOADING_SECONDS: 1.5},
        ),
        # old mem_cache/memory_pool.py:477
        (
            "KV Cache is allocated. #tokens: 404000, K size: 24.66 GB, V size: 24.67 GB",
            Phase.KV_POOL,
            {Fact.POOL_TOKENS: 404000.0, Fact.POOL: 49.33},
        ),
        # and line 483
        (
            "KV Cache is allocated. #tokens: 404000, KV size: 24.66 GB",
            Phase.KV_POOL,
            {Fact.POOL_TOKENS: 404000.0, Fact.POOL: 24.66},
        ),
        # new mem_cache/memory_pool.py:2096
        (
            "draft KV Cache is allocated. dtype: torch.float8_e4m3fn, #tokens: 9, KV size: 1.50 GB",
            Phase.KV_POOL,
            {Fact.POOL_TOKENS: 9.0, Fact.POOL: 1.5},
        ),
        # new model_runner_components/kv_pool_runtime.py:195
        (
            (
                "Post-capture KV sizing: KV cache allocated. dtype: torch.bfloat16, #tokens: 9, "
                "KV size: 1.50 GB, avail mem=6.10 GB"
            ),
            Phase.KV_POOL,
            {Fact.POOL_TOKENS: 9.0, Fact.POOL: 1.5},
        ),
        # old model_executor/model_runner.py:2439 and 2453
        (
            "Capture cuda graph begin. This can take up to several minutes. avail mem=12.70 GB",
            Phase.GRAPHS,
            {},
        ),
        (
            "Capture cuda graph end. Time elapsed: 2.50 s. mem usage=0.20 GB. avail mem=12.50 GB.",
            Phase.WARM_UP,
            {Fact.GRAPHS: 0.2, Fact.CAPTURE_SECONDS: 2.5, Fact.AFTER_GRAPHS: 12.5},
        ),
        # new model_runner_components/cuda_graph_setup.py:696
        (
            "Capture target prefill CUDA graph end. elapsed=2.50 s, mem usage=0.20 GB, avail mem=12.50 GB.",
            Phase.WARM_UP,
            {Fact.GRAPHS: 0.2, Fact.CAPTURE_SECONDS: 2.5, Fact.AFTER_GRAPHS: 12.5},
        ),
        # old managers/scheduler.py:421, new :1269
        (
            (
                "max_total_num_tokens=665690, chunked_prefill_size=8192, max_prefill_tokens=16384, "
                "max_running_requests=4096, context_len=65536, available_gpu_mem=13.50 GB"
            ),
            Phase.WARM_UP,
            {
                Fact.POOL_TOKENS: 665690.0,
                Fact.CHUNK: 8192.0,
                Fact.PREFILL_TOKENS: 16384.0,
                Fact.MOST_RUNNING: 4096.0,
                Fact.CONTEXT: 65536.0,
                Fact.LEFT: 13.5,
            },
        ),
        # mini engine/engine.py:47, 184, 98 and engine/graph.py
        ("Free memory before loading model: 78.61 GiB", Phase.WEIGHTS, {Fact.BEFORE_LOADING: 78.61}),
        (
            "Allocating 648224 tokens for KV cache, K + V = 69.24 GiB",
            Phase.KV_POOL,
            {Fact.POOL: 69.24, Fact.POOL_TOKENS: 648224.0},
        ),
        ("Allocating 83462 pages for KV cache: 8.91 GiB", Phase.KV_POOL, {Fact.POOL: 8.91}),
        ("Free memory after initialization: 7.69 GiB", Phase.KV_POOL, {Fact.LEFT: 7.69}),
        ("Free GPU memory after capturing CUDA graphs: 7.29 GiB", Phase.WARM_UP, {Fact.LEFT: 7.29}),
        ("CUDA graph is disabled.", Phase.WARM_UP, {}),
    ],
)
def test_lines_of_starting_give_their_figures(line: str, phase: Phase, facts: dict[Fact, float]) -> None:
    found = progress(line)
    assert found.phase is phase
    assert found.facts == pytest.approx(facts)


@pytest.mark.parametrize(
    "line",
    [
        "Capture cuda graph bs [1, 2, 4]",  # old model_executor/cuda_graph_runner.py:272
        # new model_runner_components/cuda_graph_setup.py:788
        (
            "Capture target decode CUDA graph end. bs=[1, 2, 4], elapsed=4.63 s, mem usage=1.37 GB, "
            "avail mem=6.54 GB."
        ),
        "Start capturing CUDA graphs with sizes: [1, 2, 4]",  # mini engine/graph.py
    ],
)
def test_lines_of_capture_give_the_sizes_of_graphs(line: str) -> None:
    assert progress(line).sizes == (1, 2, 4)


TORCH = torch_memory()


@pytest.mark.parametrize(
    ("line", "kind", "numbers"),
    [
        (f"torch.OutOfMemoryError: {TORCH}", TroubleKind.OUT_OF_MEMORY, {"tried_gib": 3.5, "free_gib": 2.13}),
        (
            # torch 2.0
            (
                "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB (GPU "
                "0; 79.15 GiB total "
                "capacity; 77.00 GiB already allocated; 256.00 MiB free; 78.00 GiB reserved in "
                "total by PyTorch)"
            ),
            TroubleKind.OUT_OF_MEMORY,
            {"tried_gib": 0.5, "free_gib": 0.25},
        ),
        ("n7:1:1 [3] init.cc:1 NCCL WARN Cuda failure 2 'out of memory'", TroubleKind.OUT_OF_MEMORY, {}),
        (
            f"Exception: Capture cuda graph failed: {TORCH}",
            TroubleKind.OUT_OF_MEMORY,
            {"tried_gib": 3.5, "free_gib": 2.13},
        ),
        ("Exception: Capture cuda graph failed: page size 16 is not supported", TroubleKind.CAPTURE, {}),
        (
            # new mem_cache/kv_cache_configurator.py:3051
            (
                "ValueError: Loaded weights leave no GPU memory for the KV cache under "
                "--mem-fraction-static=0.3. Raise "
                "--mem-fraction-static above 0.412 (minimum viable = 1 - available/pre = 0.4113). "
                "If using speculative "
                "decoding, draft weights are now counted."
            ),
            TroubleKind.NO_POOL,
            {"mem_fraction_static": 0.3, "least_mem_fraction_static": 0.4113},
        ),
        # old managers/tp_worker.py:313, new :425
        ("AssertionError: Memory pool size is too small", TroubleKind.NO_POOL, {}),
        # mini engine/engine.py:181
        ("AssertionError: Not enough memory for KV cache, try reducing --num-pages", TroubleKind.NO_POOL, {}),
        (
            "torch.distributed.DistNetworkError: address already in use, port: 1920",
            TroubleKind.PORT,
            {"port": 1920.0},
        ),
        ("EADDRINUSE: address already in use", TroubleKind.PORT, {}),
        ("OSError: [Errno 98] Address already in use", TroubleKind.PORT, {}),
        (
            "zmq.error.ZMQError: Address already in use (addr='tcp://127.0.0.1:30001')",
            TroubleKind.PORT,
            {"port": 30001.0},
        ),
        # old utils/common.py:695, new utils/network.py:103
        (
            (
                "ValueError: nccl_port at 30233 is not available in 60 seconds. nccl_port is used by a "
                "process already."
            ),
            TroubleKind.PORT,
            {"port": 30233.0},
        ),
        # new entrypoints/engine.py:1196
        (
            (
                "RuntimeError: engine_info_bootstrap_port 6789 is already in use. When running multiple "
                "instances on"
            ),
            TroubleKind.PORT,
            {"port": 6789.0},
        ),
        (
            (
                "[rank1]:[E811 17:17:03 ProcessGroupNCCL.cpp:632] [Rank 1] Watchdog caught "
                "collective operation "
                "timeout: WorkNCCL(SeqNum=7, OpType=ALLREDUCE) ran for 600054 milliseconds before timing out."
            ),
            TroubleKind.WATCHDOG,
            {},
        ),
        (
            "Out of memory: Killed process 4711 (python3) total-vm:91234567kB",
            TroubleKind.KILLED,
            {"signal": 9.0},
        ),
        ("Killed", TroubleKind.KILLED, {"signal": 9.0}),
        (
            "./serve.sh: line 3:  4711 Killed                  python -m sglang.launch_server",
            TroubleKind.KILLED,
            {},
        ),
        ("server-1 exited with code 137", TroubleKind.KILLED, {"signal": 9.0}),
        # new utils/watchdog.py:216
        (
            "Subprocess scheduler_0 (pid=4711) crashed with exit code -11. Triggering SIGQUIT for cleanup...",
            TroubleKind.KILLED,
            {"signal": 11.0},
        ),
        ("Fatal Python error: Segmentation fault", TroubleKind.KILLED, {"signal": 11.0}),
        ("server-1 exited with code 192", TroubleKind.KILLED, {"signal": 64.0}),
        (
            "Scheduler or DataParallelController 4242 terminated with -11",
            TroubleKind.KILLED,
            {"signal": 11.0},
        ),
        ("Capture single-CG draft extend failed: CUDA out of memory", TroubleKind.OUT_OF_MEMORY, {}),
        # No signal has such a number: programs exit with 255 after `sys.exit(-1)`.
        ("server-1 exited with code 193", TroubleKind.CRASH, {}),
        ("server-1 exited with code 255", TroubleKind.CRASH, {}),
        ("Rank 0 scheduler died during initialization (exit code: -65)", TroubleKind.CRASH, {}),
    ],
)
def test_words_tell_what_is_wrong(line: str, kind: TroubleKind, numbers: dict[str, float]) -> None:
    assert BatchReader().read(line.encode()).others == [0], "the line is skipped"
    wrong = [getattr(event, "fault", event) for event in events(line)]
    (fault,) = [one for one in wrong if isinstance(one, Fault)]
    assert fault.kind is kind
    assert numbers.items() <= fault.numbers.items()


@pytest.mark.parametrize(
    "line",
    [
        'INFO:     1.2.3.4:5 - "POST /v1/chat/completions HTTP/1.1" 200 OK',
        "Port 30000 is already in use, trying port 30001",  # old utils/common.py:2337: it goes on
        # new utils/watchdog.py:154
        "scheduler_0 watchdog timeout (self.watchdog_timeout=300, self.soft=True)",
        "server-1 exited with code 0",
        "Rank 0 scheduler exited with code -15",
        "1. set --mem-fraction-static to a smaller value (e.g., 0.8 or 0.7)",
        "Not enough SMs to use max_autotune_gemm mode",
    ],
)
def test_other_words_blame_nobody(line: str) -> None:
    assert not [event for event in events(line) if not isinstance(event, Detail) and _wrong(event)]


def _wrong(event: Event) -> bool:
    return isinstance(getattr(event, "fault", event), Fault)


PHASES = {
    "start": Phase.ARGUMENTS,
    "distributed": Phase.ARGUMENTS,
    "weights": Phase.WEIGHTS,
    "pool": Phase.KV_POOL,
    "graphs": Phase.GRAPHS,
    "web": Phase.WARM_UP,
    "warm-up": Phase.WARM_UP,
    "serving": Phase.SERVING,
}
KINDS = {
    "arguments": TroubleKind.ARGUMENTS,
    "refused": TroubleKind.ARGUMENTS,
    "port": TroubleKind.PORT,
    "port-torch": TroubleKind.PORT,
    "killed": TroubleKind.KILLED,
    "no-pool": TroubleKind.NO_POOL,
    "graphs-failed": TroubleKind.CAPTURE,
    "prefill-tokens": TroubleKind.NO_TOKENS,
    "decode-tokens": TroubleKind.NO_TOKENS,
    "slots": TroubleKind.NO_SLOTS,
    "aborted": TroubleKind.NOTHING_LEFT_TO_RETRACT,
    "watchdog": TroubleKind.WATCHDOG,
    "crash": TroubleKind.CRASH,
}


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize(
    ("version", "story"),
    [(version, story) for version in (OLD, NEW) for story in STORIES]
    + [(MINI, story) for story in MINI_STORIES],
)
def test_each_way_to_fail_is_found_in_its_phase(version: str, story: str, noise: float) -> None:
    (launch,) = launches(encoded(log(version, story, decodes=8, tp=2), noise=noise))
    ends = STORIES[story].ends
    if ends is None:
        assert launch.troubles == ()
        assert launch.phase is Phase.SERVING
        return
    (trouble,) = launch.troubles
    assert trouble.kind is KINDS.get(ends, TroubleKind.OUT_OF_MEMORY)
    assert trouble.phase is PHASES[PLACES[ends]]
    assert trouble.fatal is (ends != "aborted")
    if ends.startswith(("prefill", "decode")) and version != MINI:
        assert trouble.during == ends.partition("-")[0]


FRONTS = [
    "server-1  | ",
    "2025-08-11T17:17:03.123Z stdout F ",
    "Aug 11 17:17:03 node7 sglang[4711]: ",
    "[rank0]: ",
    "(WorkerDict pid=616, ip=10.0.0.7) ",
]


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("story", ["healthy", "refused", "prefill-oom", "graphs-oom"])
def test_what_containers_put_in_front_hides_nothing(story: str, front: str) -> None:
    (plain_one,) = launches(log(OLD, story, decodes=4, tp=2))
    (fronted,) = launches(encoded(log(OLD, story, decodes=4, tp=2), front=front))
    kept = {"kind", "phase", "during", "fatal", "numbers"}
    assert [t.model_dump(include=kept) for t in fronted.troubles] == [
        t.model_dump(include=kept) for t in plain_one.troubles
    ]
    assert fronted.arguments == plain_one.arguments
    assert {fact: figure.value for fact, figure in fronted.figures.items()} == {
        fact: figure.value for fact, figure in plain_one.figures.items()
    }
    assert fronted.phase is plain_one.phase


def test_a_line_behind_a_progress_bar_counts() -> None:
    bar = "Capturing batches (bs=10 avail_mem=11.99 GB):   0%|          | 0/5 [00:00<?, ?it/s]"
    (event,) = events(f"{bar}{T} Capture cuda graph bs [1, 2, 4]")
    assert isinstance(event, Progress)
    (wrong,) = events(f"{bar}{T} Watchdog timeout (self.watchdog_timeout=300)")
    assert isinstance(wrong, Fault)
    assert wrong.words == "Watchdog timeout (self.watchdog_timeout=300)"


def test_the_figures_of_a_launch_are_those_of_the_rank_with_the_least_room() -> None:
    (launch,) = launches(log(NEW, "healthy", decodes=2, dp=2, tp=2))
    assert {fact: round(figure.value, 2) for fact, figure in launch.figures.items()} == {
        Fact.BEFORE_LOADING: 78.58,
        Fact.WEIGHTS: 7.5,
        Fact.AFTER_LOADING: 71.08,
        Fact.POOL: 63.16,
        Fact.POOL_TOKENS: 1034878,
        Fact.GRAPHS: 1.37,
        Fact.LARGEST_GRAPH: 256,
        Fact.AFTER_GRAPHS: 6.54,
        Fact.LEFT: 6.54,
        Fact.CHUNK: 8192,
        Fact.PREFILL_TOKENS: 16384,
        Fact.MOST_RUNNING: 1024,
        Fact.CONTEXT: 131072,
        Fact.LOADING_SECONDS: 5.71,
        Fact.CAPTURE_SECONDS: 4.63,
    }
    assert (launch.server, launch.version) == ("sglang", "0.5.23")
    assert launch.graph_sizes[:4] == (1, 2, 4, 8)


def test_what_is_left_is_that_of_the_rank_with_the_least() -> None:
    stamp = "[2025-08-11 17:16:40 TP{}]"
    captured = f"{stamp} Capture cuda graph end. mem usage=1.37 GB. avail mem={{}} GB.\n"
    ready = f"{stamp.format(0)} max_total_num_tokens=443000, available_{{}}pu_mem=6.00 GB\n"

    def left(*others: str, of: str = "g") -> tuple[float, str] | None:
        lines = [captured.format(rank, gib) for rank, gib in enumerate(others)]
        (launch,) = launches([*lines, ready.format(of)])
        found = launch.figures.get(Fact.LEFT)
        return None if found is None else (found.value, found.line.text[:26])

    assert left("6.00", "6.00", "1.50") == (1.5, "[2025-08-11 17:16:40 TP2] ")
    # Little less is none, and what a rank says last counts: others may take memory after their graphs.
    assert left("5.00", "5.90", "9.00") == (6.0, "[2025-08-11 17:16:40 TP0] ")
    # The memory of a machine is not that of its GPUs.
    assert left("5.00", of="c") is None


def test_a_draft_model_adds_to_what_the_model_takes() -> None:
    second = (
        f"{T} Load weight end. type=Draft, dtype=torch.bfloat16, avail mem=60.45 GB, mem usage=3.00 GB.\n",
        f"{T} KV Cache is allocated. #tokens: 404000, K size: 1.00 GB, V size: 1.00 GB\n",
    )
    first = (
        f"{T} Load weight end. type=Llama, dtype=torch.bfloat16, avail mem=63.45 GB, mem usage=15.00 GB.\n",
        f"{T} KV Cache is allocated. #tokens: 404000, K size: 20.00 GB, V size: 20.00 GB\n",
    )
    (launch,) = launches([f"{T} Load weight begin. avail mem=78.58 GB\n", *first, *second])
    figures = [launch.figure(fact) for fact in (Fact.WEIGHTS, Fact.POOL, Fact.AFTER_LOADING)]
    assert figures == [18.0, 42.0, 63.45]


def test_mini_sglang_says_what_is_free_and_not_what_is_taken() -> None:
    (launch,) = launches(log(MINI, "healthy", decodes=2))
    assert launch.server == "minisgl"
    assert launch.figure(Fact.GRAPHS) == pytest.approx(1.37)
    assert launch.figure(Fact.LEFT) == pytest.approx(6.54)
    assert launch.figure(Fact.LOADING_SECONDS) == 6
    assert launch.figure(Fact.CAPTURE_SECONDS) == 3
    assert launch.arguments["memory_ratio"] == 0.9


def test_a_log_of_several_launches_has_each() -> None:
    parts = [*log(OLD, "refused"), *log(OLD, "graphs-oom"), *log(OLD, "healthy", decodes=2)]
    parts += [*log(OLD, "arguments"), *log(NEW, "decode-oom", decodes=2)]
    found = launches(parts)
    assert [launch.phase for launch in found] == [
        Phase.ARGUMENTS,
        Phase.GRAPHS,
        Phase.SERVING,
        Phase.ARGUMENTS,
        Phase.SERVING,
    ]
    assert [len(launch.troubles) for launch in found] == [1, 1, 0, 1, 1]


def test_launches_that_do_not_say_their_arguments_are_told_apart_by_loading() -> None:
    silent = [part for part in log(OLD, "healthy", decodes=2) if "server_args=" not in part]
    assert [launch.phase for launch in launches(silent * 2)] == [Phase.SERVING] * 2


def test_what_was_overcome_before_a_server_stood_is_no_trouble() -> None:
    (launch,) = launches([f"torch.OutOfMemoryError: {TORCH}\n", *log(OLD, "healthy", decodes=2)])
    assert launch.troubles == ()


def test_a_failure_is_told_once_for_all_ranks_and_what_follows_from_it_is_not() -> None:
    died = "Scheduler hit an exception: Traceback (most recent call last):\n"
    frame = '  File "/x/sglang/srt/managers/scheduler.py", line 1, in run_scheduler_process\n'
    lines = [*log(OLD, "healthy", decodes=2)]
    for rank in range(4):
        words = (
            f"torch.OutOfMemoryError: {TORCH}\n"
            if rank < 3
            else "RuntimeError: [pair.cc:534] Connection closed\n"
        )
        lines += [f"[2025-08-11 18:17:03 TP{rank}] {died}", frame, words, "\n"]
    (launch,) = launches([*lines, f"{T} Exit code: -9\n"])
    (trouble,) = launch.troubles
    assert (trouble.kind, trouble.count, len(trouble.lines), trouble.fatal) == (
        TroubleKind.OUT_OF_MEMORY,
        3,
        1,
        True,
    )


def test_a_killed_process_explains_the_connections_that_others_lost() -> None:
    died = f"{T} Scheduler hit an exception: Traceback (most recent call last):\n"
    frame = '  File "/x/sglang/srt/managers/scheduler.py", line 1, in run_scheduler_process\n'
    lines = [died, frame, "RuntimeError: [pair.cc:534] Connection closed by peer\n", f"{T} Exit code: -9\n"]
    (launch,) = launches([f"{T} Load weight begin. avail mem=78.58 GB\n", *lines])
    assert [trouble.kind for trouble in launch.troubles] == [TroubleKind.KILLED]


def test_an_exception_of_a_request_is_no_trouble_of_a_server_that_goes_on() -> None:
    raised = ["Traceback (most recent call last):\n", '  File "/x/y.py", line 1, in z\n', "ValueError: no\n"]
    (launch,) = launches([*log(OLD, "healthy", decodes=2), *raised])
    assert launch.troubles == ()


def test_an_exception_that_a_start_outlives_is_no_trouble_while_it_goes_on() -> None:
    raised = ["Traceback (most recent call last):\n", '  File "/x/y.py", line 1, in z\n', "ValueError: no\n"]
    start = list(log(OLD, "healthy", decodes=2))[:4]
    (stuck,) = launches([*start, *raised])
    assert [trouble.kind for trouble in stuck.troubles] == [TroubleKind.CRASH]
    (going,) = launches([*start, *raised, f"{T} KV Cache is allocated. #tokens: 9, KV size: 1.00 GB\n"])
    assert going.troubles == ()


def test_memory_does_not_grow_with_the_troubles_of_a_log() -> None:
    aborted = f"{T} retract_decode: aborted last request 7f3a due to OOM\n"
    (launch,) = launches([*log(NEW, "healthy", decodes=2), *[aborted] * 500])
    (trouble,) = launch.troubles
    assert trouble.count == 500
    assert len(trouble.lines) == 3


@pytest.mark.parametrize(
    "word", ["Capture ", "Aa", "a.", "Killed ", "port ", ": ", "x: line 3: ", "(", "'", "graph bs [1", "]: "]
)
def test_a_line_without_end_takes_no_time_without_end(word: str) -> None:
    line = word * (200_000 // len(word)) + "!"
    started = time.perf_counter()
    list(events(line))
    assert arguments(f"server_args={{'x': {line}") is not None
    assert time.perf_counter() - started < 5


def _said(version: str, story: str) -> Iterable[str]:
    text = "".join(log(version, story, decodes=4))
    return (raw for raw in text.split("\n") if any(events(raw)))


@pytest.mark.parametrize(
    ("line", "rank", "replica"),
    [
        ("[2025-08-11 17:17:03 DP1 TP3] Load weight end.", "DP1 TP3", 1),
        (
            "web-1 | [2025-08-11 17:17:03 DP1 PP0 ATTN_CP1 MOE_DP2 TP3 EP3] Load weight end.",
            "DP1 PP0 ATTN_CP1 MOE_DP2 TP3 EP3",
            1,
        ),
        ("[2025-08-11 17:17:03 ATTN_CP0 MOE_DP2 TP3] Load weight end.", "ATTN_CP0 MOE_DP2 TP3", None),
        ("[2025-08-11|17:17:03|core|rank=2] INFO Load weight end.", "rank=2", None),
        ("[2025-08-11 17:17:03] DP1 Load weight end. [DP2]", "", None),
    ],
)
def test_a_line_says_which_ranks_write_it(line: str, rank: str, replica: int | None) -> None:
    assert rank_of(line) == rank
    assert replica_of(line) == replica


def test_replicas_are_told_apart_whatever_ranks_stand_between() -> None:
    said = "Load weight end. elapsed=3.00 s, avail mem={:.2f} GB, mem usage=10.00 GB.\n"
    ranks = [f"[2025-08-11 17:17:03 DP{dp} PP0 ATTN_CP0 TP0 EP0] {said.format(60 - dp)}" for dp in range(2)]
    (launch,) = launches(ranks)
    assert launch.figures[Fact.WEIGHTS].value == 10
    least = launch.figures[Fact.AFTER_LOADING]
    assert (least.value, least.rank) == (59, "DP1 PP0 ATTN_CP0 TP0 EP0")
    (alone,) = launches(ranks[:1])
    assert alone.figures[Fact.AFTER_LOADING].rank == ""


def test_weights_that_come_after_graphs_tell_no_style() -> None:
    said = progress("Load weight end. Committed real weights after CUDA graph capture in 3.00 s")
    assert said.newer is None


@pytest.mark.parametrize(("version", "style"), [(OLD, "0.5.6"), (NEW, "0.5.23")])
def test_a_log_that_begins_while_serving_is_told_by_its_batches(version: str, style: str) -> None:
    reader = LogReader("server.log")
    lines = list(log(version, "decode-oom", decodes=8))
    reader.take("".join(lines[-30:]).encode())
    (launch,) = reader.launches
    (trouble,) = launch.troubles
    assert (launch.server, launch.version, launch.phase) == ("sglang", style, Phase.SERVING)
    assert (trouble.phase, trouble.during, trouble.fatal) == (Phase.SERVING, "decode", True)


SAID = sorted({raw for version in (OLD, NEW) for name in STORIES for raw in _said(version, name)})


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAID), st.lists(st.tuples(st.integers(0, 400), st.text(max_size=3)), max_size=6))
def test_no_line_is_too_strange(line: str, changes: list[tuple[int, str]]) -> None:
    for place, piece in changes:
        line = line[:place] + piece + line[place + len(piece) + 1 :]
    launches([line, "\n", line])
