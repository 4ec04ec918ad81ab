"""`spacegen target`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from spacegen.cli.options import AsJson, one_of
from spacegen.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from spacegen.servers.schema import Argument, TargetSchema

__all__ = ["target"]

_ACTIONS = ("list", "show", "add")


_Action: TypeAlias = Annotated[
    str, typer.Argument(metavar="ACTION", help="list, show or add.", show_default=False)
]
_Name: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[TARGET]",
        help="What to show: sglang==0.5.23, or a server for its newest version.",
        show_default=False,
    ),
]
_Python: TypeAlias = Annotated[
    str | None,
    typer.Option("--python", metavar="PYTHON", help="Add the sglang of this Python, or of this environment."),
]
_As: TypeAlias = Annotated[
    str | None,
    typer.Option("--name", metavar="SERVER==VERSION", help="Add it as this version instead of its own."),
]


def target(
    action: _Action, name: _Name = None, python: _Python = None, named: _As = None, json: AsJson = False
) -> int:
    """List, show or add the servers and versions whose arguments are known.

    A space is checked against the arguments of its target, and `--target` loads it for another version. Where
    a version is not known, the nearest older one stands in, with a note. Added ones are kept in
    $XDG_DATA_HOME/spacegen/targets, else in ~/.local/share/spacegen/targets.
    """
    from spacegen.errors import UsageError

    match one_of(action, _ACTIONS, "target"):
        case "list" if name is None:
            _list(json)
        case "show" if name is not None:
            _show(name, json)
        case "add" if name is None and python is not None:
            _add(python, named, json)
        case "show":
            raise UsageError("`target show` needs a target, such as `sglang==0.5.23`")
        case "add" if python is None:
            raise UsageError("`target add` needs `--python`: an environment that has the server")
        case _:
            raise UsageError(f"`target {action}` takes no `{name}`")
    return 0


def _list(json: bool) -> None:
    from spacegen.servers import schema

    rows = [
        {
            "target": f"{server}=={version}",
            "arguments": len(_arguments(schema.load(server, version))),
            "from": "shipped" if path.parent != schema.added_folder() else str(path),
        }
        for (server, version), path in schema.known().items()
    ]
    if json:
        print_json(rows, indent=2)
    else:
        print_table(("target", "arguments", "from"), [tuple(map(str, row.values())) for row in rows])


def _show(name: str, json: bool) -> None:
    found = _found(name)
    for note in found.notes:
        say(f"note: {note}")
    arguments = _arguments(found)
    if json:
        print_json({"target": str(found), "arguments": list(map(_as_dict, arguments))}, indent=2)
        return
    print(f"{found}: {len(arguments)} arguments\n")
    print_table(("argument", "flags", "type", "default", "choices"), list(map(_row, arguments)))


def _found(name: str) -> TargetSchema:
    from spacegen.errors import Fault, UsageError
    from spacegen.language.versions import read_target
    from spacegen.servers import schema

    wanted = read_target(name)
    if wanted is not None:
        return schema.load(wanted.server, wanted.version)
    known = [f"{server}=={version}" for server, version in schema.known()]
    newest = [text for text in known if text.partition("==")[0] == name]
    if newest:
        return _found(newest[-1])
    raise UsageError(Fault(f"`{name}` is no target", hint=f"targets are {', '.join(known)}"))


def _arguments(schema: TargetSchema) -> list[Argument]:
    """The arguments in order, each once and under the name of its field."""
    return [argument for name, argument in schema.arguments.items() if argument.name == name]


def _row(argument: Argument) -> tuple[str, ...]:
    from spacegen.language.scalars import write_scalar
    from spacegen.servers.schema import REQUIRED

    default = argument.default
    plain = default is None or isinstance(default, bool | int | float | str)
    return (
        argument.name,
        " ".join(argument.flags) or "(none)",
        f"{argument.type}{' or null' if argument.nullable else ''}",
        "(required)" if default is REQUIRED else write_scalar(default) if plain else str(default),
        ", ".join(map(str, argument.choices or ())) + ("deprecated" if argument.deprecated else ""),
    )


def _as_dict(argument: Argument) -> dict[str, Any]:
    from spacegen.servers.schema import REQUIRED

    found: dict[str, Any] = {
        "name": argument.name,
        "flags": list(argument.flags),
        "type": argument.type,
        "nullable": argument.nullable,
        "action": argument.action,
    }
    if argument.default is not REQUIRED:
        found["default"] = argument.default
    if argument.choices is not None:
        found["choices"] = list(argument.choices)
    marks = {"deprecated": argument.deprecated, "suffixes": argument.suffixes}
    return found | {mark: True for mark, holds in marks.items() if holds}


def _add(python: str, name: str | None, json: bool) -> None:
    from pathlib import Path

    from spacegen.launch.installed import add

    added, path = add(Path(python), name)
    if json:
        print_json({"target": str(added), "path": str(path)})
    else:
        print(f"{added}: {path}")
