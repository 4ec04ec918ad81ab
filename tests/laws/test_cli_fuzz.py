"""Whatever a config file holds, `check` answers in words: 0, 1 or 2, and never a traceback."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

import spacegen
from spacegen.cli.main import main
from spacegen.errors import Fault
from spacegen.questions.configs import FORMATS, read_configs
from spacegen.source import Source

SERVER = Path(__file__).parents[1] / "cases" / "cli" / "server.yaml"
SPACE = spacegen.load(SERVER)
ROWS = SPACE.first(3).dicts()
TEXTS = {
    "json": json.dumps(ROWS),
    "jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    "yaml": yaml.safe_dump(ROWS[0]),
    "csv": "tp_size,dp_size,memory,backend,graph\n1,2,,auto,True\n8,2,0.8,\"fa,fi\",False\n",
}  # fmt: skip
SCRAPS = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "'",
    "\n",
    "\t",
    "\0",
    "\ufeff",
    "\ud800",
    "é",
    "-",
    "1e999",
    "NaN",
]
SCRAPS += [
    "null",
    "true",
    "9" * 5000,
    "&a",
    "*a",
    "!!python/object:os.system",
    "<<",
    "%",
    "#",
    "\\",
    "0x1",
    "1_0",
]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from([*ROWS[0], "used", "rank", "gpus"]) | st.text(max_size=6)


def mutated(text: str, seed: int) -> str:
    """The text after a few cuts, copies and insertions of scraps."""
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 4)):
        a, b = sorted(rng.choices(range(len(text) + 1), k=2))
        piece = rng.choice(["", text[a:b] * 2, rng.choice(SCRAPS), rng.choice(SCRAPS) * 60])
        text = text[:a] + piece + text[b if rng.random() < 0.3 else a :]
    return text


def verdicts(text: str, form: str) -> None:
    """Reads and judges the text as the verb does; only the errors that the verb words may come out."""
    try:
        batch = read_configs(Source(f"config.{form}", text), SPACE.model)
    except spacegen.ConfigError:
        return
    configs = [entry.config for entry in batch.entries if not isinstance(entry.config, Fault)]
    for verdict in SPACE.check_all(configs):
        assert verdict.headline.startswith(("valid", "invalid"))
        assert str(verdict)
        json.dumps(verdict.as_dict())


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_mutated_config_gets_a_verdict_or_a_message(form: str, seed: int) -> None:
    verdicts(mutated(TEXTS[form], seed), form)


@settings(max_examples=200, deadline=None)
@given(config=st.dictionaries(names, values, max_size=6))
@example(config={"tp_size": float("nan")})
@example(config={"memory": 10**400, "backend": "\ud800"})
def test_any_mapping_gets_a_verdict(config: dict[str, object]) -> None:
    verdict = SPACE.check(config)
    assert verdict.headline
    assert str(verdict)
    assert verdict.valid == (not re.match("invalid", verdict.headline))


@settings(max_examples=200, deadline=None)
@given(config=st.dictionaries(names, values, max_size=6))
@example(config={"tp_size": float("nan"), "dp_size": 4})
@example(config={"memory": 10**400, "backend": "\ud800", "tp_size": 2.5})
@example(config={"tp_size": 8, "dp_size": 8, "metrics": [], "rank": {}})
def test_any_mapping_is_explained(config: dict[str, object]) -> None:
    found = SPACE.explain(config)
    assert found.valid == SPACE.check(config).valid == (not str(found).startswith("invalid"))
    json.dumps(found.as_dict())


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("seed", range(15))
def test_the_verb_says_so_without_a_traceback(
    form: str, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"config.{form}"
    path.write_bytes(mutated(TEXTS[form], seed).encode("utf-8", "surrogatepass"))
    assert main(["check", str(SERVER), str(path)]) in (0, 1, 2)
    assert main(["check", str(SERVER), str(path), "--json"]) in (0, 1, 2)
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out


@settings(max_examples=100, deadline=None)
@given(
    flag=st.sampled_from(["--pin", "--set", "--where", "--drop", "--only", "--with-kind"]),
    text=st.text(max_size=12),
)
@example(flag="--pin", text="tp_size=" + "9" * 5000)
@example(flag="--set", text="gpus=" + "9" * 5000)
@example(flag="--set", text="gpus=1e400")
@example(flag="--pin", text="memory=2024-01-01")
@example(flag="--where", text="(" * 500)
@example(flag="--where", text="tp_size * " * 300 + "1 > 0")
def test_an_option_is_understood_or_refused(flag: str, text: str) -> None:
    assert main(["count", str(SERVER), f"{flag}={text}", "-q"]) in (0, 2)
