"""The arguments of an installed server as data of one's own: read in its environment, kept for spaces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from spacegen.errors import EngineError, Fault, UsageError
from spacegen.language.model import Target
from spacegen.language.versions import read_target
from spacegen.launch.child import Child, EndedError, LateError
from spacegen.launch.files import replacing
from spacegen.launch.preflight import Node
from spacegen.servers import schema

__all__ = ["SERVER", "add", "extract"]

SERVER: Final = "sglang"
"""The server whose environments can be read."""

_INSIDE: Final = Path(__file__).parent / "inside"
_SECONDS: Final = 300.0


def add(python: Path, name: str | None = None) -> tuple[Target, Path]:
    """Keep the arguments of the sglang of an environment, as its own version or that of `name`: what is
    kept, and where. Raises UsageError, EngineError and OSError."""
    wanted = None if name is None else _named(name)
    version, rows = extract(python)
    target = wanted or _published(version)
    if (folder := schema.added_folder()) is None:
        hint = "set `XDG_DATA_HOME` to a folder for it"
        raise UsageError(Fault("there is no home folder to keep a target in", hint=hint))
    path = folder / f"{target.server}-{target.version}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as stream:
        stream.writelines(_lines(target, f"the sglang {version} of {python}", rows))
    schema.forget()
    return target, path


def _published(version: str) -> Target:
    """The target of the version that a package says it has."""
    try:
        return Target(SERVER, str(Version(version)))
    except InvalidVersion:
        hint = "`--name sglang==0.5.23+mine` gives it one"
        raise EngineError(Fault(f"`{version}` is not a version", hint=hint)) from None


def _named(name: str) -> Target:
    found = read_target(name)
    if found is None or found.server != SERVER or not schema.is_version(found.version):
        hint = "write it like `sglang==0.5.23+mine`"
        raise UsageError(Fault(f"`--name {name}` is no version of {SERVER}", hint=hint))
    return found


def extract(python: Path) -> tuple[str, Mapping[str, Mapping[str, Any]]]:
    """The version of the sglang of an environment, and its arguments as rows of the data. Needs no GPU.

    Raises UsageError where there is no Python, EngineError where it has no sglang that can be read.
    """
    command = Node(python, gpu="h100").command
    child = Child([*command[:-1], str(_INSIDE / "arguments.py")])
    try:
        found = child.hear(_SECONDS)
    except (EndedError, LateError) as error:
        said = f"{error}\n{child.tail()}".strip()
        raise EngineError(f"the arguments of `{python}` cannot be read: {said}") from None
    finally:
        child.close()
    missing = found.get("missing")
    if missing == SERVER:
        hint = "`--python ENV/bin/python` names an environment that has it"
        raise EngineError(Fault(f"`{python}` has no {SERVER}", hint=hint))
    if missing:
        hint = f"install `{missing}` in that environment"
        raise EngineError(Fault(f"the {SERVER} of `{python}` needs `{missing}`", hint=hint))
    return found["version"], found["arguments"]


def _lines(target: Target, source: str, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The file: one line an argument, as in the data that are shipped."""
    head = {"server": target.server, "version": target.version, "source": source}
    yield "{\n"
    yield from (f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    yield ' "arguments": {\n'
    yield ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    yield "\n }\n}\n"
