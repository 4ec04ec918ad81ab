"""Records of a study that nobody ran: shapes that reports and files of results must cope with."""

from __future__ import annotations

import random
from typing import Any

from spacegen.tune.outcome import Cause, GpuUse, Outcome
from spacegen.tune.record import Provenance, Record
from spacegen.tune.workload import Workload

__all__ = ["NASTY", "PROVENANCE", "record", "study"]

NASTY = "</script><img src=x onerror=alert(1)> <b>&amp; \u2028 🚀 naïve"
"""Text that ends scripts, brings markup, and is not ASCII."""

PROVENANCE = Provenance(
    spacegen="1.0",
    space="h100",
    fingerprint="0123456789abcdef",
    target="sglang==0.5.6",
    model="/models/tiny",
    hardware="fake GPU",
    workload=Workload(name="chat"),
)
BACKENDS = (None, "flashinfer", "triton", "fa3")


def record(trial: int | None, config: dict[str, Any], outcome: Outcome, **known: Any) -> Record:
    """A record of the study `demo`."""
    return Record(
        **{"study": "demo", "trial": trial, "provenance": PROVENANCE, **known}, config=config, outcome=outcome
    )


def study(number: int, *, seed: int = 0, **known: Any) -> list[Record]:
    """A study of that many trials, the first of them the defaults; every sixth fails, and two of the best are
    measured again."""
    draw = random.Random(seed)
    found = [_trial(i, draw, **known) for i in range(number)]
    good = [one for one in found if one.outcome.ok]
    for best in sorted(good, key=lambda one: one.outcome.metrics["mean_ttft_ms"])[:2]:
        for again in (1, 2):
            noisy = {name: value * draw.uniform(0.95, 1.05) for name, value in best.outcome.metrics.items()}
            outcome = best.outcome.model_copy(update={"metrics": noisy})
            found.append(best.model_copy(update={"again": again, "outcome": outcome}))
    return found


def _trial(number: int, draw: random.Random, **known: Any) -> Record:
    tp, backend = draw.choice((1, 2, 4, 8)), draw.choice(BACKENDS)
    config: dict[str, Any] = {
        "tp_size": 1 if number == 0 else tp,
        "attention_backend": None if number == 0 else backend,
        "chunked_prefill_size": draw.choice((None, 2048, 4096, 8192)),
        "mem_fraction_static": draw.choice((None, 0.8, 0.85, 0.9)),
        "enable_mixed_chunk": draw.random() < 0.5,
        "schedule_policy": draw.choice(("fcfs", "lpm")),
        "log_level": "info",
    }
    ids = tuple(str(i) for i in range(config["tp_size"]))
    command = (
        "python",
        "-m",
        "sglang.launch_server",
        "--tp-size",
        str(config["tp_size"]),
        "--note",
        f"trial '{number}'",
    )
    if number % 6 == 5:
        cause = (Cause.LOADING_MEMORY, Cause.TIMEOUT, Cause.CRASH)[number // 6 % 3]
        tail = ("loading weights", NASTY, f"torch.OutOfMemoryError: tried to allocate {number} GiB")
        outcome = Outcome.failed(
            cause,
            f"no memory for {number} GiB",
            log_tail=tail,
            command=command,
            seconds=20,
            gpu_ids=ids,
            log=f"/logs/{number}/server.log",
        )
    else:
        speed = config["tp_size"] ** 0.7 * (1.2 if config["attention_backend"] == "fa3" else 1.0)
        chunk = config["chunked_prefill_size"] or 4096
        metrics = {
            "mean_ttft_ms": (30 + chunk / 40) / speed * draw.uniform(0.9, 1.1),
            "output_throughput": 900 * speed * (chunk / 4096) ** 0.4 * draw.uniform(0.9, 1.1),
            "p99_ttft_ms": 400 / speed,
        }
        outcome = Outcome(
            metrics=metrics,
            command=command,
            load_command=("python", "-m", "sglang.bench_serving"),
            seconds=60,
            gpu_ids=ids,
            log=f"/logs/{number}/server.log",
            gpu_use=GpuUse(utilisation=0.7, peak_memory_mib=70000, samples=9),
        )
    return record(
        number,
        config,
        outcome,
        rank=number * 10**20,
        origin="defaults" if number == 0 else "sampler",
        **known,
    )
