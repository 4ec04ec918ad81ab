"""What a workload asks for that its load generator cannot do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from spacegen.errors import did_you_mean
from spacegen.tune.workload import Workload

__all__ = ["PLACE", "PLACES", "Nonsense", "has_places", "nonsense"]

PLACES: Final = (
    "base_url",
    "model",
    "tokenizer",
    "host",
    "port",
    "folder",
    "result",
    "file",
    "num_prompts",
    "concurrency",
    "request_rate",
    "input_len",
    "output_len",
    "warmup",
    "seed",
)
"""The places of a command template."""

PLACE: Final = re.compile(r"\{([A-Za-z_]\w*)\}")
"""Other braces, such as those of JSON, stay as they are."""

_OFFLINE: Final = ("sharegpt", "random", "generated-shared-prefix")
"""The datasets of sglang's offline benchmark, 0.5.6 and 0.5.23."""


def has_places(command: str) -> bool:
    """Whether a command asks for what the workload says."""
    return any(name in PLACES for name in PLACE.findall(command))


class Nonsense(NamedTuple):
    key: str
    message: str
    hint: str | None


def nonsense(workload: Workload, given: Collection[str]) -> Iterator[Nonsense]:
    """What is wrong with a workload of which the keys in `given` were said."""
    match workload.generator:
        case "command":
            yield from _of_command(workload)
        case "bench_serving":
            yield from _without_command(given)
            if workload.file is not None and workload.dataset == "random-ids":
                yield Nonsense("file", "`random-ids` reads no file", "name the dataset: `dataset: sharegpt`")
        case "offline":
            yield from _without_command(given)
            yield from _of_offline(workload)


def _without_command(given: Collection[str]) -> Iterator[Nonsense]:
    for key in ("command", "metrics"):
        if key in given:
            yield Nonsense(key, f"`{key}` is only for `generator: command`", None)


def _of_offline(workload: Workload) -> Iterator[Nonsense]:
    if workload.dataset not in _OFFLINE:
        listed = ", ".join(f"`{name}`" for name in _OFFLINE)
        hint = did_you_mean(workload.dataset, _OFFLINE)
        yield Nonsense("dataset", f"`generator: offline` knows {listed}, not `{workload.dataset}`", hint)
    for key in ("request_rate", "concurrency"):
        if getattr(workload, key) is not None:
            message = f"`{key}` means nothing to `generator: offline`, which hands over all prompts at once"
            yield Nonsense(key, message, None)


def _of_command(workload: Workload) -> Iterator[Nonsense]:
    if workload.command is None:
        yield Nonsense("generator", "`generator: command` needs the key `command`", None)
        return
    if workload.extra:
        yield Nonsense("extra", "`extra` is not for `generator: command`", "write the words into `command`")
    try:
        words = shlex.split(workload.command)
    except ValueError as error:
        yield Nonsense("command", f"`command` cannot be read: {str(error).lower()}", None)
        return
    if not words:
        yield Nonsense("command", "`command` has no words", None)
    for name in dict.fromkeys(PLACE.findall(workload.command)):
        if name not in PLACES:
            hint = did_you_mean(name, PLACES) or "places: " + ", ".join(f"{{{place}}}" for place in PLACES)
            yield Nonsense("command", f"unknown place `{{{name}}}`", hint)
    yield from _of_paths(workload)


def _of_paths(workload: Workload) -> Iterator[Nonsense]:
    from spacegen.tune.load.jsonpath import PathError, compiled

    for name, path in workload.metrics.items():
        try:
            compiled(path)
        except PathError as error:
            message = f"the path of `{name}` cannot be read: {error}"
            yield Nonsense(
                "metrics", message, "such as `$.output_throughput` or `$.benchmarks[0].metrics.ttft.mean`"
            )
