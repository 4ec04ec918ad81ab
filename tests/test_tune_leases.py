"""GPUs to oneself: never shared, never lost, and nobody waits for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from spacegen.errors import UsageError
from spacegen.tune.running.guarded import guard
from spacegen.tune.running.leases import Holder, LeaseTimeoutError, lease, who_has
from spacegen.tune.running.locks import lock_folder
from tune_processes import until

EIGHT = tuple("01234567")


def free(folder: Path, ids: tuple[str, ...] = EIGHT) -> tuple[str, ...]:
    """The GPUs that nobody has."""
    found = []
    for id in ids:
        try:
            with lease([id], 1, folder=folder, timeout=0):
                found.append(id)
        except LeaseTimeoutError:
            pass
    return tuple(found)


def test_what_is_leased_is_gone_until_it_is_given_back(tmp_path: Path) -> None:
    with lease(EIGHT, 3, folder=tmp_path) as first, lease(EIGHT, 4, folder=tmp_path) as second:
        assert first.ids == ("0", "1", "2")
        assert second.ids == ("4", "5", "6", "7")
        assert len(first.fds) == 3
        assert free(tmp_path) == ("3",)
    assert free(tmp_path) == EIGHT


@pytest.mark.parametrize(
    ("taken", "count", "given"),
    [
        ("", 4, "0123"),
        ("0", 2, "23"),
        ("0", 4, "4567"),
        ("05", 4, "1234"),
        ("0", 1, "1"),
        ("024", 2, "67"),
        ("0246", 2, "13"),
        ("036", 4, "1245"),
        ("3", 7, "0124567"),
    ],
)
def test_neighbours_are_given_where_there_are_some(
    tmp_path: Path, taken: str, count: int, given: str
) -> None:
    with ExitStack() as stack:
        for id in taken:
            stack.enter_context(lease([id], 1, folder=tmp_path))
        assert "".join(stack.enter_context(lease(EIGHT, count, folder=tmp_path)).ids) == given
        assert set(free(tmp_path)) == set(EIGHT) - set(taken) - set(given)


def test_a_lease_of_none_waits_for_nobody(tmp_path: Path) -> None:
    with lease(EIGHT, 8, folder=tmp_path), lease([], 0, folder=tmp_path) as none:
        assert none.ids == none.fds == ()


def test_names_of_gpus_may_hold_anything(tmp_path: Path) -> None:
    ids = ("MIG-GPU-8a/11/0", "GPU-2d1c", "..", "a b")
    with lease(ids, 4, folder=tmp_path) as all_of_them:
        assert all_of_them.ids == ids
        assert free(tmp_path, ids) == ()


def test_a_gpu_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"2 GPUs needed, 1 given \(0\)"), lease("00", 2, folder=tmp_path):
        pass


@pytest.mark.parametrize(
    ("ids", "count", "said"),
    [("01", 3, r"3 GPUs needed, 2 given \(0, 1\)"), ("", 1, "1 GPU needed, none given")],
)
def test_more_than_there_are_is_said_at_once(tmp_path: Path, ids: str, count: int, said: str) -> None:
    with pytest.raises(UsageError, match=said), lease(ids, count, folder=tmp_path):
        pass


def test_an_exclusive_lease_takes_all(tmp_path: Path) -> None:
    with lease(EIGHT, 1, folder=tmp_path, exclusive=True) as all_of_them:
        assert all_of_them.ids == EIGHT
        assert free(tmp_path) == ()


def test_who_waits_is_told_who_has_them(tmp_path: Path) -> None:
    told: list[tuple[Holder, ...]] = []
    with lease("01", 1, folder=tmp_path, name="trial-7"):
        late = lease("01", 2, folder=tmp_path, timeout=0.12, waiting=told.append)
        with pytest.raises(LeaseTimeoutError) as error, late:
            pass
    assert told == [(Holder("0", "trial-7", os.getpid()),)]
    assert str(error.value) == f"2 GPUs not free within 0.12 s (0: trial-7, process {os.getpid()})"
    with lease("01", 2, folder=tmp_path, timeout=0):
        pass


def test_who_has_which_is_said_in_words() -> None:
    holders = (Holder("0", "a", 1), Holder("1", "b", 2), Holder("2", "a", 1), Holder("3", "somebody", None))
    assert who_has(holders) == "0, 2: a, process 1; 1: b, process 2; 3: somebody"


def test_it_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lease(EIGHT, 8, folder=tmp_path):
        raise ZeroDivisionError
    assert free(tmp_path) == EIGHT
    assert list(tmp_path.glob("ticket-*")) == []


def test_who_asked_first_is_served_first(tmp_path: Path) -> None:
    served: list[str] = []

    def take(name: str, count: int) -> None:
        with lease(EIGHT, count, folder=tmp_path, name=name):
            served.append(name)
            time.sleep(0.02)

    with ExitStack() as one:
        one.enter_context(lease(EIGHT, 1, folder=tmp_path))
        threads = []
        for place, (name, count) in enumerate([("large", 8), ("small", 1), ("middle", 4)], start=1):
            threads.append(Thread(target=take, args=(name, count)))
            threads[-1].start()
            until(lambda place=place: len(list(tmp_path.glob("ticket-*"))) == place)
        time.sleep(0.15)
        assert served == []
    for thread in threads:
        thread.join()
    assert served[0] == "large"
    assert sorted(served) == ["large", "middle", "small"]


def test_who_waits_for_other_gpus_is_not_in_the_way(tmp_path: Path) -> None:
    with lease("0", 1, folder=tmp_path):
        waits = Thread(target=lambda: lease("01", 2, folder=tmp_path).__enter__(), daemon=True)
        waits.start()
        until(lambda: list(tmp_path.glob("ticket-*")))
        with lease("23", 2, folder=tmp_path, timeout=0.5):
            pass
        with pytest.raises(LeaseTimeoutError), lease("1", 1, folder=tmp_path, timeout=0.1):
            pass
    waits.join(10)


PROGRAM = """
import sys, time
from pathlib import Path
from spacegen.tune.running.leases import lease
folder, ids, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with lease(ids, count, folder=folder, waiting=lambda _: print("waits", flush=True)):
    print("has", flush=True)
    time.sleep(60)
"""


def elsewhere(folder: Path, ids: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder), ids, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_killed_holder_and_a_killed_waiter_leave_nothing(tmp_path: Path) -> None:
    with elsewhere(tmp_path, "01", 1) as holder:
        assert said(holder) == "has"
        with elsewhere(tmp_path, "01", 2) as waiter:
            assert said(waiter) == "waits"
            waiter.kill()
        with lease("01", 1, folder=tmp_path, timeout=5) as mine:
            assert mine.ids == ("1",)
        holder.kill()
    assert free(tmp_path, ("0", "1")) == ("0", "1")
    assert list(tmp_path.glob("ticket-*")) == []


def test_a_lease_lasts_as_long_as_the_server_that_inherited_it(tmp_path: Path) -> None:
    with lease("0", 1, folder=tmp_path) as mine:
        server = guard(["sh", "-c", "trap '' TERM; sleep 60 & wait"], fds=mine.fds, grace=0.3)
    try:
        assert free(tmp_path, ("0",)) == ()
    finally:
        server.stop()
    assert free(tmp_path, ("0",)) == ("0",)


STRESS = """
import json, os, random, sys, time
from pathlib import Path
from spacegen.tune.running.leases import lease
folder, plan = Path(sys.argv[1]), json.loads(sys.argv[2])
for ids, count, exclusive in plan:
    with lease(ids, count, folder=folder, exclusive=exclusive) as mine:
        for id in mine.ids:
            os.close(os.open(folder / f"used-{id}", os.O_CREAT | os.O_EXCL))
        time.sleep(random.random() * 0.004)
        for id in mine.ids:
            os.unlink(folder / f"used-{id}")
print(len(plan))
"""


def plan(random: Random) -> list[tuple[tuple[str, ...], int, bool]]:
    """GPUs to choose from, how many of them, and whether all."""
    groups = (EIGHT[:4], EIGHT[2:6], EIGHT)
    return [(random.choice(groups), random.randint(1, 4), random.random() < 0.2) for _ in range(12)]


@pytest.mark.parametrize("seed", range(2))
def test_leases_of_many_processes_never_overlap(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    plans = [plan(random) for _ in range(4)]
    commands = [[sys.executable, "-c", STRESS, str(tmp_path), json.dumps(plan)] for plan in plans]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    ends = [process.communicate(timeout=60)[0] for process in started]
    assert ends == [f"{len(plan)}\n" for plan in plans]
    assert free(tmp_path) == EIGHT


def test_threads_of_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    used: set[str] = set()
    overlaps: list[str] = []

    def take(count: int) -> None:
        for _ in range(5):
            with lease(EIGHT[:4], count, folder=tmp_path) as mine:
                overlaps.extend(used.intersection(mine.ids))
                used.update(mine.ids)
                time.sleep(0.001)
                used.difference_update(mine.ids)

    threads = [Thread(target=take, args=(count,)) for count in (1, 1, 2, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert overlaps == []
    assert not any(thread.is_alive() for thread in threads)


def test_the_default_folder_is_of_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = lock_folder()
    assert folder == tmp_path / f"spacegen-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert lock_folder() == folder


@pytest.mark.parametrize("kind", ["open to all", "a link", "of another user"])
def test_a_folder_that_others_may_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = tmp_path / f"spacegen-{os.getuid()}"
    match kind:
        case "open to all":
            place.mkdir()
            place.chmod(0o777)
        case "a link":
            (tmp_path / "other").mkdir()
            place.symlink_to(tmp_path / "other")
        case _:
            monkeypatch.setattr(os, "getuid", lambda: place.parent.stat().st_uid + 1)
    with pytest.raises(UsageError, match="is no folder that only you can write to"):
        lock_folder()


def test_a_lock_file_that_is_removed_locks_nobody_out(tmp_path: Path) -> None:
    with lease("0", 1, folder=tmp_path):
        (tmp_path / "gate.lock").unlink()
        assert free(tmp_path, ("0", "1")) == ("1",)
