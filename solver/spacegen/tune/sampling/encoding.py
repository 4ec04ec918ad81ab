"""The parameters of a space as a study knows them: categorical distributions in the order of the domains."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution

from spacegen.api import Space
from spacegen.engines.blocks import Block, code_dtype
from spacegen.errors import Fault, UsageError, did_you_mean
from spacegen.language.expr import Scalar
from spacegen.language.model import Parameter
from spacegen.language.scalars import write_scalar
from spacegen.questions.edits import several, shorten

__all__ = ["Choice", "Encoding", "Row"]

Choice: TypeAlias = bool | int | float | str | None
"""A value as a study stores it."""

Row: TypeAlias = tuple[int, ...]
"""A config as codes: positions in the declared domains, in the order of the parameters."""


class Encoding:
    """Configs as the params of trials and back.

    With `labels` a study has the text of each value, which tells 1 from true and lets any front end show it;
    otherwise the values themselves.
    """

    def __init__(self, space: Space, labels: bool = False) -> None:
        self.space = space
        self.labels = labels

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """The parameters by name, in declared order."""
        return {p.name: p for p in self.space.parameters}

    @cached_property
    def choices(self) -> Mapping[str, tuple[Choice, ...]]:
        """What a study stores for each code of each parameter."""
        spell = write_scalar if self.labels else _itself
        return {name: tuple(map(spell, p.domain.values)) for name, p in self.parameters.items()}

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """A categorical distribution for each parameter."""
        return {name: CategoricalDistribution(choices) for name, choices in self.choices.items()}

    @cached_property
    def _codes_of_labels(self) -> Mapping[str, Mapping[Any, int]]:
        return {name: {label: i for i, label in enumerate(own)} for name, own in self.choices.items()}

    def code(self, name: str, choice: object) -> int | None:
        """The code of what a study stores; None where the parameter has no such value."""
        if self.labels:
            return self._codes_of_labels[name].get(choice) if isinstance(choice, str) else None
        return self.parameters[name].domain.code(choice)

    @cached_property
    def searched(self) -> dict[str, BaseDistribution]:
        """The distributions of parameters with more than one value: Optuna asks no sampler for the others."""
        return {name: d for name, d in self.distributions.items() if not d.single()}

    def row(self, params: Mapping[str, object]) -> Row | None:
        """The codes of a trial's params; None where one that has more than one value is missing, or one is
        foreign. Other names play no part."""
        codes = [
            self.code(name, params[name]) if name in params else None if name in self.searched else 0
            for name in self.parameters
        ]
        found = tuple(code for code in codes if code is not None)
        return found if len(found) == len(codes) else None

    def params(self, row: Row) -> dict[str, Choice]:
        """What a study stores for codes."""
        return {name: own[code] for (name, own), code in zip(self.choices.items(), row, strict=True)}

    def block(self, row: Row) -> Block:
        """Codes as a block of one row."""
        typed = zip(self.parameters.values(), row, strict=True)
        return Block(tuple(np.array([code], code_dtype(p.domain)) for p, code in typed), 1)

    def encode(self, config: Mapping[str, object]) -> dict[str, Choice]:
        """What a study stores for a config, which may have other names beside. Raises UsageError."""
        params = {}
        for name, parameter in self.parameters.items():
            if name not in config:
                raise UsageError(f"the config has no value of `{name}`")
            params[name] = self.choices[name][self.code_of_value(parameter, config[name])]
        return params

    def decode(self, params: Mapping[str, object]) -> dict[str, Scalar]:
        """The config of a trial's params. Raises UsageError where one is missing or foreign."""
        row = self.row(params)
        if row is None:
            missing = next(n for n in self.parameters if n not in params or self.code(n, params[n]) is None)
            told = f"gives it {params[missing]!r}" if missing in params else "does not have it"
            raise UsageError(f"this is no trial of `{self.space.name}`: `{missing}`, but the trial {told}")
        return self.config(row)

    def config(self, row: Row) -> dict[str, Scalar]:
        """The values of codes."""
        return {name: p.domain[code] for (name, p), code in zip(self.parameters.items(), row, strict=True)}

    def code_of_value(self, parameter: Parameter, value: object) -> int:
        """The code of a value of the space. Raises UsageError where the domain lacks it."""
        code = parameter.domain.code(value)
        if code is None:
            hint = f"its values are {shorten(several(parameter.domain.values))}"
            raise UsageError(Fault(f"{value!r} is outside the domain of `{parameter.name}`", hint=hint))
        return code

    def known(self, name: str) -> Parameter:
        """The parameter of that name. Raises UsageError."""
        if name in self.parameters:
            return self.parameters[name]
        settled = self.space.not_searched
        if name in settled:
            hint = f"it is held at {write_scalar(settled[name])}"
            raise UsageError(Fault(f"`{name}` is no parameter of this study", hint=hint))
        hint = (
            did_you_mean(name, self.parameters) or f"its parameters are {shorten(', '.join(self.parameters))}"
        )
        raise UsageError(Fault(f"`{self.space.name}` has no parameter `{name}`", hint=hint))

    def agree(self, name: str, distribution: BaseDistribution) -> bool:
        """Whether somebody else's distribution is that of the parameter: all choices, in their order."""
        choices = getattr(distribution, "choices", ())
        return len(choices) == len(self.choices[name]) and all(
            self.code(name, choice) == code for code, choice in enumerate(choices)
        )


def _itself(value: Scalar) -> Choice:
    return value
