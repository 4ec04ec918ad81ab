"""The memory rules of SGLang against the server's own arithmetic, which `tests/data` records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import spacegen
from spacegen.language.columns import column
from spacegen.language.elaborate import Settings, read_model
from spacegen.language.evaluate import evaluate
from spacegen.language.expr import Scalar
from spacegen.language.model import Model
from spacegen.source import Source

HERE = Path(__file__).parent
MODELS = HERE / "models"
FACTS = {
    version: json.loads((HERE / "data" / f"mem-fraction-{version}.json").read_text(encoding="utf-8"))
    for version in ("0.5.6", "0.5.23")
}
SERIES = [(version, series) for version, facts in FACTS.items() for series in facts["series"]]
every_series = pytest.mark.parametrize(
    ("version", "series"), SERIES, ids=[f"{v}-{s['hardware']}-{s['model']}-{s['rows']}" for v, s in SERIES]
)


def literal(value: Scalar) -> str:
    return json.dumps(value)


def space(version: str, values: dict[str, list[Scalar]], *, model: str, hardware: str) -> Model:
    """A space over the memory rules with these domains."""
    parameters = "".join(
        f"  {name}: [{', '.join(map(literal, dict.fromkeys(domain)))}]\n" for name, domain in values.items()
    )
    text = (
        f'spacegen: 1\ntarget: {{server: sglang, version: "{version}"}}\n'
        f"include: [sglang/memory, sglang/model]\nparameters:\n{parameters}"
    )
    return read_model(Source("test.yaml", text), settings=Settings(hardware=hardware, model=MODELS / model))


def derived(model: Model, name: str, rows: dict[str, list[Scalar]]) -> list[Scalar]:
    """A derived value for each row of columns that are equally long."""
    expr = next(d.expr for d in model.derived if d.name == name)
    value = evaluate(expr, {name: column(values) for name, values in rows.items()})
    return list(value.values())


def columns(version: str, series: dict[str, Any]) -> tuple[dict[str, list[Scalar]], list[float]]:
    """The arguments that the server accepted, by name, and the shares that it chose."""
    facts = FACTS[version]
    rows = [
        (row, share)
        for row, share in zip(facts["rows"][series["rows"]], series["shares"], strict=True)
        if share is not None
    ]
    names = facts["arguments"]
    return {n: [row[i] for row, _ in rows] for i, n in enumerate(names)}, [share for _, share in rows]


def test_the_facts_are_many() -> None:
    counted = {version: sum(len(s["shares"]) for v, s in SERIES if v == version) for version in FACTS}
    assert counted == {"0.5.6": 1440, "0.5.23": 2158}
    assert all(sum(share is None for share in s["shares"]) < 40 for _, s in SERIES)


@every_series
def test_the_default_share_is_the_servers(version: str, series: dict[str, Any]) -> None:
    rows, shares = columns(version, series)
    model = space(version, rows, model=series["model"], hardware=series["hardware"])
    assert derived(model, "default_mem_fraction", rows) == shares


@every_series
def test_the_bound_of_the_rules_is_a_bound(version: str, series: dict[str, Any]) -> None:
    rows, _ = columns(version, series)
    model = space(version, rows, model=series["model"], hardware=series["hardware"])
    least, whole = (derived(model, name, rows) for name in ("least_reserved_mib", "reserved_mib"))
    assert all(a <= b for a, b in zip(least, whole, strict=True))  # type: ignore[operator]
    assert any(a == b for a, b in zip(least, whole, strict=True))


def solutions(model: Model) -> list[dict[str, Scalar]]:
    return [dict(row) for row in spacegen.Space(model).solutions()]


def given(**values: Scalar) -> dict[str, list[Scalar]]:
    return {name: [value] for name, value in values.items()}


@pytest.mark.parametrize("version", FACTS)
@pytest.mark.parametrize("model", ["llama-8b", "llama-70b"])
def test_weights_fit_the_share_that_is_given(version: str, model: str) -> None:
    shares: list[Scalar] = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    found = space(
        version, {"mem_fraction_static": shares, "tp_size": [1, 2, 4, 8]}, model=model, hardware="h100x8"
    )
    weights = {"llama-8b": 15317, "llama-70b": 134571}[model]
    expected = {
        (share, tp)
        for share in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
        for tp in (1, 2, 4, 8)
        if (81559 - 1024 - (2048 if tp > 1 else 0)) * share > weights / tp
    }
    assert {(c["mem_fraction_static"], c["tp_size"]) for c in solutions(found)} == expected


@pytest.mark.parametrize(
    ("version", "fits"),
    [("0.5.6", {4096, 8192, 16384}), ("0.5.23", {4096, 8192, 16384})],
)
def test_long_chunks_leave_the_default_share_no_room_for_weights(version: str, fits: set[int]) -> None:
    chunks: list[Scalar] = [4096, 8192, 16384, 32768]
    domains = {"chunked_prefill_size": chunks} | given(mem_fraction_static=None, tp_size=4)
    found = space(version, domains, model="llama-70b", hardware="h100x8")
    assert {c["chunked_prefill_size"] for c in solutions(found)} == fits


def test_tokens_fit_the_pool() -> None:
    tokens: list[Scalar] = [None, 100_000, 200_000, 400_000, 440_000, 480_000, 1_000_000]
    domains = {"max_total_tokens": tokens, "kv_cache_dtype": ["auto", "fp8_e4m3"]} | given(
        mem_fraction_static=0.9
    )
    found = solutions(space("0.5.6", domains, model="llama-8b", hardware="h100x8"))
    pool = ((81559 - 1024) * 0.9 - 15317) * 2**20
    for dtype, size in (("auto", 131072), ("fp8_e4m3", 65536)):
        kept = {c["max_total_tokens"] for c in found if c["kv_cache_dtype"] == dtype}
        assert kept == {n for n in tokens if n is None or n * size <= pool}  # type: ignore[operator]


@pytest.mark.parametrize(
    ("model", "tp", "groups", "expected"),
    [
        ("llama-8b", 1, 1, 131072),
        ("llama-8b", 8, 1, 131072 // 8),
        ("llama-8b", 16, 1, 131072 // 8),  # eight key heads, each on two ranks
        ("llama-8b", 8, 4, 131072 // 2),  # attention groups of two ranks
        ("deepseek-v3", 1, 1, 70272),
        ("deepseek-v3", 8, 1, 70272),  # one latent vector, on every rank
    ],
)
def test_the_cache_of_one_gpu(model: str, tp: int, groups: int, expected: int) -> None:
    rows = given(tp_size=tp, pp_size=1, attn_dp_size=groups)
    found = space("0.5.23", rows, model=model, hardware="h200x8")
    assert derived(found, "kv_bytes_per_gpu", rows) == [expected]


def test_stages_hold_whole_layers() -> None:
    rows = given(tp_size=1, pp_size=3)
    found = space("0.5.6", rows, model="llama-8b", hardware="h100x8")
    assert derived(found, "kv_bytes_per_gpu", rows) == [pytest.approx(131072 * 11 / 32)]


def test_larger_graphs_and_chunks_take_the_memory_that_the_share_leaves() -> None:
    domains: dict[str, list[Scalar]] = {
        "mem_fraction_static": [0.8, 0.95, 0.98],
        "cuda_graph_max_bs": [None, 256, 768],
        "chunked_prefill_size": [2048, 32768],
        "disable_cuda_graph": [False, True],
    }
    found = solutions(space("0.5.6", domains, model="llama-8b", hardware="h100x8"))

    def fits(config: dict[str, Any]) -> bool:
        graphs = 0 if config["disable_cuda_graph"] else 2 * (config["cuda_graph_max_bs"] or 0)
        activations = config["chunked_prefill_size"] * 2 * (2 * 4096 + 3 * 14336) / 2**20
        return bool((81559 - 1024) * (1 - config["mem_fraction_static"]) >= graphs + activations)

    everything = spacegen.Space(space("0.5.6", domains, model="llama-8b", hardware="h100x8")).without_rules()
    expected = [dict(c) for c in everything.solutions() if fits(dict(c))]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert 0 < len(found) < 36


@pytest.mark.parametrize(
    ("model", "tp"),
    [("llama-8b", {1, 2, 4, 8, 16}), ("qwen3-moe", {1, 2, 4, 8, 16}), ("qwen3-0.6b", {1, 2, 4, 8, 16})],
)
def test_ranks_divide_the_heads(model: str, tp: set[int]) -> None:
    ranks: list[Scalar] = [1, 2, 3, 4, 5, 6, 8, 12, 16]
    found = space("0.5.6", {"tp_size": ranks}, model=model, hardware="b200x8")
    assert {c["tp_size"] for c in solutions(found)} == tp


def test_attention_groups_divide_the_heads_anew() -> None:
    domains: dict[str, list[Scalar]] = {"tp_size": [48], "attn_dp_size": [1, 3]}
    found = space("0.5.23", domains, model="llama-8b", hardware="b200x8")
    kept = spacegen.Space(found).without_rules(["widths-divide-among-ranks"]).solutions()
    assert {(c["tp_size"], c["attn_dp_size"]) for c in kept} == {(48, 3)}


@pytest.mark.parametrize(
    ("model", "fits"),
    [
        ("qwen3-moe", {(1, 1), (8, 1), (8, 2), (8, 8), (16, 1), (16, 2), (16, 8)}),
        ("qwen3-moe-fp8", {(1, 1), (8, 2), (8, 8), (16, 8)}),  # 1536 in blocks of 128: in up to four parts
    ],
)
def test_ranks_divide_the_width_of_experts(model: str, fits: set[tuple[int, int]]) -> None:
    domains: dict[str, list[Scalar]] = {"tp_size": [1, 8, 16], "ep_size": [1, 2, 8]}
    found = space("0.5.6", domains | given(mem_fraction_static=0.9), model=model, hardware="b200x8")
    kept = {
        (c["tp_size"], c["ep_size"])
        for c in spacegen.Space(found).without_rules(["weights-fit-given-share"]).solutions()
    }
    assert {pair for pair in kept if pair[0] % pair[1] == 0} == fits


def test_ranks_divide_the_experts_and_stages_the_layers() -> None:
    domains: dict[str, list[Scalar]] = {"ep_size": [1, 2, 3, 8], "pp_size": [1, 48, 49]}
    found = solutions(space("0.5.6", domains, model="qwen3-moe", hardware="h200x8"))
    assert {(c["ep_size"], c["pp_size"]) for c in found} == {(e, p) for e in (1, 2, 8) for p in (1, 48)}


LOGS = json.loads((HERE / "data" / "startup-logs.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log["model"])
def test_pools_are_those_of_published_logs(log: dict[str, Any]) -> None:
    rows = given(**log["arguments"])
    found = space("0.5.6", rows, model=log["model"], hardware=log["hardware"])
    (tokens,) = derived(found, "kv_pool_tokens", rows)
    assert isinstance(tokens, float)
    assert round(100 * (tokens / log["tokens"] - 1), 1) == log["error_percent"]


def mini(model: str | None, hardware: str, **constants: Scalar) -> Model:
    text = (
        'spacegen: 1\ntarget: {server: minisgl, version: "0.1.0"}\ninclude: [minisgl/memory, minisgl/model]\n'
        "parameters:\n  tp_size: [1, 2, 3, 4, 8]\n  memory_ratio: [0.1, 0.5, 0.9]\n  page_size: [1, 16]\n"
    )
    settings = Settings(constants, hardware=hardware, model=MODELS / model if model else None)
    return read_model(Source("test.yaml", text), settings=settings)


def test_mini_sglang_allocates_the_pages_of_its_log() -> None:
    # The log says: 11.50 GiB free before loading, ratio 0.9, 83,462 pages, K + V = 8.91 GiB. What loading
    # took follows: 0.9 x 11.50 - 8.9147 = 1.4353 GiB.
    found = mini("qwen3-0.6b", "h100x8", gpu_memory_mib=11776, context_mib=0, weights_mib=1469.7)
    rows = given(tp_size=1, memory_ratio=0.9, page_size=1)
    assert derived(found, "kv_page_bytes", rows) == [114_688]
    assert derived(found, "kv_pages", rows) == [83_462]
    stored = mini("qwen3-0.6b", "h100x8", gpu_memory_mib=11776, context_mib=0, weights_mib=1433.625)
    assert derived(stored, "kv_pages", rows) == [83_792]  # 0.4 % more
    assert f"{83_462 * 114_688 / 2**30:.2f}" == "8.91"
    assert derived(found, "kv_pages", rows | given(page_size=16)) == [83_462 // 16]


def test_mini_sglang_fits_its_model() -> None:
    found = {(c["tp_size"], c["memory_ratio"]) for c in solutions(mini("llama-70b", "h100x8"))}
    assert found == {(2, 0.9), (4, 0.5), (4, 0.9), (8, 0.5), (8, 0.9)}
    assert [rule.id for rule in mini(None, "l40sx4").rules] == ["gpus-available"]
