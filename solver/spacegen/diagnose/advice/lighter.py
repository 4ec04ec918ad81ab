"""What else would have to differ for a launch to need less memory.

A failure of memory holds for every launch that needs at least as much. These are the arguments that make a
launch need less of one kind of memory, each on the side of this launch where it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from spacegen.diagnose.advice.said import (
    Key,
    argument,
    chosen_by_server,
    chunk_of_a_rank,
    few_bits,
    is_mini,
    key,
    number,
    ran,
    whole,
)
from spacegen.diagnose.advice.ways import (
    any_lower_share,
    fewer_running,
    larger_cap,
    less_context,
    more_of,
    rather,
    smaller_graphs,
    unlike,
)
from spacegen.diagnose.finding import Move
from spacegen.diagnose.launch import Fact, Launch, sensible

__all__ = [
    "activations",
    "dense_tokens",
    "hosted",
    "known",
    "loading",
    "no_graphs",
    "pool",
    "pooling",
    "reserves",
    "shorter_prefills",
    "weights",
]

_EIGHT_BITS: Final = ("fp8", "w8a8_fp8", "w8a8_int8", "modelopt_fp8")
_FOUR_BITS: Final = (
    "awq",
    "awq_marlin",
    "gptq",
    "gptq_marlin",
    "marlin",
    "w4afp8",
    "mxfp4",
    "modelopt_fp4",
    "petit_nvfp4",
    "moe_wna16",
    "qoq",
)
# What decides how much memory kernels work in, besides the sizes of batches: attention and experts have
# workspaces and intermediates of their own, and the formats of weights and cache choose kernels and what
# these convert. Which value needs less is a matter of model and GPU.
_KERNELS: Final = (
    *("attention_backend", "prefill_attention_backend", "decode_attention_backend"),
    *("moe_runner_backend", "moe_a2a_backend", "moe_backend"),
    *("quantization", "kv_cache_dtype", "dtype"),
)
# What takes memory where it is on, and none where it is off: streams that overlap keep two batches, copies of
# the cache pass through buffers, and compiled graphs have pools.
_TAKING: Final = (
    *("enable_torch_compile", "enable_mixed_chunk", "enable_two_batch_overlap"),
    *("enable_single_batch_overlap", "enable_hierarchical_cache", "enable_lmcache"),
)
# Models without images, by what the server says it loads: for those their attention does not matter.
_OF_TEXT: Final = re.compile(
    r"type=(?:Llama|Mistral|Mixtral|Qwen[23](?:Moe)?|DeepseekV[23]|GptOss|Glm4Moe|Gemma2?)ForCausalLM\b"
)
# What matters with one value of another argument alone.
_WITH: Final = (
    ("attention_backend", ("nsa", "dsa"), ("nsa_prefill_backend", "nsa_decode_backend")),
    ("enable_torch_compile", (True,), ("torch_compile_max_bs",)),
)
# What decides how weights are split and stored.
_LOADING: Final = (
    *("ep_size", "moe_dense_tp_size", "dtype"),
    *("moe_runner_backend", "moe_a2a_backend", "moe_backend"),
)
# What decides how large a copy of the pool in main memory is, for all ranks of a machine.
_HOSTED: Final = (
    *("tp_size", "pp_size", "dp_size", "attn_dp_size", "ep_size", "nnodes"),
    *("kv_cache_dtype", "page_size", "quantization", "hicache_storage_backend"),
)
# How the pool is handed out.
_POOLING: Final = ("page_size", "disable_radix_cache", "cache_type", "disable_overlap_schedule")
_SMALL_CACHE: Final = ("fp8_e4m3", "fp8_e5m2")
_SMALLEST_CACHE: Final = "fp4_e2m1"


def known(*moves: Move | None) -> tuple[Move, ...]:
    """The moves that exist."""
    return tuple(move for move in moves if move is not None)


def weights(launch: Launch) -> tuple[Move, ...]:
    """Less weight on each GPU."""
    fewer = _quantized(launch)
    return known(
        more_of(launch, Key.RANKS),
        None if few_bits(launch) else fewer,
        more_of(launch, "pp_size"),
        _offloaded(launch),
        rather(launch, "enable_dp_attention", (False,), (True,)),
        _fewer(launch, "attn_dp_size"),
        _undrafted(launch),
        # Weights of few bits are rarely there with even fewer: it is the last way out.
        fewer if few_bits(launch) else None,
    )


def loading(launch: Launch) -> tuple[Move, ...]:
    """How weights are split and stored: another choice may need less on each GPU."""
    return known(*(unlike(launch, name) for name in _LOADING))


def _quantized(launch: Launch) -> Move | None:
    """Weights of fewer bits; None if the log does not show how many they have, or they have few."""
    return rather(launch, "quantization", (*_EIGHT_BITS, *_FOUR_BITS), (None,)) or rather(
        launch, "quantization", _FOUR_BITS, _EIGHT_BITS
    )


def dense_tokens(launch: Launch) -> tuple[Move, ...]:
    """More tokens in the same pool."""
    wide = rather(launch, "kv_cache_dtype", (*_SMALL_CACHE, _SMALLEST_CACHE), ("auto", "bf16", "bfloat16"))
    return known(
        wide or rather(launch, "kv_cache_dtype", (_SMALLEST_CACHE,), _SMALL_CACHE), larger_cap(launch)
    )


def activations(launch: Launch) -> tuple[Move, ...]:
    """What needs, or may need, less memory beside weights and KV cache, whatever the batch."""
    return known(
        more_of(launch, Key.RANKS),
        more_of(launch, "pp_size"),
        unlike(launch, "ep_size"),
        unlike(launch, "attn_dp_size"),
        unlike(launch, "dp_size") if argument(launch, "enable_dp_attention") else None,
        rather(launch, "enable_dp_attention", (False,), (True,)),
        rather(launch, "disable_overlap_schedule", (True,), (False,)),
        *(rather(launch, name, (False,), (True,)) for name in _TAKING),
        _larger_pages(launch),
        _undrafted(launch),
        _smaller_pool(launch),
        *(unlike(launch, name) for name in _kernels(launch)),
    )


def _kernels(launch: Launch) -> Iterator[str]:
    yield from _KERNELS
    if "flashinfer" not in ran(launch, "sampling_backend"):
        # That of flashinfer sorts nothing, and so needs least.
        yield "sampling_backend"
    loaded = launch.figures.get(Fact.AFTER_LOADING)
    if loaded is None or not _OF_TEXT.search(loaded.line.text):
        yield "mm_attention_backend"
    for switch, values, names in _WITH:
        if argument(launch, switch) in values:
            yield from names


def pooling(launch: Launch) -> tuple[Move, ...]:
    """How the pool is handed out: another choice may need fewer tokens at a time."""
    return known(*(unlike(launch, name) for name in _POOLING))


def hosted(launch: Launch) -> tuple[Move, ...]:
    """What may need less main memory: a hierarchical cache copies the pool there."""
    return known(
        any_lower_share(launch),
        _smaller_pool(launch),
        _undrafted(launch),
        *(unlike(launch, name) for name in _HOSTED),
    )


def shorter_prefills(launch: Launch) -> Move | None:
    """Prefill batches below the size of a chunk."""
    name = "max_prefill_tokens"
    most, chunk = next(map(sensible, ran(launch, name)), None), chunk_of_a_rank(launch)
    if most is None or most < 2:
        return None
    bound = int(min(most, chunk) if chunk is not None and chunk > 1 else most)
    return Move(parameter=name, at_most=bound - 1, was=most, to=max(bound // 2, 1))


def pool(launch: Launch) -> tuple[Move, ...]:
    """Less memory for the pool and for the request tables beside it."""
    return known(_smaller_pool(launch), fewer_running(launch), less_context(launch), _undrafted(launch))


def reserves(launch: Launch) -> tuple[Move, ...]:
    """The arguments by which a server chooses the share itself: it reserves memory for chunks and graphs, so
    it chooses a lower share if these are larger and a higher one if they are smaller."""
    share = number(launch, Key.SHARE)
    if is_mini(launch) or share is None or not chosen_by_server(share):
        return ()
    sizes = ((which, number(launch, which)) for which in (Key.CHUNK, Key.GRAPHS))
    return tuple(
        move
        for which, size in sizes
        if size is not None and size > 1
        for move in (
            Move(parameter=which.value, at_most=size - 1, was=size, to=size // 2),
            Move(parameter=which.value, at_least=size + 1, was=size, to=size * 2),
        )
    )


def no_graphs(launch: Launch) -> tuple[Move, ...]:
    """Smaller graphs, or none; nothing if there are none already."""
    off, switch = argument(launch, "disable_cuda_graph"), None
    if off is True or argument(launch, "cuda_graph_backend_decode") == "disabled":
        return ()
    if not is_mini(launch):
        switch = Move(
            parameter="disable_cuda_graph", among=(True,), was=False if off is False else None, to=True
        )
    return known(
        smaller_graphs(launch),
        switch,
        rather(launch, "cuda_graph_backend_prefill", ("disabled",), (None, "breakable", "full")),
        rather(launch, "enable_piecewise_cuda_graph", (False,), (True,)),
    )


def _larger_pages(launch: Launch) -> Move | None:
    """Larger pages: page tables get shorter, which are as long as the context."""
    for was in ran(launch, "page_size"):
        size = was if isinstance(was, int) and was > 0 else 1
        return Move(parameter="page_size", at_least=size + 1, was=size, to=max(size * 2, 16))
    return None


def _smaller_pool(launch: Launch) -> Move | None:
    tokens = launch.figure(Fact.POOL_TOKENS)
    if tokens is None or tokens < 2:
        return None
    name = key(launch, Key.POOL_TOKENS)
    page = max(whole(launch, "page_size") or 1, 1) if is_mini(launch) else 1
    return Move(parameter=name, at_most=tokens // page - 1, to=int(tokens // page * 0.9))


def _offloaded(launch: Launch) -> Move | None:
    name = "cpu_offload_gb"
    was = next(map(sensible, ran(launch, name)), None)
    if was is None:
        return None
    return Move(parameter=name, at_least=was + 1, was=was, to=was + 8)


def _undrafted(launch: Launch) -> Move | None:
    name = "speculative_algorithm"
    was = argument(launch, name)
    return None if was is None else Move(parameter=name, among=(None,), was=str(was), to=None)


def _fewer(launch: Launch, name: str) -> Move | None:
    was = whole(launch, name)
    if was is None or was < 2:
        return None
    return Move(parameter=name, at_most=was - 1, was=was, to=was // 2)
