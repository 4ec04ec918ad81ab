"""A PostgreSQL server of one's own: Debian's, on loopback, gone with the test whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from spacegen.tune.running.guarded import Guarded, guard

__all__ = ["postgres"]

PASSWORD = "s3cret"
# Nothing here has to outlive a power cut.
HASTE = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_connections=60",
)


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a new, empty database; the test is skipped where no PostgreSQL is installed."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="spacegen-postgres-"))
    try:
        (folder / "password").write_text(PASSWORD)
        _give(folder)
        data = folder / "data"
        made = _as_other([str(programs / "initdb"), "-D", str(data), "-U", "tuner", "-A", "scram-sha-256"])
        made += [
            f"--pwfile={folder / 'password'}",
            "--no-sync",
            "--no-locale",
            "-E",
            "UTF8",
            "--no-instructions",
        ]
        subprocess.run(made, check=True, capture_output=True, cwd=folder)
        with _server(programs, data, folder / "log") as port:
            yield f"postgresql://tuner:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True
    )
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    pytest.skip("NOTHING RAN ON POSTGRESQL: it is not installed here (apt-get install postgresql)")


def _other() -> str | None:
    """Who runs the server, which refuses the super-user."""
    if os.geteuid():
        return None
    import pwd

    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    pytest.skip("NOTHING RAN ON POSTGRESQL: it refuses root, and there is no other user")


def _as_other(command: Sequence[str]) -> list[str]:
    name = _other()
    if name is None:
        return list(command)
    return ["setpriv", f"--reuid={name}", f"--regid={_group(name)}", "--clear-groups", *command]


def _group(name: str) -> int:
    import pwd

    return pwd.getpwnam(name).pw_gid


def _give(folder: Path) -> None:
    if name := _other():
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, name, _group(name))


@contextmanager
def _server(programs: Path, data: Path, log: Path) -> Iterator[int]:
    for _ in range(5):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", ""]
        command += [word for setting in HASTE for word in ("-c", setting)]
        with guard(_as_other(command), log=log, cwd=data.parent, grace=5) as server:
            # Somebody else may have taken the port meanwhile.
            if _answers(server, port):
                try:
                    yield port
                finally:
                    with suppress(ProcessLookupError):
                        os.kill(server.pid, signal.SIGINT)  # it waits for nobody then
                    server.wait(10)
                return
    pytest.fail(f"PostgreSQL does not start:\n{log.read_text()}")


def _answers(server: Guarded, port: int) -> bool:
    import psycopg

    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            psycopg.connect(
                host="127.0.0.1",
                port=port,
                user="tuner",
                password=PASSWORD,
                dbname="postgres",
                connect_timeout=5,
            ).close()
            return True
        time.sleep(0.05)
    return False
