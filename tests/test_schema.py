"""The JSON Schema that editors use says what the reader says."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from spacegen.errors import ConfigError
from spacegen.language import catalog
from spacegen.language.document import BODIES
from spacegen.language.nodes import read_tree
from spacegen.language.schema import schema, schema_text
from spacegen.source import Source
from spacegen.tune.load.reading import workload_of
from spacegen.tune.load.schema import workload_schema

DOCS = Path(__file__).parents[1] / "docs"
FILES = [catalog.find(shelf, name) for shelf in ("spaces", "rules") for name in catalog.names(shelf)]
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": int | float,
}


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """JSON Schema, as much of it as ours uses."""
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    checks = [
        not types or any(isinstance(value, TYPES[t]) for t in types),
        "const" not in schema or value == schema["const"],
        "enum" not in schema or value in schema["enum"],
        "anyOf" not in schema or any(fits(value, s, root) for s in schema["anyOf"]),
        "oneOf" not in schema or sum(fits(value, s, root) for s in schema["oneOf"]) == 1,
    ]
    if "if" in schema:
        checks.append(fits(value, schema["then" if fits(value, schema["if"], root) else "else"], root))
    if isinstance(value, list):
        checks.append(len(value) >= schema.get("minItems", 0))
        checks += [fits(item, schema["items"], root) for item in value if "items" in schema]
    if isinstance(value, dict):
        checks += _members(value, schema, root)
    return all(checks)


def _members(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any]) -> list[bool]:
    known, other = schema.get("properties", {}), schema.get("additionalProperties", True)
    checks = [key in value for key in schema.get("required", [])]
    checks += [fits(part, known[key], root) for key, part in value.items() if key in known]
    rest = [part for key, part in value.items() if key not in known]
    if isinstance(other, dict):
        return checks + [fits(part, other, root) for part in rest]
    return [*checks, other or not rest]


def read(text: str) -> Any:
    return read_tree(Source("t", text)).data


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bundled_file_fits_and_names_its_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named
    file = (path.parent / named[1]).resolve()
    assert file.parent == DOCS
    wanted = schema("pack" if "rules" in path.parts else "space")
    assert file.read_text(encoding="utf-8") == schema_text(wanted)
    assert fits(read(text), wanted, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "spacegen: 1\nparameters: {a: [1], b: {from: 1, to: 2}, c: {values: [null], default: null}}\n",
        "spacegen: 1\nparameters: {a: [1]}\nrules: [{when: a, at_most_one: [a, b], kind: inert}]\n",
        "spacegen: 1\nextends: h100\npin: {tp_size: 1}\n",
        "spacegen: 1\nparameters: {a: [1]}\nconstants: {n: 1, m: {value: 1, unit: x}, u: }\n",
        "spacegen: 1\nparameters: {a: [1]}\nderived: {d: a + 1, e: {value: a, unit: GB}}\n",
    ],
)
def test_sound_spaces_fit(text: str) -> None:
    assert fits(read(text), schema(), schema())


@pytest.mark.parametrize(
    "text",
    [
        "parameters: {a: [1]}\n",
        "spacegen: 2\nparameters: {a: [1]}\n",
        "spacegen: 1\n",
        "spacegen: 1\nparameters: {a: 1}\n",
        "spacegen: 1\nparameters: {a: {values: [1], defalt: 1}}\n",
        "spacegen: 1\nparameters: {a: [1]}\nrules: [{because: nothing}]\n",
        "spacegen: 1\nparameters: {a: [1]}\nrules: [{require: a, forbid: b}]\n",
        "spacegen: 1\nparameters: {a: [1]}\nrules: [{require: a, kind: bad}]\n",
        "spacegen: 1\nparameters: {a: [1]}\npin: {a: 1}\n",
    ],
)
def test_unsound_spaces_do_not(text: str) -> None:
    assert not fits(read(text), schema(), schema())


FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = FENCE.findall((DOCS / "language.md").read_text(encoding="utf-8"))
RULES = [rule for text in EXAMPLES for rule in read(text).get("rules", [])]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_rules_of_the_reference_fit(rule: dict[str, Any]) -> None:
    assert fits(rule, {"$ref": "#/$defs/RuleEntry"}, schema())


def test_every_body_is_described() -> None:
    rule = schema()["$defs"]["RuleEntry"]["properties"]
    assert all(rule[keyword]["description"] for keyword in BODIES)


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("workload: 1\n", True),
        ("workload: 1\nrequest_rate: 2.5\nconcurrency: null\nextra: [--a]\n", True),
        ("workload: 1\ncommand: a {seed}\nmetrics: {tps: $.tps}\n", True),
        ("seed: 1\n", False),
        ("workload: 2\n", False),
        ("workload: 1\nnum_prompt: 3\n", False),
        ("workload: 1\nextra: --a\n", False),
        ("workload: 1\ngenerator: bench\n", False),
    ],
)
def test_workloads_fit_as_they_are_read(text: str, fine: bool) -> None:
    assert fits(read(text), workload_schema(), workload_schema()) == fine
    reading = nullcontext() if fine else pytest.raises(ConfigError)
    with reading:
        workload_of(Source("w.yaml", text), Path())
