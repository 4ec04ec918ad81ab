"""What arguments of any target come to, under one set of names: what the SIMULATED server would run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from spacegen.launch.flags import negated
from spacegen.servers.schema import REQUIRED, TargetSchema, load

__all__ = ["Effective", "effective", "filled", "gpus_of"]

_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "tp": ("tp_size", "tensor_parallel_size"),
        "pp": ("pp_size",),
        "dp": ("dp_size",),
        "groups": ("attn_dp_size",),
        "chunk": ("chunked_prefill_size", "max_extend_tokens"),
        "batch_tokens": ("max_prefill_tokens",),
        "most_running": ("max_running_requests", "max_running_req"),
        "memory_share": ("mem_fraction_static", "memory_ratio"),
        "most_tokens": ("max_total_tokens",),
        "graphs": ("cuda_graph_max_bs_decode", "cuda_graph_max_bs"),
        "page": ("page_size",),
        "policy": ("schedule_policy",),
        "caution": ("schedule_conservativeness",),
        "steps": ("num_continuous_decode_steps",),
        "tokenizers": ("tokenizer_worker_num", "num_tokenizer"),
        "sampling": ("sampling_backend",),
        "kv_type": ("kv_cache_dtype",),
        "weights_type": ("quantization",),
    }
)
"""What each quantity is called by the targets."""

_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {"chunk": 8192, "most_running": 1024, "graphs": 160, "page": 1, "caution": 1.0, "sampling": "flashinfer"}
)
"""What the server takes where nothing is given, and where its schema leaves that to it."""


@dataclass(frozen=True, slots=True)
class Effective:
    """A launch as the formula sees it. `graphs` is the largest batch of decoding that a graph holds, 0
    without graphs; `memory_share` is None where it is left to the server."""

    tp: int
    pp: int
    replicas: int
    groups: int
    chunk: int
    batch_tokens: int
    most_running: int
    memory_share: float | None
    most_tokens: int | None
    graphs: int
    page: int
    prefill: str
    decode: str
    policy: str
    caution: float
    steps: int
    tokenizers: int
    sampling: str
    overlap: bool
    mixed: bool
    radix: bool
    halves: bool
    compiled: bool
    small_weights: bool
    small_cache: bool

    @property
    def ranks(self) -> int:
        """The GPUs of one replica."""
        return self.tp * self.pp

    @property
    def gpus(self) -> int:
        return self.ranks * self.replicas


def filled(schema: TargetSchema, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments by the names of their fields: as given (null is not given), else the schema's default."""
    found = dict(_defaults(schema.server, schema.version))
    for name, value in arguments.items():
        argument = schema.arguments.get(name)
        if argument is not None and value is not None:
            # A negative flag is an argument of its own, which clears another's field.
            field = (isinstance(value, bool) and negated(schema, argument)) or argument
            found[field.name] = value if field is argument else not value
    return found


@lru_cache
def _defaults(server: str, version: str) -> Mapping[str, Any]:
    schema = load(server, version)
    own = (a for name, a in schema.arguments.items() if a.name == name and negated(schema, a) is None)
    return {a.name: None if a.default is REQUIRED else a.default for a in own}


def effective(schema: TargetSchema, arguments: Mapping[str, Any]) -> Effective:
    """What the formula makes of arguments; those that it knows nothing of have no effect."""
    known = filled(schema, arguments)
    got = {key: _first(known, names, _DEFAULTS.get(key)) for key, names in _NAMES.items()}
    tp, dp = _whole(got["tp"]), _whole(got["dp"])
    inside = bool(known.get("enable_dp_attention"))
    prefill, decode = _backends(known)
    return Effective(
        tp=tp,
        pp=_whole(got["pp"]),
        replicas=1 if inside else dp,
        groups=max(_whole(got["groups"]), min(dp, tp) if inside else 1),
        chunk=_chunk(got["chunk"]),
        batch_tokens=_whole(got["batch_tokens"], 16384),
        most_running=_whole(got["most_running"]),
        memory_share=None if got["memory_share"] is None else float(got["memory_share"]),
        most_tokens=None if got["most_tokens"] is None else _whole(got["most_tokens"]),
        graphs=0 if _without_graphs(known) else _largest_graph(known, got["graphs"]),
        page=_whole(got["page"]),
        prefill=prefill,
        decode=decode,
        policy=str(got["policy"] or "fcfs"),
        caution=max(0.0, float(got["caution"])),
        steps=_whole(got["steps"]),
        tokenizers=_whole(got["tokenizers"]),
        sampling=str(got["sampling"]),
        overlap=not known.get("disable_overlap_schedule"),
        mixed=bool(known.get("enable_mixed_chunk")),
        radix=not known.get("disable_radix_cache") and known.get("cache_type") != "naive",
        halves=bool(known.get("enable_two_batch_overlap")),
        compiled=bool(known.get("enable_torch_compile")),
        small_weights="8" in str(got["weights_type"] or ""),
        small_cache="8" in str(got["kv_type"] or ""),
    )


def gpus_of(schema: TargetSchema, arguments: Mapping[str, Any]) -> int:
    """How many GPUs a launch takes: tensor-parallel ranks times pipeline stages times replicas."""
    return effective(schema, arguments).gpus


def _first(known: Mapping[str, Any], names: tuple[str, ...], default: Any) -> Any:
    return next((known[name] for name in names if known.get(name) is not None), default)


def _whole(value: Any, default: int = 1) -> int:
    return default if value is None else max(1, int(value))


def _chunk(value: Any) -> int:
    """-1 and 0 turn chunks off: a prompt is then one chunk."""
    return 2**17 if int(value) <= 0 else int(value)


def _largest_graph(known: Mapping[str, Any], most: Any) -> int:
    """Sizes that are listed win over the largest of those that the server would choose."""
    listed = known.get("cuda_graph_bs_decode") or known.get("cuda_graph_bs")
    return max(0, *(int(size) for size in listed)) if isinstance(listed, list) else max(0, int(most))


def _without_graphs(known: Mapping[str, Any]) -> bool:
    off = known.get("disable_cuda_graph") or known.get("disable_decode_cuda_graph")
    return bool(off) or known.get("cuda_graph_backend_decode") == "disabled"


def _backends(known: Mapping[str, Any]) -> tuple[str, str]:
    """The kernels of attention for prefill and decode; `auto`, and nothing, are those of the server."""
    both = str(known.get("attention_backend") or "auto").split(",")
    prefill = known.get("prefill_attention_backend") or both[0]
    decode = known.get("decode_attention_backend") or both[-1]
    return str(prefill), str(decode)
