"""What the documents show, done: every command and example in them runs here and prints what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A block that begins with the name of a file is that file.
NAMED = re.compile(r"# ([\w-]+\.\w+)\n")
# What a reader does once to get the project; the wheel check does the same from the sdist.
INSTALLS = ("git clone ", "cd ", "pip install ", ". .venv/")


@dataclass(frozen=True)
class Example:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command after a `$`, and the output shown under it."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def _examples(page: Path) -> Iterator[Example]:
    text = page.read_text(encoding="utf-8")
    for block in FENCE.finditer(text):
        yield Example(page, text.count("\n", 0, block.start()) + 1, block[1], block[2])


EXAMPLES = [example for page in PAGES for example in _examples(page)]


def _of(page: Path, language: str | None = None) -> list[Example]:
    return [e for e in EXAMPLES if e.page == page and language in (None, e.language)]


def _pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if _of(page, language)]


@pytest.fixture
def reader(page: Path, tmp_path: Path) -> Path:
    """A folder as a reader of the page has it: spaces, packs, and the files that the page shows by name."""
    for folder in ("spaces", "rules"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    _install_a_server(tmp_path / "ENV")
    for example in _of(page):
        if name := NAMED.match(example.text):
            (tmp_path / name[1]).write_text(example.text, encoding="utf-8")
    return tmp_path


def _install_a_server(environment: Path) -> None:
    """An environment whose Python finds a stand-in for sglang."""
    stub = ROOT / "tests" / "stubs" / "early"
    python = environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH={stub} exec {sys.executable} "$@"\n')
    python.chmod(0o755)


def _run(command: str, folder: Path) -> tuple[str, str]:
    """What a command prints, data before words and words before data: a terminal may mix them."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 1), f"$ {command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr, done.stderr + done.stdout


def _matches(shown: str, printed: str) -> bool:
    """Whether the output is as shown, where `...` stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in shown.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@pytest.mark.parametrize("page", _pages_with("console"), ids=lambda page: page.name)
def test_the_commands_of_a_page_print_what_it_shows(page: Path, reader: Path) -> None:
    for example in _of(page, "console"):
        for line, shown in example.commands:
            command = line.split("  # ")[0].strip()
            if command.startswith("make "):
                # These make environments: that their targets exist is enough, the checks of CI run them.
                subprocess.run(
                    ["make", "-n", *command.split()[1:]], cwd=ROOT, check=True, capture_output=True
                )
            elif not command.startswith(INSTALLS):
                printed = _run(command, reader)
                agrees = not shown.strip() or any(_matches(shown, text) for text in printed)
                assert agrees, f"{example}: $ {command}\n{printed[0]}"


@pytest.mark.parametrize("page", _pages_with("python"), ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path, reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reader)
    names: dict[str, object] = {"__name__": "__main__"}
    for example in _of(page, "python"):
        program = "\n" * example.line + example.text
        exec(compile(program, str(page), "exec"), names)


def test_the_reference_is_what_the_command_line_says_of_itself() -> None:
    command = [sys.executable, "-m", "spacegen.cli.reference"]
    generated = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == generated


def _links(page: Path) -> Iterator[str]:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    return (link for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose) if "://" not in link)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_inside_the_project_leads_somewhere(page: Path) -> None:
    assert [link for link in _links(page) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_target_of_make_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))) <= targets


def test_the_pages_are_reached_from_the_readme() -> None:
    reached = {(ROOT / link).resolve() for link in _links(ROOT / "README.md")}
    assert {page for page in PAGES if page.parent.name == "docs"} <= reached


def test_the_readme_begins_with_what_a_user_gets_on_one_screen() -> None:
    head, first, _ = re.split(
        r"^## (.*)$", PAGES[0].read_text(encoding="utf-8"), maxsplit=1, flags=re.MULTILINE
    )
    assert first == "Two commands"
    lines = head.strip().splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100
    assert {"spacegen count", "spacegen tune", "spacegen diagnose"} <= set(re.findall(r"spacegen \w+", head))
    assert len(_of(PAGES[0], "console")) > 1


def test_the_readme_names_every_extra_and_its_environment_has_what_its_commands_need() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    table = re.findall(r"^\| (`.*`) \|", text, re.MULTILINE)
    assert {name for row in table for name in re.findall(r"`(\w+)`", row)} == set(
        project["optional-dependencies"]
    )
    assert "install --editable '.[tune,diagnose]'" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_map_begins_with_a_line_for_each_folder() -> None:
    head = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8").split("\n\n")[1]
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name.isalpha()}
    built = {"build", "dist", "htmlcov", "site"}
    listed = re.findall(r"^    ([a-z]+)/ ", head, re.MULTILINE)
    assert sorted(listed) == sorted(folders - built)


def test_the_map_shows_every_module_and_no_other() -> None:
    package = ROOT / "solver" / "spacegen"
    files = [path.relative_to(package) for path in package.rglob("*.py") if not path.name.startswith("__")]
    modules = {"/".join(path.with_suffix("").parts[-2:]) for path in files}
    shown = set(
        re.findall(r"`([a-z]+(?:/[a-z_]+)?)`", (ROOT / "docs" / "structure.md").read_text(encoding="utf-8"))
    )
    assert {m for m in modules if "/" in m} - shown == set()
    rooms = {path.name for path in package.rglob("*") if path.is_dir()}
    assert {s for s in shown if s.split("/")[0] in rooms and "/" in s} - modules <= {
        "engines/cpsat",
        "engines/tropical",
    }
