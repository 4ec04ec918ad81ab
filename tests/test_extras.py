"""Libraries that only some installations have, and the commands that install them."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from spacegen.errors import UsageError
from spacegen.extras import installing, require

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
INSTALLED = metadata.version
MADE_UP = [
    "numpy>=1.26",
    "zzz[fast]>=2; extra == 'tune'",
    "optuna>=5; extra == 'tune'",
    "plotly>=6; extra == 'diagnose'",
]


def _name(requirement: str) -> str:
    return re.split(r"[\[><=]", requirement)[0]


def test_a_missing_library_is_named_with_a_command_that_needs_no_index_with_spacegen() -> None:
    with pytest.raises(UsageError) as caught:
        require("no_such_library.part", "tune", "`spacegen tune`")
    assert caught.value.faults[0].message == "`spacegen tune` needs `no_such_library`"
    hint = caught.value.faults[0].hint or ""
    assert "spacegen" not in hint.partition(" install ")[2]
    assert set(hint.partition(" install ")[2].replace("'", "").split()) <= set(EXTRAS["tune"])
    assert require("json", "tune", "this").__name__ == "json"


def test_a_library_that_is_broken_is_no_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_library.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ImportError):
        require("broken_library", "tune", "this")


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `pip` of an environment with an odd name, which runs this and is the first on the path."""
    found = tmp_path / "my env" / "pip"
    found.parent.mkdir()
    found.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(found.with_name("python")))
    monkeypatch.setenv("PATH", str(found.parent))
    return found


def _versions(**known: str) -> object:
    def version(name: str) -> str:
        if name not in known:
            raise metadata.PackageNotFoundError(name)
        return known[name]

    return version


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        (_versions(), "'zzz[fast]>=2' 'optuna>=5'"),
        (_versions(zzz="2.1"), "'optuna>=5'"),
        (_versions(zzz="2.1", optuna="4.9"), "'optuna>=5'"),
        (_versions(zzz="2.1", optuna="6"), "'zzz[fast]>=2' 'optuna>=5'"),
    ],
    ids=["nothing is there", "one is missing", "one is old", "all seem there"],
)
def test_what_is_missing_or_old_is_installed_by_name(
    versions: object, words: str, pip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: MADE_UP)
    monkeypatch.setattr(metadata, "version", versions)
    assert installing("tune") == f"pip install {words}"


def test_an_environment_that_is_not_activated_is_named(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: MADE_UP)
    monkeypatch.setattr(metadata, "version", _versions())
    monkeypatch.setenv("PATH", "/nowhere")
    assert installing("diagnose") == f"'{pip.with_name('python')}' -m pip install 'plotly>=6'"


def test_without_an_installation_the_checkout_is_named(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    assert installing("tune") == "in a checkout of spacegen: pip install '.[tune]'"


def test_each_extra_that_code_asks_for_exists_and_has_the_library() -> None:
    called = {"jsonpath": "python-jsonpath", "prometheus_client": "prometheus-client"}
    asked = [
        found
        for path in sorted((ROOT / "solver").rglob("*.py"))
        for found in re.findall(r'\brequire\("([\w.]+)", "(\w+)"', path.read_text(encoding="utf-8"))
    ]
    assert len(asked) > 9
    for library, extra in asked:
        top = library.partition(".")[0]
        assert called.get(top, top) in map(_name, EXTRAS[extra]), library
