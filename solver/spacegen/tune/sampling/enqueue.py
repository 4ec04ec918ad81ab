"""Configs that somebody wants tried, checked before they are in the study."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from time import sleep
from typing import Any, Final

from optuna import Study
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState, create_trial

from spacegen.api import Space
from spacegen.tune.sampling.encoding import Encoding
from spacegen.tune.sampling.fresh import rows_of
from spacegen.tune.sampling.held import held, refuse_impossible
from spacegen.tune.sampling.ledger import FIXED, Ledger

__all__ = ["enqueue", "put"]

_LOOKS: Final = 40
_PAUSE: Final = 0.05
"""Seconds between looks: whoever claims a config has it a moment later, or never."""


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
    return put(study, encoding, params)


def put(
    study: Study, encoding: Encoding, params: Mapping[str, Any], attributes: Mapping[str, Any] | None = None
) -> bool:
    """Makes params one of the next trials, unless they are a config that a trial has or is about to; says
    whether it did, also where others do the same at this moment."""
    row, ledger, storage = encoding.row(params), Ledger(encoding), study._storage
    if row is not None and row in ledger.read(study).taken:
        return False
    waiting = create_trial(
        state=TrialState.WAITING, system_attrs={FIXED: dict(params)}, user_attrs=dict(attributes or {})
    )
    made = storage.create_new_trial(study._study_id, template_trial=waiting)
    if row is None:
        return True
    number = storage.get_trial(made).number
    # As with claims, each looks again after it has written. Of two that are enqueued the first stays; a trial
    # that claims the config either saw this one and takes another soon, or keeps it.
    for _ in range(_LOOKS):
        taken, claimed = ledger.rivals(study, number, row)
        if taken or not claimed:
            break
        sleep(_PAUSE)
    if taken or claimed:
        with suppress(UpdateFinishedTrialError):
            storage.set_trial_state_values(made, TrialState.FAIL)
        return False
    return True
