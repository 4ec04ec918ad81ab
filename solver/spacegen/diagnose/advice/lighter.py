"""The lighter sides of a launch: what else would have to be different for it to need less memory.

A failure of memory holds for every launch that needs at least as much. These are the arguments that make a
launch need less of one kind of memory, each on the side of this launch where it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from spacegen.diagnose.advice.said import Key, argument, fact, is_mini, number, whole
from spacegen.diagnose.advice.ways import fewer_running, less_context, more_of, rather, smaller_graphs
from spacegen.diagnose.finding import Move
from spacegen.diagnose.launch import Fact, Launch

__all__ = [
    "activations",
    "dense_tokens",
    "known",
    "no_graphs",
    "pool",
    "quantized",
    "reserves",
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
_SMALL_CACHE: Final = ("fp8_e4m3", "fp8_e5m2")
_SMALLEST_CACHE: Final = "fp4_e2m1"


def known(*moves: Move | None) -> tuple[Move, ...]:
    """Those that there are."""
    return tuple(move for move in moves if move is not None)


def weights(launch: Launch) -> tuple[Move, ...]:
    """Less weight on each GPU."""
    return known(
        more_of(launch, Key.RANKS),
        quantized(launch),
        more_of(launch, "pp_size"),
        _offloaded(launch),
        rather(launch, "enable_dp_attention", (False,), (True,)),
        _fewer(launch, "attn_dp_size"),
        _undrafted(launch),
    )


def quantized(launch: Launch) -> Move | None:
    """Weights of fewer bits; None where the log does not say how many there are, or where there are few."""
    return rather(launch, "quantization", (*_EIGHT_BITS, *_FOUR_BITS), (None,)) or rather(
        launch, "quantization", _FOUR_BITS, _EIGHT_BITS
    )


def dense_tokens(launch: Launch) -> tuple[Move, ...]:
    """More tokens in the same pool."""
    wide = rather(launch, "kv_cache_dtype", (*_SMALL_CACHE, _SMALLEST_CACHE), ("auto", "bf16", "bfloat16"))
    return known(
        wide or rather(launch, "kv_cache_dtype", (_SMALLEST_CACHE,), _SMALL_CACHE), _uncapped(launch)
    )


def activations(launch: Launch) -> tuple[Move, ...]:
    """Less memory beside weights and KV cache, whatever the batch."""
    return known(
        more_of(launch, Key.RANKS),
        more_of(launch, "pp_size"),
        *_other(launch, "ep_size"),
        *_other(launch, "attn_dp_size"),
        *(_other(launch, "dp_size") if argument(launch, "enable_dp_attention") else ()),
        rather(launch, "enable_dp_attention", (False,), (True,)),
        rather(launch, "enable_torch_compile", (False,), (True,)),
        rather(launch, "enable_mixed_chunk", (False,), (True,)),
        rather(launch, "enable_two_batch_overlap", (False,), (True,)),
        _undrafted(launch),
        _smaller_pool(launch),
    )


def pool(launch: Launch) -> tuple[Move, ...]:
    """Less memory for the pool and for the tables of requests beside it."""
    return known(_smaller_pool(launch), fewer_running(launch), less_context(launch), _undrafted(launch))


def reserves(launch: Launch) -> tuple[Move, ...]:
    """What else decides the share where the server chose it: it keeps room for chunks and graphs, and so
    chooses a lower share for larger ones and a higher one for smaller ones."""
    share = number(launch, Key.SHARE)
    if is_mini(launch) or share is None or round(share, 2) == share:
        # Servers choose in thousandths, people in hundredths.
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
    """Smaller graphs, or none; nothing where there are none."""
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


def _smaller_pool(launch: Launch) -> Move | None:
    tokens = fact(launch, Fact.POOL_TOKENS)
    if tokens is None or tokens < 2:
        return None
    name = "num_page_override" if is_mini(launch) else "max_total_tokens"
    page = max(whole(launch, "page_size") or 1, 1) if is_mini(launch) else 1
    return Move(parameter=name, at_most=tokens // page - 1, to=int(tokens // page * 0.9))


def _uncapped(launch: Launch) -> Move | None:
    limit = whole(launch, "max_total_tokens")
    if limit is None:
        return None
    return Move(parameter="max_total_tokens", at_least=limit + 1, was=limit, to=limit * 2)


def _offloaded(launch: Launch) -> Move | None:
    name = "cpu_offload_gb"
    if name not in launch.arguments:
        return None
    was = whole(launch, name) or 0
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


def _other(launch: Launch, name: str) -> Iterable[Move]:
    """Any other number: which side is the lighter one depends on the model."""
    return known(_fewer(launch, name), more_of(launch, name))
