"""A SIMULATED server: a process that takes a target's arguments and answers like it, with made-up times.

    python -m spacegen.tune.simulated.server [--as SERVER==VERSION] ARGUMENT…

Without `--as` it is the newest sglang that is known. SPACEGEN_SIM_SPEED says how many times faster than the
formula everything happens, SPACEGEN_SIM_EOS where answers end by themselves, SPACEGEN_SIM_FAIL how it is to
fail: see docs/simulated.md.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from spacegen.errors import Fault, SpacegenError
from spacegen.extras import require
from spacegen.launch.commandline import parse
from spacegen.launch.config import LaunchConfig, validate
from spacegen.launch.mistakes import worded
from spacegen.servers.attention_groups import scaled
from spacegen.servers.schema import TargetSchema, load, shipped
from spacegen.tune.outcome import Cause
from spacegen.tune.simulated.admission import Endings, share_in
from spacegen.tune.simulated.clock import Clock
from spacegen.tune.simulated.effective import Effective, effective, filled
from spacegen.tune.simulated.engine import Engine, OutOfMemoryError
from spacegen.tune.simulated.formula import GPU_GIB, Memory, memory, start_seconds
from spacegen.tune.simulated.log import Log
from spacegen.tune.simulated.speed import speed_in
from spacegen.tune.simulated.words import memory_words

__all__ = ["FAIL", "FAILURES", "EndedError", "Server", "main"]

FAIL: Final = "SPACEGEN_SIM_FAIL"
FAILURES: Final = (
    "arguments",
    "loading",
    "graphs",
    "serving",
    "crash",
    "crash-serving",
    "hang",
    "hang-serving",
    "port",
    "stubborn",
)
"""What the variable may say: a phase without memory, a crash, a hang, a port in use, no ear for SIGTERM."""

_CRASH: Final = ("RuntimeError: CUDA error: an illegal memory access was encountered",)
_IN_USE: Final = "address already in use"
_PHASES: Final[Mapping[str, Cause]] = {
    "loading": Cause.LOADING_MEMORY,
    "graphs": Cause.GRAPH_MEMORY,
    "serving": Cause.SERVING_MEMORY,
}


class EndedError(Exception):
    """The start fails; `words` are the server's last ones."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(*words)
        self.words = tuple(words)


@dataclass(frozen=True, slots=True)
class Server:
    """A launch from its arguments on: it comes up, answers, and ends."""

    schema: TargetSchema
    given: Mapping[str, Any]
    launch: Effective
    log: Log
    endings: Endings
    fail: str

    @property
    def needs(self) -> Memory:
        """The memory before the first request; a failure that was asked for comes in its phase."""
        found = memory(self.launch, 0)
        return replace(found, failing=_PHASES[self.fail]) if self.fail in _PHASES else found

    @property
    def settings(self) -> dict[str, Any]:
        """All arguments as the server runs them."""
        a = self.launch
        chosen = {
            **dict.fromkeys(("chunked_prefill_size", "max_extend_tokens"), a.chunk),
            **dict.fromkeys(("max_running_requests", "max_running_req"), a.most_running),
            **dict.fromkeys(("mem_fraction_static", "memory_ratio"), memory(a, 0).share),
            "attention_backend": "fa3",
            "cuda_graph_max_bs": a.graphs,
            "cuda_graph_max_bs_decode": a.graphs,
            "page_size": a.page,
            "sampling_backend": a.sampling,
        }
        known = filled(self.schema, self.given)
        run = {name: chosen.get(name) if value is None else value for name, value in known.items()}
        return {name: scaled(name, value, a.groups) for name, value in run.items()}

    async def serve(self) -> int:
        """Starts, serves until it is told to end, and returns the exit status."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, (lambda: None) if self.fail == "stubborn" else stop.set)
        work = asyncio.create_task(self._work())
        ending = asyncio.create_task(stop.wait())
        await asyncio.wait((work, ending), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait((work,))
            return 0
        try:
            await work
        except (EndedError, OutOfMemoryError) as error:
            self.log.died(error.words, serving=isinstance(error, OutOfMemoryError))
        except OSError as error:
            self.log.bare(f"ERROR:    [Errno {error.errno}] {(error.strerror or str(error)).lower()}")
        return 1

    async def _work(self) -> None:
        """Comes up and serves. Raises what ends it."""
        from aiohttp import web

        from spacegen.tune.simulated.web import Face, application

        await self.start()
        broken = {"crash-serving": _CRASH, "serving": memory_words(self.needs, self.launch)}.get(
            self.fail, ()
        )
        engine = Engine(self.launch, self.log, endings=self.endings, broken=broken)
        settings, mini = self.settings, self.log.mini
        model = str(settings.get("served_model_name") or settings.get("model_path"))
        face = Face(
            self._info(settings),
            model,
            int(settings.get("stream_interval") or 1),
            bool(settings.get("enable_metrics")),
            mini,
        )
        host = settings.get("server_host" if mini else "host")
        port = settings.get("server_port" if mini else "port")
        runner = web.AppRunner(application(face, engine), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            if self.fail == "port":
                raise OSError(
                    98,
                    f"error while attempting to bind on address ('{host}', {port}): address already in use",
                )
            await web.TCPSite(runner, host, port, shutdown_timeout=0.5).start()
            self.log.bare(f"INFO:     Uvicorn running on http://{host}:{port} (SIMULATED)")
            await self._sleep(2)
            face.ready = True
            self.log.ready()
            await (asyncio.Event().wait() if self.fail == "hang-serving" else engine.run())
        finally:
            await runner.cleanup()

    def _info(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "SIMULATED": "a formula answers, no model",
            **settings,
            "max_total_num_tokens": memory(self.launch, 0).tokens // self.launch.groups,
            "version": self.schema.version,
            "launch_command": " ".join(LaunchConfig(self.schema, self.given).argv()),
        }

    async def start(self) -> None:
        """Weights, cache, graphs: each takes its time. Raises EndedError where memory does not suffice."""
        log, needs, a = self.log, self.needs, self.launch
        total = start_seconds(a)
        graphs = min(total / 2, 0.05 * a.graphs)
        log.loading()
        await self._sleep(total - graphs)
        if self.fail == "hang":
            await asyncio.Event().wait()
        if self.fail == "crash":
            raise EndedError(_CRASH)
        log.loaded(needs, total - graphs)
        # The weights fit into any GPU that the formula knows: it is the cache that does not.
        if needs.failing is Cause.LOADING_MEMORY:
            raise EndedError(memory_words(needs, a))
        log.allocated(needs)
        left = GPU_GIB * (1 - needs.share)
        sizes = _sizes(a.graphs)
        if a.graphs:
            log.capturing(sizes, left)
            await self._sleep(graphs)
        if needs.failing is Cause.GRAPH_MEMORY:
            raise EndedError(memory_words(needs, a))
        if a.graphs:
            log.captured(sizes, needs, graphs, left - needs.graphs)
        log.set_up(needs, left - needs.graphs)

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.log.clock.speed)


def _sizes(most: int) -> list[int]:
    return [n for n in (1, 2, 4, *range(8, most + 1, 8)) if n <= most]


def main(words: Sequence[str]) -> int:
    """Runs until it is told to end. The exit status is that of the real server: 2 for refused arguments."""
    require("aiohttp", "tune", "the simulated server")
    target, words = _target(list(words))
    schema = load(*target)
    given, wrong = _read(words, schema)
    fail = os.environ.get(FAIL, "")
    if fail and fail not in FAILURES:
        wrong.append(Fault(f"{FAIL} is `{fail}`, and may be {', '.join(FAILURES)}"))
    if fail == "arguments":
        wrong.append(Fault("SIMULATED: these arguments are refused because SPACEGEN_SIM_FAIL asks for it"))
    print(f"SIMULATED server: {schema}; its times and its memory are made up", file=sys.stderr, flush=True)
    if wrong:
        print(
            f"usage: launch_server.py [SIMULATED]\nlaunch_server.py: error: {wrong[0].message}",
            file=sys.stderr,
        )
        return 2
    launch = effective(schema, given)
    log = Log(schema, launch, Clock(speed_in(os.environ) or 1.0))
    server = Server(schema, given, launch, log, Endings(share_in(os.environ)), fail)
    log.arguments(server.settings)
    return asyncio.run(server.serve())


def _target(words: list[str]) -> tuple[tuple[str, str], list[str]]:
    if words[:1] == ["--as"] and len(words) > 1:
        server, _, version = words[1].partition("==")
        return (server, version), words[2:]
    return [pair for pair in shipped() if pair[0] == "sglang"][-1], words


def _read(words: Sequence[str], schema: TargetSchema) -> tuple[dict[str, Any], list[Fault]]:
    """The arguments of a command line and of its `--config` file, and what is wrong with them."""
    given: dict[str, Any] = {}
    wrong: list[Fault] = []
    words = list(words)
    if "--config" in words and len(words) > words.index("--config") + 1:
        at = words.index("--config")
        given |= _config_file(words[at + 1], schema)
        del words[at : at + 2]
    read = parse(words, schema)
    given |= read.arguments
    wrong += read.wrong
    wrong += [worded(mistake, schema) for mistake in validate(schema, given)]
    if given.get("model_path") is None:
        wrong.append(Fault("the following arguments are required: --model-path/--model"))
    return given, wrong


def _config_file(name: str, schema: TargetSchema) -> dict[str, Any]:
    from pathlib import Path

    from spacegen.language.files import read_source
    from spacegen.language.model import Model, Target
    from spacegen.launch.reading import read_launches

    model = Model("simulated", (), target=Target(schema.server, schema.version))
    (entry,) = read_launches(read_source(Path(name)), model, "config").entries
    return {} if isinstance(entry.config, Fault) else dict(entry.config)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SpacegenError as error:
        sys.exit(f"launch_server.py: error: {error}")
