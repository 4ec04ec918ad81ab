"""The sizes of the shipped spaces, counted without the package and without its YAML.

Values and rules are written down once more here, from the documents that describe the spaces, and counted by
plain loops over the parameters that depend on each other times the sizes of those that do not.
"""

from __future__ import annotations

from itertools import product
from math import prod

__all__ = ["h100", "mini_sglang", "throughput_10", "throughput_33", "tuner_18"]

CHUNKS = [None, 512, 1024, 2048, 4096, 8192, 16384]
PREFILLS = [4096, 8192, 16384, 32768, 65536]
GRAPHS = [None, 8, 16, 24, 32, 48, 64, 80, 96]


def throughput_10() -> int:
    """Brute force over the 576,000 combinations."""
    requests = [None, 128, 256, 512, 1024]
    tokens = [None, 4096, 8192, 16384, 32768]
    chunks = [None, 512, 1024, 2048, 4096, 8192]
    prefills = [4096, 8192, 16384, 32768]
    backends = [None, "flashinfer", "triton", "torch_native"]
    graphs = [None, 32, 64, 128, 256]
    switch = [False, True]
    everything = product(
        requests, tokens, chunks, prefills, [1, 2, 4, 8], [1, 2, 4], switch, switch, graphs, backends
    )
    found = 0
    for request, token, chunk, prefill, _, _, _, no_graph, graph, _ in everything:
        graph_unused = not no_graph or graph is None
        chunk_fits = chunk is None or chunk <= prefill
        tokens_fit = request is None or token is None or request * 512 <= token
        found += graph_unused and chunk_fits and tokens_fit
    return found


def chunk_prefill_graph() -> int:
    """Chunk, prefill budget and CUDA graph size under the two rules that join them."""
    return sum(
        (chunk is None or chunk <= prefill)
        and not (chunk is not None and chunk <= 2048 and graph is not None and graph > 32)
        for chunk, prefill, graph in product(CHUNKS, PREFILLS, GRAPHS)
    )


def throughput_33() -> int:
    """A product over the groups of parameters that no rule joins."""
    io_and_layout = 2 * 4 - 1  # page_first_direct never with kernel
    hicache_children = 5 * 5 * 3 * io_and_layout * 3 * 3
    hicache_on = hicache_children * 2  # no lmcache, radix cache on: two eviction policies
    hicache_off = 2 * (2 + 1)  # lmcache, and two policies with the radix cache or one without
    overlap = 2 * 2 + 1
    compiled = 1 + 5
    attention = 6 * 5 * 5  # "nsa" is not among them, so both nsa backends stand still
    mixed_chunk, piecewise = 2, 2
    free = prod([5, 5, 6, 6, 3, 4, 5])  # tokenizer, policy, page, swa, sampling, multimodal, decode steps
    groups = [hicache_on + hicache_off, overlap, compiled, attention, mixed_chunk, piecewise, free]
    return chunk_prefill_graph() * prod(groups)


def tuner_18(device_num: int = 8, *, heuristics: bool = True) -> int:
    """Loops over the six parameters that the numeric rules join, times the rest."""
    sizes = [1, 2, 4, 8]
    joined = 0
    for tp, pp, dp, chunk, prefill, graph in product(sizes, sizes, sizes, CHUNKS, PREFILLS, GRAPHS):
        if tp * pp * dp > device_num or (chunk is not None and chunk > prefill):
            continue
        joined += not (heuristics and tuner_advises_against(pp, dp, chunk, graph))
    overlap = 2 + 1
    attention = 6 * 5 * 5
    free = prod([5, 6, 2, 2, 5, 5, 3])  # policy, page, mixed, compile, decode steps, tokenizers, sampling
    return joined * overlap * attention * free


def tuner_advises_against(pp: int, dp: int, chunk: int | None, graph: int | None) -> bool:
    if chunk is not None and graph is not None and chunk <= 2048 and graph > 32:
        return True
    if dp > 1 and chunk is not None and chunk // dp < 256:
        return True
    if dp >= 4 and graph is not None and graph > 64:
        return True
    return pp > 4 and dp > 4


def mini_sglang(input_len: int | None = None, *, production: bool = False) -> int:
    """Shell mode joins three parameters; the advice trims the domains of single ones."""
    requests, graphs = 7, 6
    served = 1 + requests * graphs  # shell mode leaves one pair, no shell mode all
    lengths = [1024, 2048, 4096, 8192]
    if input_len is not None and input_len < 4096:
        lengths = [4096, 8192]
    if input_len is not None and input_len > 16384:
        lengths = [1024, 2048]
    ratios = [r / 10 for r in range(3, 10) if not production or r >= 5]
    tp, attention, cache, moe, tokenizers, pages, pynccl, dummy, dtypes, ports = 4, 4, 2, 2, 4, 4, 2, 2, 3, 3
    free = tp * attention * cache * moe * tokenizers * pages * pynccl * dummy * dtypes * ports
    return served * len(lengths) * len(ratios) * free


H100_GRAPHS = [None, 8, 16, 32, 64, 128, 160, 256, 384, 512, 640, 768]


def h100(*, heuristics: bool = False) -> int:
    """The node of eight: two groups of joined parameters times the rest, for each CUDA graph size."""
    weights, kv_types, conservativeness = 2, 2, 11
    two_batch, single_batch, tokenizers, swa, multimodal, sampling, piecewise = 2, 2, 5, 6, 4, 3, 2
    others = weights * kv_types * conservativeness * two_batch * single_batch
    others *= tokenizers * swa * multimodal * sampling * piecewise
    groups = (
        h100_parallelism(graph, advised=heuristics)
        * h100_memory(graph, advised=heuristics)
        * h100_caches(graph)
        for graph in H100_GRAPHS
    )
    return sum(groups) * others


def h100_memory(graph: int | None, *, advised: bool) -> int:
    """Static memory, tokens and requests: free but for advice."""
    percents = [None, *range(70, 95)]
    tokens = [None, 131072, 262144, 524288, 1048576, 2097152]
    requests = [None, 64, 128, 256, 512, 1024, 2048, 4096]
    if not advised:
        return len(percents) * len(tokens) * len(requests)
    large = graph is not None and graph > 256
    percents = [p for p in percents if p is None or ((100 - p) * 80 >= 500 and not (large and p > 88))]
    pairs = [(t, r) for t, r in product(tokens, requests) if t is None or r is None or r * 512 <= t]
    return len(percents) * len(pairs)


def h100_parallelism(graph: int | None, *, advised: bool) -> int:
    """Ranks, prefill chunks and pages."""
    sizes = [1, 2, 4, 8]
    found = 0
    for tp, pp, dp, attention_dp, ep in product(sizes, sizes, sizes, [False, True], sizes):
        gpus = tp * pp if attention_dp else tp * pp * dp
        if gpus > 8 or tp % ep or (attention_dp and (dp == 1 or tp % dp)):
            continue
        overlap_and_mixed = 1 if pp > 1 else 4
        for chunk in [*CHUNKS, 32768]:
            if not (advised and tuner_advises_against(pp, dp, chunk, graph)):
                found += overlap_and_mixed * h100_prefill(chunk, dp if attention_dp else 1)
    return found


def h100_prefill(chunk: int | None, share: int) -> int:
    """The prefill budgets and pages that go with a chunk."""
    pages = [None, 16, 32, 64, 128, 256]
    budgets = sum(chunk is None or chunk <= budget for budget in PREFILLS)
    return budgets * sum(chunk is None or page is None or chunk // share % page == 0 for page in pages)


def h100_caches(graph: int | None) -> int:
    """Attention kernels, the prefix caches and what they exclude, CUDA graphs and compilation."""
    backends = [None, "flashinfer", "fa3", "triton", "torch_native"]  # fa4 is refused, nsa has no model
    found = 0
    for attention, prefill, decode, hicache in product(backends, backends, backends, [False, True]):
        for io in ["kernel", "direct"] if hicache else ["kernel"]:
            if hicache and io == "kernel" and decode == "fa3":
                continue
            effective = "flashinfer" if hicache and io == "kernel" and decode is None else decode
            shared = prefill if prefill is not None and prefill == effective else None
            if shared is not None and attention not in (None, shared):
                continue
            forced_off = "torch_native" in (attention, shared)
            caches = h100_hicache(io) if hicache else h100_no_hicache()
            found += caches * h100_compilation(graph, forced_off=forced_off)
    return found


def h100_hicache(io: str) -> int:
    """With hierarchical cache: radix cache on (two eviction policies, five orders), no lmcache."""
    size_and_ratio = 4 + 3  # size 0 leaves four ratios; three sizes leave none
    layouts = ["layer_first", "page_first", "page_first_direct", "page_head"]
    stored = 0
    for layout, storage in product(layouts, [None, "file", "mooncake"]):
        if layout == "page_first_direct" and io == "kernel":
            continue
        if storage == "mooncake" and layout == "layer_first":
            continue
        stored += 1 if storage is None else 3  # how to prefetch
    write_policies, eviction, policies = 3, 2, 5
    return size_and_ratio * write_policies * stored * eviction * policies


def h100_no_hicache() -> int:
    with_radix = 2 * 2 * 5  # lmcache, eviction, order
    without_radix = 3  # orders that do not look at prefixes
    return with_radix + without_radix


def h100_compilation(graph: int | None, *, forced_off: bool) -> int:
    """CUDA graphs on or off, and torch.compile, whose batch size only graphs read."""
    off = 2 if graph is None else 0
    on = 0 if forced_off else 1 + 5
    return off + on
