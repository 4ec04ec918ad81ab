"""Launch configs before the installed server's own argument code: accepted, altered or rejected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Literal, TypeAlias

from spacegen.errors import EngineError, Fault, UsageError, did_you_mean
from spacegen.launch.child import Child, EndedError, LateError

__all__ = ["GPUS", "Gpu", "Judge", "Judgement", "Node", "Outcome", "bundled_model"]

Outcome: TypeAlias = Literal["accepted", "altered", "rejected"]

_INSIDE: Final = Path(__file__).parent / "inside"
_START_SECONDS: Final = 300.0
_MOST_CRASHES: Final = 3


@dataclass(frozen=True, slots=True)
class Gpu:
    """What a GPU says of itself: its name, compute capability, and memory in MiB as nvidia-smi reports it."""

    name: str
    capability: tuple[int, int]
    mib: int


GPUS: Final[Mapping[str, Gpu]] = MappingProxyType(
    {
        "a100": Gpu("NVIDIA A100-SXM4-80GB", (8, 0), 81920),
        "b200": Gpu("NVIDIA B200", (10, 0), 183359),
        "h100": Gpu("NVIDIA H100 80GB HBM3", (9, 0), 81559),
        "h200": Gpu("NVIDIA H200", (9, 0), 143771),
        "l40s": Gpu("NVIDIA L40S", (8, 9), 46068),
    }
)


@dataclass(frozen=True, slots=True)
class Node:
    """Where configs are judged: the Python that has the server, the machine, and the model.

    Without `gpu`, the GPUs that are there count, else H100s are pretended. Without `model`, that of
    the config counts, else a small one that is bundled. A config may take `seconds`.
    """

    python: Path
    gpu: str | None = None
    gpus: int = 8
    model: Path | None = None
    seconds: float = 60.0

    @property
    def command(self) -> list[str]:
        """How the judge is started. Raises UsageError for an unknown GPU, and where there is no Python."""
        name = self.gpu or "h100"
        if name not in GPUS:
            hint = did_you_mean(name, GPUS) or f"GPUs: {', '.join(GPUS)}"
            raise UsageError(Fault(f"no GPU is called `{name}`", hint=hint))
        gpu = GPUS[name]
        facts = {
            "name": gpu.name,
            "capability": gpu.capability,
            "mib": gpu.mib,
            "count": self.gpus,
            "always": self.gpu is not None,
        }
        python = _interpreter(self.python)
        return [str(python), str(_INSIDE / "standin.py"), json.dumps(facts), str(_INSIDE / "judge.py")]


def _interpreter(path: Path) -> Path:
    found = path / "bin" / "python" if path.is_dir() else path
    if not found.is_file():
        hint = "name the Python of the environment that has the server: `--python ENV/bin/python`"
        raise UsageError(Fault(f"there is no Python at `{path}`", hint=hint))
    # Not resolved: the link in a virtual environment is what makes it one.
    return found.absolute()


def bundled_model(name: str) -> Path:
    """The folder of a model without weights: `llama` or `qwen3-moe`."""
    return _INSIDE / "models" / name


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the server makes of a config.

    `stage` is where a rejected one failed: arguments, resolution, validation, crash or time-out; `where` is
    the server's file and line. `altered` has the given and the effective value of each field that the server
    changed, `filled` the values that it chose for fields given as null, and `given` what a command line or a
    file says, as the server reads it.
    """

    stage: str
    message: str = ""
    error: str | None = None
    where: str | None = None
    altered: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    filled: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """The verdict in a word; `accepted` says that nothing was altered."""
        if self.stage != "accepted":
            return "rejected"
        return "altered" if self.altered else "accepted"

    @property
    def causes(self) -> tuple[tuple[str, str], ...]:
        """Why it is not accepted as it is: for each cause a name, which such configs share, and the words."""
        if self.outcome == "rejected":
            where = f" ({self.where})" if self.where else ""
            words = f"{self.stage}: {self.message.splitlines()[0] if self.message else self.error}{where}"
            return ((f"{self.stage} {self.where or self.message}", words),)
        changes = {
            name: f"{_shown(given)} -> {_shown(after)}" for name, (given, after) in self.altered.items()
        }
        return tuple((name, f"{name}: {change}") for name, change in changes.items())

    def __str__(self) -> str:
        words = "; ".join(words for _, words in self.causes)
        return f"{self.outcome}: {words}" if words else "accepted, nothing altered"

    def as_dict(self) -> dict[str, Any]:
        """The judgement as JSON has it."""
        altered = {n: {"given": given, "effective": after} for n, (given, after) in self.altered.items()}
        failure = {"stage": self.stage, "message": self.message, "error": self.error, "where": self.where}
        return {
            "outcome": self.outcome,
            **(failure if self.outcome == "rejected" else {"altered": altered, "filled": dict(self.filled)}),
            "warnings": list(self.warnings),
        }


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


class Judge:
    """The installed server's argument code in a process of its own; a context manager.

    Raises UsageError and EngineError where it cannot be asked.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._child: Child | None = None
        self._crashes = 0
        self.version = ""
        self.gpu = ""

    def __enter__(self) -> Judge:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def judge(self, config: Mapping[str, Any]) -> Judgement:
        """The judgement on one config: values by field."""
        return self.answer({"config": dict(config)})

    def answer(self, question: Mapping[str, Any]) -> Judgement:
        """The judgement on a question in the judge's own form: with `config`, `argv` or `file`."""
        model = self._node.model
        asked = {**question, "model": str(model or bundled_model("llama")), "always": model is not None}
        child = self._child or self._start()
        try:
            answer = child.ask(asked, self._node.seconds)
        except EndedError as error:
            return self._crashed("crash", str(error), child)
        except LateError as error:
            return self._crashed("time-out", str(error), child)
        altered = {name: (given, after) for name, (given, after) in answer.pop("altered", {}).items()}
        return Judgement(altered=altered, **{**answer, "warnings": tuple(answer["warnings"])})

    def _start(self) -> Child:
        self._child = child = Child(self._node.command)
        try:
            words = child.hear(_START_SECONDS)
        except (EndedError, LateError) as error:
            raise self._unable(f"the server's code cannot be asked: {error}", child) from None
        if "version" not in words:
            raise self._unusable(words, child)
        self.version = words["version"]
        pretended = ", pretended" if words["machine"] == "pretended" else ""
        self.gpu = f"{words['gpu']} × {words['gpus']}{pretended}" if words["gpu"] else "no GPU"
        return child

    def _stop(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child = None

    def _crashed(self, stage: str, message: str, child: Child) -> Judgement:
        """The judgement on a config that took the server's code down; the next one starts it again."""
        tail = child.tail()
        self._stop()
        self._crashes += 1
        if self._crashes > _MOST_CRASHES:
            raise EngineError(Fault(f"the server's code failed {self._crashes} times: {message}\n{tail}"))
        return Judgement(stage, f"{message}\n{tail}".strip())

    def _unable(self, message: str, child: Child) -> EngineError:
        tail = child.tail()
        self._stop()
        return EngineError(Fault(f"{message}\n{tail}" if tail else message))

    def _unusable(self, words: Mapping[str, Any], child: Child) -> EngineError:
        python = self._node.python
        missing = words["missing"]
        if missing == "sglang":
            self._stop()
            hint = "`--python ENV/bin/python` names an environment that has it"
            return EngineError(Fault(f"`{python}` has no sglang", hint=hint))
        if missing:
            self._stop()
            hint = f"install `{missing}` in that environment"
            return EngineError(Fault(f"the sglang of `{python}` needs `{missing}`", hint=hint))
        where = f" ({words['where']})" if words["where"] else ""
        return self._unable(f"the sglang of `{python}` cannot be loaded: {words['message']}{where}", child)
