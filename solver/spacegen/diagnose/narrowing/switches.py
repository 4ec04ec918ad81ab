"""Arguments that are a switch in one version, and a size or a backend in another."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final

from spacegen.diagnose.finding import Move

__all__ = ["switched", "translated"]

_GROUPS: Final = "attn_dp_size"
_BY_SWITCH: Final = "enable_dp_attention"
_REPLICAS: Final = "dp_size"
_NO_GRAPHS: Final = "disable_cuda_graph"
_DECODE: Final = "cuda_graph_backend_decode"


def switched(arguments: Mapping[str, Any], searched: Container[str]) -> dict[str, Any]:
    """The arguments of a launch, with switches translated if the space searches only the newer argument."""
    found = dict(arguments)
    if _newer(_BY_SWITCH, _GROUPS, searched) and _BY_SWITCH in found and _GROUPS not in found:
        shared = found[_BY_SWITCH] is True
        found[_GROUPS] = found.get(_REPLICAS, 1) if shared else 1
        found.update({_REPLICAS: 1} if shared else {})
    if _newer(_NO_GRAPHS, _DECODE, searched) and found.get(_NO_GRAPHS) is True:
        found[_DECODE] = "disabled"
    return found


def translated(move: Move, arguments: Mapping[str, Any], searched: Container[str]) -> Move:
    """A move of a switch as a move of the newer argument, if the space searches only that one."""
    groups = _newer(_BY_SWITCH, _GROUPS, searched)
    wanted = move.among or ()
    if move.parameter == _BY_SWITCH and groups and len(wanted) == 1:
        bounds = {"at_least": 2, "to": 2} if wanted[0] is True else {"at_most": 1, "to": 1}
        return move.model_copy(update={"parameter": _GROUPS, "among": None, "was": None, **bounds})
    in_groups = arguments.get(_BY_SWITCH) is True and _GROUPS not in arguments
    if move.parameter == _REPLICAS and groups and in_groups:
        return move.model_copy(update={"parameter": _GROUPS})
    if move.parameter == _NO_GRAPHS and _newer(_NO_GRAPHS, _DECODE, searched) and wanted == (True,):
        return move.model_copy(
            update={"parameter": _DECODE, "among": ("disabled",), "was": None, "to": "disabled"}
        )
    return move


def _newer(switch: str, instead: str, searched: Container[str]) -> bool:
    return instead in searched and switch not in searched
