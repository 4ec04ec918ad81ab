"""The last words of servers that fail, as sglang 0.5.6.post2, 0.5.23 and mini-SGLang write them.

Where a text comes from stands beside it: `old` is sglang/srt of 0.5.6.post2, `new` that of 0.5.23.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["FAILURES", "LATE", "PLACES", "dying", "torch_memory"]

LATE: Final = (
    "prefill-oom",
    "decode-oom",
    "prefill-tokens",
    "decode-tokens",
    "slots",
    "aborted",
    "watchdog",
    "crash",
)
"""Failures at full load."""

PLACES: Final[dict[str, str]] = {
    "arguments": "start",
    "refused": "start",
    "port-torch": "distributed",
    "weights-oom": "weights",
    "killed": "weights",
    "no-pool": "pool",
    "pool-oom": "pool",
    "graphs-oom": "graphs",
    "graphs-failed": "graphs",
    "port": "web",
    "warm-up-oom": "warm-up",
    **dict.fromkeys(LATE, "serving"),
}
"""The part of a launch that each failure ends."""


def torch_memory(tried: str = "3.50 GiB", free: str = "2.13 GiB") -> str:
    """torch's message (c10/cuda/CUDACachingAllocator.cpp), as torch 2.8 and 2.9 word it."""
    return (
        f"CUDA out of memory. Tried to allocate {tried}. GPU 0 has a total capacity of 79.11 GiB of which "
        f"{free} is free. Process 4711 has 76.97 GiB memory in use. Of the allocated memory 73.03 GiB is "
        "allocated by PyTorch, with 1.20 GiB allocated in private pools (e.g., CUDA Graphs), and 811.27 MiB "
        "is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting "
        "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation for "
        "Memory Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
    )


_OUT: Final = "torch.OutOfMemoryError: "
_POOL_STATE: Final = (
    "Available tokens: 100 (self.available_size=100) | Evictable tokens: 3 (self.evictable_size=3)"
)


def _tokens(phase: str, count: int) -> tuple[str, ...]:
    # old mem_cache/common.py:282 and 409, new mem_cache/allocation.py:239 and 613
    return (
        f"{phase} out of memory. Try to lower your batch size.",
        f"Try to allocate {count} tokens.",
        _POOL_STATE,
    )


def _capture(new: bool, reason: str) -> tuple[str, ...]:
    # old model_executor/cuda_graph_runner.py:355 and 899, new runner_backend_utils/__init__.py:14
    largest = "--cuda-graph-max-bs-decode" if new else "--cuda-graph-max-bs"
    off = "--cuda-graph-backend-decode=disabled" if new else "--disable-cuda-graph"
    return (
        f"Exception: Capture cuda graph failed: {reason}",
        "Possible solutions:",
        "1. set --mem-fraction-static to a smaller value (e.g., 0.8 or 0.7)",
        f"2. set {largest} to a smaller value (e.g., 16)",
        f"3. disable CUDA graph by {off}. (Not recommended. Huge performance loss)",
        "Open an issue on GitHub https://github.com/sgl-project/sglang/issues/new/choose ",
    )


_SLOTS: Final = (
    "alloc_req_slots runs out of memory. Please set a smaller number for `--max-running-requests`. "
    "req_to_token_pool.available_size()=3, num_reqs=9, "
)
_NO_POOL: Final = (
    "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: "
)

FAILURES: Final[dict[str, Callable[[bool, float], tuple[str, ...]]]] = {
    "weights-oom": lambda _new, _share: (_OUT + torch_memory("448.00 MiB", "104.56 MiB"),),
    "pool-oom": lambda _new, _share: (_OUT + torch_memory("1.72 GiB", "1.61 GiB"),),
    # old model_executor/model_runner.py:1746, new model_executor/pool_configurator.py:96
    "no-pool": lambda new, share: (
        f"{_NO_POOL}{'' if new else 'self.server_args.'}mem_fraction_static={share}",
    ),
    "graphs-oom": lambda new, _share: _capture(new, torch_memory("256.00 MiB", "212.56 MiB")),
    "graphs-failed": lambda new, _share: _capture(new, "page size 16 is not supported by this backend"),
    "warm-up-oom": lambda _new, _share: (_OUT + torch_memory("594.00 MiB", "310.56 MiB"),),
    "prefill-oom": lambda _new, _share: (_OUT + torch_memory(),),
    "decode-oom": lambda _new, _share: (_OUT + torch_memory("1.16 GiB", "712.56 MiB"),),
    "prefill-tokens": lambda _new, _share: ("RuntimeError: " + "\n".join(_tokens("Prefill", 8192)),),
    "decode-tokens": lambda _new, _share: ("RuntimeError: " + "\n".join(_tokens("Decode", 231)),),
    # old mem_cache/common.py:313, new mem_cache/allocation.py:345
    "slots": lambda _new, _share: (f"RuntimeError: {_SLOTS}",),
    "crash": lambda _new, _share: (
        "torch.AcceleratorError: CUDA error: an illegal memory access was encountered",
    ),
}
"""The exception that ends a scheduler, and what stands below it."""

_FRAMES: Final[dict[str, tuple[tuple[str, int, str, str], ...]]] = {
    "weights-oom": (
        ("model_loader/loader.py", 584, "load_model", "model = _initialize_model("),
        ("layers/linear.py", 412, "create_weights", "torch.empty("),
    ),
    "pool-oom": (("mem_cache/memory_pool.py", 574, "_create_buffers", "torch.zeros("),),
    "no-pool": (("model_executor/model_runner.py", 1746, "init_memory_pool", "raise RuntimeError("),),
    "graphs-oom": (("model_executor/cuda_graph_runner.py", 354, "__init__", "raise Exception("),),
    "graphs-failed": (("model_executor/cuda_graph_runner.py", 354, "__init__", "raise Exception("),),
    "warm-up-oom": (
        ("model_executor/model_runner.py", 2601, "forward_extend", "return self.model.forward("),
    ),
    "prefill-oom": (
        ("model_executor/model_runner.py", 2601, "forward_extend", "return self.model.forward("),
    ),
    "decode-oom": (("model_executor/model_runner.py", 2570, "forward_decode", "return self.model.forward("),),
}
_NEW_FRAMES: Final[dict[str, tuple[tuple[str, int, str, str], ...]]] = {
    **dict.fromkeys(
        ("warm-up-oom", "prefill-oom"),
        (("model_executor/runner/eager_runner.py", 301, "_execute_extend", "return self.model.forward("),),
    ),
    "decode-oom": (
        ("model_executor/runner/eager_runner.py", 266, "_execute_decode", "return self.model.forward("),
    ),
}


def dying(name: str, *, new: bool) -> list[str]:
    """The frames of the traceback of a scheduler."""
    frames = {**_FRAMES, **_NEW_FRAMES} if new else _FRAMES
    place = "scheduler.event_loop_overlap()" if PLACES[name] == "serving" else "scheduler = Scheduler("
    top = ("managers/scheduler.py", 2702, "run_scheduler_process", place)
    lines = []
    for file, line, function, source in (top, *frames.get(name, ())):
        lines.append(f'  File "/opt/sglang/python/sglang/srt/{file}", line {line}, in {function}')
        lines.append(f"    {source}")
        lines.append("    " + "^" * len(source))
    return lines
