"""Where studies are kept, and what killed writers leave there."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import pytest

from spacegen.errors import UsageError
from spacegen.tune.study.storage import StudyStorage, open_storage
from tune_studies import address

KINDS = ("memory", "journal", "sqlite")


def filled(storage: StudyStorage, trials: int = 3) -> optuna.Study:
    study = optuna.create_study(study_name="s", storage=storage.optuna, load_if_exists=True)
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1))
    return study


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_is_kept(kind: str, tmp_path: Path) -> None:
    storage = open_storage(address(kind, tmp_path))
    filled(storage)
    again = storage if kind == "memory" else open_storage(address(kind, tmp_path))
    assert len(optuna.load_study(study_name="s", storage=again.optuna).trials) == 3
    assert storage.lasting == (kind != "memory")


def test_a_path_with_braces_is_a_path(tmp_path: Path) -> None:
    filled(open_storage(f"sqlite:///{tmp_path}/a{{b}}c.db"))
    assert (tmp_path / "a{b}c.db").exists()


def refusal(url: str) -> str:
    with pytest.raises(UsageError) as caught:
        open_storage(url)
    return str(caught.value)


def test_other_storages_are_refused_with_the_three() -> None:
    for url in ("mysql://u@h/d", "redis://h", "nothing", "sqlite://", "sqlite:///", "postgresql:x"):
        text = refusal(url)
        assert "is no storage" in text
        assert all(kind in text for kind in ("sqlite:///FILE", "journal:FILE", "postgresql://USER@HOST"))
    assert "did you mean `sqlite`?" in refusal("sqlit:///x.db")
    assert "did you mean" not in refusal("sqlite://x.db")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3cret@127.0.0.1:1/d",
        "postgresql+psycopg://u:s3cret@127.0.0.1:1/d",
        "postgresql://u:s3cret@h:port/d",
        "postgresql://127.0.0.1:1/d?user=u&password=s3cret",
        "postgresql://u@127.0.0.1:1/d?sslkey=k&sslpassword=s3cret",
        "mysql://u:s3cret@h/d",
        "mysql://u:s3cret@x@h:p/d",
    ],
)
def test_a_password_is_never_told(url: str) -> None:
    assert "s3cret" not in refusal(url)


@pytest.mark.parametrize("scheme", ["sqlite:///", "journal:"])
def test_files_that_cannot_be(scheme: str, tmp_path: Path) -> None:
    assert "is a folder" in refusal(f"{scheme}{tmp_path}")
    assert f"mkdir -p {tmp_path}/no" in refusal(f"{scheme}{tmp_path}/no/x")
    assert "use a folder of your own" in refusal(f"{scheme}/proc/x")
    assert "there is no folder `~no-such-user`" in refusal(f"{scheme}~no-such-user/x")
    other = tmp_path / "notes.txt"
    other.write_text("to do: everything")
    assert "use another file" in refusal(f"{scheme}{other}")
    assert other.read_text() == "to do: everything"
    assert not list(tmp_path.glob("*.lock"))


def test_a_database_of_others_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("create table people (a int)")
    connection.close()
    assert "is a database of something else" in refusal(f"sqlite:///{tmp_path}/x.db")


@pytest.mark.parametrize("left", [b'{"op_code":4,"worker_id":"x","stu', b"", b'{"op_code":5}\x00'])
def test_a_line_that_was_cut_short_harms_nobody(left: bytes, tmp_path: Path) -> None:
    filled(open_storage(f"journal:{tmp_path}/j"))
    with (tmp_path / "j").open("ab") as file:
        file.write(left)
    study = filled(open_storage(f"journal:{tmp_path}/j"))
    assert [trial.number for trial in study.trials] == list(range(6))
    assert (
        len(optuna.load_study(study_name="s", storage=open_storage(f"journal:{tmp_path}/j").optuna).trials)
        == 6
    )


def test_a_first_line_that_was_cut_short_is_none(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b'{"op_c')
    assert len(filled(open_storage(f"journal:{tmp_path}/j")).trials) == 3


HOLDER = """
import sys, time
from spacegen.tune.study.storage import open_storage
with open_storage(sys.argv[1]).exclusive():
    print("holds", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_lock_ends_with_its_holder(kind: str, tmp_path: Path) -> None:
    url = address(kind, tmp_path)
    storage, held = open_storage(url), threading.Event()

    def hold() -> None:
        with storage.exclusive():
            held.set()

    with subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holds\n"
        thread = threading.Thread(target=hold)
        thread.start()
        assert not held.wait(0.1)
        holder.send_signal(signal.SIGKILL)
        assert held.wait(10)
        thread.join()


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_waiting_trial_is_taken_once(kind: str, tmp_path: Path) -> None:
    url, number, found = address(kind, tmp_path), 24, []
    first = filled(open_storage(url), 0)
    for i in range(number):
        first.enqueue_trial({"x": i / number})

    def take() -> None:
        study = optuna.load_study(study_name="s", storage=open_storage(url).optuna)
        for _ in range(number // 4):
            found.append(study.ask().number)
            time.sleep(0)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(number))
