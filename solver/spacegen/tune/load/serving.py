"""sglang's own load generator, `bench_serving`: its command in each version, and its result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from packaging.version import Version

from spacegen.errors import Fault, UsageError, did_you_mean
from spacegen.launch.files import replacing
from spacegen.tune.load.process import last_lines, run_load
from spacegen.tune.load.protocol import Alive, LoadError, always
from spacegen.tune.load.results import last_object, numbers, text_of
from spacegen.tune.setup import Setup

__all__ = ["DATASETS", "MOVED", "RESULT", "BenchServing", "datasets", "module", "reported"]

RESULT: Final = "load.jsonl"
_OLD: Final = Version("0.5.6")
MOVED: Final = Version("0.5.23")
"""From here on sglang's load generators have other names."""
_COMMON: Final = ("sharegpt", "random", "random-ids", "generated-shared-prefix", "mmmu", "image", "mooncake")
_LATER: Final = ("agentic-trace", "custom", "openai", "longbench_v2", "speed-bench")
DATASETS: Final[Mapping[str, tuple[str, ...]]] = {"0.5.6": _COMMON, "0.5.23": (*_COMMON, *_LATER)}
"""What `--dataset-name` takes, from the version on."""
_TIMES: Final = ("e2e_latency", "ttft", "tpot", "itl")
_COUNTS: Final = (
    *("duration", "completed", "concurrency", "accept_length"),
    *("total_input_tokens", "total_input_text_tokens", "total_input_vision_tokens"),
    *("total_output_tokens", "total_output_tokens_retokenized"),
    *("request_throughput", "input_throughput", "output_throughput", "total_throughput"),
    *("max_output_tokens_per_s", "max_concurrent_requests"),
)
_SAID: Final = frozenset(
    {"max_concurrency", "random_input_len", "random_output_len", "random_range_ratio", "request_rate"}
    | {"sharegpt_output_len", "port", "seed"}
)
"""Numbers of a result that repeat arguments and measure nothing."""
_DETAILS: Final = ("input_lens", "output_lens", "ttfts", "itls", "generated_texts", "errors")
_WANTS_DETAILS: Final = "--output-details"
_ERRORS: Final = 5


def module(setup: Setup) -> str:
    """What `python -m` starts. Servers that bring no load generator are measured with sglang's, under its old
    name, which all versions know."""
    moved = setup.server == "sglang" and Version(setup.version) >= MOVED
    return "sglang.benchmark.serving" if moved else "sglang.bench_serving"


def datasets(setup: Setup) -> tuple[str, ...]:
    """What `--dataset-name` takes in the version of the target."""
    moved = setup.server != "sglang" or Version(setup.version) >= MOVED
    return DATASETS["0.5.23" if moved else "0.5.6"]


def reported(setup: Setup) -> frozenset[str] | None:
    """The metrics in a result of the version of the target, unless flags ask for others; None for versions
    whose results nobody has read."""
    release = Version(setup.version).release[:3]
    if setup.server != "sglang" or release not in (_OLD.release, MOVED.release):
        return None
    kinds = ("mean", "median", "std", *(("p90", "p95") if release == MOVED.release else ()), "p99")
    times = {f"{kind}_{time}_ms" for kind in kinds for time in _TIMES}
    return frozenset({*_COUNTS, *times, "p95_itl_ms"})


@dataclass(frozen=True, slots=True)
class BenchServing:
    """Measures with `bench_serving`. Raises UsageError at once for a dataset that its version has not."""

    setup: Setup

    def __post_init__(self) -> None:
        workload, known = self.setup.workload, datasets(self.setup)
        if self.setup.bench_command is None and workload.dataset not in known:
            listed = ", ".join(f"`{name}`" for name in known)
            hint = did_you_mean(workload.dataset, known) or f"it has {listed}"
            message = f"bench_serving of {self.setup.target} has no dataset `{workload.dataset}`"
            raise UsageError(Fault(message, hint=hint))

    def words(self, base_url: str, folder: Path) -> tuple[str, ...]:
        start = self.setup.bench_command or (self.setup.python, "-m", module(self.setup))
        pairs = (*self._server(base_url), *self._requests(), ("--output-file", str(folder / RESULT)))
        flags = ["--disable-tqdm", _WANTS_DETAILS]
        if self.setup.server == "sglang":
            # A load that comes again would find its prompts in the radix cache.
            flags.append("--flush-cache")
        # argparse takes the last of what is said twice, so that `extra` has the last word.
        return (*start, *chain.from_iterable(pairs), *flags, *self.setup.workload.extra)

    def _server(self, base_url: str) -> Iterator[tuple[str, str]]:
        given = self.setup.arguments
        # mini-SGLang answers in OpenAI's chat form alone.
        yield "--backend", "sglang" if self.setup.server == "sglang" else "vllm-chat"
        yield "--base-url", base_url
        names = {
            "--model": given.get("model_path"),
            "--served-model-name": given.get("served_model_name"),
            "--tokenizer": given.get("tokenizer_path") or given.get("model_path"),
        }
        yield from ((flag, str(value)) for flag, value in names.items() if value is not None)

    def _requests(self) -> Iterator[tuple[str, str]]:
        workload = self.setup.workload
        yield "--dataset-name", workload.dataset
        if workload.file is not None:
            yield "--dataset-path", workload.file
        yield "--num-prompts", str(workload.num_prompts)
        yield "--random-input-len", str(workload.input_len)
        yield "--random-output-len", str(workload.output_len)
        yield "--random-range-ratio", repr(workload.range_ratio)
        yield "--request-rate", "inf" if workload.request_rate is None else repr(workload.request_rate)
        if workload.concurrency is not None:
            yield "--max-concurrency", str(workload.concurrency)
        yield "--warmup-requests", str(workload.warmup)
        yield "--seed", str(workload.seed)

    def run(self, base_url: str, folder: Path, deadline: float, alive: Alive = always) -> dict[str, float]:
        result = folder / RESULT
        # The program appends to what it finds.
        result.unlink(missing_ok=True)
        log = run_load(self.words(base_url, folder), self.setup, folder, deadline, alive)
        found = last_object(text_of(result) or "")
        if found is None:
            raise LoadError(f"bench_serving left no result in {result.name}", last_lines(log))
        if _WANTS_DETAILS not in self.setup.workload.extra:
            _without_details(found, result)
        _refuse_failures(found, self.setup.workload.num_prompts, last_lines(log))
        return {name: value for name, value in numbers(found).items() if name not in _SAID}


def _without_details(found: Mapping[str, Any], result: Path) -> None:
    """Writes a result again without what each request did: megabytes that nobody reads."""
    kept = {name: value for name, value in found.items() if name not in _DETAILS}
    with replacing(result) as out:
        out.write(json.dumps(kept | {"errors": _errors(found)}) + "\n")


def _errors(found: Mapping[str, Any]) -> list[str]:
    errors = found.get("errors")
    return [str(error) for error in errors if error] if isinstance(errors, list) else []


def _refuse_failures(found: Mapping[str, Any], asked: int, tail: tuple[str, ...]) -> None:
    """Raises LoadError where requests failed. A dataset may hold fewer requests than were asked for."""
    errors, completed = found.get("errors"), found.get("completed")
    sent = len(errors) if isinstance(errors, list) else asked
    done = completed if isinstance(completed, int) else 0
    if done and done >= sent:
        return
    why = list(dict.fromkeys(error.strip().splitlines()[-1] for error in _errors(found) if error.strip()))
    message = f"{sent - done:,} of {sent:,} requests failed" + (f": {why[0]}" if why else "")
    raise LoadError(message, (*tail, *why[:_ERRORS]))
