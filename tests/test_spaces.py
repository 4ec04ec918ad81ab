"""The shipped spaces: sizes frozen and reached a second way, defaults, rules as the servers behave."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import pytest

import independent_counts
import spacegen
from oracle import keeps_all_rules
from spacegen.language import catalog
from spacegen.language.columns import column
from spacegen.language.evaluate import evaluate
from spacegen.language.nodes import read_tree
from spacegen.servers import schema
from spacegen.source import Source

ROOT = Path(__file__).parents[1]
SPACES = catalog.names("spaces")
PACKS = catalog.names("rules")

SIZES = {  # parameters, combinations, solutions
    "a100": (45, 850_778_013_870_373_994_496_000_000, 10_790_796_792_893_644_800),
    "b200": (45, 850_778_013_870_373_994_496_000_000, 13_932_756_910_317_772_800),
    "h100": (45, 850_778_013_870_373_994_496_000_000, 23_021_998_678_580_428_800),
    "h200": (45, 850_778_013_870_373_994_496_000_000, 23_021_998_678_580_428_800),
    "l40s": (45, 850_778_013_870_373_994_496_000_000, 5_946_533_145_494_323_200),
    "mini-sglang": (15, 86_704_128, 38_836_224),
    "sglang-throughput-10": (10, 576_000, 119_232),
    "sglang-throughput-33": (33, 1_058_158_080_000_000_000, 2_095_600_896_000_000),
    "sglang-tuner-18": (18, 108_864_000_000, 17_410_950_000),
}


def data(path: Path) -> Any:
    return read_tree(Source(str(path), path.read_text(encoding="utf-8"))).data


def defaults(space: spacegen.Space) -> dict[str, Any]:
    return {p.name: p.default for p in space.parameters}


def broken_ids(verdict: spacegen.Verdict) -> set[str]:
    return {broken.rule.id for broken in verdict.broken}


def test_every_shipped_space_has_its_size_frozen() -> None:
    assert set(SIZES) == set(SPACES)


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_as_frozen(name: str) -> None:
    space = spacegen.load(name)
    combinations = prod(len(p.domain) for p in space.parameters)
    assert (len(space.parameters), combinations, space.count()) == SIZES[name]
    assert space.combinations == combinations
    assert not [note for note in space.notes if "no `--" not in note]


def test_10_agrees_with_brute_force() -> None:
    assert spacegen.load("sglang-throughput-10").count() == independent_counts.throughput_10()


def test_33_agrees_with_its_factors() -> None:
    assert spacegen.load("sglang-throughput-33").count() == independent_counts.throughput_33()


@pytest.mark.parametrize("heuristics", [True, False])
@pytest.mark.parametrize("device_num", [1, 4, 8, 16, 64, 512])
def test_18_agrees_with_its_loops(device_num: int, heuristics: bool) -> None:
    without = [] if heuristics else ["heuristic"]
    space = spacegen.load("sglang-tuner-18", constants={"device_num": device_num}, without_kinds=without)
    assert space.count() == independent_counts.tuner_18(device_num, heuristics=heuristics)


@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize("input_len", [None, 100, 4095, 4096, 16384, 16385])
def test_mini_agrees_with_its_factors(input_len: int | None, production: bool) -> None:
    space = spacegen.load("mini-sglang", constants={"input_len": input_len, "production": production})
    assert space.count() == independent_counts.mini_sglang(input_len, production=production)


@pytest.mark.parametrize("heuristics", [True, False])
@pytest.mark.parametrize("node", independent_counts.NODES)
def test_nodes_agree_with_their_factors(node: str, heuristics: bool) -> None:
    space = spacegen.load(node, with_kinds=["heuristic"] if heuristics else [])
    assert space.count() == independent_counts.node_space(node, heuristics=heuristics)


@pytest.mark.parametrize("name", SIZES)
def test_the_config_of_all_defaults_is_a_solution(name: str) -> None:
    space = spacegen.load(name)
    verdict = space.check(defaults(space))
    assert verdict.valid
    assert verdict.complete


@pytest.mark.parametrize("name", SIZES)
def test_defaults_are_those_of_the_server(name: str) -> None:
    space = spacegen.load(name)
    target = space.model.target
    assert target is not None
    arguments = schema.load(target.server, target.version).arguments
    assert defaults(space) == {p.name: arguments[p.name].default for p in space.parameters}


@pytest.mark.parametrize("name", SIZES)
def test_values_are_among_the_choices_of_the_server(name: str) -> None:
    space = spacegen.load(name)
    target = space.model.target
    assert target is not None
    arguments = schema.load(target.server, target.version).arguments
    for parameter in space.parameters:
        choices = arguments[parameter.name].choices
        if choices is not None:
            assert {value for value in parameter.domain if value is not None} <= set(choices)


@pytest.mark.parametrize("name", SIZES)
def test_draws_keep_every_rule(name: str) -> None:
    space = spacegen.load(name)
    for config in space.sample(40):
        assert keeps_all_rules(space.model, tuple(config.values()))


@pytest.mark.parametrize("name", SIZES)
def test_every_parameter_says_what_it_is(name: str) -> None:
    for parameter in spacegen.load(name).parameters:
        assert parameter.group
        assert parameter.description


def test_every_searched_parameter_of_h100_has_an_impact() -> None:
    assert all(p.impact for p in spacegen.load("h100").parameters)


def rules_of_all_packs() -> Iterable[Mapping[str, Any]]:
    for pack in PACKS:
        yield from data(catalog.find("rules", pack)).get("rules", ())


def test_every_rule_says_why_whence_and_of_what_kind() -> None:
    for rule in rules_of_all_packs():
        assert {"id", "because", "source", "kind"} <= set(rule)


def test_no_rule_is_written_twice() -> None:
    seen: dict[tuple[str, str], str] = {}
    ids: set[tuple[str, str]] = set()
    for pack in PACKS:
        server = pack.split("/")[0]
        for rule in data(catalog.find("rules", pack)).get("rules", ()):
            said = {k: rule[k] for k in rule if k not in ("id", "because", "source", "kind", "versions")}
            body = (server, json.dumps(said, sort_keys=True))
            assert body not in seen, f"{rule['id']} repeats {seen[body]}"
            assert (server, rule["id"]) not in ids
            seen[body] = rule["id"]
            ids.add((server, rule["id"]))
    for name in SPACES:
        assert "rules" not in data(catalog.find("spaces", name))


def packs_of(document: Mapping[str, Any]) -> set[str]:
    """The packs that a file names, and those that they name."""
    named = {pack for key in ("include", "strict", "effective") for pack in document.get(key, ())}
    return named.union(*(packs_of(data(catalog.find("rules", pack))) for pack in named))


def test_every_pack_of_rules_is_used() -> None:
    used = set().union(*(packs_of(data(catalog.find("spaces", name))) for name in SPACES))
    assert used == {pack for pack in PACKS if not pack.startswith("hardware/")}


@pytest.mark.parametrize("shelf", ["spaces", "rules"])
def test_the_first_line_tells_editors_of_the_schema(shelf: catalog.Shelf) -> None:
    for name in catalog.names(shelf):
        first = catalog.find(shelf, name).read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")


def test_the_docs_have_the_numbers() -> None:
    text = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    for name, (parameters, combinations, solutions) in SIZES.items():
        assert f"| `{name}` | {parameters} | {combinations:,} | {solutions:,}" in text
    for name in ("sglang-throughput-10", "sglang-throughput-33", "sglang-tuner-18"):
        assert f"{spacegen.load(name, without_kinds=['heuristic']).count():,}" in text
    assert f"{spacegen.load('h100', with_kinds=['heuristic']).count():,}" in text


def test_the_docs_list_every_pack() -> None:
    text = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    assert {pack.split("/")[1] for pack in PACKS} <= set(re.findall(r"`(?:\w+/)?([\w-]+)`", text))


# The 10 parameters


SAMPLE = {
    "max_running_requests": 256,
    "max_total_tokens": 16384,
    "chunked_prefill_size": 2048,
    "max_prefill_tokens": 8192,
    "tp_size": 2,
    "dp_size": 1,
    "disable_radix_cache": False,
    "disable_cuda_graph": False,
    "cuda_graph_max_bs": 64,
    "attention_backend": "flashinfer",
}


def test_the_generators_own_sample_breaks_its_third_rule() -> None:
    verdict = spacegen.load("sglang-throughput-10").check(SAMPLE)
    assert not verdict.valid
    assert broken_ids(verdict) == {"tokens-for-every-request"}


def test_no_pair_of_requests_and_tokens_survives_with_both_set() -> None:
    space = spacegen.load("sglang-throughput-10")
    index = space.domains
    alive = {
        (requests, tokens)
        for requests in index["max_running_requests"]
        for tokens in index["max_total_tokens"]
        if space.pinned(max_running_requests=requests, max_total_tokens=tokens).count()
    }
    assert len(alive) == 9
    assert all(requests is None or tokens is None for requests, tokens in alive)


# The 33 parameters


def test_hierarchical_cache_has_9450_children_on_and_6_off() -> None:
    space = spacegen.load("sglang-throughput-33")
    on = space.pinned(enable_hierarchical_cache=True).count()
    off = space.pinned(enable_hierarchical_cache=False).count()
    assert on * 6 == off * 9450


def test_children_rest_at_the_servers_defaults_while_their_switch_is_off() -> None:
    space = spacegen.load("sglang-throughput-33")
    off = space.pinned(
        enable_hierarchical_cache=False, enable_torch_compile=False, disable_radix_cache=True
    ).marginals()
    resting = {
        name: value
        for name, counts in off.items()
        for value, n in counts.items()
        if n == max(counts.values())
    }
    expected = {
        "hicache_ratio": 2.0,
        "hicache_size": 0,
        "hicache_write_policy": "write_through",
        "hicache_io_backend": "kernel",
        "hicache_mem_layout": "layer_first",
        "hicache_storage_backend": None,
        "hicache_storage_prefetch_policy": "best_effort",
        "torch_compile_max_bs": 32,
        "radix_eviction_policy": "lru",
        "nsa_prefill_backend": "flashmla_sparse",
        "nsa_decode_backend": "fa3",
    }
    assert {name: resting[name] for name in expected} == expected
    for name in expected:
        assert sum(n > 0 for n in off[name].values()) == 1


# The 18 parameters


def test_18_has_four_heuristics() -> None:
    kinds = [rule.kind for rule in spacegen.load("sglang-tuner-18").rules]
    assert kinds.count(spacegen.Kind.HEURISTIC) == 4
    assert len(kinds) == 7


# mini-SGLang


@pytest.mark.parametrize("preset", ["production", "debug", "interactive"])
def test_presets_of_mini_sglang_are_solutions(preset: str) -> None:
    space = spacegen.load("mini-sglang")
    path = catalog.folder("spaces") / "configs" / f"mini-sglang-{preset}.json"
    verdict = space.check(json.loads(path.read_text(encoding="utf-8")))
    assert verdict.valid
    assert verdict.complete


def test_shell_mode_serves_one_request() -> None:
    space = spacegen.load("mini-sglang").pinned(shell_mode=True)
    counts = space.marginals()
    for name in ("cuda_graph_max_bs", "max_running_requests"):
        assert [value for value, n in counts[name].items() if n] == [1]


def test_mini_derives_the_second_port_and_whether_the_tokenizer_is_shared() -> None:
    model = spacegen.load("mini-sglang").model
    env = {"port": column([1919, 8080]), "num_tokenizer": column([0, 2])}
    derived = {d.name: evaluate(d.expr, env).values() for d in model.derived[:2]}
    assert derived == {"dist_port": [1920, 8081], "tokenizer_shared": [True, False]}


# the nodes


def test_h100_searches_decimals_as_written() -> None:
    domains = spacegen.load("h100").domains
    assert domains["mem_fraction_static"].values == (None, *(percent / 100 for percent in range(70, 95)))
    assert domains["schedule_conservativeness"].values == (
        None,
        *(tenth / 10 for tenth in range(3, 14)),
    )
