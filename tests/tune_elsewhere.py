"""Another machine, played by this process: what is started there is no descendant of who asks for it."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["Elsewhere", "elsewhere"]

CLIENT = """#!{python} -IS
import json, socket, sys, threading
link = socket.socket(socket.AF_UNIX)
link.connect({socket!r})
link.sendall(json.dumps(" ".join(sys.argv[2:])).encode() + b"\\n")
def forward():
    while sys.stdin.buffer.read(1):
        pass
    link.shutdown(socket.SHUT_WR)
threading.Thread(target=forward, daemon=True).start()
for line in link.makefile("rb"):
    said = json.loads(line)
    if "code" in said:
        sys.exit(said["code"])
    sys.stderr.write(said["text"])
    sys.stderr.flush()
"""


class Elsewhere(socketserver.ThreadingUnixStreamServer):
    """Runs lines for shells as sshd does: with an environment of their own, and an input that ends when the
    client has gone or its input has ended. `client` is the `ssh` for it."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder / "sshd"), _Session)
        self.lines: list[str] = []
        self.client = folder / "ssh"
        self.client.write_text(CLIENT.format(python=sys.executable, socket=str(folder / "sshd")))
        self.client.chmod(0o755)


class _Session(socketserver.StreamRequestHandler):
    server: Elsewhere

    def handle(self) -> None:
        line = json.loads(self.rfile.readline())
        self.server.lines.append(line)
        with subprocess.Popen(
            ["sh", "-c", line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"]},
            text=True,
        ) as process:
            threading.Thread(target=self._until_gone, args=(process,), daemon=True).start()
            assert process.stdout is not None
            for text in process.stdout:
                self._tell({"text": text})
            self._tell({"code": process.wait() % 256})

    def _until_gone(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        with suppress(OSError, ValueError):
            while self.rfile.read(1):
                pass
        process.stdin.close()

    def _tell(self, said: dict[str, Any]) -> None:
        with suppress(OSError):
            self.wfile.write(json.dumps(said).encode() + b"\n")


@contextmanager
def elsewhere(folder: Path) -> Iterator[Elsewhere]:
    """The other machine, while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    with Elsewhere(folder) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()
