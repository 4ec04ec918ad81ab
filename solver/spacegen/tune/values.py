"""The base of the values of this room: frozen, strict about their fields, and JSON both ways."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Value"]


class Value(BaseModel):
    """A frozen value that is written as JSON (`model_dump_json`) and read back (`model_validate_json`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), ser_json_inf_nan="null")
