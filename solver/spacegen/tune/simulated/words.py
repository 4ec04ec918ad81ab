"""What the real servers say when memory does not suffice, for the SIMULATED one to say."""

from __future__ import annotations

from typing import Final

from spacegen.tune.outcome import Cause
from spacegen.tune.simulated.effective import Effective
from spacegen.tune.simulated.formula import GPU_GIB, Memory

__all__ = ["frames", "memory_words"]

_NO_CACHE: Final = "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static."
_NO_ROOM: Final = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.50 GiB."
_NO_GRAPHS: Final = (
    "Exception: Capture cuda graph failed: CUDA out of memory. Tried to allocate 256.00 MiB.",
    "Possible solutions:",
    "1. set --mem-fraction-static to a smaller value (e.g., 0.8 or 0.7)",
    "2. set --cuda-graph-max-bs to a smaller value (e.g., 16)",
)

_SERVING: Final = (
    ("managers/scheduler.py", "run_scheduler_process", "scheduler.event_loop_overlap()"),
    ("managers/scheduler.py", "event_loop_overlap", "batch_result = self.run_batch(batch)"),
    ("managers/scheduler.py", "run_batch", "self.model_worker.forward_batch_generation("),
    ("managers/tp_worker.py", "forward_batch_generation", "self.model_runner.forward("),
    ("model_executor/model_runner.py", "forward", "output = self._forward_raw("),
)
_OLD_PREFILL: Final = (
    ("model_executor/model_runner.py", "_forward_raw", "ret = self.forward_extend("),
    ("model_executor/model_runner.py", "forward_extend", "return self.model.forward("),
)
_NEW_PREFILL: Final = (
    ("model_executor/model_runner.py", "_forward_raw", "ret = self.eager_runner.execute("),
    ("model_executor/runner/eager_runner.py", "execute", "return self._execute_extend("),
    ("model_executor/runner/eager_runner.py", "_execute_extend", "return self.model.forward("),
)
_STARTING: Final = (("managers/scheduler.py", "run_scheduler_process", "scheduler = Scheduler("),)


def frames(*, serving: bool, new: bool) -> tuple[str, ...]:
    """Where a scheduler is when it ends, as tracebacks write it: in its first batch of prefill, or starting;
    `new` servers have a runner of their own for batches without a graph."""
    places = (*_SERVING, *(_NEW_PREFILL if new else _OLD_PREFILL)) if serving else _STARTING
    return tuple(
        line
        for file, function, source in places
        for line in (f'  File "/SIMULATED/sglang/srt/{file}", line 1, in {function}', f"    {source}")
    )


def memory_words(needs: Memory, launch: Effective) -> tuple[str, ...]:
    """The lines with which a server of this version ends for lack of memory."""
    match needs.failing:
        case Cause.LOADING_MEMORY if needs.pool < 1:
            return (f"{_NO_CACHE} Current value: mem_fraction_static={needs.share}",)
        case Cause.LOADING_MEMORY:
            return (_NO_ROOM,)
        case Cause.GRAPH_MEMORY:
            return _NO_GRAPHS
        case _ if (short := needs.graphs + needs.work - GPU_GIB * (1 - needs.share)) > 0:
            # What lacks is memory beside the cache, not room in it.
            tried = f"Tried to allocate {needs.work:.2f} GiB."
            free = f"a total capacity of {GPU_GIB:.2f} GiB of which {needs.work - short:.2f} GiB is free."
            return (f"torch.OutOfMemoryError: CUDA out of memory. {tried} GPU 0 has {free}",)
        case _:
            return (
                "RuntimeError: Prefill out of memory. Try to lower your batch size.",
                f"Try to allocate {launch.chunk} tokens.",
            )
