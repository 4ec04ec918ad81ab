"""A whole space as one CpModel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ortools.sat.python import cp_model

from spacegen.engines.cpsat.parts import Part, clauses_of, live_values
from spacegen.engines.cpsat.patience import Patience
from spacegen.engines.cpsat.posting import Posting
from spacegen.engines.cpsat.solving import first_solutions
from spacegen.engines.protocol import ANYTHING, Block
from spacegen.language.columns import Mask
from spacegen.language.model import Model

__all__ = ["accepts", "cp_model_of"]


def cp_model_of(model: Model) -> tuple[cp_model.CpModel, Mapping[str, cp_model.IntVar]]:
    """The CpModel of a space and the variable of each parameter: it holds the parameter's values where these
    are ascending integers, else their positions in the domain. Other variables follow from these."""
    posting = _posting(model)
    return posting.model, posting.vars


def accepts(model: Model, block: Block, limit: float | None = None) -> Mask:
    """Which rows the CpModel has among its solutions, shape (length,): one run for all of them, which may
    take `limit` seconds in place of the usual ones."""
    patience = Patience(limit)
    patience.restart()
    posting = _posting(model)
    cp, row = posting.model, posting.model.new_int_var(0, max(len(block) - 1, 0), "row")
    labels = [posting.labels[p.name][block.columns[i]] for i, p in enumerate(model.parameters)]
    cp.add_allowed_assignments(
        [row, *posting.vars.values()], np.column_stack([np.arange(len(block)), *labels])
    )
    found, _ = first_solutions(cp, [row], len(block) + 1, patience)
    accepted = np.zeros(len(block), np.bool_)
    accepted[found[:, 0]] = True
    return accepted


def _posting(model: Model) -> Posting:
    return Posting(Part(model, tuple(model.index), live_values(model, ANYTHING), clauses_of(model)))
