"""Configs against both a space and its target: which arguments are searched, known, or mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from spacegen.errors import Fault, did_you_mean
from spacegen.language.model import Model
from spacegen.launch.complete import schema_of
from spacegen.launch.config import validate
from spacegen.launch.flags import owner
from spacegen.launch.mistakes import Repeated, Unknown, worded
from spacegen.questions.verdict import UnknownKey, Verdict
from spacegen.servers.schema import TargetSchema

__all__ = ["VERDICT", "Sorted", "Sorter", "unjudged"]

_T = TypeVar("_T")

VERDICT: Final = ("valid", "broken", "wrong")
"""What a verdict adds to a row: whether it is valid, the ids of the rules it breaks, what else is wrong."""


def unjudged(model: Model, columns: Mapping[str, _T]) -> Mapping[str, _T]:
    """A config, or columns of many, without an earlier verdict: all of `VERDICT`, none of it a parameter."""
    if not columns.keys() >= set(VERDICT) or model.index.keys() & VERDICT:
        return columns
    return {name: value for name, value in columns.items() if name not in VERDICT}


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


class Sorter:
    """Cuts configs in two: names of the space (parameters, and `settled` ones), and other arguments of its
    target. Another name of a parameter counts as its own; unknown ones stay for the space to refuse."""

    def __init__(self, model: Model, settled: Mapping[str, Any]) -> None:
        self._own = {*model.index, *settled, *(d.name for d in model.derived), "rank"}
        self._schema = schema_of(model)
        owners = {name: None if self._schema is None else owner(self._schema, name) for name in self._own}
        self._names = {field.name: name for name, field in owners.items() if field is not None}

    def __call__(self, config: Mapping[str, Any]) -> Sorted:
        """The parts of a config."""
        if self._schema is None or config.keys() <= self._own:
            return Sorted(config)
        return self._sorted(config, self._schema)

    def _sorted(self, config: Mapping[str, Any], schema: TargetSchema) -> Sorted:
        searched = {name: value for name, value in config.items() if name in self._own}
        others: dict[str, Any] = {}
        wrong: list[Fault] = []
        for name, value in config.items():
            field = None if name in self._own else owner(schema, name)
            same = None if field is None else self._names.get(field.name)
            if same is None and name not in self._own:
                others[name] = value
            elif same is not None and same in searched:
                wrong.append(worded(Repeated(same, name), schema))
            elif same is not None:
                searched[same] = value
        mistakes = validate(schema, others)
        for mistake in mistakes:
            if isinstance(mistake, Unknown):
                searched[mistake.name] = others[mistake.name]
            else:
                wrong.append(worded(mistake, schema))
        passed = others.keys() - {mistake.name for mistake in mistakes}
        return Sorted(searched, tuple(wrong), tuple(name for name in others if name in passed), schema)
