"""The formula of the SIMULATED server: times and memory from a launch and a workload.

It makes no claim about hardware. It is smooth, has the trade-offs that tuning is about (more GPUs for one
replica or for several, large chunks against steady decoding, memory for the cache against that for the work),
and fails where memory does not suffice. docs/simulated.md has it in full.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from spacegen.tune.outcome import Cause
from spacegen.tune.simulated.effective import Effective
from spacegen.tune.workload import Workload

__all__ = ["GPU_GIB", "Memory", "Pace", "measured", "memory", "start_seconds"]

# The made-up machine: GPUs of 80 GiB, and a model of 16 GiB that caches 128 KiB a token.
GPU_GIB: Final = 80.0
WEIGHTS_GIB: Final = 16.0
CACHE_KIB: Final = 128.0
_BASE_GIB: Final = 2.0
_SPARE_GIB: Final = 0.5
_ENOUGH_GIB: Final = 5.5
"""What a server that may choose leaves beside graphs."""

_PREFILL_SPEED: Final = 18_000.0
"""Tokens a second of prefill on one GPU."""
_ATTENTION: Final[Mapping[str, float]] = MappingProxyType(
    {"auto": 1.0, "fa3": 1.0, "fa": 1.0, "fa4": 1.04, "flashinfer": 0.95, "fi": 0.95, "triton": 0.82}
    | {"trtllm_mha": 1.02, "trtllm": 1.02, "torch_native": 0.45, "flex_attention": 0.5}
)
_DECODE_ATTENTION: Final[Mapping[str, float]] = MappingProxyType(
    {"auto": 1.0, "fa3": 1.0, "fa": 1.0, "flashinfer": 1.05, "fi": 1.05, "triton": 0.92}
    | {"trtllm_mha": 1.03, "trtllm": 1.03, "torch_native": 0.5, "flex_attention": 0.55}
)
_OTHER_ATTENTION: Final = 0.9


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one GPU in GiB. `failing` says at which point it does not suffice, if it does not."""

    share: float
    weights: float
    pool: float
    graphs: float
    work: float
    tokens: int
    """What the cache of one replica holds."""
    failing: Cause | None


def memory(launch: Effective, longest: int) -> Memory:
    """The memory of a launch whose prompts have at most `longest` tokens.

    A share of each GPU is for weights and cache; graphs and the work on chunks have what is left.
    """
    weights = WEIGHTS_GIB / launch.ranks * (0.5 if launch.small_weights else 1.0)
    graphs = 0.045 * math.pow(launch.graphs, 0.75) / math.sqrt(launch.tp) if launch.graphs else 0.0
    per_token = 0.22 / 1024 / math.pow(launch.tp, 0.7) * (1.35 if launch.halves else 1.0)
    most = _BASE_GIB + graphs + per_token * launch.chunk
    share = launch.memory_share
    if share is None:
        kept = max(most + 2 * _SPARE_GIB, graphs + _ENOUGH_GIB)
        share = round(max(1 - kept / GPU_GIB, 0.3), 3)
    work = _BASE_GIB + per_token * min(launch.chunk, max(longest, launch.batch_tokens // 4))
    pool = GPU_GIB * share - weights
    size = CACHE_KIB / 2**20 / launch.ranks * (0.5 if launch.small_cache else 1.0) * launch.groups
    tokens = min(max(0, int(pool / size)), launch.most_tokens or 2**40) // launch.page * launch.page
    left = GPU_GIB * (1 - share)
    failing = None
    if pool < _SPARE_GIB or left < _BASE_GIB / 2:
        failing = Cause.LOADING_MEMORY
    elif _BASE_GIB / 2 + graphs > left:
        failing = Cause.GRAPH_MEMORY
    elif graphs + work > left or tokens < longest:
        failing = Cause.SERVING_MEMORY
    return Memory(share, weights, pool, graphs, work, tokens, failing)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one replica works, in seconds."""

    launch: Effective

    @property
    def _scaling(self) -> float:
        """How much faster several GPUs are than one: what they say to each other costs time."""
        return self.launch.tp / (1 + 0.11 * math.pow(self.launch.tp - 1, 0.85))

    def prefill(self, tokens: int) -> float:
        """One batch of prefill, in as many chunks as it takes."""
        a = self.launch
        speed = _PREFILL_SPEED * self._scaling * _ATTENTION.get(a.prefill, _OTHER_ATTENTION)
        speed *= (1 + 0.55 * (a.pp - 1)) * (1.06 if a.compiled else 1.0) * (1.2 if a.small_weights else 1.0)
        speed *= 1 + 0.05 * math.log2(a.groups)
        if a.halves:
            speed *= 1.08 if a.tp >= 4 else 0.93
        chunk = min(a.chunk, max(tokens, 1))
        return tokens / (speed * chunk / (chunk + 420)) + 0.004 * a.pp * math.ceil(tokens / a.chunk)

    def step(self, running: float, context: float) -> float:
        """One step of decoding for `running` requests with `context` tokens each."""
        a = self.launch
        reading = (
            WEIGHTS_GIB * (0.6 if a.small_weights else 1.0) / 2.2e3 / self._scaling / math.pow(a.pp, 0.35)
        )
        attention = _DECODE_ATTENTION.get(a.decode, _OTHER_ATTENTION)
        cached = running * context * CACHE_KIB / 2**20 * (0.6 if a.small_cache else 1.0)
        caching = cached / 2.0e3 / attention / self._scaling * math.pow(a.groups, -0.15)
        working = 4.5e-5 * running / self._scaling * (0.93 if a.compiled else 1.0)
        return reading + caching + working + self._overhead(running) + 8e-4 * (a.pp - 1)

    def _overhead(self, running: float) -> float:
        """What a step costs beside the work: launching kernels, scheduling, sampling."""
        a = self.launch
        covered = 1 / (1 + math.exp((running - a.graphs - 0.5) / 4)) if a.graphs else 0.0
        kernels = 0.0006 + 0.0045 * (1 - covered)
        scheduling = (0.0006 if a.overlap else 0.0021) * math.pow(a.steps, -0.6)
        scheduling *= 1.0 + (0.3 if a.policy in ("lpm", "dfs-weight") and a.radix else 0.0)
        sampling = 0.0002 if a.sampling == "flashinfer" else 0.0005
        return kernels + scheduling + sampling * math.log2(2 + running) / 4

    def waiting(self, running: float, context: float) -> float:
        """What a request waits for although there is room: the queue is looked at between steps."""
        tokenizing = 0.002 + 0.012 / self.launch.tokenizers + 0.0015 * self.launch.tokenizers
        return tokenizing + self.launch.steps * self.step(running, context) / 2

    def room(self, tokens: int, lengths: float) -> float:
        """How many requests of `lengths` tokens run at most, with a cache of so many tokens."""
        paged = lengths + self.launch.page / 2
        careful = 1 / (0.85 + 0.15 * min(self.launch.caution, 3.0))
        return max(1.0, min(self.launch.most_running, tokens / paged * careful))


def start_seconds(launch: Effective) -> float:
    """How long a start takes: loading weights, then capturing graphs."""
    return 12 + 1.5 * WEIGHTS_GIB / launch.ranks + 0.05 * launch.graphs + (45 if launch.compiled else 0)


def measured(launch: Effective, workload: Workload, noise: str) -> dict[str, float]:
    """The metrics of a workload under the names of bench_serving; `noise` seeds a per cent of it.

    One replica serves its share of the requests: each takes its prefill and its share of the decoding steps,
    so that N requests in flight take N such periods each (Little 1961); those without room wait.
    """
    mean = (1 + workload.range_ratio) / 2
    lengths = workload.input_len * mean, workload.output_len * mean
    found = _Steady(launch, workload, *lengths).solved()
    rng = random.Random(hashlib.sha256(noise.encode()).digest())  # noqa: S311 - noise, no secrets
    slower = {name: math.exp(rng.gauss(0, 0.01)) for name in ("rate", "ttft", "itl")}
    rate, ttft, itl = (found[name] * slower[name] for name in ("rate", "ttft", "itl"))
    completed = float(workload.num_prompts)
    duration = completed / rate
    e2e = ttft + itl * max(lengths[1] - 1, 0)
    metrics = {
        "completed": completed,
        "duration": duration,
        "total_input_tokens": completed * lengths[0],
        "total_output_tokens": completed * lengths[1],
        "request_throughput": rate,
        "input_throughput": rate * lengths[0],
        "output_throughput": rate * lengths[1],
        "total_throughput": rate * sum(lengths),
        "concurrency": rate * e2e,
        "max_concurrent_requests": float(
            min(workload.concurrency or workload.num_prompts, workload.num_prompts)
        ),
    }
    for name, value, spread in (
        ("ttft", ttft, 0.45),
        ("tpot", itl, 0.12),
        ("itl", itl, 0.3),
        ("e2e_latency", e2e, 0.2),
    ):
        metrics |= _spread(name, value * 1e3, spread * (1 + 0.6 * math.log1p(launch.chunk / 4096)))
    return metrics


def _spread(name: str, mean: float, spread: float) -> dict[str, float]:
    """The quantiles of a log-normal distribution of that mean."""
    sigma = math.sqrt(math.log1p(spread**2))
    median = mean * math.exp(-(sigma**2) / 2)
    quantiles = {"median": 0.0, "p90": 1.2816, "p95": 1.6449, "p99": 2.3263}
    found = {f"{quantile}_{name}_ms": median * math.exp(z * sigma) for quantile, z in quantiles.items()}
    return {f"mean_{name}_ms": mean, f"std_{name}_ms": mean * spread, **found}


@dataclass(frozen=True, slots=True)
class _Steady:
    """One replica under a steady load."""

    launch: Effective
    workload: Workload
    input_len: float
    output_len: float

    def solved(self) -> dict[str, float]:
        """The rate of all replicas together, and the times of a request."""
        replicas = self.launch.replicas
        most = min(self.workload.concurrency or self.workload.num_prompts, self.workload.num_prompts)
        # Requests do not fall evenly on replicas.
        flight = max(1.0, most / replicas * (1 + 0.04 * math.log2(replicas)))
        rate = self._rate(flight)
        if self.workload.request_rate is not None and self.workload.request_rate / replicas < rate:
            flight, rate = self._offered(self.workload.request_rate / replicas, flight)
        running = self._running(flight)
        own = self._pace.prefill(round(self.input_len))
        queue = max(0.0, flight - running) / rate
        burst = own * min(flight, 4.0) / 2
        ttft = queue + own + burst + self._pace.waiting(running, self._context)
        return {"rate": rate * replicas, "ttft": ttft, "itl": self._between(running, rate)}

    @property
    def _pace(self) -> Pace:
        return Pace(self.launch)

    @property
    def _context(self) -> float:
        return self.input_len + self.output_len / 2

    def _running(self, flight: float) -> float:
        longest = self.input_len + self.output_len
        return min(flight, self._pace.room(memory(self.launch, round(longest)).tokens, longest))

    def _rate(self, flight: float) -> float:
        """Requests a second with so many in flight."""
        running = self._running(flight)
        prefill = self._pace.prefill(round(self.input_len)) * (0.78 if self.launch.mixed else 1.0)
        decode = self.output_len * self._step(running) / running
        return 1 / (prefill + decode)

    def _step(self, running: float) -> float:
        # Chunks in the same batch make its steps longer.
        slower = 1 + 0.00002 * min(self.launch.chunk, self.input_len) if self.launch.mixed else 1.0
        return self._pace.step(running, self._context) * slower

    def _between(self, running: float, rate: float) -> float:
        """Between two tokens: a step, and the prefills of others that come in between."""
        prefill = self._pace.prefill(round(self.input_len)) * (0.55 if self.launch.mixed else 1.0)
        return self._step(running) + prefill * min(rate * self._step(running), running / self.output_len)

    def _offered(self, rate: float, most: float) -> tuple[float, float]:
        """How many are in flight when requests come at a rate that the replica keeps up with (halving)."""
        low, high = 1e-3, most
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (
                (middle, high) if self._rate(max(middle, 1.0)) * min(middle, 1.0) < rate else (low, middle)
            )
        return high, rate
