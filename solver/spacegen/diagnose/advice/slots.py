"""Requests that wait although the cache has room for them, and how many may run instead."""

from __future__ import annotations

from spacegen.diagnose.advice.guide import FULL, KEPT_WAITING, OFTEN, WELL_FILLED
from spacegen.diagnose.advice.rule import Aim
from spacegen.diagnose.advice.said import Key, attention_groups, key, number
from spacegen.diagnose.advice.serving import slots, slots_taken
from spacegen.diagnose.advice.steady import Steady
from spacegen.diagnose.advice.ways import in_batches
from spacegen.diagnose.launch import Launch

__all__ = ["capped", "more_slots", "timid"]


def timid(found: Steady, goal: Aim) -> bool:
    """Whether requests wait although there is room in the cache for at least one more."""
    free = 1 - found.usage
    kept = found.kept_waiting if goal != Aim.LATENCY else found.waiting >= KEPT_WAITING
    return kept and found.unfilled >= OFTEN and found.usage < FULL and free * (found.running + 1) > 1


def more_slots(launch: Launch, found: Steady, goal: Aim) -> int | None:
    """The requests of a rank that fill the cache, where fewer may run; None where that is not the limit."""
    if not timid(found, goal) or not slots_taken(launch, found):
        return None
    return max(in_batches(WELL_FILLED * found.full), int(slots(launch) or 0) + 1)


def capped(launch: Launch, limit: int) -> tuple[str, ...]:
    """What else limits the requests that run, where more were asked for than the server says may run."""
    asked_for = number(launch, Key.RUNNING)
    if asked_for is None or asked_for <= limit * attention_groups(launch):
        return ()
    name = key(launch, Key.RUNNING)
    states = launch.busiest is not None and "mamba" in launch.busiest.text
    other = (
        "give the states of the hybrid model more room: raise `max_mamba_cache_size` or "
        "`mamba_full_memory_ratio`, or halve them with `mamba_ssm_dtype` `bfloat16`"
        if states
        else "give the KV cache more memory, or the server a shorter context"
    )
    most = limit * attention_groups(launch)
    return (
        other,
        f"a higher `{name}` changes nothing: it is {asked_for:.0f}, and the server caps it at {most}",
    )
