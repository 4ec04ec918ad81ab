"""The sizes of the shipped spaces, counted without the package and without its YAML.

Values and rules are written down once more here, from the documents that describe the spaces, and counted by
plain loops over the parameters that depend on each other times the sizes of those that do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

__all__ = ["NODES", "mini_sglang", "node_space", "throughput_10", "throughput_33", "tuner_18"]

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
    ranks = 1 + 3 * 2  # several ranks talk with PyNCCL or without
    attention, cache, moe, tokenizers, pages, dummy, dtypes, ports = 4, 2, 2, 4, 4, 2, 3, 3
    free = ranks * attention * cache * moe * tokenizers * pages * dummy * dtypes * ports
    return served * len(lengths) * len(ratios) * free


@dataclass(frozen=True)
class Node:
    """What a node of GPUs is to the rules: how many, which, and the memory of one in MiB."""

    gpus: int
    capability: int
    memory_mib: int


NODES = {
    "h100": Node(8, 90, 81559),
    "h200": Node(8, 90, 143771),
    "b200": Node(8, 100, 183359),
    "a100": Node(8, 80, 81920),
    "l40s": Node(4, 89, 46068),
}
NODE_GRAPHS = [None, 8, 16, 32, 64, 128, 160, 256, 384, 512, 640, 768]
Attention = tuple[str | None, str | None, str | None]


def node_space(name: str, *, heuristics: bool = False) -> int:
    """One node: attention kernels decide on pages and graphs; parallelism, memory and caches are groups."""
    node = NODES[name]
    tokenizers, swa, multimodal, sampling, weights = 5, 7, 4, 3, 2
    others = tokenizers * swa * multimodal * sampling * weights * node_caches(node)
    kinds: Counter[tuple[bool, frozenset[int | None]]] = Counter()
    for kv, kernels in product(["auto", "fp8_e4m3"], node_attention()):
        if node_runs(node, kernels, kv):
            kinds[node_default(node, kernels) == "torch_native", node_pages(node, kernels)] += 1
    found = 0
    for graph in NODE_GRAPHS:
        memory = node_memory(node, graph, advised=heuristics)
        for (unread, pages), times in kinds.items():
            ranks = node_parallelism(node, graph, pages, advised=heuristics)
            found += memory * node_graphs(graph, unread=unread) * ranks * times
    return found * others


def node_attention() -> Iterator[Attention]:
    """The ways of naming attention kernels once: common, prefill, decode."""
    phase = [None, "flashinfer", "fa3", "trtllm_mha", "triton", "torch_native"]
    common = [*phase, "fa4"]  # dsa has no model
    for both, prefill, decode in product(common, phase, phase):
        if not (both and (prefill or decode)) and (prefill is None or prefill != decode):
            yield both, prefill, decode


def node_default(node: Node, kernels: Attention) -> str:
    if kernels[0] is not None:
        return kernels[0]
    return {9: "fa3", 10: "trtllm_mha"}.get(node.capability // 10, "flashinfer")


def node_runs(node: Node, kernels: Attention, kv: str) -> bool:
    """Whether the GPU has the kernels that the two phases run on."""
    default = node_default(node, kernels)
    phases = {kernels[1] or default, kernels[2] or default}
    if "fa3" in phases and not 80 <= node.capability < 100:
        return False
    if phases & {"fa4", "trtllm_mha"} and node.capability < 90:
        return False
    least = 90 if "fa3" in phases else 89 if "triton" in phases else 0
    return kv == "auto" or node.capability >= least


def node_pages(node: Node, kernels: Attention) -> frozenset[int | None]:
    """The page sizes that the kernels leave as they are."""
    named = {node_default(node, kernels), *kernels}
    pages = {None, 16, 32, 64, 128, 256}
    if "trtllm_mha" in named:
        pages &= {None, 16, 32, 64, 128}
    if "fa4" in named and node.capability == 100:
        pages &= {None, 128}
    return frozenset(pages)


def node_memory(node: Node, graph: int | None, *, advised: bool) -> int:
    """Static memory, tokens and requests: free but for advice."""
    percents = [None, *range(70, 95)]
    tokens = [None, 131072, 262144, 524288, 1048576, 2097152]
    requests = [None, 64, 128, 256, 512, 1024, 2048, 4096]
    if not advised:
        return len(percents) * len(tokens) * len(requests)
    large = graph is not None and graph > 256
    enough = 5 * 1024 * 100
    percents = [
        p for p in percents if p is None or ((100 - p) * node.memory_mib >= enough and not (large and p > 88))
    ]
    pairs = [(t, r) for t, r in product(tokens, requests) if t is None or r is None or r * 512 <= t]
    return len(percents) * len(pairs)


def node_parallelism(node: Node, graph: int | None, pages: frozenset[int | None], *, advised: bool) -> int:
    """Ranks, prefill chunks, pages and the switches that depend on them."""
    sizes = [1, 2, 4, 8]
    mixed = 2
    found = 0
    for tp, pp, dp, groups, ep in product(sizes, sizes, sizes, sizes, sizes):
        if tp * pp * dp > node.gpus or tp % ep or tp % groups or min(dp, groups) > 1:
            continue
        overlap = 1 if pp > 1 else 2
        # With groups the server scales what it is given, and two batches may overlap.
        chunks = [*CHUNKS, 32768] if groups == 1 else [None]
        scaled_or_two_batches = 11 if groups == 1 else 2
        for chunk in chunks:
            if not (advised and tuner_advises_against(pp, dp, chunk, graph)):
                budgets = sum(chunk is None or chunk <= budget for budget in PREFILLS)
                whole = sum(page is None or (chunk or 8192) // groups % page == 0 for page in pages)
                found += overlap * mixed * scaled_or_two_batches * budgets * whole
    return found


def node_caches(node: Node) -> int:
    """The prefix caches: hierarchical, or the radix cache with or without; lmcache is not installed."""
    assert node.gpus * 128 * 10**9 <= (512 - 10) * 2**30 * (node.gpus // 4) ** 2  # the host always has room
    kernel = ["layer_first", "page_first", "page_head"]
    direct = ["layer_first", "page_first_direct", "page_head"]
    storage_and_prefetch = 1 + 3  # none, or files; mooncake is not installed
    size_and_ratio = 3 + 5
    write_policies, eviction, policies = 3, 2, 5
    stored = (len(kernel) + len(direct)) * storage_and_prefetch
    hierarchical = size_and_ratio * write_policies * stored * eviction * policies
    return hierarchical + eviction * policies + 3  # without prefixes three orders are left


def node_graphs(graph: int | None, *, unread: bool) -> int:
    """CUDA graphs of both phases, and torch.compile, whose batch size only graphs read."""
    compiled = 1 + 5
    if unread:
        return compiled if graph is None else 0
    prefill, prefill_without, switch = 3, 2, 2
    return prefill * compiled + (prefill_without * switch if graph is None else 0)
