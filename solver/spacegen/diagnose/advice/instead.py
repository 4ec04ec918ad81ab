"""Ways out that give way to others, and what a finding says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from spacegen.diagnose.finding import Action, Finding, Move, Step

__all__ = ["Instead", "replaced"]


class Instead(NamedTuple):
    """What takes the place of a move: another one, if there is one, and what is said in its place."""

    move: Move | None
    action: Action


def replaced(finding: Finding, instead: Mapping[Move, Instead]) -> Finding:
    """The finding with other ways out, and with nothing that it said of those that are gone."""
    ways = [instead[move].move if move in instead else move for move in finding.moves]
    # What goes together with the best way out goes with it.
    also = () if ways and ways[0] is None else finding.also
    lost = () if also else finding.also
    told = (action for action in finding.actions if _about(action) not in lost)
    actions = (_in_place(action, instead, finding) for action in told)
    return finding.model_copy(
        update={
            "moves": tuple(move for move in ways if move is not None),
            "also": also,
            "actions": tuple(dict.fromkeys(actions)),
        }
    )


def _about(action: Action) -> Move | None:
    match action:
        case Step(about=move):
            return move
        case Move():
            return action
        case _:
            return None


def _in_place(action: Action, instead: Mapping[Move, Instead], finding: Finding) -> Action:
    about = _about(action)
    if about is None or about not in instead:
        return action
    move, said = instead[about]
    # What is said beside the sentence of a move holds of one that goes less far, too.
    if isinstance(action, Step) and about in finding.actions and move is not None and said == move:
        return Step(about=move, sentence=action.sentence)
    return said
