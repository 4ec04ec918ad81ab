"""Launches whose KV cache or request table was too small.

That is no lack of GPU memory: a lower static share makes it worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spacegen.diagnose.advice.guide import HIGHEST_SHARE, LITTLE_LEFT, MOST_CONSERVATIVE
from spacegen.diagnose.advice.lighter import (
    dense_tokens,
    known,
    loading,
    pooling,
    reserves,
    shorter_prefills,
    weights,
)
from spacegen.diagnose.advice.rule import Aim, besides, once
from spacegen.diagnose.advice.said import (
    Key,
    argument,
    gpu_gib,
    is_mini,
    key,
    number,
    numbers_of,
    said,
    whole,
)
from spacegen.diagnose.advice.ways import (
    any_higher_share,
    few,
    fewer_running,
    higher_share,
    less_context,
    more_of,
    rather,
    smaller_chunk,
)
from spacegen.diagnose.finding import Action, Finding, Move, Severity
from spacegen.diagnose.launch import Fact, Launch, Phase, Trouble, TroubleKind, sensible

__all__ = ["short_pool"]


def short_pool(launch: Launch, _goal: Aim) -> Iterable[Finding]:
    """A pool without room for any token, for those of a batch, or for a single request."""
    return once(finding for trouble in launch.troubles for finding in _of(launch, trouble))


def _of(launch: Launch, trouble: Trouble) -> Iterator[Finding]:
    match trouble.kind:
        case TroubleKind.NO_POOL:
            yield _no_pool(launch, trouble)
        case TroubleKind.NO_TOKENS:
            yield _no_tokens(launch, trouble)
        case TroubleKind.NO_SLOTS:
            yield _no_slots(launch, trouble)
        case TroubleKind.NOTHING_LEFT_TO_RETRACT:
            yield _too_large(launch, trouble)
        case _:
            return


def _no_pool(launch: Launch, trouble: Trouble) -> Finding:
    """The weights take all of the static share; the figures of the start say how much is missing."""
    short = _shortfall(launch)
    pages = whole(launch, "num_page_override") if is_mini(launch) else None
    share, lighter = higher_share(launch, short, said(trouble, "least_mem_fraction_static")), weights(launch)
    first = (*known(_pages(pages), share), *lighter[:2])
    lacking = "" if short is None else f": {short:.2f} GB are missing"
    at = number(launch, Key.SHARE)
    of = "" if at is None else f" of {at:g}"
    actions: tuple[Action, ...] = first or (
        *_least_share(launch),
        "use more ranks or weights of fewer bits",
    )
    if share is None and at is not None:
        actions = (*actions, f"a higher `{key(launch, Key.SHARE)}` would leave nothing for activations")
    numbers = numbers_of(trouble)
    return _finding(
        trouble,
        "no-kv-pool",
        Phase.KV_POOL,
        f"the weights leave no room for a KV cache in the static share{of}{lacking}",
        numbers if short is None else {**numbers, "missing_gib": round(short, 2)},
        actions,
        first,
        (
            *lighter[2:],
            *loading(launch),
            *reserves(launch),
            *known(None if share else any_higher_share(launch)),
        ),
    )


def _no_tokens(launch: Launch, trouble: Trouble) -> Finding:
    chunk, running, share = smaller_chunk(launch), fewer_running(launch), _roomier(launch)
    prefill = trouble.during != "decode"
    ways = known(chunk if prefill else None, None if share and few(launch, running) else running, share)
    tokens = said(trouble, "tokens")
    batch = "prefill" if prefill else "decode batch"
    size = "" if tokens is None else f" of {tokens:.0f} tokens"
    return _finding(
        trouble,
        f"no-tokens-{'prefill' if prefill else 'decode'}",
        trouble.phase,
        f"the KV cache had no room for a {batch}{size}{_outlived(trouble)}",
        numbers_of(trouble),
        (
            *ways,
            _full(launch, trouble),
        ),
        ways,
        (
            *known(
                chunk,
                running,
                shorter_prefills(launch),
                rather(launch, "enable_mixed_chunk", (False,), (True,)),
                _careful(launch),
            ),
            *_richer(launch),
        ),
    )


def _full(launch: Launch, trouble: Trouble) -> str:
    tokens, free = said(trouble, "tokens"), said(trouble, "available_tokens")
    if tokens is not None and free is not None and free >= tokens:
        return (
            f"{free:.0f} tokens are free or can be evicted, but not as whole pages, or not in the pool "
            "of another kind of layer"
        )
    return f"the KV cache is full, not the GPU: lowering `{key(launch, Key.SHARE)}` would shrink the cache"


def _no_slots(launch: Launch, trouble: Trouble) -> Finding:
    running = fewer_running(launch)
    return _finding(
        trouble,
        "no-request-slots",
        trouble.phase,
        f"the request table had no slots left for a batch{_outlived(trouble)}",
        numbers_of(trouble),
        known(running) or (f"lower `{key(launch, Key.RUNNING)}`",),
        known(running),
        known(more_of(launch, "pp_size")),
    )


def _too_large(launch: Launch, trouble: Trouble) -> Finding:
    pool = launch.figure(Fact.POOL_TOKENS)
    size = "" if pool is None else f" of {pool:.0f} tokens"
    context, share = _context_within(launch, pool), _roomier(launch)
    ways = known(share, context) or known(less_context(launch))
    kept_on = " and kept running" if trouble.went_on else ""
    return _finding(
        trouble,
        "request-larger-than-pool",
        Phase.SERVING,
        f"a single request filled the whole KV cache{size}, so the server aborted it{kept_on}",
        numbers_of(trouble),
        (*ways, "or limit the prompt and `max_new_tokens` of a request to what the cache holds"),
        ways,
        (*known(less_context(launch)), *_richer(launch)),
    )


def _context_within(launch: Launch, pool: float | None) -> Move | None:
    """A context that the pool holds; None if it holds one already, so that something else filled it."""
    move = less_context(launch)
    if move is None or move.at_most is None or pool is None:
        return move
    update = {"to": int(pool), "at_most": pool, "because": "what the cache holds"}
    return None if move.at_most < pool else move.model_copy(update=update)


def _outlived(trouble: Trouble) -> str:
    return "; the server dropped that batch and kept running" if trouble.went_on else ""


def _finding(
    trouble: Trouble,
    name: str,
    phase: Phase,
    summary: str,
    numbers: dict[str, float],
    actions: tuple[Action, ...],
    moves: tuple[Move, ...],
    unless: tuple[Move, ...],
) -> Finding:
    return Finding(
        id=name,
        phase=phase,
        severity=Severity.WARNING if trouble.went_on else Severity.ERROR,
        summary=summary,
        evidence=trouble.lines,
        numbers=numbers,
        actions=actions,
        moves=moves,
        unless=besides(moves, unless),
    )


def _shortfall(launch: Launch) -> float | None:
    """GiB by which the static share is too small.

    The pool is what is left after loading, less (1 - share) of what was free before.
    """
    after, share, gpu = launch.figure(Fact.AFTER_LOADING), number(launch, Key.SHARE), gpu_gib(launch)
    if after is None or share is None or gpu is None:
        return None
    short = gpu * (1 - share) - after
    return short if short > 0 else None


def _least_share(launch: Launch) -> tuple[str, ...]:
    """Advice for a log without arguments: a share above what the weights take."""
    after, gpu = launch.figure(Fact.AFTER_LOADING), gpu_gib(launch)
    if number(launch, Key.SHARE) is not None:
        return ()
    least = None if after is None or gpu is None else 1 - after / gpu
    if least is not None and least > HIGHEST_SHARE:
        return ()
    above = "" if least is None else f" above {least:.2f}: the weights alone take that"
    return (f"raise `{key(launch, Key.SHARE)}`{above}",)


def _roomier(launch: Launch) -> Move | None:
    """A higher share for a larger pool, if enough memory is left."""
    left = launch.figure(Fact.LEFT)
    return higher_share(launch) if left is None or left > LITTLE_LEFT else None


def _pages(pages: int | None) -> Move | None:
    if pages is None:
        return None
    return Move(parameter="num_page_override", among=(None,), was=pages)


def _careful(launch: Launch) -> Move | None:
    name = "schedule_conservativeness"
    was = sensible(argument(launch, name))
    if was is None or was >= MOST_CONSERVATIVE:
        return None
    return Move(parameter=name, at_least=round(was + 0.1, 2), was=was, to=MOST_CONSERVATIVE)


def _richer(launch: Launch) -> tuple[Move, ...]:
    """What puts more tokens into the pool, or hands the same ones out differently."""
    return (
        *dense_tokens(launch),
        *weights(launch),
        *loading(launch),
        *pooling(launch),
        *reserves(launch),
        *known(any_higher_share(launch)),
    )
