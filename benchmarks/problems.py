"""The spaces of the benchmarks as the peers take them: lists of values and rules in plain Python."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
PUBLIC = ROOT / "benchmarks" / "spaces"
PUBLISHED: dict[str, dict[str, Any]] = json.loads((PUBLIC / "published.json").read_text())

# The rules of the two SGLang spaces once more, by hand, with null written out: no peer reads our language,
# and a second statement of the same rules checks the first.
_CHUNK = "chunked_prefill_size is None or chunked_prefill_size <= max_prefill_tokens"
RULES = {
    "sglang-throughput-10": (
        "not disable_cuda_graph or cuda_graph_max_bs is None",
        _CHUNK,
        "None in (max_running_requests, max_total_tokens) or max_running_requests * 512 <= max_total_tokens",
    ),
    "sglang-throughput-33": (
        _CHUNK,
        "not (enable_hierarchical_cache and enable_lmcache)",
        "not (enable_hierarchical_cache and disable_radix_cache)",
        "not (disable_overlap_schedule and enable_two_batch_overlap)",
        "not (disable_overlap_schedule and enable_single_batch_overlap)",
        "hicache_mem_layout != 'page_first_direct' or hicache_io_backend == 'direct'",
        "chunked_prefill_size in (None, 4096, 8192, 16384) or cuda_graph_max_bs in (None, 8, 16, 24, 32)",
        "enable_hierarchical_cache or hicache_ratio == 2.0",
        "enable_hierarchical_cache or hicache_size == 0",
        "enable_hierarchical_cache or hicache_write_policy == 'write_through'",
        "enable_hierarchical_cache or hicache_io_backend == 'kernel'",
        "enable_hierarchical_cache or hicache_mem_layout == 'layer_first'",
        "enable_hierarchical_cache or hicache_storage_backend is None",
        "enable_hierarchical_cache or hicache_storage_prefetch_policy == 'best_effort'",
        "enable_torch_compile or torch_compile_max_bs == 32",
        "not disable_radix_cache or radix_eviction_policy == 'lru'",
        "attention_backend == 'nsa' or nsa_prefill_backend == 'flashmla_sparse'",
        "attention_backend == 'nsa' or nsa_decode_backend == 'fa3'",
    ),
}


@dataclass(frozen=True)
class PlainRule:
    """A condition in Python over some of the parameters, in declared order."""

    text: str
    scope: tuple[str, ...]

    @cached_property
    def holds(self) -> Callable[..., bool]:
        """The condition as a function of its scope."""
        function: Callable[..., bool] = eval(f"lambda {', '.join(self.scope)}: {self.text}")
        return function


@dataclass(frozen=True)
class Problem:
    """A space without any of spacegen in it."""

    name: str
    path: Path
    domains: Mapping[str, tuple[Any, ...]]
    rules: tuple[PlainRule, ...]

    @cached_property
    def holds(self) -> Callable[[Mapping[str, Any]], bool]:
        """Whether a complete assignment keeps every rule: one compiled expression."""
        text = " and ".join(f"({rule.text})" for rule in self.rules)
        body = ast.unparse(_Subscripts().visit(ast.parse(text, mode="eval")))
        function: Callable[[Mapping[str, Any]], bool] = eval(f"lambda config: {body}")
        return function


class _Subscripts(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.parse(f"config[{node.id!r}]", mode="eval").body


def load(name: str) -> Problem:
    """The problem of a shipped space with rules above, or of a public one, whose rules are Python."""
    path = ROOT / "spaces" / f"{name}.yaml" if name in RULES else PUBLIC / f"{name}.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    domains = {key: tuple(_values(given)) for key, given in document["parameters"].items()}
    texts = RULES.get(name) or [rule["require"] for rule in document["rules"]]
    return Problem(name, path, domains, tuple(_plain(text, domains) for text in texts))


def _values(given: Any) -> list[Any]:
    if isinstance(given, list):
        return given
    values = list(given.get("values", []))
    if ends := given.get("range"):
        values += range(ends["from"], ends["to"] + 1, ends["step"])
    return values


def _plain(text: str, domains: Mapping[str, tuple[Any, ...]]) -> PlainRule:
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return PlainRule(text, tuple(name for name in domains if name in names))
