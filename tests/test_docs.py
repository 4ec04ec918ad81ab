"""What the documents show, done: every command and example in them runs here and prints what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a reader does once to get the project; the wheel check does the same from the sdist.
INSTALLS = ("git clone ", "cd ", "pip install ")


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


def _of(language: str) -> list[Example]:
    return [example for example in EXAMPLES if example.language == language]


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """A folder as a reader has it: the spaces and packs, nothing else of the checkout."""
    for folder in ("spaces", "rules"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def _run(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 1), f"$ {command}\n{done.stdout}"
    return done.stdout


def _matches(shown: str, printed: str) -> bool:
    """Whether the output is as shown, where `...` stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in shown.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@pytest.mark.parametrize("example", _of("console"), ids=str)
def test_a_command_prints_what_the_page_shows(example: Example, reader: Path) -> None:
    for command, shown in example.commands:
        command = command.split("  # ")[0].strip()
        if command.startswith(INSTALLS):
            continue
        if command.startswith("make "):
            subprocess.run(["make", "-n", *command.split()[1:]], cwd=ROOT, check=True, capture_output=True)
            continue
        printed = _run(command, reader)
        assert not shown.strip() or _matches(shown, printed), f"$ {command}\n{printed}"


@pytest.mark.parametrize("page", sorted({e.page for e in _of("python")}), ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path, reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reader)
    names: dict[str, object] = {"__name__": "__main__"}
    for example in (e for e in _of("python") if e.page == page):
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
