"""What else the guide would try, in parallelism, caching, precision and compilation: notes, no faults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from spacegen.diagnose.advice.guide import (
    ALL_RANKS,
    COMPILED_BATCH,
    ENOUGH_TOKENS,
    FULL,
    HARDLY_ACCEPTED,
    HARDLY_CACHED,
    LPM_QUEUE,
    OFTEN,
    ROOMY_WEIGHTS,
    SHARED_PREFIXES,
    SMALL_WEIGHTS_GIB,
)
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.said import (
    Key,
    argument,
    attention_groups,
    few_bits,
    gpu_gib,
    is_mini,
    key,
    model,
)
from spacegen.diagnose.advice.serving import evidence, full_load, per_cent
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.finding import Finding, Move, Severity, Step
from spacegen.diagnose.launch import Fact, Launch, Line, Phase
from spacegen.diagnose.series import Column

__all__ = ["options"]

_MLA: Final = ("deepseek-v2", "deepseek-v3", "deepseek-r1", "deepseek-coder-v2", "kimi-k2")
_GATEWAY: Final = "the model gateway (`python -m sglang_router.launch_router`)"


def options(launch: Launch, goal: Aim) -> Iterable[Finding]:
    """What could be tried, where the log gives a reason to."""
    found = full_load(launch)
    if is_mini(launch) or found is None:
        return
    yield from _parallelism(launch, goal)
    yield from _prefixes(launch, found)
    yield from _compiled(launch, found)
    yield from _quantized(launch, found)
    yield from _drafted(launch, found)


def _could(
    name: str, summary: str, line: Line | None, advice: str, *moves: Move, **numbers: float
) -> Finding:
    return Finding(
        id=name,
        phase=Phase.SERVING,
        severity=Severity.INFO,
        summary=summary,
        evidence=evidence(line),
        numbers=numbers,
        actions=(Step(about=moves[0], sentence=advice) if moves else advice,),
        moves=moves,
    )


def _count(launch: Launch, name: str) -> int:
    said = argument(launch, name)
    return said if isinstance(said, int) and not isinstance(said, bool) else 1


def _parallelism(launch: Launch, goal: Aim) -> Iterable[Finding]:
    replicas = _count(launch, "dp_size")
    if attention_groups(launch) > 1:
        return
    if _is_mla(launch) and _count(launch, Key.RANKS) >= ALL_RANKS:
        yield _shared_attention(launch)
    elif goal != Aim.LATENCY:
        yield from _fewer_ranks(launch)
    if replicas > 1:
        yield _could(
            "gateway",
            f"`dp_size` is {replicas}: the replicas share one server",
            launch.arguments_line,
            f"start {replicas} servers and let {_GATEWAY} send each request where its prefix is cached",
            dp_size=replicas,
        )


def _fewer_ranks(launch: Launch) -> Iterable[Finding]:
    """Fewer ranks for each replica, where the weights would then still leave half of each GPU free."""
    ranks, gpu, weights = _count(launch, Key.RANKS), gpu_gib(launch), launch.figure(Fact.WEIGHTS)
    if ranks < 2 or ranks % 2 or gpu is None or weights is None:
        return
    fewer = ranks // 2
    while fewer % 2 == 0 and 2 * weights * ranks / fewer <= ROOMY_WEIGHTS * gpu:
        fewer //= 2
    held = weights * ranks / fewer
    if held > ROOMY_WEIGHTS * gpu:
        return
    name = key(launch, Key.RANKS)
    yield _could(
        "data-parallel-first",
        f"at `{name}` {ranks} the weights take {weights:.1f} of {gpu:.1f} GB per GPU; at {fewer} they would "
        f"take {held:.1f} GB",
        launch.figures[Fact.WEIGHTS].line,
        f"for throughput run {ranks // fewer} replicas at `{name}` {fewer} behind {_GATEWAY} rather than one "
        f"at {ranks}",
        Move(parameter=name, at_most=ranks // 2, was=ranks, to=fewer),
        weights_gib=weights,
        gpu_gib=gpu,
        weights_then_gib=round(held, 2),
    )


def _is_mla(launch: Launch) -> bool:
    called = model(launch)
    return any(name in called for name in _MLA)


def _shared_attention(launch: Launch) -> Finding:
    ranks = _count(launch, Key.RANKS)
    if "attn_dp_size" in launch.arguments:
        move = Move(parameter="attn_dp_size", at_least=2, was=1, to=ranks)
        how = f"`attn_dp_size` {ranks}"
    else:
        move = Move(parameter="enable_dp_attention", among=(True,), was=False, to=True)
        how = f"`enable_dp_attention` and `dp_size` {ranks}"
    return _could(
        "attention-data-parallel",
        f"each of the {ranks} ranks holds the whole latent KV cache of this model",
        launch.arguments_line,
        f"try {how}: each rank then holds the cache of its own requests",
        move,
        tp_size=ranks,
    )


def _prefixes(launch: Launch, found: Steady) -> Iterable[Finding]:
    if argument(launch, "disable_radix_cache") is True:
        return
    columns = launch.series.columns
    new, cached = (sum(columns.get(name, ())) for name in (Column.NEW_TOKENS, Column.CACHED_TOKENS))
    share = cached / (new + cached) if cached else 0.0
    waits = found.empty_queue < 1 - OFTEN and found.queue > 1
    if share >= SHARED_PREFIXES and waits and argument(launch, "schedule_policy") in (None, "fcfs"):
        yield _by_prefix(launch, found, share)
    if share < HARDLY_CACHED and new >= ENOUGH_TOKENS:
        yield _could(
            "nothing-cached",
            f"{cached:.0f} of {new + cached:.0f} prompt tokens were found in the cache",
            launch.busiest,
            "try `disable_radix_cache`: without shared prefixes the radix tree only costs time",
            Move(parameter="disable_radix_cache", among=(True,), was=_was(launch), to=True),
            prompt_tokens=new + cached,
            cached_share=round(share, 4),
        )


def _was(launch: Launch) -> bool | None:
    return False if argument(launch, "disable_radix_cache") is False else None


def _by_prefix(launch: Launch, found: Steady, share: float) -> Finding:
    policy = argument(launch, "schedule_policy")
    limit = (
        f"; it only looks for prefixes while at most {LPM_QUEUE} wait, and here {found.queue:.0f} do"
        if found.queue > LPM_QUEUE
        else ""
    )
    return _could(
        "shared-prefixes",
        f"{per_cent(share)} of the prompt tokens were found in the cache: many prompts share a prefix",
        launch.busiest,
        f"try `schedule_policy` `lpm`, which starts requests with the longest cached prefix first{limit}",
        Move(parameter="schedule_policy", among=("lpm",), was=policy, to="lpm"),
        cached_share=round(share, 3),
        queue=round(found.queue, 1),
    )


def _compiled(launch: Launch, found: Steady) -> Iterable[Finding]:
    weights = launch.figure(Fact.WEIGHTS)
    if weights is None or argument(launch, "enable_torch_compile") is not False:
        return
    whole = weights * _count(launch, Key.RANKS)
    if whole > SMALL_WEIGHTS_GIB or found.most_running > COMPILED_BATCH:
        return
    yield _could(
        "compile",
        f"the model is small ({whole:.1f} GB), and so are its batches ({found.most_running:.0f} at most)",
        launch.figures[Fact.WEIGHTS].line,
        f"try `enable_torch_compile`, which helps small models with batches of up to {COMPILED_BATCH}",
        Move(parameter="enable_torch_compile", among=(True,), was=False, to=True),
        weights_gib=round(whole, 2),
        most_running=found.most_running,
    )


def _quantized(launch: Launch, found: Steady) -> Iterable[Finding]:
    weights, pool = launch.figure(Fact.WEIGHTS), launch.figure(Fact.POOL)
    limited = found.usage > FULL and found.empty_queue < OFTEN
    if weights is None or pool is None or not limited or weights <= pool or few_bits(launch):
        return
    if "quantization" not in launch.arguments or launch.arguments["quantization"] is not None:
        return
    gained = weights / 2
    yield _could(
        "quantize",
        f"weights take {weights:.1f} GB and leave {pool:.1f} GB for the KV cache, which is full at full load",
        launch.figures[Fact.WEIGHTS].line,
        f"try `quantization` `fp8`: weights of half the size leave about {gained:.1f} GB more for the KV "
        "cache; check answer quality",
        Move(parameter="quantization", among=("fp8",), was=None, to="fp8"),
        weights_gib=weights,
        pool_gib=pool,
        gained_gib=round(gained, 2),
    )


def _drafted(launch: Launch, found: Steady) -> Iterable[Finding]:
    if 0 < found.accepted < HARDLY_ACCEPTED:
        yield _could(
            "drafts-rejected",
            f"a step of speculative decoding yields {found.accepted:.2f} tokens on average; without drafts "
            "it is 1",
            launch.busiest,
            "leave out `speculative_algorithm`, or use another draft model: few drafts are accepted",
            accepted=round(found.accepted, 3),
        )
