"""The layers of docs/structure.md as law: who may import whom, what stays lazy, how large a piece may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "solver"

# A room imports only rooms before it; what shares a line shares a room.
ROOMS = (
    ("errors", "extras", "source"),
    ("servers",),
    ("language",),
    ("engines",),
    ("questions",),
    ("launch",),
    ("api", "compiled", "optimum", "reasons", "solutions", "survey"),
    ("__init__",),
    ("tune", "diagnose", "explorer"),
    ("cli", "__main__"),
)
RANK = {name: rank for rank, names in enumerate(ROOMS) for name in names}

# Libraries that are slow to import, and the modules that exist to speak to them.
OWNERS = {
    "ortools": ("spacegen.engines.cpsat",),
    "constraint": ("spacegen.engines.backtrack",),
    "pandas": (),
    "polars": (),
    "pyarrow": (),
    "rich": (),
    "scipy": (),
    "aiohttp": ("spacegen.tune.simulated",),
    "optuna": ("spacegen.tune",),
    "plotly": ("spacegen.tune.report",),
    "prometheus_client": (),
    "psutil": ("spacegen.tune",),
    "pynvml": ("spacegen.tune",),
    "ray": ("spacegen.tune",),
}
SOLE_USERS = {name: OWNERS[name] for name in ("ortools", "constraint")}


@dataclass(frozen=True)
class Import:
    module: str
    names: tuple[str, ...]
    line: int
    at_module_level: bool

    @property
    def top(self) -> str:
        return self.module.split(".")[0]


@dataclass(frozen=True)
class Module:
    path: Path

    def __str__(self) -> str:
        return self.name

    @cached_property
    def name(self) -> str:
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def room(self) -> str:
        parts = self.path.relative_to(ROOT / "spacegen").with_suffix("").parts
        return parts[0]

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(_imports(self.tree, at_module_level=True))

    @cached_property
    def exports(self) -> tuple[str, ...] | None:
        for node in self.tree.body:
            match node:
                case ast.Assign(targets=[ast.Name("__all__")]):
                    return tuple(ast.literal_eval(node.value))
        return None


def _imports(node: ast.AST, *, at_module_level: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import():
                yield from (Import(alias.name, (), child.lineno, at_module_level) for alias in child.names)
            case ast.ImportFrom():
                assert child.level == 0, f"line {child.lineno}: a relative import"
                names = tuple(alias.name for alias in child.names)
                yield Import(child.module or "", names, child.lineno, at_module_level)
            case (
                ast.If(test=ast.Name("TYPE_CHECKING"))
                | ast.FunctionDef()
                | ast.AsyncFunctionDef()
                | ast.Lambda()
            ):
                yield from _imports(child, at_module_level=False)
            case _:
                yield from _imports(child, at_module_level=at_module_level)


MODULES = {module.name: module for module in map(Module, sorted(ROOT.rglob("*.py")))}
every_module = pytest.mark.parametrize("module", MODULES.values(), ids=str)


def own_imports(module: Module) -> Iterator[tuple[Import, str]]:
    """The modules of the package that a module imports, each by its full name."""
    for found in module.imports:
        if found.top != "spacegen":
            continue
        parts = [f"{found.module}.{name}" for name in found.names]
        if not all(part in MODULES for part in parts) or not parts:
            yield found, found.module
        yield from ((found, part) for part in parts if part in MODULES)


def test_the_package_is_found() -> None:
    assert {"spacegen", "spacegen.errors", "spacegen.language.model"} <= MODULES.keys()


@every_module
def test_a_module_has_a_room(module: Module) -> None:
    assert module.room in RANK


@every_module
def test_a_room_imports_only_rooms_before_it(module: Module) -> None:
    upward = [
        f"{module.path.name}:{found.line} imports {target}"
        for found, target in own_imports(module)
        if target not in MODULES or RANK[MODULES[target].room] > RANK[module.room]
    ]
    assert upward == []


def test_imports_run_one_way() -> None:
    graph = {m.name: {target for _, target in own_imports(m)} for m in MODULES.values()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("import cycle: " + " -> ".join(error.args[1]))


@every_module
def test_only_its_owner_speaks_to_a_solver(module: Module) -> None:
    strangers = [
        f"line {found.line}: {found.module}"
        for found in module.imports
        if found.top in SOLE_USERS and not module.name.startswith(SOLE_USERS[found.top])
    ]
    assert strangers == []


@every_module
def test_slow_libraries_are_imported_where_they_are_used(module: Module) -> None:
    eager = [
        f"line {found.line}: {found.module}"
        for found in module.imports
        if found.at_module_level and found.top in OWNERS and not module.name.startswith(OWNERS[found.top])
    ]
    assert eager == []


@pytest.mark.parametrize("entrance", ["spacegen", "spacegen.api", "spacegen.cli.main"])
def test_starting_loads_no_slow_library(entrance: str) -> None:
    program = f"import sys, {entrance}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded & OWNERS.keys() == set()


@every_module
def test_no_module_takes_the_name_of_a_data_folder(module: Module) -> None:
    assert not {"rules", "spaces"} & set(module.name.split("."))


@every_module
def test_a_module_fits_in_300_lines(module: Module) -> None:
    assert len(module.text.splitlines()) <= 300


@every_module
def test_no_pattern_repeats_a_group_possessively(module: Module) -> None:
    # Python 3.11.0 to 3.11.4 quietly match such repeats wrongly: https://github.com/python/cpython/issues/106052
    assert re.findall(r"\)(?:[*+?]|\{[\d,]+\})\+|\(\?>", module.text) == []


@every_module
def test_a_function_fits_in_40_lines(module: Module) -> None:
    functions = [n for n in ast.walk(module.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions}
    assert {name: lines for name, lines in lengths.items() if lines > 40} == {}


@every_module
def test_a_module_lists_its_public_names(module: Module) -> None:
    if module.path.name in ("__init__.py", "__main__.py") and not module.exports:
        return
    assert module.exports is not None
    assert len(set(module.exports)) == len(module.exports)


@every_module
def test_only_public_names_are_imported(module: Module) -> None:
    private = [
        f"line {found.line}: {name} of {found.module}"
        for found in module.imports
        for name in found.names
        if found.module in MODULES
        and f"{found.module}.{name}" not in MODULES
        and name not in (MODULES[found.module].exports or ())
        and not (name.startswith("__") and name.endswith("__"))
    ]
    assert private == []
