"""The constraint graph: the Mermaid that it is written in, and what it shows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from build import le, parameter, rule, space, sum_of
from spacegen.api import Space, load
from spacegen.language.catalog import names as bundled
from spacegen.language.model import Model
from spacegen.questions.graph import mermaid
from strategies import models

LABEL = r'"(?:[^"\#<>`%&\n]|\#\d+;)*"'
LINES = re.compile(
    rf"""
      flowchart\ LR
    | \ \ subgraph\ g\d+\[{LABEL}\]
    | \ \ end
    | (?:\ \ ){{1,2}}p\d+\[{LABEL}\]
    | \ \ r\d+\(\[{LABEL}\]\)
    | \ \ r\d+\ ---\ p\d+
    | \ \ p\d+\ ---\|{LABEL}\|\ p\d+
    | \ \ p\d+\ -\.->\ p\d+
    | \ \ %%\ [\w ,:]+
    """,
    re.VERBOSE,
)


def check_syntax(text: str) -> None:
    """The few forms of the language of flowcharts that a graph uses, each node declared before its edges."""
    lines = text.splitlines()
    assert lines[0] == "flowchart LR"
    assert text.endswith("\n")
    for line in lines:
        assert LINES.fullmatch(line), line
    assert sum("subgraph" in line for line in lines) == lines.count("  end")
    declared = re.findall(r"^ +([pr]\d+)[\[(]", text, re.MULTILINE)
    assert len(set(declared)) == len(declared)
    edges = [line for line in lines if re.match(r" +\w+ -", line)]
    assert {word for line in edges for word in re.findall(r"\b[pr]\d+\b", re.sub(LABEL, "", line))} <= set(
        declared
    )


@pytest.mark.parametrize("name", bundled("spaces"))
def test_the_graph_of_a_bundled_space_is_mermaid(name: str) -> None:
    check_syntax(load(name).graph())


@settings(deadline=None)
@given(models())
def test_every_graph_is_mermaid(model: Model) -> None:
    check_syntax(mermaid(model))


def test_a_graph_shows_parameters_in_groups_rules_and_what_decides_about_activity() -> None:
    model = space(
        parameter("a", 1, 2, group="numbers"),
        parameter("b", 1, 2),
        parameter("c", 1, 2, group="numbers"),
        parameter("d", 1, 2),
        rules=[le("a", "b"), le(sum_of("a", "b", "c"), 5), le("a", 1)],
    )
    on = le("b", 1)
    conditional = parameter("e", 1, 2, default=1, active_when=on)
    model = model.replace(parameters=(*model.parameters, conditional))
    assert (
        mermaid(model)
        == """\
flowchart LR
  subgraph g0["numbers"]
    p0["a"]
    p2["c"]
  end
  p1["b"]
  p3["d"]
  p4["e"]
  p0 ---|"rule-0"| p1
  r1(["rule-1"])
  r1 --- p0
  r1 --- p1
  r1 --- p2
  r2(["rule-2"])
  r2 --- p0
  p1 -.-> p4
  %% together: a, b, c, e
  %% in no rule: d
"""
    )


def test_what_mermaid_could_take_for_syntax_is_written_as_entities() -> None:
    odd = replace(rule(le("a", "b")), id='a"|b|-->%%<script>`x`#35;')
    model = space(parameter("a", 1, 2, group='"]\nend'), parameter("b", 1, 2)).replace(rules=(odd,))
    text = mermaid(model)
    check_syntax(text)
    assert '|"a#34;|b|--#62;#37;#37;#60;script#62;#96;x#96;#35;35;"|' in text
    assert 'subgraph g0["#34;] end"]' in text


def test_a_graph_is_of_what_is_left_of_a_space() -> None:
    narrowed = load("sglang-throughput-10").only("tp_size", "dp_size")
    assert re.findall(r'\["(\w+)"\]', narrowed.graph()) == ["parallelism", "tp_size", "dp_size"]
    assert isinstance(narrowed, Space)


def test_the_documented_graph_is_that_of_its_space(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "counts.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^```(yaml|mermaid)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    path = tmp_path / "node.yaml"
    path.write_text(shown["yaml"], encoding="utf-8")
    assert load(path).graph() == shown["mermaid"]
