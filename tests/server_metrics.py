"""What `/metrics` says over time while a server writes a log of tests/server_logs.py.

The text is made by the library that servers use, with the names, labels and kinds of sglang 0.5.6.post2 and
0.5.23: one scrape at each line of decoding of the first rank.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from tests.server_logs import NEW

__all__ = ["metrics"]

_MODEL: Final = {"model_name": "meta-llama/Llama-3.1-8B-Instruct"}
_SCHEDULER: Final = {**_MODEL, "engine_type": "unified", "tp_rank": "0", "pp_rank": "0"}
_DECODE: Final = {
    "num_running_reqs": r"#running-req: (\d+)",
    "num_queue_reqs": r"#queue-req: (\d+)",
    "token_usage": r"token usage: ([\d.]+)",
    "gen_throughput": r"gen throughput \(token/s\): ([\d.]+)",
}
_START: Final = {"max_total_num_tokens": r"max_total_num_tokens=(\d+)"}
_NEW_START: Final = {
    "weight_memory_usage_gb": r"Load weight end.*mem usage=([\d.]+)",
    "context_len": r"context_len=(\d+)",
    "startup_available_gpu_memory_gb": r"available_gpu_mem=([\d.]+)",
}


def metrics(version: str, log: Iterable[str], *, stamped: bool = True) -> Iterator[str]:
    """The scrapes, each behind a comment with its time."""
    server = _Server(new=version == NEW)
    for line in log:
        server.hear(line)
        if "Decode batch" in line and not re.search(r" DP[1-9]", line):
            stamp = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line)
            yield (f"# {stamp[0]}\n" if stamped and stamp else "") + server.scrape()


class _Server:
    def __init__(self, *, new: bool) -> None:
        self._new = new
        self._registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}
        self._counters: dict[str, Counter] = {}
        self._retracted = 0
        # Both versions have this gauge, and neither ever sets it.
        self._set("is_cuda_graph", 0, _SCHEDULER)

    def scrape(self) -> str:
        return generate_latest(self._registry).decode()

    def hear(self, line: str) -> None:
        rank = re.search(r" DP(\d+)", line)
        labels = {**_SCHEDULER, "dp_rank": rank[1]} if rank else _SCHEDULER
        for name, form in {**_START, **(_NEW_START if self._new else {})}.items():
            if said := re.search(form, line):
                self._set(name, float(said[1]), labels)
        if said := re.search(r"K size: ([\d.]+) GB, V size: ([\d.]+) GB", line):
            self._set("kv_cache_memory_usage_gb", float(said[1]) + float(said[2]), labels, new=True)
        if said := re.search(r"decode CUDA graph end.*mem usage=([\d.]+)", line):
            self._set("graph_memory_usage_gb", float(said[1]), {**labels, "phase": "decode"}, new=True)
        if said := re.search(r"#retracted_reqs: (\d+)", line):
            self._retracted = int(said[1])
            self._count("num_retracted_requests_total", self._retracted, labels, new=True)
        if said := re.search(r"#new-token: (\d+), #cached-token: (\d+)", line):
            self._prefill(int(said[1]), int(said[2]), labels)
        if "Decode batch" in line:
            self._decode(line, labels)

    def _decode(self, line: str, labels: dict[str, str]) -> None:
        for name, form in _DECODE.items():
            said = re.search(form, line)
            assert said is not None
            self._set(name, float(said[1]), labels)
        mode = "decode_cuda_graph" if "graph: True" in line else "decode_none"
        self._count("cuda_graph_passes_total", 40, {**labels, "mode": mode}, new=True)
        self._set("num_retracted_reqs", self._retracted, labels)
        self._retracted = 0

    def _prefill(self, new: int, cached: int, labels: dict[str, str]) -> None:
        self._count("prompt_tokens_total", new + cached, _MODEL)
        self._count("cached_tokens_total", cached, _MODEL)
        for mode, tokens in (("prefill_compute", new), ("prefill_cache", cached)):
            self._count("realtime_tokens_total", tokens, {**labels, "mode": mode}, new=True)

    def _set(self, name: str, value: float, labels: dict[str, str], *, new: bool = False) -> None:
        if self._new or not new:
            if name not in self._gauges:
                self._gauges[name] = Gauge(f"sglang:{name}", "A gauge.", labels, registry=self._registry)
            self._gauges[name].labels(**labels).set(value)

    def _count(self, name: str, more: float, labels: dict[str, str], *, new: bool = False) -> None:
        if self._new or not new:
            if name not in self._counters:
                self._counters[name] = Counter(
                    f"sglang:{name}", "A counter.", labels, registry=self._registry
                )
            self._counters[name].labels(**labels).inc(more)
