"""`spacegen info`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegen.cli.options import AsJson, Selection, SpaceName, spread
from spacegen.cli.output import print_json, print_table

if TYPE_CHECKING:
    from spacegen.questions.info import Info

__all__ = ["info"]


@spread
def info(
    space: SpaceName,
    graph: Annotated[
        bool,
        typer.Option(
            "--graph",
            help="Print the constraint graph as a Mermaid flowchart instead.",
            rich_help_panel="The output",
        ),
    ] = False,
    json: AsJson = False,
    *,
    selection: Selection,
) -> int:
    """List the parameters and rules of a space.

    Parameters come with their values, defaults, groups and impact; rules with their kinds and scopes. With
    `--target`, also the values that no solution has.
    """
    if graph and json:
        from spacegen.errors import UsageError

        raise UsageError("`--graph` and `--json` are two outputs: leave out one of them")
    chosen = selection.load(space)
    if graph:
        print(chosen.graph(), end="")
        return 0
    found = chosen.info()
    if json:
        dead = {} if selection.target is None else {"dead": chosen.dead_values()}
        print_json(found.as_dict() | dead, indent=2)
        return 0
    _print(found)
    if selection.target is not None:
        selection.say_engine(chosen)
    return 0


def _print(found: Info) -> None:
    from spacegen.errors import how_many
    from spacegen.questions.edits import words

    data: dict[str, Any] = found.as_dict()
    parameters = how_many(len(found.parameters), "parameter")
    print(f"{found.name}: {parameters}, {how_many(found.combinations, 'combination')}")
    for key in ("description", "target"):
        if data[key]:
            print(f"{key}: {data[key].strip()}")
    for key in ("constants", "fixed", "pinned"):
        if data[key]:
            print(f"{key}: {', '.join(f'{name} = {words(value)}' for name, value in data[key].items())}")
    print()
    print_table(("parameter", "values", "default", "group", "impact", "active when"), found.parameter_rows())
    if found.derived:
        print()
        print_table(("derived value", "meaning"), [(d.name, d.text) for d in found.derived])
    if found.objectives:
        print()
        print_table(("objective", "direction", "what", "because"), found.objective_rows())
    if found.preferences:
        print()
        print_table(("preference", "weight", "what", "because"), found.preference_rows())
    if found.rules:
        print()
        print_table(("rule", "kind", "scope", "because"), found.rule_rows())
    else:
        print("\nno rules")
