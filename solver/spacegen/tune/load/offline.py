"""sglang's offline benchmark: the engine without a server, which takes the arguments of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from packaging.version import Version

from spacegen.errors import UsageError
from spacegen.tune.load.protocol import LoadError
from spacegen.tune.load.results import last_object, numbers, text_of
from spacegen.tune.load.serving import MOVED
from spacegen.tune.setup import Setup

__all__ = ["offline_metrics", "offline_words"]

_RESULT: Final = "load.jsonl"


def offline_words(setup: Setup, arguments: Sequence[str], folder: Path) -> tuple[str, ...]:
    """The command that launches an engine with `arguments` (words of the target's own flags), puts the
    workload on it and ends; its result will stand in `folder`. Raises UsageError for servers without such a
    program."""
    if setup.server != "sglang":
        raise UsageError(f"`generator: offline` is sglang's; `{setup.server}` has no such program")
    moved = Version(setup.version) >= MOVED
    module = "sglang.benchmark.offline_throughput" if moved else "sglang.bench_offline_throughput"
    start = setup.bench_command or (setup.python, "-m", module)
    folder.mkdir(parents=True, exist_ok=True)
    # The program appends to what it finds.
    (folder / _RESULT).unlink(missing_ok=True)
    pairs = chain.from_iterable((*_requests(setup), ("--result-filename", str(folder / _RESULT))))
    flags = () if setup.workload.warmup else ("--skip-warmup",)
    return (*start, *arguments, *pairs, *flags, *setup.workload.extra)


def _requests(setup: Setup) -> Iterator[tuple[str, str]]:
    workload = setup.workload
    yield "--dataset-name", workload.dataset
    if workload.file is not None:
        yield "--dataset-path", workload.file
    yield "--num-prompts", str(workload.num_prompts)
    yield "--random-input-len", str(workload.input_len)
    yield "--random-output-len", str(workload.output_len)
    yield "--random-range-ratio", repr(workload.range_ratio)
    yield "--seed", str(workload.seed)


def offline_metrics(folder: Path) -> dict[str, float]:
    """The metrics that the offline benchmark left in `folder`; there are no latencies among them. Raises
    LoadError."""
    found = last_object(text_of(folder / _RESULT) or "")
    if found is None:
        raise LoadError(f"the offline benchmark left no result in {_RESULT}")
    metrics = numbers(found)
    if not metrics.get("successful_requests"):
        raise LoadError("the offline benchmark answered no request")
    return metrics
