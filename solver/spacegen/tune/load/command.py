"""Any program as a load generator: a command with places, and JSONPath expressions into its result."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from spacegen.errors import Fault, UsageError, how_many
from spacegen.tune.load.jsonpath import first
from spacegen.tune.load.process import last_lines, run_load
from spacegen.tune.load.protocol import Alive, LoadError, always
from spacegen.tune.load.results import numbers, read_json, text_of
from spacegen.tune.load.sense import PLACE, nonsense
from spacegen.tune.setup import Setup

__all__ = ["FAILED", "RESULT", "CommandLoad"]

RESULT: Final = "load.json"
FAILED: Final = "failed"
"""The metric of requests that failed: a load that has any is no measurement."""
_OUTPUT: Final = "load.out"


@dataclass(frozen=True, slots=True)
class CommandLoad:
    """Measures with the command of the workload. Raises UsageError at once where that cannot be read."""

    setup: Setup

    def __post_init__(self) -> None:
        if self.setup.bench_command is not None:
            hint = "a `--bench-cmd` with places such as `{base_url}` takes the place of the workload's"
            message = "the workload has its own `command`, and `--bench-cmd` is another"
            raise UsageError(Fault(message, hint=hint))
        faults = [Fault(found.message, hint=found.hint) for found in nonsense(self.setup.workload, ())]
        if faults:
            raise UsageError(*faults)

    def words(self, base_url: str, folder: Path) -> tuple[str, ...]:
        """The command; a word whose only content is a place without a value is left out, with the flag before
        it."""
        places = self._places(base_url, folder)
        words: list[str] = []
        for word in shlex.split(self.setup.workload.command or ""):
            alone = PLACE.fullmatch(word)
            if alone is not None and not places[alone[1]]:
                if words and words[-1].startswith("-"):
                    words.pop()
                continue
            words.append(PLACE.sub(lambda found: places[found[1]], word))
        return tuple(words)

    def _places(self, base_url: str, folder: Path) -> dict[str, str]:
        workload, given, url = self.setup.workload, self.setup.arguments, urlsplit(base_url)
        model = given.get("served_model_name") or given.get("model_path")
        values = {
            "base_url": base_url,
            "model": model,
            "tokenizer": given.get("tokenizer_path") or given.get("model_path"),
            "host": url.hostname,
            "port": url.port,
            "folder": folder,
            "result": folder / RESULT,
            "file": workload.file,
            "num_prompts": workload.num_prompts,
            "concurrency": workload.concurrency,
            "request_rate": "inf" if workload.request_rate is None else workload.request_rate,
            "input_len": workload.input_len,
            "output_len": workload.output_len,
            "warmup": workload.warmup,
            "seed": workload.seed,
        }
        return {name: "" if value is None else str(value) for name, value in values.items()}

    def run(self, base_url: str, folder: Path, deadline: float, alive: Alive = always) -> dict[str, float]:
        result = folder / RESULT
        result.unlink(missing_ok=True)
        output = folder / _OUTPUT
        log = run_load(self.words(base_url, folder), self.setup, folder, deadline, alive, stdout=output)
        source = result if result.exists() else output
        found = read_json(text_of(source) or "")
        if not isinstance(found, dict | list):
            raise LoadError(f"no JSON result in {source.name}", last_lines(log))
        return _metrics(found, self.setup.workload.metrics, source.name, log)


def _metrics(found: Any, paths: Mapping[str, str], name: str, log: Path) -> dict[str, float]:
    """The metrics that paths lead to; without paths, the numbers at the top. Raises LoadError."""
    top = found if isinstance(found, dict) else {}
    metrics = numbers({metric: first(path, found) for metric, path in paths.items()} if paths else top)
    if not metrics and not paths:
        raise LoadError(f"no numbers at the top of {name}; name them under `metrics`", last_lines(log))
    lost = [metric for metric in paths if metric not in metrics]
    if lost:
        listed = ", ".join(f"`{metric}` ({paths[metric]})" for metric in lost)
        raise LoadError(f"{name} has no number for {listed}", last_lines(log))
    if failed := metrics.pop(FAILED, 0.0):
        raise LoadError(f"{how_many(int(failed), 'request')} failed", last_lines(log))
    return metrics
