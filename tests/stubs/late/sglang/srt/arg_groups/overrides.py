"""How the decisions about arguments are read."""

from __future__ import annotations

from typing import Any


def resolution_result(server_args: Any, field: str) -> Any:
    return server_args.decisions.get(field, getattr(server_args, field))
