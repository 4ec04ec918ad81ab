"""What ends conflicts: menus that end one by themselves, and menus that are needed together for several."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from spacegen.language.expr import Scalar
from spacegen.language.model import identity
from spacegen.questions.why.conflict import Conflict
from spacegen.questions.why.together import Together

if TYPE_CHECKING:
    from spacegen.questions.near.repair import Menu

__all__ = ["Joint", "Remedies", "parted", "remedies"]

_TRIED: Final = 256
"""So many changes of several parameters at once are tried one by one."""


@dataclass(frozen=True, slots=True)
class Joint:
    """Conflicts that end together, with one option of each menu: all menus are needed for that."""

    conflicts: tuple[Conflict, ...]
    menus: tuple[Menu, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        rules = list(dict.fromkeys(rule.id for conflict in self.conflicts for rule in conflict.rules))
        return {"rules": rules, "menus": [menu.as_dict() for menu in self.menus]}


@dataclass(frozen=True, slots=True)
class Remedies:
    """For each conflict the menu of which each option ends it by itself, and the joint ways out; `alone` has
    for each conflict with a joint way out the single changes that end it, whatever becomes of the others."""

    own: tuple[tuple[Menu, ...], ...]
    alone: tuple[tuple[tuple[str, Scalar], ...], ...]
    joint: tuple[Joint, ...]


def remedies(
    together: Together,
    conflicts: Sequence[Conflict],
    menus: Sequence[Menu],
    offered: Callable[[], Mapping[str, Sequence[Scalar]]],
    *,
    is_product: bool = True,
) -> Remedies:
    """What ends the conflicts. Of menus that are a product each choice ends all of them; `offered` has
    the values that may be proposed for the parameters that may change."""
    touching = [[menu for menu in menus if _touches(together, conflict, menu)] for conflict in conflicts]
    own = tuple(
        tuple(menu for menu in found if _ends(together, conflict, menu))[:1]
        for conflict, found in zip(conflicts, touching, strict=True)
    )
    links = [ending or tuple(found) for ending, found in zip(own, touching, strict=True)]
    joint = tuple(_joints(conflicts, menus, own, links)) if is_product else ()
    values = offered() if joint else {}
    alone = tuple(
        tuple(_alone(together, conflict, values)) if any(conflict in j.conflicts for j in joint) else ()
        for conflict in conflicts
    )
    return Remedies(own, alone, joint)


def _touches(together: Together, conflict: Conflict, menu: Menu) -> bool:
    return not {n for rule in conflict.rules for n in together.scopes[rule.id]}.isdisjoint(menu.parameters)


def _ends(together: Together, conflict: Conflict, menu: Menu) -> bool:
    """Whether each option of the menu ends the conflict, all other values being as they are."""
    mentioned = {n for rule in conflict.rules for n in together.scopes[rule.id]}
    several = 0
    helpful: dict[str, set[Hashable]] = {}
    for option in menu.options:
        changed = {name: value for name, value in option.items() if name in mentioned}
        several += len(changed) > 1
        if not changed or several > _TRIED:
            return False
        if len(changed) > 1:
            there = replace(together, values={**together.values, **changed})
            if not there.possible(conflict.rules, there.fixed(conflict.rules)):
                return False
            continue
        ((name, value),) = changed.items()
        if name not in helpful:
            helpful[name] = set(map(identity, together.helpful(conflict.rules, name)))
        if identity(value) not in helpful[name]:
            return False
    return True


def _alone(
    together: Together, conflict: Conflict, offered: Mapping[str, Sequence[Scalar]]
) -> Iterator[tuple[str, Scalar]]:
    for name in conflict.values:
        if name in offered:
            known = set(map(identity, offered[name]))
            helpful = together.helpful(conflict.rules, name)
            yield from ((name, value) for value in helpful if identity(value) in known)


def _joints(
    conflicts: Sequence[Conflict],
    menus: Sequence[Menu],
    own: Sequence[tuple[Menu, ...]],
    links: Sequence[tuple[Menu, ...]],
) -> Iterator[Joint]:
    """The conflicts that hang together by their menus, but for those that a menu of their own ends."""
    groups: list[list[int]] = []
    for i, linked in enumerate(links):
        near = [group for group in groups if any(menu in links[j] for j in group for menu in linked)]
        groups = [*(group for group in groups if group not in near), sorted(chain([i], *near))]
    for group in sorted(groups):
        found = tuple(menu for menu in menus if any(menu in links[i] for i in group))
        if found and (len(group) > 1 or not own[group[0]]):
            yield Joint(tuple(conflicts[i] for i in group), found)


def parted(menus: Iterable[Menu], names: Collection[str]) -> Iterator[Menu]:
    """The menus, those with some of the `names` parted into one with these and one with the others."""
    for menu in menus:
        inside = tuple(name for name in menu.parameters if name in names)
        outside = tuple(name for name in menu.parameters if name not in names)
        if inside and outside:
            yield from (_part(menu, inside), _part(menu, outside))
        else:
            yield menu


def _part(menu: Menu, names: tuple[str, ...]) -> Menu:
    options: dict[Hashable, Mapping[str, Scalar]] = {}
    for option in menu.options:
        kept = {name: value for name, value in option.items() if name in names}
        options.setdefault(tuple((name, identity(value)) for name, value in kept.items()), kept)
    return replace(menu, parameters=names, options=tuple(options.values()))
