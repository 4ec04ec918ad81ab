"""Runs sglang's own bench_serving, in an environment that lacks most of what a node with GPUs has.

    PYTHON real_bench.py ARGUMENT …

The load generator is the real one. What `sglang` loads around it, PyTorch and kernels among it, is left out:
bare packages take its place, in which the modules that the load generator asks for are found as ever.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path


def _bare(name: str, folder: Path) -> None:
    """A package whose own code does not run."""
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


def _module(name: str, **names: object) -> None:
    module = types.ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    module.__dict__.update(names)
    sys.modules[name] = module


def _without_the_server() -> Path:
    """The folder of sglang, after everything is said to be there that only servers need."""
    found = importlib.util.find_spec("sglang")
    assert found is not None, "the environment has no sglang"
    assert found.origin is not None
    root = Path(found.origin).parent
    for name in ("sglang", "sglang.srt", "sglang.srt.utils", "sglang.srt.disaggregation"):
        _bare(name, root.parent.joinpath(*name.split(".")))
    _module("sglang.srt.disaggregation.utils", FAKE_BOOTSTRAP_HOST="2.2.2.2")
    _module("datasets", load_dataset=None)
    return root


if __name__ == "__main__":
    # Tokenizers need no PyTorch, whose import takes longer than a small load.
    sys.modules["torch"] = sys.modules["torchvision"] = None  # type: ignore[assignment]
    moved = (_without_the_server() / "benchmark" / "serving.py").exists()
    name = "sglang.benchmark.serving" if moved else "sglang.bench_serving"
    runpy.run_module(name, run_name="__main__", alter_sys=True)
