"""Says what the installed sglang makes of launch configs: questions as JSON lines in, answers as lines out.

Runs in the environment of the server, on its own argument code: argparse, post-init or `resolve_once`, and
`check_server_args`. The first line out says who answers. A question has `config` (field → value), `argv` or
`file` (YAML for `--config`), and `model`: the path where the config has none, or with `always` in any case.
An answer has `stage`: where the config failed, else `accepted`.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["main"]

_MODEL = "model_path"


class _RefusedError(Exception):
    """What argparse says, where it would end the process."""


def _refuse(_parser: argparse.ArgumentParser, message: str) -> None:
    raise _RefusedError(message)


class _Ear(logging.Handler):
    """Keeps what the server logs about a config."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


class Server:
    """The argument code of the installed sglang, whose shape differs from version to version."""

    def __init__(self) -> None:
        import sglang
        from sglang.srt import server_args

        self.version = sglang.__version__
        self._prepare = server_args.prepare_server_args
        kind = server_args.ServerArgs
        # Newer versions keep decisions beside the input, and resolve only when they are told to.
        self._resolves_late = hasattr(kind, "resolve_once")
        self.defaults = _defaults(kind)
        self._parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS)
        kind.add_cli_args(self._parser)
        for action in self._parser._actions:
            action.default = argparse.SUPPRESS
            action.required = False
        self._flags = {flag: action for action in self._parser._actions for flag in action.option_strings}
        _build_once(kind)

    def judge(self, question: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The stages that a config reaches, and at last the values that would run, beside the given ones."""
        yield "stage", "arguments"
        argv, given = self._command(question)
        if "config" not in question:
            yield "given", given
        yield "stage", "resolution"
        args = self._prepare(argv)
        if self._resolves_late:
            args.resolve_once()
        yield "stage", "validation"
        args.check_server_args()
        yield "stage", "accepted"
        pairs = {name: (value, _plain(self._effective(args, name))) for name, value in given.items()}
        yield "altered", {n: p for n, p in pairs.items() if p[0] is not None and not _same(*p)}
        yield (
            "filled",
            {n: after for n, (value, after) in pairs.items() if value is None and after is not None},
        )

    def _effective(self, args: Any, name: str) -> Any:
        if not self._resolves_late:
            return getattr(args, name)
        from sglang.srt.arg_groups.overrides import resolution_result

        return resolution_result(args, name)

    def _command(self, question: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """The command line of a question, and the fields that it gives."""
        if "config" in question:
            given = dict(question["config"])
            argv = [word for name, value in given.items() for word in self._words(name, value)]
        elif "argv" in question:
            argv = question["argv"]
            given = {self._field(n): _plain(v) for n, v in vars(self._parser.parse_args(argv)).items()}
        else:
            argv = ["--config", question["file"]]
            given = {self._named(name): value for name, value in _mapping(question["file"]).items()}
        model = ["--model-path", question["model"]]
        if question["always"]:
            given.pop(_MODEL, None)
            return [*argv, *model], given
        return ([*argv] if given.get(_MODEL) else [*model, *argv]), given

    def _named(self, name: str) -> str:
        action = self._flags.get("--" + name.replace("_", "-"))
        return name.replace("-", "_") if action is None else self._field(action.dest)

    def _field(self, dest: str) -> str:
        """The field that argparse's name stands for, as in `tensor_parallel_size` for `tp_size`."""
        if dest in self.defaults:
            return dest
        names = {flag[2:].replace("-", "_") for flag, action in self._flags.items() if action.dest == dest}
        return next((name for name in sorted(names) if name in self.defaults), dest)

    def _flag(self, name: str) -> str | None:
        """The flag that sets a field: the one of its name, else the longest that leads to it."""
        flag = "--" + name.replace("_", "-")
        if flag in self._flags:
            return flag
        others = [f for f, action in self._flags.items() if action.dest == name and not f.startswith("--no-")]
        return max(others, key=len, default=None)

    def _words(self, name: str, value: Any) -> list[str]:
        """One field as a command line has it. Raises _RefusedError for what no command line can say."""
        if name not in self.defaults:
            raise _RefusedError(f"unknown argument: {name}")
        flag = self._flag(name)
        if value is None or (flag is None and value == self.defaults[name]):
            return []
        if flag is None:
            raise _RefusedError(f"argument {name}: no flag of the command line sets it")
        takes_none = self._flags[flag].nargs == 0
        if isinstance(value, bool) and takes_none:
            opposite = f"--no-{flag[2:]}"
            return [flag] if value else [opposite] if opposite in self._flags else []
        if takes_none:
            raise _RefusedError(f"argument {flag}: expected true or false, not {json.dumps(value)}")
        if isinstance(value, list) and self._flags[flag].nargs in ("+", "*"):
            return [flag, *map(str, value)]
        return [f"{flag}={value if isinstance(value, str) else json.dumps(value)}"]


def _build_once(kind: Any) -> None:
    """Makes the server copy its parser, which is the same for each config and slow to build."""
    pattern = argparse.ArgumentParser()
    kind.add_cli_args(pattern)

    def copied(parser: argparse.ArgumentParser) -> None:
        vars(parser).update({**vars(pattern), "prog": parser.prog})

    kind.add_cli_args = staticmethod(copied)


def _defaults(kind: Any) -> dict[str, Any]:
    """Every field with its default, where it has one as a plain value."""
    if dataclasses.is_dataclass(kind):
        return {field.name: field.default for field in dataclasses.fields(kind)}
    names, values = kind.__struct_fields__, kind.__struct_defaults__
    unset = (None,) * (len(names) - len(values))
    return dict(zip(names, (*unset, *values), strict=True))


def _mapping(path: str) -> dict[str, Any]:
    import yaml

    return dict(yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {})


def _plain(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _same(given: Any, after: Any) -> bool:
    if isinstance(given, (list, dict)) and isinstance(after, str):
        try:
            return bool(json.loads(after) == given)
        except ValueError:
            return False
    return isinstance(given, bool) == isinstance(after, bool) and bool(_plain(given) == after)


def _failure(error: BaseException) -> dict[str, Any]:
    """An error as data: a bare assertion is worded by its line; `where` is the server's line that raised."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"{os.sep}sglang{os.sep}" in frame.filename]
    where = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else None
    message = str(error) or ((own[-1].line or "") if own else "")
    return {"error": type(error).__name__, "message": message, "where": where}


def _answer(server: Server, question: Mapping[str, Any], ear: _Ear) -> dict[str, Any]:
    ear.heard.clear()
    environment = dict(os.environ)
    answer: dict[str, Any] = {}
    try:
        answer.update(server.judge(question))
    except _RefusedError as error:
        answer |= {"stage": "arguments", "message": str(error)}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the server's answer
        answer |= _failure(error)
    finally:
        # Resolution sets variables, which would reach the next config.
        os.environ.clear()
        os.environ.update(environment)
    return {**answer, "warnings": list(dict.fromkeys(ear.heard))}


def _introduction(machine: str) -> tuple[Server | None, dict[str, Any]]:
    """The server and who it is, or why it cannot be asked."""
    try:
        server = Server()
    except Exception as error:  # noqa: BLE001 - said by whoever asked
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        return None, {**_failure(error), "missing": missing}
    torch = sys.modules.get("torch")
    gpus = torch.cuda.device_count() if torch is not None and machine != "none" else 0
    name = torch.cuda.get_device_name(0) if torch is not None and gpus else None
    return server, {"version": server.version, "machine": machine, "gpu": name, "gpus": gpus}


def main(machine: str) -> None:
    """Introduces the server, then answers until there are no more questions."""
    # Whatever else is printed here, by C code too, goes to the log.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    argparse.ArgumentParser.error = _refuse  # type: ignore[assignment, method-assign]
    log, ear = logging.getLogger("sglang"), _Ear()
    log.addHandler(ear)
    server, words = _introduction(machine)
    print(json.dumps(words), file=answers, flush=True)
    if server is None:
        return
    for line in sys.stdin:
        print(json.dumps(_answer(server, json.loads(line), ear), default=str), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[-1])
