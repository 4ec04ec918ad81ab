"""A server of nothing that notices when another has its GPUs. `python -I -S` starts it quickly."""

import fcntl
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(os.environ["STUB_FOLDER"])


def note(what):
    with (FOLDER / what).open("a") as file:
        file.write(json.dumps(ARGUMENTS) + "\n")


def arguments(words):
    found, name = {}, None
    for word in words:
        if word.startswith("--"):
            name = word[2:].replace("-", "_")
            found[name] = True
        else:
            found[name] = word
    return found


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({k: ARGUMENTS[k] for k in ("tp_size", "page_size") if k in ARGUMENTS}).encode()
        known = self.path in ("/health", "/arguments")
        self.send_response(200 if known else 404)
        self.send_header("content-length", str(len(body) if known else 0))
        self.end_headers()
        if known:
            self.wfile.write(body)
        if self.path == "/arguments":
            note("loads")

    def log_message(self, *_):
        pass


ARGUMENTS = arguments(sys.argv[1:])
HELD = []
for gpu in os.environ["CUDA_VISIBLE_DEVICES"].split(","):
    HELD.append((FOLDER / f"gpu-{gpu}").open("a"))
    try:
        fcntl.flock(HELD[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note("overlaps")
note("launches")
ThreadingHTTPServer((ARGUMENTS["host"], int(ARGUMENTS["port"])), Handler).serve_forever()
