"""Shapes from a config.json against published sizes and against sums by hand."""

from __future__ import annotations

from typing import Any

import pytest

from spacegen.servers.tensors import expert_count, read_shapes

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 10,
    "torch_dtype": "bfloat16",
}
# q and o: 8 x (4 heads x 2), k and v: 8 x (2 heads x 2); gate, up and down: 8 x 16 each.
ATTENTION, FEED_FORWARD = 2 * 64 + 2 * 32, 3 * 8 * 16
NORMS = 5 * 8


def test_a_dense_decoder_is_the_sum_of_its_tensors() -> None:
    shapes = read_shapes(TINY)
    assert shapes.linear_values == 2 * (ATTENTION + FEED_FORWARD)
    assert shapes.weight_bytes(2) == 2 * (2 * (ATTENTION + FEED_FORWARD) + 2 * 10 * 8 + NORMS)
    assert shapes.weight_bytes(1) == 2 * (ATTENTION + FEED_FORWARD) + 2 * (2 * 10 * 8 + NORMS)
    assert shapes.attention_bytes(None) == 2 * 2 * ATTENTION
    assert (shapes.active_width, shapes.split_width, shapes.block) == (16, 16, 1)
    assert shapes.kv_bytes_per_token() == 2 * 2 * 2 * 2 * 2  # k and v, layers, heads, width, bytes


def test_tied_embeddings_are_stored_once() -> None:
    tied = read_shapes(TINY | {"tie_word_embeddings": True})
    untied = read_shapes(TINY).weight_bytes(2)
    assert untied is not None
    assert tied.weight_bytes(2) == untied - 2 * 10 * 8


def test_heads_may_have_a_width_of_their_own() -> None:
    assert read_shapes(TINY | {"head_dim": 5}).attention == 2 * 8 * 5 * 12


def test_without_key_heads_every_head_has_its_own() -> None:
    config = {key: value for key, value in TINY.items() if key != "num_key_value_heads"}
    assert read_shapes(config).kv_heads == 4


@pytest.mark.parametrize(
    ("more", "sparse"),
    [
        ({}, 2),
        ({"first_k_dense_replace": 1}, 1),
        ({"decoder_sparse_step": 2}, 1),
        ({"mlp_only_layers": [0, 1]}, 0),
        ({"moe_layer_freq": [0, 1]}, 1),
        ({"interleave_moe_layer_step": 2}, 1),
    ],
)
def test_experts_take_the_place_of_some_feed_forward_layers(more: dict[str, Any], sparse: int) -> None:
    experts = {"num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 4, "n_shared_experts": 1}
    shapes = read_shapes(TINY | experts | more)
    one = 8 * 6 + 3 * 8 * (6 * 4 + 4)  # the router, six experts, a shared one
    assert shapes.feed_forward == sparse * one + (2 - sparse) * FEED_FORWARD
    assert (shapes.active_width, shapes.split_width) == (3 * 4 + 4, 4)


def test_the_count_of_experts_has_several_names() -> None:
    assert [expert_count({name: 4}) for name in ("n_routed_experts", "num_local_experts")] == [4, 4]
    assert expert_count({}) == 0


def test_latent_attention_caches_one_vector_a_layer() -> None:
    latent = {"kv_lora_rank": 6, "qk_nope_head_dim": 3, "qk_rope_head_dim": 2, "v_head_dim": 4}
    whole = read_shapes(TINY | latent)
    query, output = 8 * 4 * (3 + 2), 4 * 4 * 8
    assert whole.attention == 2 * (query + 8 * (6 + 2) + 6 * 4 * (3 + 4) + output)
    assert whole.kv_bytes_per_token() == 2 * 2 * (6 + 2)
    compressed = read_shapes(TINY | latent | {"q_lora_rank": 5})
    assert compressed.attention - whole.attention == 2 * (5 * (8 + 20) - query)


def test_layers_of_linear_attention_cache_nothing() -> None:
    assert read_shapes(TINY | {"layer_types": ["linear_attention", "full_attention"]}).cached_layers == 1
    assert read_shapes(TINY | {"full_attention_interval": 2}).cached_layers == 1


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"quant_method": "fp8"}, 1.0),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 0.5 + 20 / 128 / 8),
        ({"quant_method": "awq", "bits": 8, "group_size": -1}, 1.0),
        ({"quant_method": "something"}, None),
        ({"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": {"num_bits": 8}}}}, 1.0),
        ({"quant_method": "compressed-tensors", "config_groups": {}}, None),
    ],
)
def test_quantized_checkpoints_store_fewer_bytes(found: dict[str, Any], expected: float | None) -> None:
    shapes = read_shapes(TINY | {"quantization_config": found})
    assert shapes.linear_bytes == expected
    assert (shapes.weight_bytes(shapes.linear_bytes) is None) == (expected is None)
    assert (shapes.attention_bytes(None) is None) == (expected is None)
    assert shapes.attention_bytes(10**6) is not None


def test_scales_may_be_of_blocks() -> None:
    found = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    assert read_shapes(TINY | {"quantization_config": found}).block == 128
