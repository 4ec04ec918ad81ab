"""Whether a launch has the model and the GPU that a space is for; otherwise its memory is no evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from spacegen.api import Space
from spacegen.diagnose.launch import Fact, Launch
from spacegen.diagnose.narrowing.edit import Kept
from spacegen.language.model import Domain, is_number

__all__ = ["MODEL", "model_of", "of_other_models", "same_model", "unlike", "unlike_the_last"]

MODEL: Final = "model_path"
_GPU: Final = "gpu_memory_mib"
_MIB: Final = 1024
_ALIKE: Final = 0.1
"""GPUs of one kind differ by that share of their memory at most: in what is reserved, and how it is told."""
_FREE: Final = 0.8
"""A GPU of that kind has at least that share of its memory free before loading."""
_SNAPSHOT: Final = re.compile(r"models--(?:.+--)?(?P<name>[^/]+)/snapshots/")


def unlike(space: Space, launch: Launch) -> str | None:
    """Why the launch is no evidence for the space; None if it is, or if nothing is known to the contrary."""
    ran, fixed = launch.arguments.get(MODEL), space.not_searched.get(MODEL)
    if MODEL in space.model.index:
        domain = space.model[MODEL].domain
        if not isinstance(ran, str):
            return "the log does not name its model, and the space searches several"
        if not any(same_model(ran, value) for value in domain):
            return f"the log is of {ran}, which is not among the models of the space"
    elif isinstance(ran, str) and isinstance(fixed, str) and not same_model(ran, fixed):
        return f"the log is of {ran}, the space is for {fixed}"
    return _other_gpu(space, launch)


def model_of(space: Space, launches: Sequence[Launch]) -> str | None:
    """The model of the last launch that names one, which a space that names none is taken to be for; None
    if the space names its models."""
    if MODEL in space.model.index or isinstance(space.not_searched.get(MODEL), str):
        return None
    models = (launch.arguments.get(MODEL) for launch in reversed(launches))
    return next((model for model in models if isinstance(model, str)), None)


def unlike_the_last(space: Space, launches: Sequence[Launch]) -> tuple[str | None, ...]:
    """For each launch why it is no evidence, else None. A space that names no model is taken to be for the
    model of the last launch; a launch whose log does not name its model counts."""
    last = model_of(space, launches)
    models = [launch.arguments.get(MODEL) for launch in launches]
    return tuple(
        f"the log is of {model}, the last launch is of {last}"
        if last is not None and isinstance(model, str) and not same_model(model, last)
        else None
        for model in models
    )


def of_other_models(space: Space, launch: Launch) -> Kept | None:
    """If the space searches several models: those other than the launch's."""
    if MODEL not in space.model.index:
        return None
    domain: Domain = space.model[MODEL].domain
    others = tuple(value for value in domain if not same_model(launch.arguments.get(MODEL), value))
    return Kept(parameter=MODEL, values=others) if others else None


def same_model(one: Any, other: Any) -> bool:
    """Whether two paths name one model, by the last part: in a folder, on a hub or in its cache."""
    return isinstance(one, str) and isinstance(other, str) and _name(one) == _name(other)


def _name(path: str) -> str:
    found = _SNAPSHOT.search(path)
    return (found["name"] if found else path.rstrip("/").rsplit("/", 1)[-1]).lower()


def _other_gpu(space: Space, launch: Launch) -> str | None:
    known = next((c.value for c in space.base.constants if c.name == _GPU), None)
    if not is_number(known) or known <= 0:
        return None
    about = known / _MIB
    totals = (trouble.numbers.get("capacity_gib") for trouble in launch.troubles)
    total = next((one for one in totals if one), None)
    free = launch.figure(Fact.BEFORE_LOADING)
    if total:
        found, differs = f"{total:.0f} GiB", abs(total - about) > _ALIKE * about
    elif free:
        # Others may hold a part, but shares are shares of what was free.
        found, differs = f"{free:.0f} GiB free", not _FREE * about <= free <= (1 + _ALIKE) * about
    else:
        return None
    reason = f"the log is of a GPU with {found}, the space is for {about:.0f} GiB (`--hardware`)"
    return reason if differs else None
