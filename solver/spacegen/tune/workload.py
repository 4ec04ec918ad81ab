"""Workloads: what a server is asked while it is measured."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt

from spacegen.tune.values import Value

__all__ = ["Workload"]

_UNASKED: Final = {"name", "file_sha256"}
_PLACES: Final = {"name", "file"}


class Workload(Value):
    """Requests and how they come. Lengths are in tokens, times in seconds."""

    # What stands below a field describes it in the JSON Schema, too.
    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str = "default"
    dataset: str = "random-ids"
    """A dataset of the load generator; `random-ids` downloads nothing."""
    file: str | None = None
    """The file of a dataset that has one."""
    file_sha256: str | None = None
    """Of what is in the file, once it is read: wherever it lies, it asks the same."""
    input_len: PositiveInt = 1024
    output_len: PositiveInt = 256
    range_ratio: float = Field(default=1.0, ge=0, le=1)
    """Lengths are drawn between this share of them and all of it."""
    num_prompts: PositiveInt = 200
    request_rate: PositiveFloat | None = None
    """Requests a second; null sends them as fast as `concurrency` lets them."""
    concurrency: PositiveInt | None = None
    """The most requests in flight; null for no limit."""
    warmup: int = Field(default=1, ge=0)
    """Requests before the ones that count."""
    seed: int = Field(default=1, ge=0, le=2**32 - 1)
    repeats: PositiveInt = 1
    """How often the load is put on each server; the median counts."""
    timeout: PositiveFloat = 1800
    """How long one load may take."""
    generator: Literal["bench_serving", "offline", "command"] = "bench_serving"
    command: str | None = None
    """The load generator of `command`, with places such as `{base_url}`."""
    metrics: dict[str, str] = Field(default_factory=dict)
    """Metrics of `command` by name: JSONPath expressions into its result."""
    extra: tuple[str, ...] = ()
    """More words for the load generator."""

    @property
    def asked(self) -> dict[str, Any]:
        """What decides what is asked: neither the name of the workload nor where the file lies that was
        read."""
        return self.model_dump(mode="json", exclude=_UNASKED if self.file_sha256 is None else _PLACES)

    @property
    def identity(self) -> str:
        """16 hex digits that name what is asked."""
        text = json.dumps(self.asked, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
