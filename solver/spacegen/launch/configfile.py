"""The YAML file that `--config` of a server reads."""

from __future__ import annotations

import json
import shlex
from collections.abc import Container, Mapping
from typing import Any, Final

from spacegen.errors import Fault, UsageError
from spacegen.launch.config import LaunchConfig
from spacegen.launch.flags import flag, words
from spacegen.servers.schema import Argument, TargetSchema

__all__ = ["SERVERS", "config_file", "file_arguments", "unstated"]

SERVERS: Final = ("sglang",)
"""The servers that read such files."""

# Since 0.5.14 two switches are one.
_GRAPHS: Final = ("cuda_graph_backend_decode", "cuda_graph_backend_prefill")


def config_file(config: LaunchConfig, *, full: bool = False) -> str:
    """The launch as such a file: hyphenated keys, without nulls and what is off.

    What the server refuses in files stands in a comment, for the command line. Raises UsageError for a server
    that reads none.
    """
    import yaml

    entries, left = file_arguments(config, full=full)
    lead = f"# not for files, so for the command line: {shlex.join(left)}\n" if left else ""
    if not entries:
        return f"{lead}{{}}\n"
    return lead + str(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=10_000))


def file_arguments(config: LaunchConfig, *, full: bool = False) -> tuple[dict[str, Any], list[str]]:
    """The entries of the file, and the words that only a command line takes."""
    schema = config.schema
    if schema.server not in SERVERS:
        hint = "write command lines instead: `--format argv`"
        raise UsageError(Fault(f"`{schema.server}` reads no config file", hint=hint))
    entries: dict[str, Any] = {}
    left: list[str] = []
    for name, value in _restated(config, full=full).items():
        argument = schema.arguments[name]
        said = words(argument, value, name) or ()
        if argument.action == "store_true":
            if value and _refused(argument):
                left += said
            elif value:
                entries[_key(argument, name)] = True
        elif _refused(argument) or len(said) == 1:
            left += said
        else:
            entries[_key(argument, name)] = _written(argument, value)
    return entries, left


def _key(argument: Argument, name: str) -> str:
    return flag(argument, name).removeprefix("--")


def _refused(argument: Argument) -> bool:
    """Whether files cannot set the argument: files know words and plain switches, no other actions."""
    return argument.deprecated or argument.action in ("toggle", "store_false")


def _written(argument: Argument, value: Any) -> Any:
    # A list becomes several words; whatever else has parts is one, of JSON.
    if argument.action == "list":
        return [_json(item) for item in value]
    return _json(value)


def _json(value: Any) -> Any:
    if isinstance(value, bool):
        # A flag that takes a word would find none.
        return str(value)
    return json.dumps(value) if isinstance(value, list | dict) else value


def _restated(config: LaunchConfig, *, full: bool) -> Mapping[str, Any]:
    """The arguments to write, where what files refuse is said in the words that the server prefers."""
    given = config.given(full=full)
    known = config.schema.arguments
    named = {known[name].name: name for name in given}
    graphs, attention = named.get("disable_cuda_graph"), named.get("enable_dp_attention")
    if graphs and known[graphs].deprecated and given.pop(graphs):
        # Whoever names a backend wins over the switch for both.
        for name in _GRAPHS:
            given.setdefault(named.get(name, name), "disabled")
    if attention and known[attention].deprecated and given.pop(attention):
        size = named.get("dp_size", "dp_size")
        given.setdefault(named.get("attn_dp_size", "attn_dp_size"), given.pop(size, known[size].default))
    return given


def unstated(given: Mapping[str, Any], schema: TargetSchema, searched: Container[str]) -> dict[str, Any]:
    """The arguments (by field) of a launch, where a space searches a switch whose new words are used instead.

    Undoes what `file_arguments` does to deprecated switches.
    """
    found = dict(given)
    decode, prefill = _GRAPHS
    if _is_searched("disable_cuda_graph", decode, schema, searched) and found.get(decode) == "disabled":
        if prefill in found:
            found["disable_cuda_graph"] = found.pop(decode) == "disabled"
        if found.get(prefill) == "disabled":
            del found[prefill]
    if _is_searched("enable_dp_attention", "attn_dp_size", schema, searched) and "attn_dp_size" in found:
        found["dp_size"] = found.pop("attn_dp_size")
        found["enable_dp_attention"] = True
    return found


def _is_searched(switch: str, instead: str, schema: TargetSchema, searched: Container[str]) -> bool:
    argument = schema.arguments.get(switch)
    deprecated = argument is not None and argument.deprecated
    return deprecated and switch in searched and instead not in searched
