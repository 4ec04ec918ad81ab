"""Runs a script as if on a node with NVIDIA GPUs: the machine is pretended, the server's code is left alone.

    python standin.py FACTS SCRIPT [ARGUMENT …]

FACTS is JSON: `name`, `capability` as [major, minor], `mib` as nvidia-smi reports it, `count`, and `always`;
without the last, a real GPU stays what it is. Runs in the environment of the server and needs nothing of this
project. The script finds `present`, `pretended` or `none` as its last argument.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import runpy
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

__all__ = ["main"]

# What a node with a GPU has installed, and what the import of the arguments therefore expects.
_KERNELS = ("triton", "tvm_ffi", "sgl_kernel", "flashinfer", "deep_gemm", "pynvml")
_FORMATS = ("torchvision", "compressed_tensors", "gguf", "sentencepiece", "modelscope", "xgrammar", "dill")
_SERVING = ("fastapi", "starlette", "uvicorn", "openai", "openai_harmony", "anthropic", "IPython")
_PARSING = ("partial_json_parser",)


def main(arguments: list[str]) -> None:
    """Pretends the machine where that is wanted, then becomes the script."""
    facts = json.loads(arguments[0])
    beside = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != beside]
    sys.argv = [*arguments[1:], _machine(facts)]
    runpy.run_path(arguments[1], run_name="__main__")


def _machine(facts: dict[str, Any]) -> str:
    try:
        import torch
    except ImportError:
        return "none"
    if torch.cuda.is_available() and not facts["always"]:
        return "present"
    _settle_probes()
    _pretend_packages((*_KERNELS, *_FORMATS, *_SERVING, *_PARSING))
    _pretend_cuda(torch, facts)
    _pretend_nvidia_smi(facts)
    return "pretended"


def _settle_probes() -> None:
    """Lets transformers note what is installed before a pretended package could be found."""
    try:
        from transformers.utils import import_utils
    except ImportError:
        return
    import_utils.is_torch_available()
    import_utils.is_torchvision_available()


class _Name(type):
    """The type of pretended classes; what is looked up on one (as on an enumeration) is its name."""

    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


def _accepts_anything(*_arguments: object, **_options: object) -> Any:
    from pydantic_core import core_schema

    return core_schema.any_schema()


def _pretended_class(name: str, module: str) -> type:
    body = {
        "__module__": module,
        "__init__": lambda _self, *_arguments, **_options: None,
        "__get_pydantic_core_schema__": classmethod(_accepts_anything),
    }
    return _Name(name, (), body)


class _Pretended(types.ModuleType):
    """A package that is not there: names in capitals are classes, others are modules and decorators."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__version__ = "0.0.0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        made: Any = sys.modules.get(full)
        if made is None:
            made = _pretended_class(name, self.__name__) if name[0].isupper() else _Pretended(full)
        setattr(self, name, made)
        return made

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        bare = len(arguments) == 1 and callable(arguments[0]) and not options
        return arguments[0] if bare else lambda decorated: decorated

    def __iter__(self) -> Any:
        return iter(())


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the pretended packages, after everything that is really there."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, _path: Any = None, _target: Any = None) -> Any:
        if fullname.partition(".")[0] in self._names:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> types.ModuleType:
        return _Pretended(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing is executed: the names appear when they are asked for."""


def _pretend_packages(names: tuple[str, ...]) -> None:
    missing = frozenset(name for name in names if importlib.util.find_spec(name) is None)
    sys.meta_path.append(_Finder(missing))


def _undecorated(first: Any = None, function: Any = None, **_options: object) -> Any:
    """In place of decorators that would compile or register kernels."""
    if callable(function):
        return function
    return first if callable(first) else lambda decorated: decorated


def _pretend_cuda(torch: Any, facts: dict[str, Any]) -> None:
    total = facts["mib"] * 2**20
    major, minor = facts["capability"]
    properties = types.SimpleNamespace(
        name=facts["name"],
        major=major,
        minor=minor,
        total_memory=total,
        multi_processor_count=132,
        max_threads_per_multi_processor=2048,
        regs_per_multiprocessor=65536,
        shared_memory_per_block_optin=232448,
        L2_cache_size=50 * 2**20,
        warp_size=32,
        is_integrated=0,
        gcnArchName="",
        uuid="pretended",
    )
    answers = {
        "is_available": True,
        "device_count": facts["count"],
        "current_device": 0,
        "get_device_name": facts["name"],
        "get_device_capability": (major, minor),
        "get_device_properties": properties,
        "is_bf16_supported": major >= 8,
        "mem_get_info": (total, total),
        "set_device": None,
        "synchronize": None,
        "empty_cache": None,
    }
    for name, answer in answers.items():
        setattr(torch.cuda, name, lambda *_arguments, _answer=answer, **_options: _answer)
    torch.version.cuda = "13.0"
    torch.compile = _undecorated
    torch.library.register_fake = lambda _op, function=None, **_options: _undecorated(function)


def _pretend_nvidia_smi(facts: dict[str, Any]) -> None:
    really = subprocess.run
    major, minor = facts["capability"]
    known = {
        "memory.total": str(facts["mib"]),
        "compute_cap": f"{major}.{minor}",
        "name": facts["name"],
        "driver_version": "580.65.06",
    }

    def run(command: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(command, (list, tuple)) or command[:1] != ["nvidia-smi"]:
            return really(command, *arguments, **options)
        asked = next((a.partition("=")[2] for a in command if a.startswith("--query-gpu=")), "")
        row = ", ".join(known.get(field, "[N/A]") for field in asked.split(","))
        output = f"{row}\n" * facts["count"] if asked else ""
        return subprocess.CompletedProcess(command, 0 if asked else 1, output, "")

    subprocess.run = run  # type: ignore[assignment]


if __name__ == "__main__":
    main(sys.argv[1:])
