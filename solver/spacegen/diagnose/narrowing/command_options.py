"""The pins and conditions that commands gave for a space; an overlay keeps them, to stay the same space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from pydantic import Field

from spacegen.api import Space
from spacegen.diagnose.narrowing.edit import MARK
from spacegen.language.document import Overlay, PinEntry
from spacegen.language.expr import Compare, Const, Ref, Scalar
from spacegen.language.plain import plain
from spacegen.language.unparse import unparse
from spacegen.language.validate import File
from spacegen.language.walk import scope
from spacegen.tune.values import Value

__all__ = [
    "PIN",
    "REASON",
    "WHERE",
    "Asked",
    "asked_by_commands",
    "asked_in",
    "mentioned_in",
    "under_asked",
    "with_base_as_rules",
    "without_asked",
]

PIN: Final = f"{MARK}/asked/pin"
WHERE: Final = f"{MARK}/asked/where"
_SETTLED: Final = f"{MARK}/settled"
_OF_WHERE: Final = "where-"
REASON: Final = "it was asked for"


class Asked(Value):
    """Pinned values by parameter, and conditions as texts of rules."""

    pins: dict[str, Scalar] = Field(default_factory=dict)
    where: tuple[str, ...] = ()

    def under_names(self, names: Mapping[str, str], mentioned: Mapping[str, tuple[str, ...]]) -> Asked:
        """The same with parameters renamed, without the conditions that mention one of those (as `mentioned`
        says)."""
        where = (text for text in self.where if not any(name in names for name in mentioned.get(text, ())))
        return Asked(
            pins={names.get(name, name): value for name, value in self.pins.items()}, where=tuple(where)
        )


def asked_by_commands(space: Space) -> Asked:
    """The pins and conditions of this command, and of earlier commands if the space is an overlay of ours."""
    pins, where = dict(_pins(space)), dict.fromkeys(text for _, text, _ in _where(space))
    return Asked(pins={**pins, **space.pins}, where=tuple(where))


def mentioned_in(space: Space) -> dict[str, tuple[str, ...]]:
    """The parameters that each condition mentions."""
    return {text: names for _, text, names in _where(space)}


def _pins(space: Space) -> Iterator[tuple[str, Scalar]]:
    for rule in space.rules:
        match rule.condition:
            case Compare("==", Ref(name), Const(value)) if rule.source == PIN:
                yield name, value


def _where(space: Space) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for rule in space.rules:
        asked = rule.id.startswith(_OF_WHERE) and rule.because == REASON
        if asked and rule.source in (None, WHERE):
            yield rule.id, unparse(plain(rule.condition)), tuple(scope(rule.condition))


def with_base_as_rules(space: Space, base: Space) -> Space:
    """The space with the edits of its base, an overlay of ours, as ordinary rules, because a file cannot take
    back what its base says. `base` is the space of that base."""
    own = {rule.id for rule in base.rules if (rule.source or "").startswith(f"{MARK}/")}
    found = [rule for rule in space.rules if rule.id in own]
    space = space.without_rules([rule.id for rule in found]) if found else space
    for rule in found:
        space = space.with_rule(replace(rule, source=_SETTLED))
    return space


def without_asked(space: Space) -> Space:
    """The space without the pins and conditions that commands gave."""
    ours = [rule.id for rule in space.rules if rule.source == PIN] + [id for id, _, _ in _where(space)]
    return space.without_rules(ours) if ours else space


def under_asked(space: Space, asked: Asked) -> Space:
    """The space with the pins and conditions of an earlier command, too; newer pins replace older ones."""
    known = asked_by_commands(space)
    pins = {n: v for n, v in asked.pins.items() if n not in known.pins and n in space.model.index}
    space = space.pinned(pins) if pins else space
    ids = {rule.id for rule in space.rules}
    for text in asked.where:
        if text not in known.where:
            number = next(i for i in range(1, len(ids) + 2) if f"{_OF_WHERE}{i}" not in ids)
            ids.add(f"{_OF_WHERE}{number}")
            space = space.with_rule(text, id=f"{_OF_WHERE}{number}", because=REASON)
    return space


def asked_in(file: File[Overlay]) -> Asked:
    """The pins and conditions that an overlay of ours keeps."""
    pinned = file.document.pin.items()
    return Asked(
        pins={n: e.value for n, e in pinned if isinstance(e, PinEntry) and e.source == PIN},
        where=tuple(rule.require for rule in file.document.rules if rule.source == WHERE),
    )
