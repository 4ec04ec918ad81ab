"""Workloads from YAML files, and every fault of a file at its place."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from spacegen.errors import ConfigError, Fault, SpacegenError, did_you_mean
from spacegen.language.files import read_source
from spacegen.language.nodes import Tree, read_tree
from spacegen.language.validate import described
from spacegen.source import Source
from spacegen.tune.files import expanded
from spacegen.tune.load.builtin import WORKLOADS
from spacegen.tune.load.sense import nonsense
from spacegen.tune.workload import Workload

__all__ = ["KEYS", "commanded", "read_workload", "workload_of"]

_VERSION: Final = "workload"
_READ: Final = "file_sha256"
"""What is no key, but known of the file of a workload once it is read."""
_START: Final = "start with `workload: 1`"
KEYS: Final = tuple(name for name in Workload.model_fields if name != _READ)
"""What a workload file may say, beside its version."""
_HINTS: Final[Mapping[str, str]] = {
    "request_rate": "leave it out to send requests as fast as `concurrency` lets them",
    "concurrency": "leave it out for no limit",
    "extra": "a list of words: [--flush-cache]",
    "metrics": "names of metrics, each with a JSONPath expression: {tps: $.output_throughput}",
}
_KINDS: Final[Mapping[str, str]] = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "dict_type": "a mapping",
    "tuple_type": "a list",
}


def read_workload(name: str | Path, command: str | None = None) -> Workload:
    """The workload of a YAML file, of stdin for `-`, or one that ships, by its name.

    A `command` takes the place of the load generator that the workload names. A file that a workload names
    is looked for beside the workload. Raises ConfigError with every fault.
    """
    if isinstance(name, str) and not _is_path(name):
        if name in WORKLOADS:
            return WORKLOADS[name] if command is None else commanded(WORKLOADS[name], command)
        listed = ", ".join(f"`{known}`" for known in WORKLOADS)
        hint = did_you_mean(name, WORKLOADS) or f"{listed} ship; a file ends in .yaml"
        raise ConfigError(Fault(f"no workload `{name}`", hint=hint))
    if str(name) == "-":
        return workload_of(_stdin(), Path.cwd(), "stdin", command)
    path = Path(name)
    try:
        source = read_source(path)
    except SpacegenError as error:
        raise ConfigError(*error.faults) from None
    return workload_of(source, path.resolve().parent, path.stem, command)


def commanded(workload: Workload, command: str) -> Workload:
    """The same requests, put on a server by a program of the caller's."""
    return workload.model_copy(update={"generator": "command", "command": command})


def _is_path(name: str) -> bool:
    return name == "-" or "/" in name or name.endswith((".yaml", ".yml")) or Path(name).is_file()


def _stdin() -> Source:
    if sys.stdin is None:
        raise ConfigError("<stdin> is closed")
    try:
        return Source("<stdin>", sys.stdin.buffer.read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError("<stdin> is not UTF-8 text") from None


def workload_of(source: Source, folder: Path, name: str = "default", command: str | None = None) -> Workload:
    """The workload of a text, which is called `name` unless it says otherwise; its files are looked for in
    `folder`. Raises ConfigError."""
    try:
        tree = read_tree(source)
    except SpacegenError as error:
        raise ConfigError(*error.faults) from None
    if not isinstance(tree.data, dict):
        message = f"the file must hold a mapping, not {described(tree.data)}"
        raise ConfigError(*tree.faults, Fault(message, tree.at(), _START))
    faults = [*tree.faults, *_version(tree)]
    given = {"name": name, **{key: value for key, value in tree.data.items() if key != _VERSION}}
    if command is not None:
        given |= {"command": command, "generator": "command"}
    workload = _validated(given, tree, faults)
    if workload is None:
        raise ConfigError(*sorted(_without_doubles([*faults, *tree.suspects]), key=_position))
    workload = _with_file(workload, folder)
    faults.extend(_placed(workload, given, tree))
    if faults:
        raise ConfigError(*sorted(faults, key=_position))
    return _read(workload, tree)


def _without_doubles(faults: Sequence[Fault]) -> list[Fault]:
    """The faults, but for those where another one at the same place knows what the key is for."""
    helped = {_position(fault) for fault in faults if fault.hint in _HINTS.values()}
    return [f for f in faults if f.hint in _HINTS.values() or _position(f) not in helped]


def _position(fault: Fault) -> tuple[int, int]:
    return (fault.span.line, fault.span.column) if fault.span else (0, 0)


def _validated(given: Mapping[str, Any], tree: Tree, faults: list[Fault]) -> Workload | None:
    """The workload of a mapping, or None with what is wrong added to `faults`."""
    if _READ in given:
        faults.append(_unknown(_READ, tree))
    fields = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in given.items()
        if key != _READ
    }
    if "command" in given:
        fields.setdefault("generator", "command")
    try:
        return Workload.model_validate(fields, strict=True)
    except ValidationError as error:
        faults.extend(_worded(problem, tree) for problem in error.errors(include_url=False))
        return None


def _version(tree: Tree) -> Iterator[Fault]:
    version = tree.data.get(_VERSION)
    if _VERSION not in tree.data:
        yield Fault("the key `workload` is missing", tree.at(), _START)
    elif version != 1 or isinstance(version, bool):
        hint = "this is the version of the format"
        yield Fault(f"`workload` must be 1, not {described(version)}", tree.at((_VERSION,)), hint)


def _worded(problem: Any, tree: Tree) -> Fault:
    path = tuple(problem["loc"])
    named = f"`{path[0]}`" if len(path) == 1 else f"`{path[1]}` of `{path[0]}`"
    if len(path) > 1 and isinstance(path[1], int):
        named = f"item {path[1] + 1} of `{path[0]}`"
    value, context = problem["input"], problem.get("ctx", {})
    at = tree.at(path)
    hint = _HINTS.get(str(path[0]))
    match problem["type"]:
        case "extra_forbidden":
            return _unknown(str(path[0]), tree)
        case "literal_error":
            allowed = [word.strip("' ") for word in context["expected"].replace(" or ", ", ").split(",")]
            listed = ", ".join(f"`{word}`" for word in allowed)
            hint = did_you_mean(str(value), allowed)
            return Fault(f"{named} must be one of {listed}, not {described(value)}", at, hint)
        case "greater_than":
            return Fault(
                f"{named} must be more than {_plain(context['gt'])}, not {described(value)}", at, hint
            )
        case "greater_than_equal":
            return Fault(
                f"{named} must be at least {_plain(context['ge'])}, not {described(value)}", at, hint
            )
        case "less_than_equal":
            return Fault(f"{named} must be at most {_plain(context['le'])}, not {described(value)}", at, hint)
        case kind if kind in _KINDS:
            if kind == "string_type" and isinstance(value, bool | int | float):
                hint = f'put it in quotes: "{described(value).strip("`")}"'
            shown = "a list" if isinstance(value, tuple) else described(value)
            return Fault(f"{named} must be {_KINDS[kind]}, not {shown}", at, hint)
        case _:
            return Fault(f"{named}: {problem['msg'].lower()}", at, hint)


def _unknown(key: str, tree: Tree) -> Fault:
    hint = did_you_mean(key, KEYS) or "known keys: " + ", ".join(f"`{k}`" for k in KEYS)
    return Fault(f"unknown key `{key}`", tree.at_key((key,)), hint)


def _plain(bound: float) -> str:
    return f"{bound:,.0f}" if float(bound).is_integer() else f"{bound:g}"


def _with_file(workload: Workload, folder: Path) -> Workload:
    if workload.file is None:
        return workload
    return workload.model_copy(update={"file": str(folder / expanded(workload.file))})


def _read(workload: Workload, tree: Tree) -> Workload:
    """The workload with what is in its file. Raises ConfigError where that cannot be read."""
    if workload.file is None:
        return workload
    try:
        with Path(workload.file).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise ConfigError(Fault(f"cannot read {workload.file}: {words}", tree.at(("file",)))) from None
    return workload.model_copy(update={_READ: digest})


def _placed(workload: Workload, given: Mapping[str, Any], tree: Tree) -> Iterator[Fault]:
    """What makes no sense together, where it stands."""
    for key, message, hint in nonsense(workload, frozenset(given)):
        yield Fault(message, tree.at((key,)), hint)
    if workload.file is not None and not Path(workload.file).is_file():
        yield Fault(
            f"no such file: {workload.file}", tree.at(("file",)), "it is looked for beside the workload"
        )
