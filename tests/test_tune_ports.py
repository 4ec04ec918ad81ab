"""Pairs of ports for servers side by side."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from spacegen.errors import UsageError
from spacegen.tune.running.guarded import guard
from spacegen.tune.running.ports import FIRST_PORT, free_ports


@pytest.fixture
def start() -> Iterator[int]:
    """Where a row of free ports begins, away from clients and from tests in other processes."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    with free_ports(start=23000 + 50 * process) as ports:
        yield ports.first


def listening(port: int, host: str = "127.0.0.1") -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    server.listen()
    return server


def test_two_in_a_row_can_be_listened_at(tmp_path: Path) -> None:
    with free_ports(folder=tmp_path) as ports:
        assert ports.first >= FIRST_PORT
        assert ports.second == ports.first + 1
        with listening(ports.first), listening(ports.second, "0.0.0.0"):
            pass


def test_pairs_are_distinct_until_they_are_given_back(tmp_path: Path, start: int) -> None:
    with ExitStack() as stack:
        pairs = [stack.enter_context(free_ports(start=start, folder=tmp_path)) for _ in range(4)]
        assert len({port for pair in pairs for port in (pair.first, pair.second)}) == 8
    with free_ports(start=start, folder=tmp_path) as again:
        assert again.first == pairs[0].first


@pytest.mark.parametrize("taken", [0, 1])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_where_a_stranger_listens_is_passed_over(
    tmp_path: Path, start: int, taken: int, host: str
) -> None:
    with listening(start + taken, host), free_ports(start=start, folder=tmp_path) as ports:
        assert ports.first >= start + 2
    with free_ports(start=start, folder=tmp_path) as ports:
        assert ports.first == start


def test_a_connection_that_lingers_is_no_hindrance(tmp_path: Path, start: int) -> None:
    with listening(start) as server, socket.create_connection(("127.0.0.1", start)) as client:
        met, _ = server.accept()
        # Who closes first keeps the connection in TIME_WAIT.
        met.close()
        client.recv(1)
    with free_ports(start=start, folder=tmp_path) as ports:
        assert ports.first == start


@pytest.mark.parametrize("host", ["192.0.2.1", "a-host.invalid"])
def test_hosts_that_are_elsewhere_cannot_be_asked(tmp_path: Path, start: int, host: str) -> None:
    with free_ports(host, start=start, folder=tmp_path) as ports:
        assert ports.first == start


def test_addresses_of_the_other_kind(tmp_path: Path, start: int) -> None:
    with free_ports("::1", start=start, folder=tmp_path) as ports:
        assert ports.first == start


def test_none_left_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no two free ports in a row from 65535"):
        free_ports(start=65535, folder=tmp_path).__enter__()


PROGRAM = """
import sys
from pathlib import Path
from spacegen.tune.running.ports import free_ports
with free_ports(start=int(sys.argv[2]), folder=Path(sys.argv[1])) as ports:
    print(ports.first, flush=True)
    sys.stdin.read()
"""


def test_processes_do_not_share_and_the_killed_give_back(tmp_path: Path, start: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(start)]
    others = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
    firsts = [int(other.stdout.readline()) for other in others if other.stdout]
    assert sorted(firsts) == [start, start + 2, start + 4]
    for other in others:
        other.kill()
        other.communicate()
    with free_ports(start=start, folder=tmp_path) as ports:
        assert ports.first == start


def test_a_server_that_inherited_them_keeps_them(tmp_path: Path, start: int) -> None:
    with free_ports(start=start, folder=tmp_path) as ports:
        server = guard(["sleep", "60"], fds=ports.fds)
    with server, free_ports(start=start, folder=tmp_path) as others:
        assert others.first == start + 2
    with free_ports(start=start, folder=tmp_path) as again:
        assert again.first == start
