"""What two spaces declare differently, without counting: names, defaults, constants, fixed values, rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spacegen.language.expr import Scalar
from spacegen.language.model import NO_DEFAULT, Model, NoDefault, Rule, identity
from spacegen.questions.definition import Definition
from spacegen.questions.diff.align import Aligned
from spacegen.questions.edits import words

__all__ = ["Changes", "Moved", "changes", "form"]


@dataclass(frozen=True, slots=True)
class Moved:
    """A named value before and after; `NO_DEFAULT` on the side that has none."""

    name: str
    before: Scalar | NoDefault
    after: Scalar | NoDefault

    def __str__(self) -> str:
        return f"{self.name}: {_word(self.before)} → {_word(self.after)}"

    def as_dict(self) -> dict[str, Scalar]:
        """The sides that have a value."""
        sides = {"old": self.before, "new": self.after}
        return {side: value for side, value in sides.items() if not isinstance(value, NoDefault)}


@dataclass(frozen=True, slots=True)
class Changes:
    """The declarations that differ. `added` and `removed` have the value at which the side without the
    parameter holds it; rules by id, `changed` those whose conditions are others."""

    renamed: Mapping[str, str]
    added: Mapping[str, Scalar]
    removed: Mapping[str, Scalar]
    defaults: tuple[Moved, ...]
    constants: tuple[Moved, ...]
    fixed: tuple[Moved, ...]
    rules_added: tuple[str, ...]
    rules_removed: tuple[str, ...]
    rules_changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        moved = {"defaults": self.defaults, "constants": self.constants, "fixed": self.fixed}
        return {
            "renamed": dict(self.renamed),
            "added": dict(self.added),
            "removed": dict(self.removed),
            **{key: {m.name: m.as_dict() for m in found} for key, found in moved.items()},
            "rules": {
                "added": list(self.rules_added),
                "removed": list(self.rules_removed),
                "changed": list(self.rules_changed),
            },
        }


def _word(value: Scalar | NoDefault) -> str:
    return "(none)" if isinstance(value, NoDefault) else words(value)


def form(rule: Rule) -> str:
    """What tells conditions apart: constants by value and type, parameters by name."""
    return repr(rule.condition)


def changes(aligned: Aligned[Any]) -> Changes:
    """What the two sides declare differently."""
    old: Definition = aligned.old
    new: Definition = aligned.new
    left = old.base.index.keys() & new.base.index.keys()
    before, after = _forms(old.model), _forms(new.model)
    return Changes(
        renamed={name: now for name, now in aligned.renamed.items() if now in left},
        added={name: value for name, value in aligned.only_new.items() if name in left},
        removed={name: value for name, value in aligned.only_old.items() if name in left},
        defaults=tuple(_moved(_defaults(aligned, old), _defaults(aligned, new))),
        constants=tuple(_moved(_constants(old.base), _constants(new.base))),
        fixed=tuple(_moved(old.base.fixed, new.base.fixed)),
        rules_added=tuple(id for id in after if id not in before),
        rules_removed=tuple(id for id in before if id not in after),
        rules_changed=tuple(id for id in after if id in before and before[id] != after[id]),
    )


def _forms(model: Model) -> dict[str, str]:
    # Defaults are told by themselves.
    activity = {f"{p.name}.active_when": repr(p.active_when) for p in model.parameters if p.active_when}
    return {rule.id: form(rule) for rule in model.rules} | activity


def _defaults(aligned: Aligned[Any], side: Definition) -> dict[str, Scalar | NoDefault]:
    """The defaults of the parameters that both sides declare themselves."""
    own = (p for p in side.parameters if p.name not in aligned.only_old and p.name not in aligned.only_new)
    return {p.name: p.default for p in own}


def _constants(model: Model) -> dict[str, Scalar | NoDefault]:
    return {c.name: c.value for c in model.constants}


def _moved(
    before: Mapping[str, Scalar | NoDefault], after: Mapping[str, Scalar | NoDefault]
) -> Iterator[Moved]:
    for name in dict.fromkeys([*after, *before]):
        found = Moved(name, before.get(name, NO_DEFAULT), after.get(name, NO_DEFAULT))
        if _key(found.before) != _key(found.after):
            yield found


def _key(value: Any) -> object:
    # Fixed values may be lists and mappings.
    return identity(value) if value is None or isinstance(value, bool | int | float | str) else repr(value)
