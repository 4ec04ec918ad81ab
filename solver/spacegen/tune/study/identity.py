"""What a study is about, kept with it, so that nobody continues it with something else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from optuna.study import Study
from pydantic import ValidationError

import spacegen
from spacegen.api import Space
from spacegen.errors import Fault, UsageError
from spacegen.tune.metrics import Goal, Limit
from spacegen.tune.record import Provenance
from spacegen.tune.secret import discreet, public
from spacegen.tune.study.attributes import IDENTITY, SPACE
from spacegen.tune.values import Value
from spacegen.tune.workload import Workload

__all__ = [
    "ENCODING",
    "Difference",
    "Identity",
    "differences",
    "identity",
    "moved",
    "yaml",
]

ENCODING: Final = 1
"""The version of how configs are written as parameters of trials."""

_ELSEWHERE: Final = frozenset({"model_path", "host", "port", "nccl_port", "server_host", "server_port"})
"""Arguments that an identity has under another name, or that measure nothing."""


class Identity(Value):
    """What a study is about. `id` tells it from others of its name, in other storages; `labels` says whether
    values are written as labels; `sampler` and `seed` are what it began with."""

    spacegen: str
    id: str | None = None
    space: str
    fingerprint: str
    target: str | None = None
    goals: tuple[Goal, ...]
    limits: tuple[Limit, ...] = ()
    workload: Workload
    model: str | None = None
    hardware: str | None = None
    arguments: dict[str, Any] | None = None
    """What every launch gives the server, but for the model, where it listens, and secrets."""
    conditions: dict[str, str] | None = None
    """What else decides what is measured, by name; null where nothing is known of launches."""
    places: dict[str, str] | None = None
    """What launches need that may be another on another machine, by name."""
    simulated: bool = False
    encoding: int = ENCODING
    labels: bool = False
    sampler: str | None = None
    seed: int = 0

    @classmethod
    def of(
        cls,
        space: Space,
        workload: Workload,
        goals: Sequence[Goal],
        limits: Sequence[Limit] = (),
        **known: Any,
    ) -> Identity:
        """What a study of a space is about; `known` has the other fields."""
        return cls(
            spacegen=spacegen.__version__,
            space=space.name,
            fingerprint=space.fingerprint,
            target=None if space.base.target is None else str(space.base.target),
            goals=tuple(goals),
            limits=tuple(limits),
            workload=discreet(workload),
            arguments=public({n: v for n, v in space.base.fixed.items() if n not in _ELSEWHERE}),
            **known,
        )

    def named(self) -> Identity:
        """The same for a new study, with an id that no other has."""
        return self.model_copy(update={"id": uuid4().hex[:12]})

    @property
    def provenance(self) -> Provenance:
        """What all records of the study share."""
        return Provenance(
            spacegen=self.spacegen,
            space=self.space,
            fingerprint=self.fingerprint,
            target=self.target,
            model=self.model,
            hardware=self.hardware,
            workload=self.workload,
            simulated=self.simulated,
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a study differs from what it is to be continued with. `measured` says whether it
    makes other measurements, so that those there are say nothing."""

    name: str
    old: object
    new: object
    measured: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {_spelled(self.old)} → {_spelled(self.new)}"


def differences(old: Identity, new: Identity) -> Iterator[Difference]:
    """In what two studies differ. What a side does not know, and the sampler, make no difference."""
    if old.fingerprint != new.fingerprint:
        before, after = (f"{side.space} {side.fingerprint}" for side in (old, new))
        yield Difference("space", before, after)
    if (old.encoding, old.labels) != (new.encoding, new.labels):
        before, after = (
            f"version {side.encoding}{' of labels' if side.labels else ''}" for side in (old, new)
        )
        yield Difference("encoding", before, after)
    if set(old.limits) != set(new.limits):
        yield Difference("service levels", _listed(old.limits), _listed(new.limits))
    if old.goals != new.goals:
        yield Difference("objectives", _listed(old.goals), _listed(new.goals))
    for name in ("target", "model", "hardware", "simulated"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after and None not in (before, after):
            yield Difference(name, before, after, measured=True)
    yield from _unlike("argument ", old.arguments, new.arguments)
    yield from _unlike("", old.conditions, new.conditions)
    if old.workload.identity != new.workload.identity:
        yield from _unlike("workload ", old.workload.asked, new.workload.asked)


def _unlike(
    kind: str, old: Mapping[str, object] | None, new: Mapping[str, object] | None
) -> Iterator[Difference]:
    if old is None or new is None:
        return
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        # 1 is not true, and JSON has made lists of tuples.
        if json.dumps(before, default=str) != json.dumps(after, default=str):
            yield Difference(f"{kind}{name}", before, after, measured=True)


def moved(old: Identity, new: Identity) -> Iterator[str]:
    """What is otherwise and may be, in words for people."""
    for found in _unlike("", old.places, new.places):
        yield f"the study began otherwise: {found}"


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values)) or "none"


def _spelled(value: object) -> str:
    return "none" if value is None else f"`{value}`"


def identity(study: Study) -> Identity:
    """What a study is about. Raises UsageError for one that was not made here, or by a newer version."""
    known = study.user_attrs.get(IDENTITY)
    name = study.study_name
    if known is None:
        hint = "choose another name: `--study NAME`"
        raise UsageError(Fault(f"the study `{name}` was not made by spacegen", hint=hint))
    try:
        return Identity.model_validate(known)
    except ValidationError as error:
        made = known.get("spacegen") if isinstance(known, dict) else None
        wrong = ", ".join(sorted({".".join(map(str, e["loc"])) for e in error.errors()}))
        hint = f"it was made by spacegen {made}; this is {spacegen.__version__}"
        raise UsageError(Fault(f"the study `{name}` cannot be read: {wrong}", hint=hint)) from None


def yaml(study: Study) -> str | None:
    """The space of a study as a YAML document, where it has one."""
    text = study.user_attrs.get(SPACE)
    return text if isinstance(text, str) and text else None
