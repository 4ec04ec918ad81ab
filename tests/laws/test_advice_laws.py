"""Advice on launches whose logs say what no server says: there may be less of it, and never an exception."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.advice.changed import changed
from spacegen.diagnose.finding import Finding
from spacegen.diagnose.launch import Fact, Figure, Launch, Line, Phase, Trouble, TroubleKind

HERE = Line(file="server.log", number=1, text="CUDA out of memory")

NAMES = (
    "mem_fraction_static",
    "memory_ratio",
    "chunked_prefill_size",
    "max_prefill_tokens",
    "max_extend_tokens",
    "max_running_requests",
    "max_running_req",
    "max_total_tokens",
    "num_page_override",
    "page_size",
    "cuda_graph_max_bs",
    "disable_cuda_graph",
    "tp_size",
    "dp_size",
    "enable_dp_attention",
    "quantization",
    "kv_cache_dtype",
    "schedule_conservativeness",
    "enable_hierarchical_cache",
    "hicache_ratio",
    "hicache_size",
    "context_length",
    "cpu_offload_gb",
    "watchdog_timeout",
    "decode_log_interval",
    "port",
    "server_port",
)
numbers = st.one_of(
    st.floats(),
    st.integers(-2, 10**30),
    st.sampled_from([0, 1, 8, 0.5, 0.9, 8192, 1e308]),
)
values = st.one_of(
    st.none(), st.booleans(), numbers, st.text(max_size=3), st.lists(st.integers(), max_size=2)
)
SAID = ("tried_gib", "free_gib", "capacity_gib", "tokens", "port", "signal", "mem_fraction_static")
troubles = st.builds(
    Trouble,
    kind=st.sampled_from(TroubleKind),
    phase=st.sampled_from(Phase),
    lines=st.sampled_from([(), (HERE,)]),
    during=st.sampled_from([None, "prefill", "decode"]),
    fatal=st.booleans(),
    numbers=st.dictionaries(st.sampled_from(SAID), st.floats(), max_size=4),
    words=st.sampled_from(["", "CUDA out of memory", "Requesting 0 GB but only have 0 GB free: MemoryError"]),
)
launches = st.builds(
    Launch,
    server=st.sampled_from([None, "sglang", "minisgl"]),
    arguments=st.dictionaries(st.sampled_from(NAMES), values, max_size=12),
    arguments_line=st.sampled_from([None, HERE]),
    ready=st.sampled_from([None, HERE]),
    figures=st.dictionaries(
        st.sampled_from(Fact), st.builds(Figure, value=st.floats(), line=st.just(HERE)), max_size=8
    ),
    graph_sizes=st.sampled_from([(), (1, 2, 160)]),
    troubles=st.lists(troubles, max_size=2).map(tuple),
)


@settings(max_examples=40, deadline=None)
@given(launches, launches)
def test_whatever_a_log_says_there_is_no_exception(one: Launch, other: Launch) -> None:
    found = (*findings([one, other]), *changed(one, {"tp_size": 3, "port": [1]}))
    for finding in found:
        assert Finding.model_validate_json(finding.model_dump_json()).id == finding.id
        assert finding.advice or finding.command or finding.severity == "info", finding
