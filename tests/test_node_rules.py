"""The rules of the node spaces, one by one: what each release refuses, changes or never reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import spacegen

OLD, NEW = "sglang==0.5.6", "sglang==0.5.23"
Changes = dict[str, Any]

HICACHE = {"enable_hierarchical_cache": True}
GROUPS = {"tp_size": 8, "attn_dp_size": 4, "schedule_conservativeness": None}

BOTH: list[tuple[Changes, set[str]]] = [
    ({"tp_size": 8, "dp_size": 2}, {"gpus-available"}),
    ({"tp_size": 8, "pp_size": 2, "disable_overlap_schedule": True}, {"gpus-available"}),
    ({"pp_size": 2}, {"pipeline-without-overlap-schedule"}),
    ({"ep_size": 2}, {"experts-divide-tp"}),
    ({"tp_size": 4, "ep_size": 2}, set()),
    ({"chunked_prefill_size": 32768, "max_prefill_tokens": 16384}, {"chunk-within-prefill-budget"}),
    ({"chunked_prefill_size": 512, "page_size": 128}, set()),
    ({"attention_backend": "triton"}, set()),
    ({"attention_backend": "triton", "prefill_attention_backend": "triton"}, {"phases-or-one-backend"}),
    ({"prefill_attention_backend": "triton", "decode_attention_backend": "flashinfer"}, set()),
    ({"disable_radix_cache": True, "schedule_policy": "lpm"}, {"cache-aware-policy-needs-radix-cache"}),
    ({"disable_radix_cache": True, "schedule_policy": "lof"}, set()),
    (HICACHE | {"disable_radix_cache": True}, {"hicache-needs-radix-cache"}),
    (HICACHE | {"hicache_io_backend": "direct", "hicache_mem_layout": "page_first_direct"}, set()),
    ({"num_continuous_decode_steps": 2}, {"continuous-decode-steps-unread"}),
    ({"hicache_size": 64}, {"hicache_size.active_when"}),
    (
        HICACHE | {"hicache_storage_backend": "file", "hicache_storage_prefetch_policy": "wait_complete"},
        set(),
    ),
    ({"disable_radix_cache": True, "radix_eviction_policy": "lfu"}, {"radix_eviction_policy.active_when"}),
    ({"enable_lmcache": True}, {"lmcache-installed"}),
    ({"enable_single_batch_overlap": True}, {"single-batch-overlap-needs-dispatch"}),
]

ONLY_OLD: list[tuple[Changes, set[str]]] = [
    (
        HICACHE | {"hicache_storage_prefetch_policy": "timeout"},
        {"hicache_storage_prefetch_policy.active_when", "hicache-prefetch-without-storage"},
    ),
    (
        {"pp_size": 2, "disable_overlap_schedule": True, "enable_mixed_chunk": True},
        {"pipeline-without-mixed-chunk"},
    ),
    ({"attention_backend": "fa4"}, {"fa4-refused", "fa4-installed"}),
    ({"attention_backend": "trtllm_mha"}, {"trtllm-mha-needs-blackwell"}),
    ({"attention_backend": "torch_native"}, {"torch-native-without-cuda-graph"}),
    ({"attention_backend": "torch_native", "disable_cuda_graph": True}, set()),
    ({"disable_cuda_graph": True, "cuda_graph_max_bs": 8}, {"cuda-graph-size-unread"}),
    (HICACHE | {"hicache_mem_layout": "page_first_direct"}, {"hicache-direct-layout-needs-direct-io"}),
    (HICACHE | {"hicache_io_backend": "direct", "hicache_mem_layout": "page_first"}, set()),
    (HICACHE | {"decode_attention_backend": "fa3"}, {"hicache-fa3-decode-needs-direct-io"}),
    (
        HICACHE | {"attention_backend": "fa3", "prefill_attention_backend": "flashinfer"},
        {"hicache-decode-shares-prefill-backend", "phases-or-one-backend"},
    ),
    (HICACHE | {"prefill_attention_backend": "triton", "decode_attention_backend": "triton"}, set()),
    ({"enable_two_batch_overlap": True}, {"two-batches-need-attention-groups"}),
    (HICACHE | {"enable_lmcache": True}, {"hicache-xor-lmcache", "lmcache-installed"}),
    (
        {"disable_radix_cache": True, "enable_lmcache": True},
        {"lmcache-needs-radix-cache", "lmcache-installed"},
    ),
    (HICACHE | {"hicache_storage_backend": "mooncake"}, {"hicache-mooncake-layout", "mooncake-installed"}),
]

ONLY_NEW: list[tuple[Changes, set[str]]] = [
    (
        HICACHE | {"hicache_storage_prefetch_policy": "best_effort"},
        {"hicache_storage_prefetch_policy.active_when", "hicache-nothing-to-prefetch"},
    ),
    ({"pp_size": 2, "disable_overlap_schedule": True, "enable_mixed_chunk": True}, set()),
    ({"attention_backend": "fa4"}, set()),
    ({"attention_backend": "trtllm_mha", "page_size": 128}, set()),
    ({"attention_backend": "trtllm_mha", "page_size": 256}, {"trtllm-mha-pages"}),
    ({"attention_backend": "torch_native"}, set()),
    (
        {"attention_backend": "torch_native", "disable_cuda_graph": True},
        {"torch-native-reads-no-graph-switch"},
    ),
    ({"disable_cuda_graph": True, "cuda_graph_max_bs_decode": 8}, {"cuda-graph-size-unread"}),
    ({"disable_cuda_graph": True, "cuda_graph_backend_prefill": "disabled"}, {"prefill-graph-off-twice"}),
    ({"disable_cuda_graph": True, "cuda_graph_backend_prefill": "breakable"}, set()),
    (GROUPS, set()),
    (GROUPS | {"enable_two_batch_overlap": True}, set()),
    ({"enable_two_batch_overlap": True}, {"two-batches-need-groups-or-dispatch"}),
    (GROUPS | {"schedule_conservativeness": 1.0}, {"attention-groups-scale-conservativeness"}),
    (GROUPS | {"chunked_prefill_size": 4096}, {"attention-groups-divide-chunk"}),
    (GROUPS | {"tp_size": 2}, {"attention-groups-divide-tp"}),
    (GROUPS | {"tp_size": 4, "dp_size": 2}, {"attention-groups-or-replicas"}),
    ({"schedule_conservativeness": None}, {"conservativeness-left-to-the-server"}),
    (GROUPS | {"enable_lmcache": True}, {"lmcache-without-attention-groups", "lmcache-installed"}),
    (HICACHE | {"hicache_mem_layout": "page_first_direct"}, {"hicache-direct-layout-without-kernels"}),
    (HICACHE | {"hicache_io_backend": "direct"}, {"hicache-direct-io-copies-layers"}),
    (HICACHE | {"decode_attention_backend": "fa3"}, set()),
    (HICACHE | {"hicache_ratio": 3.0}, set()),
    (
        HICACHE | {"hicache_size": 64, "hicache_ratio": 3.0},
        {"hicache-ratio-overridden", "hicache_ratio.active_when"},
    ),
    (
        HICACHE | {"hicache_storage_backend": "mooncake", "hicache_mem_layout": "layer_first"},
        {"hicache-whole-pages-for-mooncake", "mooncake-installed"},
    ),
    ({"attention_backend": "dsa"}, {"nsa-needs-its-model"}),
]


def broken_ids(space: spacegen.Space, changes: Changes) -> set[str]:
    config = {p.name: p.default for p in space.parameters} | changes
    verdict = space.check(config)
    assert verdict.complete
    return {broken.rule.id for broken in verdict.broken}


@pytest.mark.parametrize(("changes", "broken"), [*BOTH, *ONLY_OLD])
def test_rules_of_the_old_release(changes: Changes, broken: set[str]) -> None:
    assert broken_ids(spacegen.load("h100", target=OLD), changes) == broken


@pytest.mark.parametrize(("changes", "broken"), [*BOTH, *ONLY_NEW])
def test_rules_of_the_new_release(changes: Changes, broken: set[str]) -> None:
    assert broken_ids(spacegen.load("h100", target=NEW), changes) == broken


@pytest.mark.parametrize(
    ("node", "changes", "broken"),
    [
        ("a100", {"attention_backend": "fa3"}, set()),
        ("a100", {"attention_backend": "fa3", "kv_cache_dtype": "fp8_e4m3"}, {"fa3-fp8-cache-needs-hopper"}),
        ("a100", {"attention_backend": "triton", "kv_cache_dtype": "fp8_e4m3"},
         {"triton-fp8-cache-needs-ada"}),
        ("l40s", {"attention_backend": "triton", "kv_cache_dtype": "fp8_e4m3"}, set()),
        ("l40s", {"attention_backend": "trtllm_mha"}, {"trtllm-mha-needs-hopper"}),
        ("l40s", {"tp_size": 8}, {"gpus-available"}),
        ("a100", {"attention_backend": "fa4"}, {"fa4-needs-hopper"}),
        ("b200", {"page_size": 256}, {"trtllm-mha-pages"}),
        ("b200", {"attention_backend": "flashinfer", "page_size": 256}, set()),
        ("b200", {"attention_backend": "fa4", "page_size": 64}, {"fa4-page-size"}),
        ("b200", {"attention_backend": "fa3"}, {"fa3-needs-ampere-to-hopper"}),
    ],
)  # fmt: skip
def test_rules_follow_the_gpu(node: str, changes: Changes, broken: set[str]) -> None:
    assert broken_ids(spacegen.load(node), changes) == broken


def test_old_releases_write_attention_data_parallelism_with_a_flag(tmp_path: Path) -> None:
    text = """
spacegen: 1
target: {server: sglang, version: "0.5.6"}
include: [sglang/data-parallel-attention, sglang/paging]
parameters:
  tp_size: [1, 8]
  dp_size: [1, 3, 8]
  enable_dp_attention: [false, true]
  schedule_conservativeness: {values: [null, 1.0], default: 1.0}
  chunked_prefill_size: [null, 512]
  page_size: [null, 128]
"""
    (tmp_path / "space.yaml").write_text(text, encoding="utf-8")
    space = spacegen.load(tmp_path / "space.yaml")
    groups = {"tp_size": 8, "dp_size": 8, "enable_dp_attention": True, "schedule_conservativeness": None}
    assert broken_ids(space, groups) == set()
    assert broken_ids(space, groups | {"dp_size": 1}) == {"dp-attention-needs-replicas"}
    assert broken_ids(space, groups | {"dp_size": 3}) == {"dp-attention-divides-tp"}
    assert broken_ids(space, groups | {"schedule_conservativeness": 1.0}) == {
        "dp-attention-scales-conservativeness"
    }
    assert broken_ids(space, groups | {"chunked_prefill_size": 512, "page_size": 128}) == {
        "dp-attention-divides-chunk",
        "chunk-is-whole-pages",
    }


def test_advice_is_taken_only_when_asked() -> None:
    assert spacegen.Kind.HEURISTIC not in {rule.kind for rule in spacegen.load("h100").rules}
    advised = spacegen.load("h100", with_kinds=["heuristic"])
    changes = {"mem_fraction_static": 0.94, "cuda_graph_max_bs_decode": 512}
    assert broken_ids(advised, changes) == {"room-for-activations", "room-for-large-graphs"}


def test_sparse_attention_opens_for_its_model() -> None:
    space = spacegen.load("h100", constants={"model_uses_nsa": True})
    sparse = {"attention_backend": "dsa", "page_size": 64, "kv_cache_dtype": "fp8_e4m3"}
    assert broken_ids(space, sparse) == set()
    assert broken_ids(space, sparse | {"page_size": 16}) == {"nsa-page-size"}
