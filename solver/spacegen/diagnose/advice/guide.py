"""The numbers of SGLang's hyperparameter tuning guide, and where it only says "often", ours.

The guide is about throughput in a steady state under full load. Numbers marked as ours say how often is often
and how much evidence there must be; they are told with each finding.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "AIMED_LEFT",
    "ALL_RANKS",
    "BUSY",
    "CLIPPED_NEW_TOKENS",
    "COMPILED_BATCH",
    "CONSERVATIVENESS",
    "ENOUGH_LEFT",
    "ENOUGH_TOKENS",
    "FREQUENT_RETRACTIONS",
    "FULL",
    "FULL_CHUNK",
    "FULL_LOAD",
    "GRAPH_SIZES",
    "HARDLY_ACCEPTED",
    "HARDLY_CACHED",
    "HIGHEST_SHARE",
    "JUST_ARRIVED",
    "KEPT_WAITING",
    "LARGE_GPU",
    "LARGE_TP",
    "LASTING",
    "LEAST_CONSERVATIVE",
    "LEAST_SECONDS",
    "LITTLE_LEFT",
    "LONG_QUEUE",
    "LOWER_RATIOS",
    "LOWER_SHARES",
    "LPM_QUEUE",
    "MANY_LINES",
    "MANY_PREFILLS",
    "MANY_WAITING",
    "MOST_CONSERVATIVE",
    "MUCH_LEFT",
    "OFTEN",
    "ROOMY_WEIGHTS",
    "SHARED_PREFIXES",
    "SHORT_QUEUE",
    "SLOW_CAPTURE",
    "SLOW_LOADING",
    "SMALLER_CHUNKS",
    "SMALL_WEIGHTS_GIB",
    "SOME_RETRACTIONS",
    "STEPS_A_LINE",
    "UNFILLED_ROOM",
    "WELL_FILLED",
]

SHORT_QUEUE: Final = 100
"""The guide: a healthy `#queue-req` is 100 to 2000."""
LONG_QUEUE: Final = 2000
"""The guide: longer queues cost the scheduler time."""
FULL: Final = 0.9
"""The guide: a `token usage` above 0.9 is good."""
WELL_FILLED: Final = 0.95
"""Ours: the token usage that changes are sized for, the middle of what is good."""
LEAST_CONSERVATIVE: Final = 0.3
"""The guide: lower `schedule_conservativeness` to a value like 0.3."""
MOST_CONSERVATIVE: Final = 1.3
"""The guide: raise `schedule_conservativeness` to a value like 1.3."""
CONSERVATIVENESS: Final = 1.0
"""The server's default of `schedule_conservativeness`."""
UNFILLED_ROOM: Final = 0.2
"""Ours: the share of the cache that is missing where the whole step from 1 to 0.3 is due; else less of it."""
KEPT_WAITING: Final = 0.25
"""Ours: who waits a quarter of the time that it takes to be served is kept waiting."""
JUST_ARRIVED: Final = 0.1
"""Ours: where fewer wait, as a share of those that run, they have just come and are not held back."""
FULL_CHUNK: Final = 0.9
"""Ours: prefills that on average have this share of the tokens that fit take in as much as they may."""
MANY_PREFILLS: Final = 2
"""Ours: prefills of full chunks for each line of decoding, so many of which take longer than its steps."""
SOME_RETRACTIONS: Final = 3
"""Ours: fewer retractions in all are no frequency."""
FREQUENT_RETRACTIONS: Final = 1.5
"""Retractions a minute. The guide: about one a minute is okay. Ours: half more is no longer "about one"."""
GRAPH_SIZES: Final = (512, 768)
"""The guide: graphs can be useful for batches of up to 512 or 768 requests, at large tensor parallelism."""
LARGE_TP: Final = 4
"""Ours: the `tp_size` from which tensor parallelism is large, and the second of them is meant."""

LITTLE_LEFT: Final = 5.0
"""The guide: 5 to 8 GB of a GPU left when the server is ready are good, with less it may run out later."""
ENOUGH_LEFT: Final = 8.0
MUCH_LEFT: Final = 10.0
"""The guide: 10 to 20 GB left are too much."""
AIMED_LEFT: Final = 6.5
"""Ours: the middle of what is good."""
LARGE_GPU: Final = 75.0
"""Ours: below the free memory of a GPU of 80 GB, in GiB, what should be left shrinks in proportion."""
SMALLER_CHUNKS: Final = (4096, 2048)
"""The guide: `chunked_prefill_size` to try where a prefill runs out of memory."""
LOWER_SHARES: Final = (0.8, 0.7)
"""The guide: `mem_fraction_static` to try where memory runs out."""
HIGHEST_SHARE: Final = 0.95
"""Ours: with a higher share nothing worth mentioning is left for activations."""
LOWER_RATIOS: Final = (0.8, 0.5, 0.3)
"""mini-SGLang's argument guide: `memory_ratio` in production, and then where memory is short."""

MANY_LINES: Final = 30
"""Ours: a pool that so many lines of decoding never show full gains nothing from being larger."""
SLOW_LOADING: Final = 300.0
"""Ours: seconds, longer than a checkpoint takes from a local disk."""
SLOW_CAPTURE: Final = 60.0
"""Ours: seconds, longer than a few dozen graphs take."""

OFTEN: Final = 0.25
"""Ours: the share of the lines of decoding from which something is seen frequently."""
FULL_LOAD: Final = 0.75
"""Ours: the share of the usual most running requests from which a server is at full load."""
LEAST_SECONDS: Final = 60.0
"""Ours: less time at full load says nothing; the guide counts by the minute."""
STEPS_A_LINE: Final = 40
"""The server's default of `decode_log_interval`: steps of decoding that a line of the log stands for."""
LASTING: Final = 0.5
"""Ours: a load that is full for less of the time is that of a service and not of a benchmark."""
BUSY: Final = 0.1
"""Ours: so is one whose steps take less of the time."""
MANY_WAITING: Final = 10
"""Ours: requests that would wait for each rank if all had as many; fewer wait for some of them by chance."""

LPM_QUEUE: Final = 128
"""With more requests waiting than this, `lpm` takes them as they came."""
SHARED_PREFIXES: Final = 0.3
"""Ours: the share of prompt tokens found in the cache that makes "many shared prefixes"."""
ENOUGH_TOKENS: Final = 500_000
"""Ours: prompts of so many tokens say what caches find in them."""
HARDLY_CACHED: Final = 0.005
"""Ours: the share of them up to which nothing is found."""
ROOMY_WEIGHTS: Final = 0.5
"""Ours: the share of a GPU for weights that leaves enough for a cache."""
ALL_RANKS: Final = 8
"""Ours: the ranks from which each holds the latent cache of all requests for nothing."""
HARDLY_ACCEPTED: Final = 1.2
"""Ours: tokens of a step up to which drafts are hardly worth their work; without drafts it is 1."""
COMPILED_BATCH: Final = 32
"""The server's default of `torch_compile_max_bs`: the guide's "small batch sizes"."""
SMALL_WEIGHTS_GIB: Final = 20.0
"""Ours: the weights of the guide's "small models", up to about ten thousand million parameters in 16 bits."""
CLIPPED_NEW_TOKENS: Final = 4096
"""The most of `max_new_tokens` that the scheduler keeps room for by default."""
