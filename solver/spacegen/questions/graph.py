"""The constraint graph of a space as a Mermaid flowchart: parameters, and the rules that tie them."""

from __future__ import annotations

from collections.abc import Iterator

from spacegen.language.model import Model, Parameter
from spacegen.language.walk import scope
from spacegen.questions.leaving import parts

__all__ = ["mermaid"]


def mermaid(model: Model) -> str:
    """A flowchart whose nodes are the parameters, in a box for each group.

    A rule over two parameters is an edge; one over more, or over one alone, is a node of its own, joined to
    its parameters. A dotted arrow leads from what decides whether a parameter is active. Comments at the end
    list the parts that share no rule.
    """
    return "\n".join(["flowchart LR", *_nodes(model), *_rules(model), *_activity(model), *_blocks(model), ""])


def _node(model: Model, name: str) -> str:
    return f"p{model.index[name]}"


def _quoted(text: str) -> str:
    """A label; what Mermaid could take for syntax, a comment or HTML becomes an entity."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '#"<>`%&':
        return f"#{ord(char)};"
    return char if char.isprintable() else " "


def _nodes(model: Model) -> Iterator[str]:
    groups: dict[str | None, list[Parameter]] = {}
    for parameter in model.parameters:
        groups.setdefault(parameter.group, []).append(parameter)
    for i, (group, members) in enumerate(groups.items()):
        nodes = [f"{_node(model, p.name)}[{_quoted(p.name)}]" for p in members]
        if group is None:
            yield from (f"  {node}" for node in nodes)
        else:
            yield f"  subgraph g{i}[{_quoted(group)}]"
            yield from (f"    {node}" for node in nodes)
            yield "  end"


def _rules(model: Model) -> Iterator[str]:
    for i, rule in enumerate(model.rules):
        nodes = [_node(model, name) for name in model.scope(rule)]
        if len(nodes) == 2:
            yield f"  {nodes[0]} ---|{_quoted(rule.id)}| {nodes[1]}"
        elif nodes:
            yield f"  r{i}([{_quoted(rule.id)}])"
            yield from (f"  r{i} --- {node}" for node in nodes)


def _activity(model: Model) -> Iterator[str]:
    for parameter in model.parameters:
        for name in scope(parameter.active_when) if parameter.active_when is not None else ():
            yield f"  {_node(model, name)} -.-> {_node(model, parameter.name)}"


def _blocks(model: Model) -> Iterator[str]:
    found = [part for part in parts(model) if part.parameters]
    for part in found:
        if part.rules:
            yield f"  %% together: {_names(part)}"
    if free := [_names(part) for part in found if not part.rules]:
        yield f"  %% in no rule: {', '.join(free)}"


def _names(part: Model) -> str:
    return ", ".join(p.name for p in part.parameters)
