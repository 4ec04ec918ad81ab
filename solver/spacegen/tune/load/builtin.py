"""Workloads that ship, by name: common shapes of requests, of random tokens so that nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from spacegen.tune.workload import Workload

__all__ = ["WORKLOADS"]

WORKLOADS: Final[Mapping[str, Workload]] = {
    workload.name: workload
    for workload in (
        # Turns of a conversation: short questions, answers of some length, many users at once.
        Workload(
            name="chat",
            input_len=512,
            output_len=256,
            range_ratio=0.5,
            num_prompts=400,
            concurrency=64,
            warmup=8,
        ),
        # Long documents in, a paragraph out: prefill counts.
        Workload(
            name="summarise",
            input_len=8192,
            output_len=256,
            range_ratio=0.5,
            num_prompts=100,
            concurrency=16,
            warmup=4,
        ),
        # Short prompts, long answers, as reasoning models give: decoding counts.
        Workload(
            name="reasoning",
            input_len=512,
            output_len=4096,
            range_ratio=0.5,
            num_prompts=100,
            concurrency=32,
            warmup=4,
        ),
        # A batch that is there at once and in which no single answer is waited for: throughput counts.
        Workload(name="batch", input_len=1024, output_len=512, range_ratio=0.5, num_prompts=1000, warmup=8),
        # Whether things work at all.
        Workload(name="smoke", input_len=64, output_len=16, num_prompts=8, concurrency=4),
    )
}
