"""The numbers of SGLang's hyperparameter tuning guide, and ours where the guide only says "often".

The guide is about throughput in a steady state under full load. Numbers marked as ours say how often "often"
is and how much evidence is enough; findings name the ones that they use.
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
"""Ours: if this share of the cache or more is unused, the whole step from 1 to 0.3 is due; else a part."""
KEPT_WAITING: Final = 0.25
"""Ours: a request that waits a quarter of its serving time is kept waiting."""
JUST_ARRIVED: Final = 0.1
"""Ours: with fewer waiting, as a share of those that run, they have just arrived and are not held back."""
FULL_CHUNK: Final = 0.9
"""Ours: prefills are full if they have this share of the tokens that fit, on average."""
MANY_PREFILLS: Final = 2
"""Ours: with this many full prefills for each line of decoding, prefills take longer than decode steps."""
SOME_RETRACTIONS: Final = 3
"""Ours: fewer retractions in all are too few to tell how often they happen."""
FREQUENT_RETRACTIONS: Final = 1.5
"""Retractions a minute. The guide: about one a minute is okay. Ours: half more is no longer "about one"."""
GRAPH_SIZES: Final = (512, 768)
"""The guide: graphs can help batches of up to 512 requests, or 768 at large tensor parallelism."""
LARGE_TP: Final = 4
"""Ours: the `tp_size` from which tensor parallelism is large, so that the second of these sizes applies."""

LITTLE_LEFT: Final = 5.0
"""The guide: 5 to 8 GB of GPU memory left when the server is ready is good; less may run out later."""
ENOUGH_LEFT: Final = 8.0
"""The guide: the upper end of that."""
MUCH_LEFT: Final = 10.0
"""The guide: 10 to 20 GB left are too much."""
AIMED_LEFT: Final = 6.5
"""Ours: the middle of what is good."""
LARGE_GPU: Final = 75.0
"""Ours, in GiB: with less free before loading than a GPU of 80 GB has, less should be left, in proportion."""
SMALLER_CHUNKS: Final = (4096, 2048)
"""The guide: `chunked_prefill_size` to try where a prefill runs out of memory."""
LOWER_SHARES: Final = (0.8, 0.7)
"""The guide: `mem_fraction_static` to try where memory runs out."""
HIGHEST_SHARE: Final = 0.95
"""Ours: with a higher share nothing worth mentioning is left for activations."""
LOWER_RATIOS: Final = (0.8, 0.5, 0.3)
"""mini-SGLang's argument guide: `memory_ratio` in production, then what to try where memory is short."""

MANY_LINES: Final = 30
"""Ours: a KV cache that is never full in this many lines of decoding need not be larger."""
SLOW_LOADING: Final = 300.0
"""Ours: seconds, longer than a checkpoint takes from a local disk."""
SLOW_CAPTURE: Final = 60.0
"""Ours: seconds, longer than a few dozen graphs take."""

OFTEN: Final = 0.25
"""Ours: what this share of the lines of decoding show, or more, is seen often."""
FULL_LOAD: Final = 0.75
"""Ours: a server is at full load while it runs this share of its usual maximum, or more."""
LEAST_SECONDS: Final = 60.0
"""Ours: less time at full load is no evidence; the guide counts by the minute."""
STEPS_A_LINE: Final = 40
"""The server's default of `decode_log_interval`: how many decode steps a line of the log stands for."""
LASTING: Final = 0.5
"""Ours: a load that is full for a smaller share of the time is a service's, not a benchmark's."""
BUSY: Final = 0.1
"""Ours: so is a load whose decode steps take a smaller share of the time."""
MANY_WAITING: Final = 10
"""Ours: with fewer waiting for each rank on average, some queues are empty by chance."""

LPM_QUEUE: Final = 128
"""With more requests waiting, `lpm` takes them in the order in which they came."""
SHARED_PREFIXES: Final = 0.3
"""Ours: the share of prompt tokens found in the cache that makes "many shared prefixes"."""
ENOUGH_TOKENS: Final = 500_000
"""Ours: with fewer prompt tokens, a cache that finds nothing is no evidence."""
HARDLY_CACHED: Final = 0.005
"""Ours: a smaller share of them in the cache counts as nothing."""
ROOMY_WEIGHTS: Final = 0.5
"""Ours: weights that take no more than this share of a GPU leave enough for a cache."""
ALL_RANKS: Final = 8
"""Ours: from this many ranks on it is a waste that each holds the latent cache of all requests."""
HARDLY_ACCEPTED: Final = 1.2
"""Ours: with fewer tokens a step, drafts are hardly worth their work; without drafts it is 1."""
COMPILED_BATCH: Final = 32
"""The server's default of `torch_compile_max_bs`: the guide's "small batch sizes"."""
SMALL_WEIGHTS_GIB: Final = 20.0
"""Ours: the guide's "small models", which have up to about ten thousand million parameters of 16 bits."""
CLIPPED_NEW_TOKENS: Final = 4096
"""By default the scheduler keeps room for no more than this of a request's `max_new_tokens`."""
