"""Logs of servers, of any length, in the exact formats of sglang 0.5.6.post2 and 0.5.23 and of mini-SGLang.

`log(version, story)` streams lines, each with its end. The same seed writes the same log. Memory adds up: one GPU
of 80 GB with a model of 8 billion parameters, so that what is left when ready is (1 - share) of it less graphs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

__all__ = ["NEW", "OLD", "STORIES", "Story", "log", "write"]

OLD: Final = "0.5.6.post2"
NEW: Final = "0.5.23"

_TOTAL: Final = 79.11
_BEFORE: Final = 78.58
"""Free before weights are loaded."""
_WEIGHTS: Final = 15.01
_TOKEN: Final = 131_072
"""Bytes of a token in the pool."""
_START: Final = datetime(2025, 8, 11, 17, 17, 3)
_STEP: Final = 2.0
"""Seconds from one line of decoding to the next."""
_CONTEXT: Final = 131_072


@dataclass(frozen=True, slots=True)
class Story:
    """What happens at full load; the shares vary a little from line to line."""

    running: int = 230
    queue: int = 400
    usage: float = 0.95
    share: float = 0.9
    chunk: int = 8192
    most_running: int = 1024
    graphs: int = 256
    caution: float = 1.0
    cached: float = 0.05
    """The share of prompts found in the cache."""
    retract_every: int | None = None
    """Lines of decoding."""
    ends: str | None = None
    """How it fails; None ends in quiet."""


STORIES: Final[dict[str, Story]] = {
    "healthy": Story(),
    "under-filled": Story(running=40, queue=0, usage=0.18),
    "conservative": Story(running=120, queue=350, usage=0.62),
    "retracting": Story(usage=0.99, retract_every=7),
    "prefill-oom": Story(ends="prefill-oom"),
}


def log(
    version: str, story: str | Story, *, decodes: int = 300, seed: int = 0, dp: int = 1, tp: int = 1
) -> Iterator[str]:
    """A whole log, with `decodes` lines of decoding at full load from each data-parallel rank."""
    told = STORIES[story] if isinstance(story, str) else story
    return _Writer(version, told, random.Random(seed), dp, tp).all(decodes)


def write(path: Path, version: str, story: str | Story, **options: Any) -> Path:
    """The log in a file."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(log(version, story, **options))
    return path


class _Writer:
    def __init__(self, version: str, story: Story, dice: random.Random, dp: int, tp: int) -> None:
        self.new, self.version = version == NEW, version
        self.story, self.dice, self.dp, self.tp = story, dice, dp, tp
        self.now = _START
        pool = _BEFORE - _TOTAL * (1 - story.share) - _WEIGHTS / tp
        self.pool = max(pool, 0.0)
        self.tokens = int(self.pool * 2**30 / (_TOKEN / tp))
        self.graph_memory = 0.35 + story.graphs * 0.004
        self.left = _TOTAL * (1 - story.share) - self.graph_memory

    def all(self, decodes: int) -> Iterator[str]:
        yield from self.start()
        yield from self.serve(decodes)

    def say(self, text: str, dp: int | None = None, tp: int | None = None) -> str:
        rank = f" DP{dp}" if dp is not None and self.dp > 1 else ""
        rank += f" TP{tp}" if tp is not None and self.tp > 1 else ""
        return f"[{self.now:%Y-%m-%d %H:%M:%S}{rank}] {text}\n"

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def ranks(self) -> list[tuple[int, int]]:
        return [(dp, tp) for dp in range(self.dp) for tp in range(self.tp)]

    def arguments(self) -> dict[str, Any]:
        s = self.story
        graphs = "cuda_graph_max_bs_decode" if self.new else "cuda_graph_max_bs"
        return {
            "model_path": "meta-llama/Llama-3.1-8B-Instruct",
            "tokenizer_path": "meta-llama/Llama-3.1-8B-Instruct",
            "load_format": "auto",
            "context_length": None,
            "host": "127.0.0.1",
            "port": 30000,
            "dtype": "auto",
            "quantization": None,
            "kv_cache_dtype": "auto",
            "mem_fraction_static": s.share,
            "max_running_requests": s.most_running,
            "max_total_tokens": None,
            "chunked_prefill_size": s.chunk,
            "max_prefill_tokens": 16384,
            "schedule_policy": "fcfs",
            "schedule_conservativeness": s.caution,
            "page_size": 1,
            "device": "cuda",
            "tp_size": self.tp,
            "pp_size": 1,
            "stream_interval": 1,
            "dp_size": self.dp,
            "ep_size": 1,
            "attention_backend": "fa3",
            "disable_radix_cache": False,
            graphs: s.graphs,
            "enable_torch_compile": False,
        }

    def start(self) -> Iterator[str]:
        arguments = self.arguments()
        text = (
            str(arguments)
            if self.new
            else "ServerArgs(" + ", ".join(f"{k}={v!r}" for k, v in arguments.items()) + ")"
        )
        yield self.say(f"server_args={text}")
        self.wait(8)
        for dp, tp in self.ranks():
            yield self.say("Init torch distributed begin.", dp, tp)
        for dp, tp in self.ranks():
            yield self.say(f"Load weight begin. avail mem={_BEFORE:.2f} GB", dp, tp)
        for shard in range(5):
            done = f"Loading safetensors checkpoint shards: {shard * 25:3d}% Completed | {shard}/4 [00:0{shard}<00:00,  1.02it/s]"
            yield f"\r{done}"
        yield "\n"
        self.wait(6)
        weights = _WEIGHTS / self.tp
        after = _BEFORE - weights
        took = "elapsed=5.71 s, " if self.new else ""
        kind = "" if self.new else "dtype=torch.bfloat16, "
        for dp, tp in self.ranks():
            yield self.say(
                f"Load weight end. {took}type=LlamaForCausalLM, {kind}avail mem={after:.2f} GB, "
                f"mem usage={weights:.2f} GB.",
                dp,
                tp,
            )
        yield from self.allocate(after)
        yield from self.capture()
        yield from self.warm_up()

    def allocate(self, after: float) -> Iterator[str]:
        half = self.pool / 2
        kind = "dtype: torch.bfloat16, " if self.new else ""
        for dp, tp in self.ranks():
            yield self.say(
                f"KV Cache is allocated. {kind}#tokens: {self.tokens}, K size: {half:.2f} GB, V size: {half:.2f} GB",
                dp,
                tp,
            )
            yield self.say(f"Memory pool end. avail mem={after - self.pool:.2f} GB", dp, tp)

    def capture(self) -> Iterator[str]:
        sizes = [1, 2, 4, *range(8, self.story.graphs + 1, 8)]
        before = self.left + self.graph_memory
        for dp, tp in self.ranks():
            begin = (
                f"Capture target decode CUDA graph begin. backend=full, num_tokens_per_req=1, avail mem={before:.2f} GB"
                if self.new
                else f"Capture cuda graph begin. This can take up to several minutes. avail mem={before:.2f} GB"
            )
            yield self.say(begin, dp, tp)
        if not self.new:
            yield self.say(f"Capture cuda graph bs {sizes}", 0, 0)
        for at, size in enumerate(reversed(sizes)):
            share = 100 * at // len(sizes)
            bar = f"Capturing batches (bs={size} avail_mem={before:.2f} GB): {share:3d}%|{'█' * (share // 10):<10}|"
            yield f"\r{bar} {at}/{len(sizes)} [00:01<00:03, 12.19it/s]"
        yield "\n"
        self.wait(5)
        for dp, tp in self.ranks():
            end = (
                f"Capture target decode CUDA graph end. bs={sizes}, elapsed=4.63 s, "
                f"mem usage={self.graph_memory:.2f} GB, avail mem={self.left:.2f} GB."
                if self.new
                else f"Capture cuda graph end. Time elapsed: 4.63 s. mem usage={self.graph_memory:.2f} GB. "
                f"avail mem={self.left:.2f} GB."
            )
            yield self.say(end, dp, tp)
        for dp in range(self.dp):
            yield self.say(
                f"max_total_num_tokens={self.tokens}, chunked_prefill_size={self.story.chunk}, "
                f"max_prefill_tokens=16384, max_running_requests={self.story.most_running}, "
                f"context_len={_CONTEXT}, available_gpu_mem={self.left:.2f} GB",
                dp,
                0,
            )

    def warm_up(self) -> Iterator[str]:
        yield "INFO:     Started server process [4711]\n"
        yield "INFO:     Waiting for application startup.\n"
        yield "INFO:     Application startup complete.\n"
        yield "INFO:     Uvicorn running on http://127.0.0.1:30000 (Press CTRL+C to quit)\n"
        yield self.say('INFO:     127.0.0.1:51234 - "GET /model_info HTTP/1.1" 200 OK')
        self.wait(1)
        yield self.prefill(0, 1, 6, 0, 0.0, 0, 0)
        self.wait(2)
        yield self.say('INFO:     127.0.0.1:51240 - "POST /generate HTTP/1.1" 200 OK')
        yield self.say("The server is fired up and ready to roll!")

    def prefill(
        self, dp: int, seqs: int, fresh: int, cached: int, usage: float, running: int, queue: int
    ) -> str:
        text = (
            f"Prefill batch, #new-seq: {seqs}, #new-token: {fresh}, #cached-token: {cached}, "
            f"token usage: {usage:.2f}, #running-req: {running}, #queue-req: {queue}, "
        )
        if self.new:
            text += f"#pending-token: {queue * 900}, cuda graph: False, input throughput (token/s): {fresh * 2.5:.2f}"
        return self.say(text, dp, 0)

    def decode(self, dp: int, running: int, usage: float, queue: int) -> str:
        rate = running * 40 / _STEP * self.dice.uniform(0.95, 1.05)
        return self.say(
            f"Decode batch, #running-req: {running}, #token: {int(usage * self.tokens)}, token usage: {usage:.2f}, "
            f"cuda graph: {running <= self.story.graphs}, gen throughput (token/s): {rate:.2f}, #queue-req: {queue}"
            + ("" if self.new else ", "),
            dp,
            0,
        )

    def serve(self, decodes: int) -> Iterator[str]:
        self.wait(20)
        for step in range(-12, decodes + 12):
            # Filling before, draining after.
            load = min(1.0, (step + 13) / 13, (decodes + 12 - step) / 13)
            for dp in range(self.dp):
                yield from self.step(dp, step, load, full=0 <= step < decodes)
            if self.story.ends and step == decodes // 2:
                yield from self.fail()
                return
        yield self.say('INFO:     127.0.0.1:51240 - "GET /health HTTP/1.1" 200 OK')

    def step(self, dp: int, step: int, load: float, *, full: bool) -> Iterator[str]:
        s = self.story
        running = max(1, int(s.running * load * self.dice.uniform(0.97, 1.0)))
        usage = min(0.99, s.usage * load * self.dice.uniform(0.98, 1.01))
        queue = int(s.queue * load * self.dice.uniform(0.8, 1.2)) if step <= 0 or full else 0
        self.wait(_STEP / self.dp)
        if step % 3 == 0 and (full or step < 0):
            cached = int(s.chunk * s.cached)
            yield self.prefill(dp, self.dice.randint(4, 9), s.chunk - cached, cached, usage, running, queue)
        yield self.decode(dp, running, usage, queue)
        if full and s.retract_every and step % s.retract_every == 0:
            yield self.retract(dp)

    def retract(self, dp: int) -> str:
        old = self.dice.uniform(0.4, 0.7)
        gained = ", #new_tokens_gained: 2113" if self.new else ""
        return self.say(
            f"KV cache pool is full. Retract requests. #retracted_reqs: {self.dice.randint(1, 4)}{gained}, "
            f"#new_token_ratio: {old:.4f} -> {old + 0.2:.4f}",
            dp,
            0,
        )

    def fail(self) -> Iterator[str]:
        yield self.say("Scheduler hit an exception: Traceback (most recent call last):", 0, 0)
        yield '  File "/opt/sglang/python/sglang/srt/managers/scheduler.py", line 2702, in run_scheduler_process\n'
        yield "    scheduler.event_loop_overlap()\n"
        yield (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.50 GiB. GPU 0 has a total capacity of "
            "79.11 GiB of which 2.13 GiB is free. Process 4711 has 76.97 GiB memory in use. Of the allocated memory "
            "73.03 GiB is allocated by PyTorch, with 1.20 GiB allocated in private pools (e.g., CUDA Graphs), and "
            "811.27 MiB is reserved by PyTorch but unallocated.\n"
        )
        yield "\n"
        yield self.say("SIGQUIT received. signum=None, frame=None. It usually means one child failed.")
