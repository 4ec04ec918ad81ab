"""How far a launch is, by what servers log."""

from __future__ import annotations

from enum import Enum

from spacegen.servers.logwords import Sign

__all__ = ["Milestone", "milestone"]


class Milestone(Enum):
    """What sglang 0.5.6 … 0.5.23 and mini-SGLang say on their way, in the order in which a line is searched.

    A draft model starts again at the weights; newer versions may give the KV cache its memory after graphs.
    """

    LOADING = Sign.of("Load weight begin")
    LOADED = Sign.of("Load weight end")
    POOL = Sign.of(
        r"\bis allocated\. |Post-capture KV sizing: (?:draft )?KV cache allocated",
        "is allocated. ",
        "Post-capture KV",
    )
    CAPTURING = Sign.of(
        r"Capture .{0,80}(?:[gG]raph|draft extend) begin|Capture \w+ graph bs \[",
        *("raph begin", "draft extend begin", "graph bs ["),
    )
    CAPTURED = Sign.of(r"Capture .{0,80}(?:[gG]raph|draft extend) end", "raph end", "draft extend end")
    SET_UP = Sign.of(r"(?<![\w.])max_total_num_tokens=\d", "max_total_num_tokens=")
    MINI_LOADING = Sign.of("Free memory before loading model")
    MINI_POOL = Sign.of(r"Allocating \d+ (?:tokens|pages) for KV cache", "Allocating ")
    MINI_INITIALIZED = Sign.of("Free memory after initialization")
    MINI_CAPTURING = Sign.of(r"\b[Cc]apturing CUDA graphs with sizes", "CUDA graphs with sizes")
    MINI_CAPTURED = Sign.of("Free GPU memory after capturing CUDA graphs")
    MINI_WITHOUT_GRAPHS = Sign.of(r"CUDA graph is disabled\.", "CUDA graph is disabled.")


def milestone(text: str) -> Milestone | None:
    """The one that a line tells of."""
    return next((one for one in Milestone if one.value.search(text)), None)
