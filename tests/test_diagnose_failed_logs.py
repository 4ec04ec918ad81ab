"""Logs of launches that failed, in the words of each version and of mini-SGLang: what is found in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.finding import Finding, Severity
from tests.read_logs import launches_of

OLD: Final = "0.5.6"
NEW: Final = "0.5.23"
MINI: Final = "mini"
BOTH: Final = (OLD, NEW)

SHORT: Final = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of "
    "79.11 GiB of which 1.00 GiB is free. Including non-PyTorch memory, this process has 78.10 GiB in use."
)
BIND: Final = "error while attempting to bind on address ('127.0.0.1', 30000)"
READY: Final = "The server is fired up and ready to roll!"
SET_UP: Final = (
    "max_total_num_tokens=412000, chunked_prefill_size=8192, max_prefill_tokens=16384, "
    "max_running_requests=2048, context_len=131072, available_gpu_mem=6.90 GB"
)


def arguments(version: str, **changed: Any) -> str:
    graphs = "cuda_graph_max_bs" if version == OLD else "cuda_graph_max_bs_decode"
    given = {
        "model_path": "meta-llama/Llama-3.1-8B-Instruct",
        "host": "127.0.0.1",
        "port": 30000,
        "quantization": None,
        "kv_cache_dtype": "auto",
        "mem_fraction_static": 0.88,
        "max_running_requests": None,
        "chunked_prefill_size": 8192,
        "max_prefill_tokens": 16384,
        "tp_size": 1,
        "pp_size": 1,
        "dp_size": 1,
        graphs: 256,
        **changed,
    }
    if version == NEW:
        return f"server_args={given}"
    return "server_args=ServerArgs(" + ", ".join(f"{name}={value!r}" for name, value in given.items()) + ")"


def started(version: str, upto: str) -> list[str]:
    """The lines of a start as far as `upto`."""
    half = "K size: 24.50 GB, V size: 24.50 GB"
    kind = "dtype: torch.bfloat16, " if version == NEW else ""
    steps = {
        "weights": ["Load weight begin. avail mem=78.58 GB"],
        "pool": ["Load weight end. type=LlamaForCausalLM, avail mem=63.50 GB, mem usage=15.08 GB."],
        "graphs": [
            f"KV Cache is allocated. {kind}#tokens: 412000, {half}",
            "Memory pool end. avail mem=9.30 GB",
            "Capture target decode CUDA graph begin. backend=full, num_tokens_per_req=1, avail mem=9.20 GB"
            if version == NEW
            else "Capture cuda graph begin. This can take up to several minutes. avail mem=9.20 GB",
        ],
        "ready": [
            "Capture target decode CUDA graph end. bs=[1, 2, 256], elapsed=4.63 s, mem usage=2.30 GB, "
            "avail mem=6.90 GB."
            if version == NEW
            else "Capture cuda graph end. Time elapsed: 4.63 s. mem usage=2.30 GB. avail mem=6.90 GB.",
            SET_UP,
            READY,
        ],
    }
    names = list(steps)
    return [line for name in names[: names.index(upto) + 1] for line in steps[name]]


def died(*lines: str, frame: str = "event_loop_overlap") -> list[str]:
    return [
        "Scheduler hit an exception: Traceback (most recent call last):",
        f'|  File "/sgl/srt/managers/scheduler.py", line 2702, in {frame}',
        "|    self.run()",
        *(f"|{line}" for line in lines),
        "|",
    ]


def log(lines: Sequence[str]) -> bytes:
    """Lines with the time in front, but for those that begin with a bar."""
    stamped = (
        line[1:] if line[:1] == "|" else f"[2025-08-11 17:17:{n % 60:02d} TP0] {line}"
        for n, line in enumerate(lines)
    )
    return "".join(f"{line}\n" for line in stamped).encode()


def found(lines: Sequence[str]) -> list[Finding]:
    return [one for one in findings(launches_of(log(lines))) if one.severity is not Severity.INFO]


def only(lines: Sequence[str]) -> Finding:
    (finding,) = found(lines)
    return finding


def sizes(finding: Finding) -> dict[str, Any]:
    return {move.parameter: move.to for move in finding.moves}


@pytest.mark.parametrize("version", BOTH)
def test_weights(version: str) -> None:
    finding = only([arguments(version), *started(version, "weights"), *died(SHORT)])
    assert (finding.id, finding.severity) == ("out-of-memory-weights", Severity.ERROR)
    assert sizes(finding) == {"tp_size": 2, "quantization": "fp8"}
    assert finding.evidence[0].text == SHORT
    assert finding.evidence[0].number == 6


@pytest.mark.parametrize("version", BOTH)
def test_no_room_for_a_pool(version: str) -> None:
    words = "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: "
    words += "mem_fraction_static=0.15" if version == NEW else "self.server_args.mem_fraction_static=0.15"
    lines = [arguments(version, mem_fraction_static=0.15), *started(version, "pool"), *died(words)]
    finding = only(lines)
    assert finding.id == "no-kv-pool"
    # 78.58 GB times 0.85 were kept, 63.50 GB left after loading: 3.29 GB, five steps.
    assert (finding.moves[0].parameter, finding.moves[0].at_least) == ("mem_fraction_static", 0.191)
    assert finding.moves[0].to == 0.21


def test_no_room_for_a_pool_with_the_least_share() -> None:
    words = (
        "ValueError: Loaded weights leave no GPU memory for the KV cache under --mem-fraction-static=0.15. "
        "Raise --mem-fraction-static above 0.193 (minimum viable = 1 - available/pre = 0.1923). If using "
        "speculative decoding, draft weights are now counted."
    )
    finding = only([arguments(NEW, mem_fraction_static=0.15), *started(NEW, "pool"), *died(words)])
    assert (finding.id, finding.moves[0].at_least) == ("no-kv-pool", 0.192)


@pytest.mark.parametrize("version", BOTH)
def test_graphs(version: str) -> None:
    name = "decode cuda" if version == NEW else "cuda"
    words = f"Exception: Capture {name} graph failed: {SHORT.removeprefix('torch.OutOfMemoryError: ')}"
    hints = ("Possible solutions:", "1. set --mem-fraction-static to a smaller value (e.g., 0.8 or 0.7)")
    finding = only([arguments(version), *started(version, "graphs"), *died(words, *hints)])
    assert finding.id == "out-of-memory-graphs"
    assert list(sizes(finding)) == ["mem_fraction_static", "cuda_graph_max_bs", "disable_cuda_graph"]
    assert sizes(finding)["cuda_graph_max_bs"] == 128
    # 1.5 GiB are two steps of 0.79.
    assert finding.moves[0].at_most == 0.861


@pytest.mark.parametrize("version", BOTH)
def test_graphs_that_fail_for_another_reason(version: str) -> None:
    words = (
        "Exception: Capture cuda graph failed: CUDA error: operation not permitted when stream is capturing"
    )
    finding = only([arguments(version), *started(version, "graphs"), *died(words)])
    assert (finding.id, finding.moves) == ("graph-capture-failed", ())


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize(
    ("frame", "name", "first"),
    [
        ("forward_extend", "out-of-memory-prefill", {"chunked_prefill_size": 4096}),
        # What was missing is known, and is less than what fewer requests would free.
        ("forward_decode", "out-of-memory-decode", {"mem_fraction_static": 0.85}),
    ],
)
def test_after_a_good_start(version: str, frame: str, name: str, first: dict[str, Any]) -> None:
    finding = only([arguments(version), *started(version, "ready"), *died(SHORT, frame=frame)])
    assert (finding.id, finding.severity) == (name, Severity.ERROR)
    assert next(iter(sizes(finding).items())) in first.items()
    assert sizes(finding)["mem_fraction_static"] == 0.85
    assert "6.90 GB were left" in finding.summary


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("what", ["Prefill", "Decode"])
def test_a_full_cache_is_no_lack_of_gpu_memory(version: str, what: str) -> None:
    words = f"RuntimeError: {what} out of memory. Try to lower your batch size."
    lines = [arguments(version), *started(version, "ready"), *died(words, "Try to allocate 8192 tokens.")]
    finding = only(lines)
    assert finding.id == f"no-tokens-{what.lower()}"
    assert finding.numbers["tokens"] == 8192
    share = next(move for move in finding.moves if move.parameter == "mem_fraction_static")
    assert (share.at_least, share.at_most) == (0.881, None)


@pytest.mark.parametrize("version", BOTH)
def test_no_slots(version: str) -> None:
    words = (
        "RuntimeError: alloc_req_slots runs out of memory. Please set a smaller number for "
        "`--max-running-requests`. req_to_token_pool.available_size()=0, num_reqs=12, "
    )
    finding = only([arguments(version), *started(version, "ready"), *died(words)])
    assert (finding.id, sizes(finding)) == ("no-request-slots", {"max_running_requests": 1536})


def test_a_request_that_fills_the_cache_alone() -> None:
    words = "retract_decode: aborted last request 4f2a due to OOM"
    finding = only([arguments(NEW), *started(NEW, "ready"), words])
    assert (finding.id, sizes(finding)) == (
        "request-larger-than-pool",
        {"mem_fraction_static": 0.9},
    )


@pytest.mark.parametrize(
    ("lines", "name", "command"),
    [
        (
            [f"|ERROR:    [Errno 98] {BIND}: address already in use"],
            "port-in-use",
            "ss -tlnp | grep :30000",
        ),
        (
            [
                "|usage: launch_server.py [-h]",
                "|launch_server.py: error: unrecognized arguments: --tpp-size 2",
            ],
            "arguments-refused",
            "spacegen check SPACE CONFIG",
        ),
        (["|Killed"], "host-memory", "dmesg -T | grep -i -E 'killed process|oom'"),
    ],
)
def test_what_a_command_shows_more_of(lines: list[str], name: str, command: str) -> None:
    start = [] if name == "arguments-refused" else [arguments(OLD), *started(OLD, "weights")]
    finding = only([*start, *lines])
    assert (finding.id, finding.command) == (name, command)


# mini-SGLang.

MINI_SERVER: Final = (
    "|ServerArgs(model_path='Qwen/Qwen3-0.6B', tp_info=DistributedInfo(rank=0, size=1), "
    "dtype=torch.bfloat16, max_running_req=256, attention_backend='fa', moe_backend='auto', "
    "cuda_graph_bs=None, cuda_graph_max_bs=None, page_size=1, memory_ratio=0.9, distributed_timeout=60.0, "
    "use_dummy_weight=False, use_pynccl=True, max_seq_len_override=None, num_page_override=None, "
    "max_extend_tokens=8192, cache_type='radix', server_host='127.0.0.1', server_port=1919)"
)
MINI_ARGUMENTS: Final = ("|Parsed arguments:", MINI_SERVER)
MINI_START: Final = (
    "Free memory before loading model: 11.50 GiB",
    "Allocating 83462 tokens for KV cache, K + V = 8.91 GiB",
    "Free memory after initialization: 1.15 GiB",
    "Start capturing CUDA graphs with sizes: [1, 2, 4, 8, 16, 160]",
    "Free GPU memory before capturing CUDA graphs: 1.15 GiB",
    "Free GPU memory after capturing CUDA graphs: 0.80 GiB",
    "Scheduler is ready",
)


def test_mini_sglang_that_came_up_has_no_warning() -> None:
    assert found([*MINI_ARGUMENTS, *MINI_START]) == []


def test_mini_sglang_without_memory() -> None:
    words = (
        "|Traceback (most recent call last):",
        '|  File "/mini/engine/engine.py", line 190, in forward_batch',
        "|    logits = self.model.forward()",
        "|torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.00 GiB (GPU 0; 0.30 GiB free; )",
    )
    finding = only([*MINI_ARGUMENTS, *MINI_START, *words])
    assert finding.id == "out-of-memory-serving"
    # 0.7 GiB are seven steps of 0.115.
    assert sizes(finding) == {"memory_ratio": 0.82, "max_extend_tokens": 4096, "max_running_req": 192}


def test_the_weights_of_mini_sglang() -> None:
    trace = ("|Traceback (most recent call last):", '|  File "/mini/engine/engine.py", line 60, in __init__')
    finding = only([*MINI_ARGUMENTS, MINI_START[0], *trace, f"|{SHORT}"])
    assert (finding.id, sizes(finding)) == ("out-of-memory-weights", {"tp_size": 2})


def test_mini_sglang_without_room_for_a_pool() -> None:
    words = "|AssertionError: Not enough memory for KV cache, try reducing --num-pages"
    trace = ("|Traceback (most recent call last):", '|  File "/mini/engine/engine.py", line 160, in __init__')
    finding = only([*MINI_ARGUMENTS, MINI_START[0], *trace, words])
    assert (finding.id, finding.moves[0].parameter) == ("no-kv-pool", "memory_ratio")


@pytest.mark.parametrize(
    "words",
    [
        "torch.distributed.DistNetworkError: address already in use, port: 1920",
        "DistNetworkError: The server socket has failed to listen. port: 1920, code: -98, name: EADDRINUSE",
    ],
)
def test_the_port_beside_that_of_mini_sglang(words: str) -> None:
    trace = ("|Traceback (most recent call last):", '|  File "/mini/engine/engine.py", line 40, in __init__')
    finding = only([*MINI_ARGUMENTS, *trace, f"|{words}"])
    assert (finding.id, finding.command) == ("port-in-use", "ss -tlnp | grep :1920")
    assert "`server_port` + 1" in finding.summary


def test_launches_of_one_log_share_a_window() -> None:
    words = (
        "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: 0.84"
    )
    low = [arguments(OLD, mem_fraction_static=0.84), *started(OLD, "pool"), *died(words)]
    high = [
        arguments(OLD, mem_fraction_static=0.85, port=30001),
        *started(OLD, "ready"),
        *died(SHORT, frame="forward_extend"),
    ]
    told = {one.id: one for one in found([*low, *high])}
    assert set(told) == {"no-kv-pool", "out-of-memory-prefill", "no-memory-window"}
    assert told["no-memory-window"].summary.startswith("0.84 is too low and 0.85 runs out")
    assert {line.number for line in told["no-memory-window"].evidence} == {7, 21}
