"""The samplers that propose: Optuna's own, by name, made anew for each trial."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args
from warnings import catch_warnings, simplefilter

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIIISampler, NSGAIISampler, TPESampler

from spacegen.engines.protocol import Method
from spacegen.questions.given import known_word

__all__ = ["BASES", "DRAWS", "Base", "BaseName", "base_for"]

BaseName: TypeAlias = Literal["tpe", "nsga2", "nsga3"]
Base: TypeAlias = BaseName | Method | BaseSampler | None
_POPULATION: Final = 16
"""With the 50 of Optuna a study of a hundred trials, which is many for real servers, has two generations."""
BASES: Final[tuple[BaseName, ...]] = get_args(BaseName)
DRAWS: Final[tuple[Method, ...]] = ("uniform", "balanced")
"""Random solutions, which no sampler of Optuna proposes."""


def base_for(base: Base, seed: int) -> BaseSampler | None:
    """The sampler itself, or the one of that name with this seed; None for plain draws. Raises UsageError
    for another name."""
    if base is None or isinstance(base, BaseSampler):
        return base
    known_word(base, (*BASES, *DRAWS), "sampler")
    match base:
        case "tpe":
            return TPESampler(seed=seed, multivariate=True)
        case "nsga2":
            return NSGAIISampler(seed=seed, population_size=_POPULATION)
        case "nsga3":
            with catch_warnings():
                # Optuna says each time that it may change its options, none of which is used here.
                simplefilter("ignore", ExperimentalWarning)
                return NSGAIIISampler(seed=seed, population_size=_POPULATION)
        case "uniform" | "balanced":
            return None
