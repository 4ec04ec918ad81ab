"""Logs that Docker Compose writes into one another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import pytest

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.finding import Severity
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.readers import Reader
from tests.server_logs import NEW, OLD, Story, encoded, log

PLAIN = "\x1b[0m"


def said(service: str, version: str, story: str | Story, *, colour: str = "") -> list[bytes]:
    front = f"{colour}{service}  | {PLAIN}" if colour else f"{service}  | "
    text = b"".join(encoded(log(version, story, decodes=130), front=front))
    return text.splitlines(keepends=True)


def mixed(*services: Sequence[bytes]) -> bytes:
    return b"".join(line for lines in zip_longest(*services, fillvalue=b"") for line in lines)


def read(text: bytes, piece: int = 2**20) -> tuple[Launch, ...]:
    reader = Reader("all.log")
    for at in range(0, len(text), piece):
        reader.take(text[at : at + piece])
    reader.close()
    return reader.launches


def wrong(launch: Launch) -> list[str]:
    return [one.id for one in findings((launch,)) if one.severity is not Severity.INFO]


@pytest.mark.parametrize("colour", ["", "\x1b[32m", "\x1b[2K\x1b[38:5:45m"])
@pytest.mark.parametrize("piece", [2**20, 3001])
def test_each_service_is_a_log_of_its_own(piece: int, colour: str) -> None:
    healthy = said("sgl-a", OLD, "healthy", colour=colour)
    failed = said("sgl-b", NEW, "decode-oom", colour=colour)
    first, second = read(mixed(healthy, failed), piece)
    (alone,), (other,) = read(b"".join(healthy)), read(b"".join(failed))
    for found, expected in ((first, alone), (second, other)):
        assert found.arguments == expected.arguments
        assert found.series == expected.series
        assert wrong(found) == wrong(expected)
    assert wrong(second) == ["out-of-memory-decode"]


def test_lines_keep_their_numbers_where_a_service_comes_later() -> None:
    healthy = said("sgl-a", OLD, "healthy")
    late = said("sgl-b", OLD, "healthy")
    text = b"".join((*healthy, *late))
    _, second = read(text, 4001)
    assert second.ready is not None
    assert text.split(b"\n")[second.ready.number - 1].endswith(b"ready to roll!")
    assert second.ready.number > b"".join(healthy).count(b"\n")


@pytest.mark.parametrize(
    ("exited", "ids"),
    [
        ("nginx-1 exited with code 137", []),
        ("server-1 exited with code 137", ["host-memory"]),
        ("project_server-1 exited with code 137", ["host-memory"]),
        ("nginx-1  | 10.0.0.7 GET /", []),
    ],
)
def test_what_ends_another_service_ends_no_server(exited: str, ids: list[str]) -> None:
    (launch,) = read(b"".join(said("server-1", OLD, "healthy")) + exited.encode() + b"\n")
    assert wrong(launch) == ids
