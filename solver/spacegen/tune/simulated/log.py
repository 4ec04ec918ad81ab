"""The log of a SIMULATED server, line for line as the real ones of each version write theirs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TextIO

from packaging.version import Version

from spacegen.servers.attention_groups import CHUNK, scaled
from spacegen.servers.schema import TargetSchema
from spacegen.tune.simulated.clock import Clock
from spacegen.tune.simulated.effective import Effective
from spacegen.tune.simulated.formula import GPU_GIB, Memory
from spacegen.tune.simulated.words import frames

__all__ = ["Batch", "Log", "part"]

_NEW: Final = Version("0.5.14")
"""The version since which batch lines have no comma at their end."""
_CONTEXT: Final = 131_072


@dataclass(frozen=True, slots=True)
class Batch:
    """What a scheduler tells of a batch: prefill or decoding."""

    running: int
    queued: int
    used: int
    """Tokens in the cache."""
    share: float
    """Of the cache."""
    rate: float
    """Tokens a second."""
    started: int = 0
    fresh: int = 0
    pending: int = 0
    cached: int = 0
    """Of the prompts that begin, what was in the cache."""
    graph: bool = False

    def shared(self, groups: int) -> Iterator[Batch]:
        """What each of so many groups of attention data parallelism has of it."""
        for group in range(groups):
            yield replace(
                self,
                running=part(self.running, group, groups),
                queued=part(self.queued, group, groups),
                used=part(self.used, group, groups),
                rate=self.rate / groups,
                started=part(self.started, group, groups),
                fresh=part(self.fresh, group, groups),
                pending=part(self.pending, group, groups),
                cached=part(self.cached, group, groups),
            )


def part(number: int, group: int, groups: int) -> int:
    """What one of so many groups has of a number: the first ones have what is left over."""
    return number // groups + (group < number % groups)


@dataclass(frozen=True, slots=True)
class Log:
    """Writes to stderr, as the servers do."""

    schema: TargetSchema
    launch: Effective
    clock: Clock = field(default_factory=Clock)

    @property
    def mini(self) -> bool:
        """Whether the server is mini-SGLang, which says less."""
        return self.schema.server == "minisgl"

    @property
    def _new(self) -> bool:
        return Version(self.schema.version) >= _NEW

    def say(self, text: str, replica: int | None = None, at: float | None = None, group: int = 0) -> None:
        """A line of the server's main process, or of the first rank of a replica or of a group in it."""
        stream: TextIO = sys.stderr
        stamp, rank = self.clock.stamp(at), ""
        if self.mini:
            day, time = stamp.split()
            rank = "initializer" if replica is None else "core|rank=0"
            print(f"[{day}|{time}|{rank}] INFO     {text}", file=stream, flush=True)
            return
        if replica is not None:
            groups = self.launch.groups
            rank += f" DP{replica * groups + group}" if self.launch.replicas * groups > 1 else ""
            rank += f" TP{group * self.launch.tp // groups}" if self.launch.tp > 1 else ""
        print(f"[{stamp}{rank}] {text}", file=stream, flush=True)

    def bare(self, text: str) -> None:
        """A line as web servers and tracebacks write it."""
        print(text, file=sys.stderr, flush=True)

    def arguments(self, settings: Mapping[str, Any]) -> None:
        """All arguments as the server runs them."""
        written = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        if self.mini:
            self.say("Parsed arguments:")
            self.bare(f"ServerArgs({written})")
        else:
            self.say(f"server_args={dict(settings)}" if self._new else f"server_args=ServerArgs({written})")

    def loading(self) -> None:
        if self.mini:
            self.say(f"Free memory before loading model: {GPU_GIB:.2f} GiB", 0)
        else:
            self.say(f"Load weight begin. avail mem={GPU_GIB:.2f} GB", 0)

    def loaded(self, needs: Memory, seconds: float) -> None:
        if self.mini:
            return
        took = f"elapsed={seconds:.2f} s, " if self._new else ""
        left = GPU_GIB - needs.weights
        self.say(
            f"Load weight end. {took}type=LlamaForCausalLM, dtype=torch.bfloat16, avail mem={left:.2f} GB, "
            f"mem usage={needs.weights:.2f} GB.",
            0,
        )

    def allocated(self, needs: Memory) -> None:
        half = needs.pool / 2
        if self.mini:
            self.say(f"Allocating {needs.tokens} tokens for KV cache, K + V = {needs.pool:.2f} GiB", 0)
            return
        kind = "dtype: torch.bfloat16, " if self._new else ""
        self.say(
            f"KV Cache is allocated. {kind}#tokens: {needs.tokens // self.launch.groups}, "
            f"K size: {half:.2f} GB, V size: {half:.2f} GB",
            0,
        )
        self.say(f"Memory pool end. avail mem={GPU_GIB * (1 - needs.share):.2f} GB", 0)

    def capturing(self, sizes: Sequence[int], left: float) -> None:
        if self.mini:
            self.say(f"Start capturing CUDA graphs with sizes: {list(sizes)}", 0)
        elif self._new:
            how = "backend=full, num_tokens_per_req=1"
            self.say(f"Capture target decode CUDA graph begin. {how}, avail mem={left:.2f} GB", 0)
        else:
            self.say(
                f"Capture cuda graph begin. This can take up to several minutes. avail mem={left:.2f} GB", 0
            )
            self.say(f"Capture cuda graph bs {list(sizes)}", 0)

    def captured(self, sizes: Sequence[int], needs: Memory, seconds: float, left: float) -> None:
        usage = f"mem usage={needs.graphs:.2f} GB"
        if self.mini:
            self.say(f"Free GPU memory after capturing CUDA graphs: {left:.2f} GiB", 0)
        elif self._new:
            took = f"bs={list(sizes)}, elapsed={seconds:.2f} s, {usage}"
            self.say(f"Capture target decode CUDA graph end. {took}, avail mem={left:.2f} GB.", 0)
        else:
            took = f"Time elapsed: {seconds:.2f} s. {usage}"
            self.say(f"Capture cuda graph end. {took}. avail mem={left:.2f} GB.", 0)

    def set_up(self, needs: Memory, left: float) -> None:
        if not self.mini:
            a = self.launch
            chunk, running = scaled(CHUNK, a.chunk, a.groups), max(a.most_running // a.groups, 1)
            self.say(
                f"max_total_num_tokens={needs.tokens // a.groups}, chunked_prefill_size={chunk}, "
                f"max_prefill_tokens={a.batch_tokens}, max_running_requests={running}, "
                f"context_len={_CONTEXT}, available_gpu_mem={left:.2f} GB",
                0,
            )

    def ready(self) -> None:
        self.say("Scheduler is ready" if self.mini else "The server is fired up and ready to roll!")

    def prefill(self, batch: Batch, replica: int, at: float) -> None:
        """A line of each group that has tokens to compute: with few requests not all have."""
        if self.mini:
            return
        most = max(scaled(CHUNK, self.launch.chunk, self.launch.groups), 1)
        busy = min(max(batch.started, -(-batch.fresh // most)), self.launch.groups)
        for group, own in enumerate(batch.shared(max(busy, 1))):
            text = (
                f"Prefill batch, #new-seq: {max(own.started, 1)}, #new-token: {own.fresh}, "
                f"#cached-token: {own.cached}, token usage: {own.share:.2f}, "
                f"#running-req: {own.running}, #queue-req: {own.queued}, "
            )
            if self._new:
                text += f"#pending-token: {own.pending}, cuda graph: False, "
                text += f"input throughput (token/s): {own.rate:.2f}"
            self.say(text, replica, at, group)

    def decode(self, batch: Batch, replica: int, at: float) -> None:
        """A line of each group that has requests."""
        if self.mini:
            return
        for group, own in enumerate(batch.shared(self.launch.groups)):
            if own.running:
                self.say(
                    f"Decode batch, #running-req: {own.running}, #token: {own.used}, "
                    f"token usage: {own.share:.2f}, cuda graph: {own.graph}, "
                    f"gen throughput (token/s): {own.rate:.2f}, #queue-req: {own.queued}"
                    + ("" if self._new else ", "),
                    replica,
                    at,
                    group,
                )

    def retracted(
        self, requests: int, gained: int, ratio: tuple[float, float], replica: int, at: float
    ) -> None:
        """That so many requests gave back so many tokens, and the share of new tokens expected before and
        after."""
        if self.mini:
            return
        groups = min(self.launch.groups, requests)
        for group in range(groups):
            freed = f"#new_tokens_gained: {part(gained, group, groups)}, " if self._new else ""
            self.say(
                "KV cache pool is full. Retract requests. "
                f"#retracted_reqs: {part(requests, group, groups)}, {freed}"
                f"#new_token_ratio: {ratio[0]:.4f} -> {ratio[1]:.4f}",
                replica,
                at,
                group,
            )

    def died(self, words: Sequence[str], *, serving: bool = False) -> None:
        """The traceback of a scheduler, whose last lines these are: while it starts, or while it is `serving`
        a batch of prefill."""
        self.say("Scheduler hit an exception: Traceback (most recent call last):", 0)
        for line in (*frames(serving=serving, new=self._new), *words, ""):
            self.bare(line)
        self.say("Received sigquit from a child process. It usually means the child failed.")
