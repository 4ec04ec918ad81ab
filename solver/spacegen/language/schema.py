"""The JSON Schema of the YAML files, for editors."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from spacegen.language.document import BODIES, ObjectiveEntry, Overlay, Pack, RuleEntry, Space

__all__ = ["DIALECT", "PlainGenerator", "schema", "schema_text"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class PlainGenerator(GenerateJsonSchema):
    """Without the titles that pydantic makes of every key: they hide the descriptions in editors."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False


def _of(model: type[BaseModel]) -> tuple[dict[str, Any], dict[str, Any]]:
    schema = model.model_json_schema(schema_generator=PlainGenerator)
    parts: dict[str, Any] = schema.pop("$defs", {})
    if RuleEntry.__name__ in parts:
        parts[RuleEntry.__name__]["oneOf"] = [{"required": [keyword]} for keyword in BODIES]
    if ObjectiveEntry.__name__ in parts:
        parts[ObjectiveEntry.__name__]["oneOf"] = [{"required": ["maximize"]}, {"required": ["minimize"]}]
    return schema, parts


def schema(of: Literal["space", "pack"] = "space") -> dict[str, Any]:
    """The schema of a space file (a space, or an overlay where it has `extends`) or of a rule pack."""
    if of == "pack":
        pack, parts = _of(Pack)
        return {"$schema": DIALECT, **pack, "title": "spacegen rule pack", "$defs": parts}
    space, parts = _of(Space)
    overlay, more = _of(Overlay)
    return {
        "$schema": DIALECT,
        "title": "spacegen space",
        "if": {"required": ["extends"]},
        "then": overlay,
        "else": space,
        "$defs": parts | more,
    }


def schema_text(schema: dict[str, Any]) -> str:
    """A schema as the file that editors load."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
