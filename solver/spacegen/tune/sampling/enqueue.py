"""Configs that somebody wants tried, checked before they are in the study."""

from __future__ import annotations

from collections.abc import Mapping

from optuna import Study

from spacegen.api import Space
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.sampling.fresh import rows_of
from spacegen.tune.sampling.held import held, refuse_impossible
from spacegen.tune.sampling.ledger import Ledger

__all__ = ["enqueue"]


def enqueue(study: Study, space: Space, config: Mapping[str, object], *, labels: bool = False) -> bool:
    """Makes a config, whole or partial, one of the next trials, unless trials have all its solutions already
    or are about to; says whether it did.

    Raises UsageError for names and values that the space does not have, and for values that no solution has
    together.
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
    given = held(encoding, params)
    refuse_impossible(encoding, given)
    taken = Ledger(encoding).read(study).taken
    found = space.engine.costed((), given).best(len(taken) + 1).block
    if all(row in taken for row in rows_of(found)):
        return False
    study.enqueue_trial(params)
    return True
