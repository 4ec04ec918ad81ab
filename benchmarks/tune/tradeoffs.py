"""Two made-up servers to tune, SIMULATED: the time to the first token against tokens a second.

They were written down before any sampler was tried on them, from what documentation and users say of these
arguments, and say nothing of hardware. Both depend on all 18 parameters of `sglang-tuner-18`, most of them
through others: what a chunk size is worth depends on the prompts and on mixed chunks, a page size on the
attention kernels and on how much of the prompts is shared, parallelism on how many ranks speak to each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log, log2
from typing import Any

from spacegen.tune.front import hypervolume

__all__ = ["TRADEOFFS", "Requests", "gained", "measured"]

_PREFILL = {"flashinfer": 1.0, "triton": 0.85, "torch_native": 0.45, "fa3": 1.12, "fa4": 1.2}
_DECODE = {"flashinfer": 1.06, "triton": 0.93, "torch_native": 0.4, "fa3": 1.0, "fa4": 0.9}
_STEPS = {1: 1.0, 2: 1.05, 4: 1.09, 8: 1.12, 16: 1.13}


@dataclass(frozen=True)
class Requests:
    """What a server is asked: tokens in and out, the part of prompts that others share, how many wait."""

    input_len: int
    output_len: int
    shared: float
    in_flight: int


TRADEOFFS: dict[str, Requests] = {
    "chat": Requests(input_len=700, output_len=300, shared=0.6, in_flight=96),
    "documents": Requests(input_len=9000, output_len=120, shared=0.1, in_flight=32),
}


def measured(config: Mapping[str, Any], asked: Requests) -> tuple[float, float]:
    """Seconds to the first token and tokens a second of a config that keeps the rules."""
    prefill, decode = _prefill_rate(config, asked), _decode_rate(config, asked)
    work = asked.input_len * (1 - asked.shared * _cache_hits(config))
    chunk = config["chunked_prefill_size"] or 8192
    # Prompts of a batch all wait for the last of them; a batch of many keeps the GPUs busy.
    together = min(config["max_prefill_tokens"] / asked.input_len, asked.in_flight / config["dp_size"])
    busy = 0.7 + 0.3 * together / (together + 4)
    first = work / (prefill * busy) * (1 + 0.12 * (together - 1)) * _order(config)
    # A decoding batch waits while a chunk runs, unless both share a batch, which holds up the prompts.
    mixed = config["enable_mixed_chunk"]
    stall = min(chunk, work) / prefill * (0.3 if mixed and chunk <= 4096 else 1.0)
    ttft = first * (1.18 if mixed else 1.0) + 0.3 * stall + _admission(config, asked)
    batch = asked.in_flight / config["dp_size"]
    seconds = work / (prefill * busy) + asked.output_len / (decode * batch) + 0.5 * stall
    return ttft, config["dp_size"] * asked.output_len / seconds


def gained(points: Sequence[tuple[float, float]], start: tuple[float, float]) -> float:
    """How far a front has come from where it started: the area between them, both objectives as logarithms.

    A point that halves the seconds at twice the tokens alone gains ln 2 ** 2.
    """
    (ttft, tps) = start
    return hypervolume([(log(a / ttft), log(tps / b)) for a, b in points], [0.0, 0.0])


def _ranks(config: Mapping[str, Any]) -> float:
    """What tensor and pipeline ranks together do, in single ranks: each doubling loses more."""
    tp, pp = config["tp_size"], config["pp_size"]
    overlap = config["enable_two_batch_overlap"]
    loss = 0.07 * log2(tp) ** 1.3 * (0.6 if overlap and tp >= 4 else 1.0) + 0.12 * log2(pp)
    return float(tp * pp * (1 - min(loss, 0.8)) * (0.94 if overlap and tp < 4 else 1.0))


def _prefill_rate(config: Mapping[str, Any], asked: Requests) -> float:
    """Prompt tokens a second of one replica."""
    kernel = config["prefill_attention_backend"] or config["attention_backend"] or "flashinfer"
    chunk = config["chunked_prefill_size"] or 8192
    pieces = ceil(asked.input_len / chunk)
    off = abs(log2((config["page_size"] or 1) / 64)) * (1.5 if kernel.startswith("fa") else 0.7)
    bubbles = 1 - 0.25 * (config["pp_size"] > 1) / (1 + pieces / config["pp_size"])
    rate = 9000 * _ranks(config) * _PREFILL[kernel] * chunk / (chunk + 600) * bubbles
    return float(rate * max(1 - 0.04 * off, 0.5))


def _decode_rate(config: Mapping[str, Any], asked: Requests) -> float:
    """Tokens a second of one request."""
    kernel = config["decode_attention_backend"] or config["attention_backend"] or "flashinfer"
    batch = asked.in_flight / config["dp_size"]
    graph = config["cuda_graph_max_bs"] or 24
    compiled = config["enable_torch_compile"]
    captured = 1.0 if batch <= graph else 0.72 + 0.28 * graph / batch
    memory = (1 - 0.0012 * graph * (1.6 if compiled else 1.0)) * (0.95 if compiled and graph > 32 else 1.0)
    steps = config["num_continuous_decode_steps"]
    overlap = (0.9 + 0.05 * (steps >= 8)) if config["disable_overlap_schedule"] else 1.0
    sampled = {None: 1.0, "flashinfer": 1.02, "pytorch": 0.97}[config["sampling_backend"]]
    slow = 1 + batch / 40 / _ranks(config) ** 0.8
    pipeline = 1 / (1 + 0.25 * log2(config["pp_size"]))
    rate = 70 * _ranks(config) ** 0.55 / slow * pipeline * _DECODE[kernel] * (1.1 if compiled else 1.0)
    return float(rate * captured * memory * _STEPS[steps] * overlap * sampled)


def _cache_hits(config: Mapping[str, Any]) -> float:
    """The part of shared prompts that is found in the cache: small pages, policies that look for it."""
    policy = {"lpm": 1.0, "dfs-weight": 0.95, "fcfs": 0.7, "lof": 0.55, "random": 0.6}
    page = config["page_size"] or 1
    return policy[config["schedule_policy"]] * (1 - page / 600) / (1 + 0.15 * log2(config["dp_size"]))


def _order(config: Mapping[str, Any]) -> float:
    """How much longer prompts wait when others overtake them."""
    return {"lpm": 1.3, "dfs-weight": 1.25, "fcfs": 1.0, "lof": 1.2, "random": 1.15}[
        config["schedule_policy"]
    ]


def _admission(config: Mapping[str, Any], asked: Requests) -> float:
    """Seconds before a request is looked at: text to tokens, and steps between two looks at the queue."""
    workers, steps = config["tokenizer_worker_num"], config["num_continuous_decode_steps"]
    text = 0.0006 * asked.input_len**0.5 * asked.in_flight / 64 * (1 / workers + 0.03 * workers)
    looks = 0.006 * steps * (0.8 if config["disable_overlap_schedule"] else 1.0)
    return float(text + looks * (1 + 0.4 * (config["dp_size"] > 2)))
