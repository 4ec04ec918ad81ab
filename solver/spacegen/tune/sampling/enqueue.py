"""Configs that somebody wants tried, checked before they are in the study."""

from __future__ import annotations

from collections.abc import Mapping

from optuna import Study

from spacegen.api import Space
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.sampling.held import held, refuse_impossible

__all__ = ["enqueue"]


def enqueue(study: Study, space: Space, config: Mapping[str, object], *, labels: bool = False) -> bool:
    """Makes a config, whole or partial, one of the next trials; says whether it is new to the study.

    A whole config that some trial has, or waits to have, is not tried again. Raises UsageError for names and
    values that the space does not have, and for values that no solution has together.
    """
    encoding = Encoding(space, labels)
    settled = space.not_searched
    params = {}
    for name, value in config.items():
        if name in encoding.parameters or name not in settled:
            parameter = encoding.known(name)
            params[name] = encoding.choices[name][encoding.code_of_value(parameter, value)]
        else:
            held(encoding, {name: value})
    refuse_impossible(encoding, held(encoding, params))
    before = len(study.get_trials(deepcopy=False))
    study.enqueue_trial(params, skip_if_exists=True)
    return len(study.get_trials(deepcopy=False)) > before
