"""Arguments and figures of a launch, named as in advice: as in sglang 0.5.6, or as in mini-SGLang."""

from __future__ import annotations

import re
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final

from spacegen.diagnose.launch import Fact, Launch, Trouble, TroubleKind, sensible
from spacegen.diagnose.versions import MINI, NEWEST, OLDER, both_names
from spacegen.errors import SpacegenError
from spacegen.servers.attention_groups import groups_of
from spacegen.servers.schema import REQUIRED, load

__all__ = [
    "SHARED",
    "Key",
    "argument",
    "attention_groups",
    "chosen_by_server",
    "chunk_of_a_rank",
    "dummy_weights",
    "few_bits",
    "gpu_gib",
    "is_mini",
    "key",
    "model",
    "number",
    "numbers_of",
    "ran",
    "said",
    "troubled",
    "whole",
    "words",
]

_QUANTIZED: Final = re.compile(r"[,. ]quant(?:ization)?=\w")
"""How the newer version logs the format of the weights it loads."""
_FEW_BITS: Final = re.compile(
    r"fp[48]|int[48]|awq|gptq|w[48]a\d|\b[48]bit|gguf|deepseek-(?:v3|r1)(?!.*(?:bf16|distill))|kimi-k2|gpt-oss"
)
"""Names of models whose checkpoints have weights of eight bits or less: where the format is part of the name,
and those that are published so, as DeepSeek-V3 and its kin in FP8. What was distilled from them is not."""


class Key(StrEnum):
    """The arguments that both servers have, as sglang 0.5.6 calls them."""

    SHARE = "mem_fraction_static"
    CHUNK = "chunked_prefill_size"
    RUNNING = "max_running_requests"
    GRAPHS = "cuda_graph_max_bs"
    RANKS = "tp_size"
    CONTEXT = "context_length"
    MODEL = "model_path"
    PORT = "port"
    POOL_TOKENS = "max_total_tokens"


_MINI: Final = {
    Key.SHARE: "memory_ratio",
    Key.CHUNK: "max_extend_tokens",
    Key.RUNNING: "max_running_req",
    Key.CONTEXT: "max_seq_len_override",
    Key.PORT: "server_port",
    # Of pages.
    Key.POOL_TOKENS: "num_page_override",
}

# What the server says in place of an argument that it chose itself.
_EFFECTIVE: Final = {
    Key.CHUNK: Fact.CHUNK,
    Key.RUNNING: Fact.MOST_RUNNING,
    Key.GRAPHS: Fact.LARGEST_GRAPH,
    Key.CONTEXT: Fact.CONTEXT,
}
SHARED: Final = (Key.CHUNK, Key.RUNNING)
"""What is given for all groups of attention data parallelism together; the server says what each has."""


def is_mini(launch: Launch) -> bool:
    return launch.server == "minisgl"


def key(launch: Launch, which: Key) -> str:
    """The name of an argument for the server of this launch."""
    return _MINI.get(which, which.value) if is_mini(launch) else which.value


def said(trouble: Trouble, name: str) -> float | None:
    """A number in the words about a trouble, where it is there and makes sense."""
    return sensible(trouble.numbers.get(name))


def numbers_of(trouble: Trouble) -> dict[str, float]:
    """All numbers in the words about a trouble that make sense."""
    found = {name: said(trouble, name) for name in trouble.numbers}
    return {name: number for name, number in found.items() if number is not None}


def whole(launch: Launch, name: str) -> int | None:
    """An argument that is a whole number; None if it is not, or not known."""
    found = sensible(argument(launch, name))
    return found if isinstance(found, int) else None


def argument(launch: Launch, name: str) -> Any:
    """The value that a launch runs with; None if the log does not show it. `name` is one that advice uses."""
    for known in both_names(name):
        if (found := launch.arguments.get(known)) is not None:
            return found
    return None


def ran(launch: Launch, name: str) -> tuple[Any, ...]:
    """The one value that a launch runs with, where it is known: as the log says it, else the default of its
    server; none where the log says no arguments at all, or the server has no such argument."""
    versions = (OLDER, NEWEST) if launch.version is None else (launch.version,)
    names = both_names(name)
    for known in names:
        if known in launch.arguments:
            return (launch.arguments[known],)
    if not launch.arguments:
        return ()
    for version in (MINI,) if is_mini(launch) else versions:
        with suppress(SpacegenError, ValueError):
            schema = load(launch.server or "sglang", version)
            found = next((schema.arguments[known] for known in names if known in schema.arguments), None)
            if found is not None and found.default is not REQUIRED:
                return (found.default,)
    return ()


def model(launch: Launch) -> str:
    """The model in lower case with hyphens, as names of models are compared; nothing where it is unknown."""
    return str(argument(launch, Key.MODEL) or "").lower().replace("_", "-")


def few_bits(launch: Launch) -> bool:
    """Whether weights are known to have eight bits or less already, whatever `quantization` says: unless
    it is given, servers take the format from the checkpoint."""
    loaded = launch.figures.get(Fact.WEIGHTS)
    return (
        launch.figure(Fact.BITS) is not None
        or (loaded is not None and _QUANTIZED.search(loaded.line.text) is not None)
        or _FEW_BITS.search(model(launch)) is not None
    )


def dummy_weights(launch: Launch) -> str:
    """The flags with which a server starts without a checkpoint."""
    return "--dummy-weight" if is_mini(launch) else "--load-format dummy"


def chosen_by_server(share: float) -> bool:
    """Whether the server chose this static share itself: servers choose thousandths, people hundredths."""
    return round(share, 2) != share


def attention_groups(launch: Launch) -> int:
    """The groups of ranks among which attention data parallelism shares out requests; 1 without it."""
    return groups_of(launch.arguments)


def chunk_of_a_rank(launch: Launch) -> float | None:
    """The tokens that fit into a prefill batch of one rank; 0 or less without chunks."""
    size = number(launch, Key.CHUNK)
    return None if size is None else size // attention_groups(launch)


def number(launch: Launch, which: Key) -> float | None:
    """The number that an argument was given, else the one that the server logs as its choice."""
    found = sensible(argument(launch, key(launch, which)))
    if found is not None:
        return found if which is not Key.SHARE or 0 < found <= 1 else None
    if which is Key.GRAPHS and launch.graph_sizes:
        return max(launch.graph_sizes)
    if which is Key.SHARE:
        shares = (said(trouble, Key.SHARE) for trouble in launch.troubles)
        return next((share for share in shares if share is not None), None)
    effective = _EFFECTIVE.get(which)
    chosen = None if effective is None else launch.figure(effective)
    return chosen if chosen is None or which not in SHARED else chosen * attention_groups(launch)


def gpu_gib(launch: Launch) -> float | None:
    """The GiB of one GPU that static shares refer to: what was free before loading."""
    before, after, weights = (
        launch.figure(one) for one in (Fact.BEFORE_LOADING, Fact.AFTER_LOADING, Fact.WEIGHTS)
    )
    loaded = after + weights if after is not None and weights is not None else None
    totals = (said(trouble, "capacity_gib") for trouble in launch.troubles)
    return next((total for total in (before, loaded, *totals) if total is not None and total >= 1), None)


def troubled(launch: Launch, *kinds: TroubleKind) -> tuple[Trouble, ...]:
    """The troubles of these kinds, in their order in the log."""
    return tuple(trouble for trouble in launch.troubles if trouble.kind in kinds)


def words(trouble: Trouble) -> str:
    """The message, in one line."""
    return trouble.words or (trouble.lines[0].text if trouble.lines else trouble.kind.value)
