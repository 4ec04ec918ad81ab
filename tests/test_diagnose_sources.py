"""Where logs stand: files, folders, what tune leaves; and logs that grow, are emptied or moved away."""

from __future__ import annotations

import gzip
import os
from itertools import pairwise
from pathlib import Path

import pytest

from spacegen.diagnose import diagnose
from spacegen.diagnose.reading.chunks import Piece
from spacegen.diagnose.reading.following import following
from spacegen.diagnose.reading.sources import LogFile, log_files, pieces
from spacegen.diagnose.watched import Watched
from spacegen.errors import ConfigError
from tests.server_logs import NEW, log
from tests.server_metrics import metrics


def _tree(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")


def _read_all(logs: Watched) -> None:
    while logs.read():
        pass


def _names(root: Path, *sources: Path) -> list[str]:
    found = log_files(sources or (root,))
    return [part.name.removeprefix(f"{root}/") for file in found for part in (*file.older, file)]


def test_a_folder_has_what_is_called_like_a_log(tmp_path: Path) -> None:
    _tree(
        tmp_path, "a.log", "b.log.1", "c.log.2.gz", "d.out", "notes.txt", "config.json", "deep/e.err", "log"
    )
    assert _names(tmp_path) == ["a.log", "b.log.1", "c.log.2.gz", "d.out", "deep/e.err"]


def test_of_a_launch_only_the_logs_of_its_server_are_read(tmp_path: Path) -> None:
    _tree(tmp_path, "7/command.txt", "7/server.log", "7/server-1.log", "7/load.log", "7/load-1/load.log")
    assert _names(tmp_path) == ["7/server-1.log", "7/server.log"]


def test_older_logs_come_before_newer_ones(tmp_path: Path) -> None:
    _tree(
        tmp_path,
        "a.log",
        "a.log.1",
        "a.log.10.gz",
        "a.log.2",
        "t10/server.log",
        "t9/server.log",
        "t9/server-1.log",
    )
    assert _names(tmp_path) == [
        "a.log.10.gz",
        "a.log.2",
        "a.log.1",
        "a.log",
        "t9/server-1.log",
        "t9/server.log",
        "t10/server.log",
    ]


def test_dates_of_rotated_logs_tell_their_order(tmp_path: Path) -> None:
    names = ["s.log-20250809.gz", "s.log-20250810", "s.log", "t.log.1"]
    _tree(tmp_path, *reversed(names))
    assert _names(tmp_path) == names
    assert [file.path for file in log_files([tmp_path])] == [tmp_path / "s.log", tmp_path / "t.log.1"]
    awaited = log_files([tmp_path], growing=True)
    assert [file.path for file in awaited] == [tmp_path / "s.log", tmp_path / "t.log"]


def test_a_rotated_log_is_one_launch_whose_lines_stand_in_their_files(tmp_path: Path) -> None:
    lines = list(log(NEW, "no-graph", decodes=80))
    cuts = (0, len(lines) // 3, len(lines) // 2, len(lines))
    parts = ["".join(lines[start:end]) for start, end in pairwise(cuts)]
    for number, name in enumerate(("server.log.2.gz", "server.log.1", "server.log")):
        data = parts[number].encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    logs = Watched([tmp_path])
    _read_all(logs)
    logs.close()
    found = diagnose([tmp_path])
    assert logs.launches == found.launches
    (launch,) = found.launches
    assert [Path(file).name for file in launch.files] == ["server.log.2.gz", "server.log.1", "server.log"]
    (finding,) = (one for one in found.findings if one.id == "graphs-too-small")
    texts = {
        str(tmp_path / name): part
        for name, part in zip(("server.log.2.gz", "server.log.1", "server.log"), parts, strict=True)
    }
    for line in finding.evidence:
        assert texts[line.file].split("\n")[line.number - 1] == line.text


def test_lines_of_a_log_that_is_rotated_while_it_is_read_are_those_of_its_files(tmp_path: Path) -> None:
    lines = list(log(NEW, "no-graph", decodes=80))
    path = tmp_path / "server.log"
    path.write_text("".join(lines[:20]))
    logs = Watched([path])
    _read_all(logs)
    path.rename(tmp_path / "server.log.1")
    path.write_text("".join(lines[20:]))
    _read_all(logs)
    logs.close()
    (launch,) = logs.launches
    assert launch.busiest is not None
    assert "".join(lines[20:]).split("\n")[launch.busiest.number - 1] == launch.busiest.text


def test_a_folder_that_is_followed_may_get_more(tmp_path: Path) -> None:
    (tmp_path / "server.log.1.gz").write_bytes(gzip.compress(b"".join(map(str.encode, log(NEW, "healthy")))))
    (tmp_path / "old.log.gz").write_bytes(gzip.compress(b"nothing\n"))
    logs = Watched([tmp_path])
    alone = Watched([tmp_path / "old.log.gz"])
    for one in (logs, alone):
        while one.read():
            pass
    assert (logs.ended, alone.ended) == (False, True)
    assert len(logs.launches) == 1


def test_metrics_that_were_rotated_stand_in_their_files(tmp_path: Path) -> None:
    scrapes = list(metrics(NEW, log(NEW, "conservative", decodes=90)))
    half = len(scrapes) // 2
    older, newer = "".join(scrapes[:half]), "".join(scrapes[half:])
    (tmp_path / "m.log.1").write_text(older)
    (tmp_path / "m.log").write_text(newer)
    logs = Watched([tmp_path])
    _read_all(logs)
    logs.close()
    found = diagnose([tmp_path])
    assert logs.launches == found.launches
    (launch,) = found.launches
    assert launch.files == (str(tmp_path / "m.log.1"), str(tmp_path / "m.log"))
    assert launch.lines == (older + newer).count("\n")
    assert launch.series == diagnose([_file(tmp_path / "all.txt", older + newer)]).launches[0].series
    texts = {str(tmp_path / "m.log.1"): older, str(tmp_path / "m.log"): newer}
    evidence = [line for finding in found.findings for line in finding.evidence]
    assert {line.file for line in (*evidence, *launch.examples.values(), launch.ready) if line} <= set(texts)
    for line in evidence:
        assert texts[line.file].split("\n")[line.number - 1].startswith(line.text)


def _file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_log_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    _tree(tmp_path, "a.log")
    assert _names(tmp_path, tmp_path / "a.log", tmp_path) == ["a.log"]


def test_a_file_that_is_named_may_be_called_anything(tmp_path: Path) -> None:
    _tree(tmp_path, "output")
    assert _names(tmp_path, tmp_path / "output") == ["output"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file: .*nowhere\.log"):
        log_files([tmp_path / "nowhere.log"])
    with pytest.raises(ConfigError, match=r"no file in .* is called like a log"):
        log_files([tmp_path])


def test_what_may_still_come_is_no_fault(tmp_path: Path) -> None:
    (file,) = log_files([tmp_path / "server.log"], growing=True)
    assert file.size is None
    assert log_files([tmp_path], growing=True) == ()


def test_a_compressed_log_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert b"".join(pieces(LogFile("a", path))) == b"one\ntwo\n"


def test_a_damaged_archive_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(b"one\n" * 100_000)[:60] + b"no such thing" * 100)
    with pytest.raises(ConfigError, match="cannot read a"):
        list(pieces(LogFile("a", path)))


def test_a_log_is_followed_from_before_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    log = following(LogFile("server.log", path))
    assert log.read().data == b""
    path.write_bytes(b"one\n")
    assert log.read().data == b"one\n"
    with path.open("ab") as stream:
        stream.write(b"tw")
    assert log.read().data == b"tw"
    assert log.read().data == b""
    assert not log.ended
    log.close()


def test_an_emptied_log_is_read_from_its_start_again(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(b"one\ntwo\nhal")
    log = following(LogFile("server.log", path))
    assert log.read().data == b"one\ntwo\nhal"
    path.write_bytes(b"new\n")
    assert log.read() == Piece(b"new\n", "server.log")
    log.close()


def test_a_log_that_is_moved_away_is_read_to_its_end_first(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(b"one\n")
    log = following(LogFile("server.log", path))
    assert log.read().data == b"one\n"
    path.rename(tmp_path / "server.log.1")
    assert log.read().data == b""
    with (tmp_path / "server.log.1").open("ab") as stream:
        stream.write(b"late\n")
    path.write_bytes(b"new\n")
    assert [log.read().data, log.read().data, log.read().data] == [b"late\n", b"new\n", b""]
    log.close()


def test_a_compressed_log_does_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(b"one\n"))
    log = following(LogFile("a", path))
    assert [log.read().data, log.ended, log.read().data, log.ended] == [b"one\n", False, b"", True]


def test_what_goes_while_a_folder_is_listed_or_before_it_is_read_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gone/server.log", "stays/server.log"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text("x\n")
    real = os.scandir

    def scan(path: str) -> object:
        if str(path).endswith("gone"):
            raise ProcessLookupError(3, "No such process")
        return real(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scan)
        assert [file.path for file in log_files([tmp_path])] == [tmp_path / "stays/server.log"]
    gone, stays = log_files([tmp_path])
    (tmp_path / "gone/server.log").unlink()
    assert b"".join(pieces(gone)) == b""
    assert b"".join(pieces(stays)) == b"x\n"
    with pytest.raises(ConfigError, match="cannot read"):
        list(pieces(LogFile("gone", gone.path)))
