"""A pretended GPU, seen by scripts that ask for it in the ways of a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import spacegen.launch.preflight

STANDIN = Path(spacegen.launch.preflight.__file__).parent / "inside" / "standin.py"
FACTS = {"name": "NVIDIA H100 80GB HBM3", "capability": [9, 0], "mib": 81559, "count": 8, "always": False}
TORCH = """
import types
there = {there}
cuda = types.SimpleNamespace(is_available=lambda: there, device_count=lambda: 1)
version = types.SimpleNamespace(cuda=None)
library = types.SimpleNamespace(register_fake=None)
"""


def pretend(tmp_path: Path, program: str, *, there: bool | None = False, **facts: Any) -> list[str]:
    """What a program prints under the stand-in; torch is missing where `there` is None."""
    (tmp_path / "program.py").write_text("import json, sys\n" + program, encoding="utf-8")
    library = tmp_path / "library"
    library.mkdir()
    if there is not None:
        (library / "torch.py").write_text(TORCH.format(there=there), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, STANDIN, json.dumps({**FACTS, **facts}), tmp_path / "program.py", "--word"],
        env={**os.environ, "PYTHONPATH": str(library)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("there", "always", "machine"),
    [(False, False, "pretended"), (True, False, "present"), (True, True, "pretended"), (None, True, "none")],
)
def test_a_gpu_is_pretended_where_there_is_none_or_one_is_chosen(
    tmp_path: Path, there: bool | None, always: bool, machine: str
) -> None:
    lines = pretend(tmp_path, "print(*sys.argv[1:])", there=there, always=always)
    assert lines == [f"--word {machine}"]


def test_torch_tells_of_the_pretended_gpus(tmp_path: Path) -> None:
    program = """
import torch
print(torch.cuda.is_available(), torch.cuda.device_count(), torch.cuda.get_device_name(0))
print(torch.cuda.get_device_capability(), torch.cuda.get_device_properties(0).major, torch.version.cuda)
print(torch.cuda.mem_get_info()[1] // 2**20)
@torch.compile
def one(): return 1
@torch.compile(dynamic=True)
def two(): return 2
@torch.library.register_fake("lib::three")
def three(): return 3
print(one(), two(), three(), torch.library.register_fake("lib::four", three)())
"""
    assert pretend(tmp_path, program) == [
        "True 8 NVIDIA H100 80GB HBM3",
        "(9, 0) 9 13.0",
        "81559",
        "1 2 3 3",
    ]


def test_nvidia_smi_tells_of_them_too_and_other_programs_run(tmp_path: Path) -> None:
    program = """
import subprocess
ask = ["nvidia-smi", "--query-gpu=memory.total,compute_cap,fan", "--format=csv,noheader,nounits"]
print(subprocess.run(ask, capture_output=True, text=True).stdout.splitlines())
print(subprocess.run(["nvidia-smi"], capture_output=True).returncode)
print(subprocess.run(["echo", "real"], capture_output=True, text=True).stdout.strip())
"""
    assert pretend(tmp_path, program, count=2) == [str(["81559, 9.0, [N/A]"] * 2), "1", "real"]


def test_packages_of_such_a_node_can_be_imported_and_no_others(tmp_path: Path) -> None:
    program = """
import importlib.util
from sgl_kernel.ops import fused, Layout
import flashinfer.comm as comm
@fused
def f(): return "f"
@comm.registered(name="x")
def g(): return "g"
class Mine(Layout): pass
print(f(), g(), Layout.ROW, isinstance(Mine(1, a=2), Layout), list(comm), comm.__version__)
print(importlib.util.find_spec("lmcache"), hasattr(comm, "__wrapped__"))
"""
    assert pretend(tmp_path, program) == ["f g ROW True [] 0.0.0", "None False"]


def test_the_scripts_beside_it_are_not_in_reach(tmp_path: Path) -> None:
    assert pretend(tmp_path, "import importlib.util\nprint(importlib.util.find_spec('judge'))") == ["None"]
