"""Logs of servers, of any length, in the exact formats of sglang 0.5.6.post2 and 0.5.23 and of mini-SGLang.

`log(version, story)` streams text that joins to whole lines; the same seed writes the same log. Memory adds
up: GPUs of 80 GB and a model of 8 billion parameters, so that what is left when ready is (1 - share) of one
less its graphs.
`encoded` makes bytes of it, with what else stands in real logs: other programs, colours, broken UTF-8.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.server_failures import FAILURES, PLACES, dying, torch_memory

__all__ = ["MINI", "MINI_STORIES", "NEW", "OLD", "STORIES", "Story", "encoded", "log", "write"]

OLD: Final = "0.5.6.post2"
NEW: Final = "0.5.23"
MINI: Final = "minisgl-0.1.0"

_TOTAL: Final = 79.11
_BEFORE: Final = 78.58
"""Free before weights are loaded."""
_TOKEN: Final = 131_072
"""Bytes of a token in the pool."""
_START: Final = datetime(2025, 8, 11, 17, 17, 3)
_STEP: Final = 2.0
"""Seconds from one line of decoding to the next."""
_CONTEXT: Final = 131_072
_RAMP: Final = 12
"""Lines of decoding while the server fills, and again while it drains."""


@dataclass(frozen=True, slots=True)
class Story:
    """What happens at full load; numbers vary a little from line to line."""

    running: int = 230
    queue: int = 400
    usage: float = 0.95
    share: float = 0.9
    """The static share of memory; `memory_ratio` of mini-SGLang."""
    chunk: int = 8192
    most_running: int = 1024
    graphs: int = 256
    caution: float = 1.0
    cached: float = 0.05
    """The share of prompts found in the cache."""
    weights: float = 15.01
    """GB of all ranks."""
    retract_every: int | None = None
    """Lines of decoding."""
    ends: str | None = None
    """How it fails; None ends in quiet."""


STORIES: Final[dict[str, Story]] = {
    "healthy": Story(),
    "under-filled": Story(running=40, queue=0, usage=0.18),
    "conservative": Story(running=120, queue=350, usage=0.62),
    "full-slots": Story(running=128, queue=350, usage=0.62, most_running=128),
    "retracting": Story(usage=0.99, retract_every=7),
    "retracting-rarely": Story(usage=0.97, retract_every=120),
    "contradictory": Story(usage=0.7, retract_every=7),
    "overfull": Story(queue=5200),
    "no-graph": Story(running=400, graphs=160),
    "too-much-left": Story(share=0.8),
    "too-little-left": Story(share=0.95),
    "shared-prefixes": Story(cached=0.6),
    "nothing-shared": Story(cached=0.0),
    "killed": Story(ends="killed"),
    "weights-oom": Story(weights=141.2, ends="weights-oom"),
    "no-pool": Story(share=0.15, ends="no-pool"),
    "pool-oom": Story(share=0.99, ends="pool-oom"),
    "graphs-oom": Story(share=0.97, ends="graphs-oom"),
    "warm-up-oom": Story(share=0.97, graphs=64, ends="warm-up-oom"),
    **{
        name: Story(ends=name)
        for name, place in PLACES.items()
        if place in ("start", "distributed", "web", "serving") or name == "graphs-failed"
    },
}
MINI_STORIES: Final = (
    "healthy",
    "arguments",
    "port",
    "port-torch",
    "weights-oom",
    "no-pool",
    "graphs-oom",
    "prefill-oom",
)


def log(
    version: str,
    story: str | Story,
    *,
    decodes: int = 300,
    minutes: float | None = None,
    seed: int = 0,
    dp: int = 1,
    tp: int = 1,
) -> Iterator[str]:
    """A whole log, with `decodes` lines of decoding at full load, or so many `minutes` of it, from each
    data-parallel rank. mini-SGLang logs no batches; there each step is a line of access."""
    told = STORIES[story] if isinstance(story, str) else story
    steps = decodes if minutes is None else int(minutes * 60 / _STEP)
    writer = (_Mini if version == MINI else _Writer)(version, told, random.Random(seed), dp, tp)
    return writer.all(steps)


def write(path: Path, version: str, story: str | Story, **options: Any) -> Path:
    """The log in a file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(log(version, story, **options))
    return path


def encoded(
    lines: Iterable[str], *, noise: float = 0.0, front: str = "", end: str = "\n", seed: int = 0
) -> Iterator[bytes]:
    """The bytes of a log, with so many pieces of `noise` for each line and with `front` before each line."""
    dice, open_ = random.Random(seed), ""
    for part in lines:
        open_ += part
        while "\n" in open_:
            line, _, open_ = open_.partition("\n")
            yield f"{front}{line}{end}".encode()
            if dice.random() < noise:
                yield from (front.encode() + piece + end.encode() for piece in dice.choice(_NOISE))
    if open_:
        yield (front + open_).encode()


_NOISE: Final = (
    (b'10.0.0.7 - - [11/Aug/2025:17:17:09 +0000] "POST /v1/chat/completions HTTP/1.1" 200 4711',),
    (b"W0811 17:17:09.1 4711 torch/_inductor/utils.py:1250] Not enough SMs to use max_autotune_gemm mode",),
    (b"node7:4711:4711 [0] NCCL INFO cudaDriverVersion 12040",),
    (b"\xff\xfe caf\xe9 \xc3\x28 \x00\x00 broken",),
    (b"\x1b[32mINFO\x1b[0m:     Decode: the word alone tells of no batch",),
    (b"",),
    (b"Epoch 1:  40%|####      | 2/5\rEpoch 1:  60%|######    | 3/5",),
    (
        b"[2025-08-11 17:17:09] ERROR:    Exception in ASGI application",
        b"Traceback (most recent call last):",
        b'  File "/usr/lib/python3/site-packages/uvicorn/httptools_impl.py", line 409, in run_asgi',
        b"    result = await app(",
        b"             ^^^^^^^^^^",
        b"starlette.requests.ClientDisconnect",
    ),
    # What builds of kernels say, and what the kernel says of others.
    (b"collect2: error: ld returned 1 exit status",),
    (b"ninja: error: loading 'build.ninja': No such file or directory",),
    (b"bench_serving.py: error: unrecognized arguments: --rate",),
    (b"[81123.5] Out of memory: Killed process 4242 (chrome) total-vm:123456kB, anon-rss:9kB",),
    (b"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task=chrome,pid=4242,uid=1000",),
    (b"[81123.5] Killed process 4243 (nginx) total-vm:123456kB, anon-rss:9kB",),
    (b"oom_reaper: reaped process 4243 (nginx), now anon-rss:0kB",),
    (b"gcc: fatal error: Killed signal terminated program cc1plus", b"make: *** [all] Error 1"),
    (b"error: a word that any program says", b"FAILED: fused.cuda.o"),
    # What users and models write, where requests are logged.
    (
        (
            b"[2025-08-11 17:17:09] Receive: obj=GenerateReqInput(rid='a1', text='How do I mend "
            b"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.50 GiB, and [Errno 98] address "
            b"already in use?', sampling_params={'max_new_tokens': 16})"
        ),
    ),
    (
        (
            b"[2025-08-11 17:17:11] Finish: obj=GenerateReqInput(rid='a1', text='Watchdog timeout (300 s), "
            b"exit code: -9'), out={'text': 'Scheduler hit an exception: Killed; Not enough memory. Please "
            b"try to increase --mem-fraction-static.', 'meta_info': {'finish_reason': {'type': 'stop'}}}"
        ),
    ),
    (
        (
            b'{"timestamp": "2025-08-11T17:17:11", "event": "request.finished", "rid": "a1", "out": {"text": '
            b'"KV cache pool is full. Retract requests. #retracted_reqs: 9, Capture cuda graph failed: CUDA '
            b'out of memory"}}'
        ),
    ),
    ("日志 · journal · журнал".encode(),),
)


class _Writer:
    def __init__(self, version: str, story: Story, dice: random.Random, dp: int, tp: int) -> None:
        self.new, self.version = version == NEW, version
        self.story, self.dice, self.dp, self.tp = story, dice, dp, tp
        self.now = _START
        self.weights = story.weights / tp
        self.pool = max(_BEFORE - _TOTAL * (1 - story.share) - self.weights, 0.0)
        self.tokens = int(self.pool * 2**30 / (_TOKEN / tp))
        self.graph_memory = 0.35 + story.graphs * 0.004
        self.left = _TOTAL * (1 - story.share) - self.graph_memory

    def all(self, steps: int) -> Iterator[str]:
        for place, part in (
            ("start", self.begin()),
            ("distributed", self.meet()),
            ("weights", self.load()),
            ("pool", self.allocate()),
            ("graphs", self.capture()),
            ("web", self.set_up()),
            ("warm-up", self.warm_up()),
        ):
            if self.story.ends and PLACES[self.story.ends] == place:
                yield from self.until_failure(place, part)
                return
            yield from part
        yield from self.serve(steps)

    def until_failure(self, place: str, part: Iterator[str]) -> Iterator[str]:
        """The first lines of a part, and how it ends."""
        kept = {"weights": self.ranks, "graphs": self.ranks, "web": 7, "distributed": self.ranks}.get(
            place, 0
        )
        if place in ("web", "distributed"):
            yield from part
        else:
            yield from (line for line, _ in zip(part, range(kept), strict=False))
        yield from self.fail()

    @property
    def ranks(self) -> int:
        return self.dp * self.tp

    def say(self, text: str, dp: int | None = None, tp: int | None = None) -> str:
        rank = f" DP{dp}" if dp is not None and self.dp > 1 else ""
        rank += f" TP{tp}" if tp is not None and self.tp > 1 else ""
        return f"[{self.now:%Y-%m-%d %H:%M:%S}{rank}] {text}\n"

    def each(self, text: str) -> Iterator[str]:
        """From every rank."""
        for dp in range(self.dp):
            for tp in range(self.tp):
                yield self.say(text, dp, tp)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

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
            "watchdog_timeout": 300,
            "dp_size": self.dp,
            "ep_size": 1,
            "attention_backend": "fa3",
            "disable_radix_cache": False,
            graphs: s.graphs,
            "enable_torch_compile": False,
        }

    def begin(self) -> Iterator[str]:
        # old and new entrypoints/engine.py:797 and 1185
        arguments = self.arguments()
        fields = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        yield self.say(f"server_args={arguments if self.new else f'ServerArgs({fields})'}")

    def meet(self) -> Iterator[str]:
        self.wait(8)
        yield from self.each("Init torch distributed begin.")

    def load(self) -> Iterator[str]:
        # old model_executor/model_runner.py:730 and 851, new :1274 and :1373
        yield from self.each(f"Load weight begin. avail mem={_BEFORE:.2f} GB")
        for shard in range(5):
            done = f"{shard * 25:3d}% Completed | {shard}/4 [00:0{shard}<00:00,  1.02it/s]"
            yield f"\rLoading safetensors checkpoint shards: {done}"
        yield "\n"
        self.wait(6)
        took, kind = ("elapsed=5.71 s, ", "") if self.new else ("", "dtype=torch.bfloat16, ")
        yield from self.each(
            f"Load weight end. {took}type=LlamaForCausalLM, {kind}avail mem={_BEFORE - self.weights:.2f} GB, "
            f"mem usage={self.weights:.2f} GB."
        )

    def allocate(self) -> Iterator[str]:
        # old mem_cache/memory_pool.py:477, new :2088
        half = self.pool / 2
        kind = "dtype: torch.bfloat16, " if self.new else ""
        yield from self.each(
            f"KV Cache is allocated. {kind}#tokens: {self.tokens}, "
            f"K size: {half:.2f} GB, V size: {half:.2f} GB"
        )
        yield from self.each(f"Memory pool end. avail mem={_BEFORE - self.weights - self.pool:.2f} GB")

    def sizes(self) -> list[int]:
        return [1, 2, 4, *range(8, self.story.graphs + 1, 8)]

    def capture(self) -> Iterator[str]:
        # old model_executor/model_runner.py:2439 and 2453, cuda_graph_runner.py:272;
        # new model_runner_components/cuda_graph_setup.py:758 and 788
        sizes, before = self.sizes(), self.left + self.graph_memory
        yield from self.each(
            "Capture target decode CUDA graph begin. backend=full, num_tokens_per_req=1, "
            f"avail mem={before:.2f} GB"
            if self.new
            else f"Capture cuda graph begin. This can take up to several minutes. avail mem={before:.2f} GB"
        )
        if not self.new:
            yield self.say(f"Capture cuda graph bs {sizes}", 0, 0)
        for at, size in enumerate(reversed(sizes)):
            done = 100 * at // len(sizes)
            bar = f"{done:3d}%|{'█' * (done // 10):<10}| {at}/{len(sizes)} [00:01<00:03, 12.19it/s]"
            yield f"\rCapturing batches (bs={size} avail_mem={before:.2f} GB): {bar}"
        yield "\n"
        self.wait(5)
        memory = f"mem usage={self.graph_memory:.2f} GB"
        yield from self.each(
            f"Capture target decode CUDA graph end. bs={sizes}, elapsed=4.63 s, {memory}, "
            f"avail mem={self.left:.2f} GB."
            if self.new
            else f"Capture cuda graph end. Time elapsed: 4.63 s. {memory}. avail mem={self.left:.2f} GB."
        )

    def set_up(self) -> Iterator[str]:
        # old managers/scheduler.py:421, new :1268
        for dp in range(self.dp):
            yield self.say(
                f"max_total_num_tokens={self.tokens}, chunked_prefill_size={self.story.chunk}, "
                f"max_prefill_tokens=16384, max_running_requests={self.story.most_running}, "
                f"context_len={_CONTEXT}, available_gpu_mem={self.left:.2f} GB",
                dp,
                0,
            )
        yield "INFO:     Started server process [4711]\n"
        yield "INFO:     Waiting for application startup.\n"
        yield "INFO:     Application startup complete.\n"

    def warm_up(self) -> Iterator[str]:
        yield "INFO:     Uvicorn running on http://127.0.0.1:30000 (Press CTRL+C to quit)\n"
        yield self.say('INFO:     127.0.0.1:51234 - "GET /model_info HTTP/1.1" 200 OK')
        self.wait(1)
        yield self.prefill(0, 1, (6, 0), 0.0, 0, 0)
        self.wait(2)
        yield self.say('INFO:     127.0.0.1:51240 - "POST /generate HTTP/1.1" 200 OK')
        yield self.say("The server is fired up and ready to roll!")

    def prefill(
        self, dp: int, seqs: int, tokens: tuple[int, int], usage: float, running: int, queue: int
    ) -> str:
        # old managers/scheduler_metrics_mixin.py:139, new scheduler_components/metrics_reporter.py:753
        fresh, cached = tokens
        text = (
            f"Prefill batch, #new-seq: {seqs}, #new-token: {fresh}, #cached-token: {cached}, "
            f"token usage: {usage:.2f}, #running-req: {running}, #queue-req: {queue}, "
        )
        if self.new:
            text += f"#pending-token: {queue * 900}, cuda graph: False, "
            text += f"input throughput (token/s): {fresh * 2.5:.2f}"
        return self.say(text, dp, 0)

    def decode(self, dp: int, running: int, usage: float, queue: int) -> str:
        # old managers/scheduler_metrics_mixin.py:270 and 300, new metrics_reporter.py:963 and 1039
        rate = running * 40 / _STEP * self.dice.uniform(0.95, 1.05)
        text = (
            f"Decode batch, #running-req: {running}, #token: {int(usage * self.tokens)}, "
            f"token usage: {usage:.2f}, cuda graph: {running <= self.story.graphs}, "
            f"gen throughput (token/s): {rate:.2f}, #queue-req: {queue}"
        )
        return self.say(text if self.new else text + ", ", dp, 0)

    def serve(self, steps: int) -> Iterator[str]:
        self.wait(20)
        for step in range(-_RAMP, steps + _RAMP):
            # Filling before, draining after.
            load = min(1.0, (step + _RAMP + 1) / _RAMP, (steps + _RAMP - step) / _RAMP)
            for dp in range(self.dp):
                yield from self.step(dp, step, load, full=0 <= step < steps)
            if self.story.ends and step == steps // 2:
                yield from self.fail()
                if self.story.ends != "aborted":
                    return
        yield self.say('INFO:     127.0.0.1:51240 - "GET /health HTTP/1.1" 200 OK')

    def step(self, dp: int, step: int, load: float, *, full: bool) -> Iterator[str]:
        s = self.story
        running = max(1, int(s.running * load * self.dice.uniform(0.97, 1.0)))
        usage = min(0.99, s.usage * load * self.dice.uniform(0.98, 1.01))
        queue = int(s.queue * load * self.dice.uniform(0.8, 1.2)) if step < 0 or full else 0
        self.wait(_STEP / self.dp)
        if step % 3 == 0 and (full or step < 0):
            cached = int(s.chunk * s.cached)
            tokens = (s.chunk - cached, cached)
            yield self.prefill(dp, self.dice.randint(4, 9), tokens, usage, running, queue)
        yield self.decode(dp, running, usage, queue)
        if full and s.retract_every and step % s.retract_every == 0:
            yield self.retract(dp)

    def retract(self, dp: int) -> str:
        # old managers/scheduler.py:1942, new :4525
        old = self.dice.uniform(0.4, 0.7)
        gained = ", #new_tokens_gained: 2113" if self.new else ""
        return self.say(
            f"KV cache pool is full. Retract requests. #retracted_reqs: {self.dice.randint(1, 4)}{gained}, "
            f"#new_token_ratio: {old:.4f} -> {old + 0.2:.4f}",
            dp,
            0,
        )

    def fail(self) -> Iterator[str]:
        ends = self.story.ends or ""
        if ends in FAILURES:
            yield from self.die(ends)
            return
        yield from getattr(self, "fail_" + ends.replace("-", "_"))()

    def die(self, name: str) -> Iterator[str]:
        """A scheduler ends of an exception, and the server with it."""
        words = FAILURES[name](self.new, self.story.share)
        text = "\n".join(words)
        if name.startswith("prefill-"):
            yield self.prefill(0, 7, (self.story.chunk, 0), 0.93, self.story.running, self.story.queue)
        if name.endswith("-tokens"):
            yield self.say(text.removeprefix("RuntimeError: "), 0, 0)
        yield self.say("Scheduler hit an exception: Traceback (most recent call last):", 0, 0)
        yield "".join(line + "\n" for line in (*dying(name, new=self.new), *text.split("\n"), ""))
        late = PLACES[name] == "serving"
        yield self.say(
            "SIGQUIT received. signum=None, frame=None. It usually means one child failed."
            if late
            else "Received sigquit from a child process. It usually means the child failed."
        )

    def fail_arguments(self) -> Iterator[str]:
        program = "sglang serve" if self.new else "launch_server.py"
        yield f"usage: {program} [-h] --model-path MODEL_PATH\n"
        yield f"{program}: error: unrecognized arguments: --chunked-prefill 4096\n"

    def fail_refused(self) -> Iterator[str]:
        yield "Traceback (most recent call last):\n"
        yield '  File "/opt/sglang/python/sglang/launch_server.py", line 27, in <module>\n'
        yield "    server_args = prepare_server_args(sys.argv[1:])\n"
        yield '  File "/opt/sglang/python/sglang/srt/server_args.py", line 4480, in check_server_args\n'
        yield "    assert (\n"
        yield "AssertionError: chunked_prefill_size must be divisible by page_size\n"

    def fail_port_torch(self) -> Iterator[str]:
        yield self.say("Scheduler hit an exception: Traceback (most recent call last):", 0, 0)
        yield '  File "/opt/sglang/srt/managers/scheduler.py", line 2702, in run_scheduler_process\n'
        yield (
            "torch.distributed.DistNetworkError: The server socket has failed to listen on any local network "
            "address. port: 30001, useIpv6: false, code: -98, name: EADDRINUSE, "
            "message: address already in use\n\n"
        )
        yield self.say("Received sigquit from a child process. It usually means the child failed.")

    def fail_killed(self) -> Iterator[str]:
        if self.new:  # entrypoints/engine.py:2006
            yield "Traceback (most recent call last):\n"
            yield '  File "/opt/sglang/python/sglang/srt/entrypoints/engine.py", line 2029, in _wait\n'
            yield (
                "RuntimeError: Rank 0 scheduler died during initialization (exit code: -9). If exit code is "
                "-9 (SIGKILL), a common cause is the OS OOM killer. Run `dmesg -T | grep -i oom` to check.\n"
            )
            return
        # entrypoints/engine.py:918
        yield self.say("Rank 0 scheduler is dead. Please check if there are relevant logs.")
        yield self.say("Exit code: -9")

    def fail_port(self) -> Iterator[str]:
        yield (
            "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 30000): "
            "address already in use\n"
        )
        yield "INFO:     Waiting for application shutdown.\nINFO:     Application shutdown complete.\n"

    def fail_aborted(self) -> Iterator[str]:
        # new managers/schedule_batch.py:3525
        yield self.say("retract_decode: aborted last request 7f3a due to OOM", 0, 0)

    def fail_watchdog(self) -> Iterator[str]:
        self.wait(300)
        yield self.say(
            # new utils/watchdog.py:153, old managers/scheduler_runtime_checker_mixin.py:336
            "Scheduler watchdog timeout (self.watchdog_timeout=300, self.soft=False)"
            if self.new
            else "Watchdog timeout (self.watchdog_timeout=300)",
            0,
            0,
        )
        yield self.say("SIGQUIT received. signum=None, frame=None. It usually means one child failed.")


class _Mini(_Writer):
    """mini-SGLang (python/minisgl at commit 20fcd7f3): engine/engine.py, engine/graph.py, server/args.py."""

    def say(self, text: str, dp: int | None = None, tp: int | None = None) -> str:
        who = "" if dp is None else f"|core|rank={tp or 0}"
        return f"[{self.now:%Y-%m-%d|%H:%M:%S}{who}] INFO     {text}\n"

    def begin(self) -> Iterator[str]:
        s = self.story
        yield self.say("Parsed arguments:")
        yield (
            "ServerArgs(model_path='Qwen/Qwen3-0.6B', tp_info=DistributedInfo(rank=0, "
            f"size={self.tp}), dtype=torch.bfloat16, max_running_req=256, attention_backend='auto', "
            f"moe_backend='auto', cuda_graph_bs=None, cuda_graph_max_bs={s.graphs}, page_size=1, "
            f"memory_ratio={s.share}, distributed_timeout=60.0, use_dummy_weight=False, use_pynccl=True, "
            f"max_seq_len_override=None, num_page_override=None, max_extend_tokens={s.chunk}, "
            "cache_type='radix', offline_mode=False, _unique_suffix='.pid=21792', server_host='127.0.0.1', "
            "server_port=1919, num_tokenizer=0, silent_output=False)\n"
        )

    def meet(self) -> Iterator[str]:
        self.wait(4)
        yield "[Gloo] Rank 0 is connected to 0 peer ranks. Expected number of connected peer ranks is : 0\n"

    def load(self) -> Iterator[str]:
        yield self.say(f"Free memory before loading model: {_BEFORE:.2f} GiB", 0, 0)
        self.wait(6)

    def allocate(self) -> Iterator[str]:
        yield self.say(f"Allocating {self.tokens} tokens for KV cache, K + V = {self.pool:.2f} GiB", 0, 0)
        yield self.say("Auto-selected attention backend: fa,fi", 0, 0)
        yield self.say(f"Free memory after initialization: {self.left + self.graph_memory:.2f} GiB", 0, 0)

    def capture(self) -> Iterator[str]:
        before = self.left + self.graph_memory
        yield self.say(f"Start capturing CUDA graphs with sizes: {self.sizes()}", 0, 0)
        yield self.say(f"Free GPU memory before capturing CUDA graphs: {before:.2f} GiB", 0, 0)
        for size in reversed(self.sizes()):
            yield f"\rCapturing graphs: bs = {size:<3} | avail_mem = {before:.2f} GiB:   3%|▎         | 1/35"
        yield "\n"
        self.wait(3)
        yield self.say(f"Free GPU memory after capturing CUDA graphs: {self.left:.2f} GiB", 0, 0)

    def set_up(self) -> Iterator[str]:
        yield "INFO:     Started server process [4711]\n"

    def warm_up(self) -> Iterator[str]:
        yield f"[{self.now:%Y-%m-%d|%H:%M:%S}|initializer] INFO     Scheduler is ready\n"
        yield "INFO:     Uvicorn running on http://127.0.0.1:1919 (Press CTRL+C to quit)\n"

    def step(self, dp: int, step: int, load: float, *, full: bool) -> Iterator[str]:
        self.wait(_STEP)
        yield 'INFO:     127.0.0.1:51240 - "POST /generate HTTP/1.1" 200 OK\n'

    def die(self, name: str) -> Iterator[str]:
        """As multiprocessing words it."""
        yield "Process minisgl-TP0-scheduler:\nTraceback (most recent call last):\n"
        yield '  File "/opt/minisgl/server/launch.py", line 22, in _run_scheduler\n'
        yield "    scheduler = Scheduler(args)\n"
        yield {
            "no-pool": "AssertionError: Not enough memory for KV cache, try reducing --num-pages\n",
            "graphs-oom": f"torch.OutOfMemoryError: {torch_memory('256.00 MiB', '212.56 MiB')}\n",
        }.get(name, f"torch.OutOfMemoryError: {torch_memory()}\n")

    def fail_arguments(self) -> Iterator[str]:
        yield "usage: python -m minisgl [-h] --model-path MODEL_PATH\n"
        yield "python -m minisgl: error: unrecognized arguments: --chunked-prefill 4096\n"

    def fail_port(self) -> Iterator[str]:
        yield (
            "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 1919): "
            "address already in use\n"
        )

    def fail_port_torch(self) -> Iterator[str]:
        yield "Process minisgl-TP0-scheduler:\nTraceback (most recent call last):\n"
        yield '  File "/opt/minisgl/engine/engine.py", line 131, in _init_communication\n'
        yield (
            "torch.distributed.DistNetworkError: The server socket has failed to listen on any local network "
            "address. port: 1920, useIpv6: false, code: -98, name: EADDRINUSE, "
            "message: address already in use\n"
        )
