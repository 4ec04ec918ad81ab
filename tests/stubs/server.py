"""A server in the standard library: answers as STUB_* variables say, and logs as SGLang does."""

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = sys.argv[1:]
MODE = os.environ.get("STUB_MODE", "")
PORT = int(WORDS[WORDS.index("--port") + 1])
HOST = WORDS[WORDS.index("--host") + 1]


def say(*lines):
    for line in lines:
        print(line, file=sys.stderr, flush=True)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        info = {"argv": WORDS, "visible": os.environ.get("CUDA_VISIBLE_DEVICES"), "pid": os.getpid()}
        info |= {"page_size": 64, "internal_states": [{"schedule_policy": "lpm"}], "version": "0.5.23"}
        known = {"/health": {}, "/health_generate": {}, "/server_info": info, "/v1/models": {}}
        if self.path == "/die":
            say("[2026-01-01 00:00:00 TP0] Prefill out of memory. Try to lower your batch size.")
            os._exit(3)
        status = 200 if self.path in known and MODE != "unhealthy" else 404
        if MODE == "mini" and self.path != "/v1/models":
            status = 404
        body = json.dumps(known.get(self.path, {})).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if MODE == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if MODE == "silent":
    sys.exit(7)
if MODE == "refuse":
    say(
        "usage: launch_server.py [-h]",
        "launch_server.py: error: argument --page-size: invalid int value: 'x'",
    )
    sys.exit(2)
say("[2026-01-01 00:00:00 TP0] Load weight begin. avail mem=78.00 GB")
if MODE == "memory":
    say(
        "[2026-01-01 00:00:00 TP0] Scheduler hit an exception: Traceback (most recent call last):",
        '  File "model_runner.py", line 1',
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.50 GiB.",
    )
    os.kill(os.getpid(), signal.SIGKILL)
if MODE == "hang":
    time.sleep(600)
server = ThreadingHTTPServer((HOST, PORT), Handler)
say("Scheduler is ready" if MODE == "mini" else "The server is fired up and ready to roll!")
server.serve_forever()
