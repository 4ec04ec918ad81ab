"""Configs against both a space and its target: which arguments are searched, known, or mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from spacegen.errors import Fault, did_you_mean
from spacegen.language.model import Model
from spacegen.launch.complete import schema_of
from spacegen.launch.config import validate
from spacegen.launch.flags import owner
from spacegen.launch.mistakes import Repeated, Unknown, worded
from spacegen.questions.verdict import UnknownKey, Verdict
from spacegen.servers.schema import TargetSchema

__all__ = ["Sorted", "sort"]


@dataclass(frozen=True, slots=True)
class Sorted:
    """A config cut in two: what the space is asked about, and what only the target knows."""

    config: Mapping[str, Any]
    wrong: tuple[Fault, ...] = ()
    passed: tuple[str, ...] = ()
    schema: TargetSchema | None = None

    def told(self, verdict: Verdict) -> Verdict:
        """The verdict on the first part with what is known of the second."""
        if self.schema is None:
            return verdict
        known = self.schema.arguments
        unknown = tuple(UnknownKey(u.name, u.hint or did_you_mean(u.name, known)) for u in verdict.unknown)
        return replace(verdict, unknown=unknown, wrong=self.wrong, passed=self.passed)


def sort(model: Model, config: Mapping[str, Any], settled: Mapping[str, Any]) -> Sorted:
    """The config by what its names are: parameters (and `settled` ones) under their own names or another of
    the target's, other arguments of the target, and unknown ones, which stay for the space to refuse."""
    if model.target is None or config.keys() <= model.index.keys():
        return Sorted(config)
    schema = schema_of(model)
    assert schema is not None, "there is a target"
    own = {*model.index, *settled, *(d.name for d in model.derived), "rank"}
    fields = {field.name: name for name in own if (field := owner(schema, name)) is not None}
    searched = {name: value for name, value in config.items() if name in own}
    others: dict[str, Any] = {}
    wrong: list[Fault] = []
    for name in config.keys() - searched.keys():
        field = owner(schema, name)
        same = None if field is None else fields.get(field.name)
        if same is None:
            others[name] = config[name]
        elif same in searched:
            wrong.append(worded(Repeated(same, name), schema))
        else:
            searched[same] = config[name]
    mistakes = validate(schema, {name: others[name] for name in config if name in others})
    for mistake in mistakes:
        if isinstance(mistake, Unknown):
            searched[mistake.name] = others[mistake.name]
        else:
            wrong.append(worded(mistake, schema))
    faulty = {mistake.name for mistake in mistakes}
    passed = tuple(name for name in config if name in others and name not in faulty)
    return Sorted(searched, tuple(wrong), passed, schema)
