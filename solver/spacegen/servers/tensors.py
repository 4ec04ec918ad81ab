"""The tensors of a decoder from its config.json: how many values its weights have and its cache keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

__all__ = ["Shapes", "expert_count", "read_shapes"]

Json: TypeAlias = Mapping[str, Any]

_EXPERTS: Final = ("n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts")
_ACTIVE: Final = ("num_experts_per_tok", "moe_top_k", "experts_per_token", "top_k_experts")
_MOST_LAYERS: Final = 10_000
_STEPS: Final = ("decoder_sparse_step", "moe_layer_freq", "interleave_moe_layer_step")
_WIDE: Final = {"float32": 4, "float16": 2, "bfloat16": 2}
_EIGHT_BITS: Final = ("fp8", "fbgemm_fp8", "modelopt_fp8", "w8a8_int8", "w8a8_fp8")


@dataclass(frozen=True, slots=True)
class Shapes:
    """Sizes of a decoder. `attention` and `feed_forward` are the values of the linear weights of all layers,
    `embedding` those of both ends of the model, `norms` the rest. `latent` is the width of a compressed
    cache (MLA), else 0. `active_width` is what one token goes through, `split_width` what ranks divide: that
    of the feed-forward layer, or of one expert, in multiples of `block`. `linear_bytes` is None for a
    quantization whose size nobody here knows."""

    heads: int
    kv_heads: int
    layers: int
    cached_layers: int
    head_dim: int
    hidden: int
    latent: int
    active_width: int
    split_width: int
    block: int
    attention: int
    feed_forward: int
    embedding: int
    norms: int
    value_bytes: int
    linear_bytes: float | None

    @property
    def linear_values(self) -> int:
        """Values in the linear layers, embeddings aside."""
        return self.attention + self.feed_forward

    def weight_bytes(self, linear_bytes: float | None) -> int | None:
        """Bytes of all weights with so many a value of a linear layer."""
        if linear_bytes is None:
            return None
        linear = int(self.linear_values * linear_bytes)
        return linear + (self.embedding + self.norms) * self.value_bytes

    def attention_bytes(self, stored: int | None) -> int | None:
        """Bytes of the attention weights of all layers; where nobody knows, their part of what is stored."""
        if self.linear_bytes is not None:
            return int(self.attention * self.linear_bytes)
        return None if stored is None else stored * self.attention // self.linear_values

    def kv_bytes_per_token(self) -> int:
        """Bytes that one token keeps in a 16-bit cache: keys and values of every head of every layer, or
        one latent vector a layer."""
        width = self.latent or 2 * self.kv_heads * self.head_dim
        return 2 * self.cached_layers * width


def expert_count(config: Json) -> int:
    """The number of routed experts; 0 for a dense model."""
    return max(_first(config, _EXPERTS), 0)


def read_shapes(config: Json) -> Shapes:
    """The sizes that a config.json implies. Raises KeyError for a missing one, TypeError or ValueError for
    one that is no number, or none above 0."""
    hidden, layers = int(config["hidden_size"]), int(config["num_hidden_layers"])
    heads = int(config["num_attention_heads"])
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head_dim = int(config.get("head_dim") or hidden // heads)
    if min(hidden, layers, heads, kv_heads, head_dim) < 1 or layers > _MOST_LAYERS:
        raise ValueError("no sizes of a decoder")
    latent = int(config.get("kv_lora_rank") or 0)
    if latent:
        attention = _latent_attention(config, hidden, heads, latent)
        latent += int(config["qk_rope_head_dim"])
    else:
        attention = hidden * head_dim * (2 * heads + 2 * kv_heads)
    dense, sparse, experts = _layer_kinds(config, layers)
    wide = int(config.get("intermediate_size") or 0)
    narrow = int(config.get("moe_intermediate_size") or wide) if experts else wide
    gated, active = _experts(config, hidden, experts, narrow) if experts else (0, wide)
    tied = bool(config.get("tie_word_embeddings", False))
    value_bytes = _value_bytes(config)
    return Shapes(
        heads=heads,
        kv_heads=kv_heads,
        layers=layers,
        cached_layers=_cached_layers(config, layers),
        head_dim=head_dim,
        hidden=hidden,
        latent=latent,
        active_width=active,
        split_width=narrow,
        block=_block(config),
        attention=attention * layers,
        feed_forward=dense * 3 * hidden * wide + sparse * gated,
        embedding=int(config["vocab_size"]) * hidden * (1 if tied else 2),
        norms=(2 * layers + 1) * hidden + layers * _head_norms(config, head_dim),
        value_bytes=value_bytes,
        linear_bytes=_linear_bytes(config, value_bytes),
    )


def _latent_attention(config: Json, hidden: int, heads: int, latent: int) -> int:
    """Weights of one layer of multi-head latent attention (DeepSeek V2, section 2.1)."""
    nope, rope, value = (int(config[f"{name}_head_dim"]) for name in ("qk_nope", "qk_rope", "v"))
    query, compressed = heads * (nope + rope), int(config.get("q_lora_rank") or 0)
    queries = compressed * (hidden + query) if compressed else hidden * query
    return queries + hidden * (latent + rope) + latent * heads * (nope + value) + heads * value * hidden


def _layer_kinds(config: Json, layers: int) -> tuple[int, int, int]:
    """How many layers are dense, how many have experts, and how many experts."""
    experts = expert_count(config)
    if not experts:
        return layers, 0, 0
    first = int(config.get("first_k_dense_replace") or 0)
    steps = next((config[name] for name in _STEPS if config.get(name)), 1)
    if isinstance(steps, list):  # one flag a layer
        sparse = min(sum(map(bool, steps)), layers)
    else:
        plain = set(config.get("mlp_only_layers") or ())
        sparse = sum(i >= first and i not in plain and (i + 1) % int(steps) == 0 for i in range(layers))
    return layers - sparse, sparse, experts


def _experts(config: Json, hidden: int, experts: int, width: int) -> tuple[int, int]:
    """Weights of one layer of experts, and the width that one token goes through."""
    shared = int(config.get("shared_expert_intermediate_size") or 0)
    shared += int(config.get("n_shared_experts") or 0) * width
    active = max(_first(config, _ACTIVE), 1)
    return hidden * experts + 3 * hidden * (experts * width + shared), active * width + shared


def _head_norms(config: Json, head_dim: int) -> int:
    """Values of the norms of queries and keys in one layer."""
    return 2 * head_dim if str(config.get("model_type")).startswith("qwen3") else 0


def _cached_layers(config: Json, layers: int) -> int:
    """The layers that keep keys and values; those of linear attention keep none."""
    kinds = config.get("layer_types")
    if isinstance(kinds, list) and "linear_attention" in kinds:
        return sum(kind != "linear_attention" for kind in kinds)
    every = int(config.get("full_attention_interval") or 1)
    return layers // every


def _value_bytes(config: Json) -> int:
    return _WIDE.get(str(config.get("torch_dtype") or config.get("dtype")), 2)


def _linear_bytes(config: Json, value_bytes: int) -> float | None:
    """Bytes a value of a linear layer, as the checkpoint stores it."""
    found = config.get("quantization_config")
    if not isinstance(found, dict):
        return value_bytes
    if str(found.get("quant_method")) in _EIGHT_BITS:
        return 1.0
    scheme = _scheme(found)
    bits, group = scheme.get("bits", scheme.get("num_bits")), scheme.get("group_size")
    if not isinstance(bits, int):
        return None
    # A group of values shares a 16-bit scale and a zero point of its own width.
    shared = (16 + bits) / group if isinstance(group, int) and group > 0 else 0.0
    return (bits + shared) / 8


def _scheme(found: Json) -> Json:
    """Where a quantization says its bits: on top, or in the first group of layers (compressed-tensors)."""
    groups = found.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, dict) else None
    weights = first.get("weights") if isinstance(first, dict) else None
    return weights if isinstance(weights, dict) else found


def _block(config: Json) -> int:
    """The side of the blocks of weights that share a scale; 1 without."""
    found = config.get("quantization_config")
    blocks = found.get("weight_block_size") if isinstance(found, dict) else None
    return int(blocks[0]) if isinstance(blocks, list) and blocks else 1


def _first(config: Json, names: tuple[str, ...]) -> int:
    return next((int(config[name]) for name in names if config.get(name) is not None), 0)
