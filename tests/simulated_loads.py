"""Loads put on the SIMULATED server without a process, a port, or a wait."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spacegen.servers.schema import load
from spacegen.tune.simulated.admission import Endings, Request
from spacegen.tune.simulated.clock import Clock
from spacegen.tune.simulated.effective import effective
from spacegen.tune.simulated.engine import Engine, OutOfMemoryError
from spacegen.tune.simulated.log import Log
from spacegen.tune.simulated.prefixes import Beginnings
from spacegen.tune.simulated.server import EndedError, Server

__all__ = ["Served", "serve"]


@dataclass
class Served:
    """What became of requests that all came at once; none where the server ended before they were done."""

    requests: list[Request]
    log: str

    @property
    def rate(self) -> float:
        """Tokens a second."""
        end = max(request.done for request in self.requests)
        return sum(request.made for request in self.requests) / (end - self.requests[0].asked)

    @property
    def wait(self) -> float:
        """Seconds to the first token, on average."""
        return sum(request.first - request.asked for request in self.requests) / len(self.requests)

    def of_decoding(self, key: str) -> list[float]:
        return [float(found) for found in re.findall(rf"Decode batch.*{key}: ([\d.]+)", self.log)]


async def _all(requests: list[Request]) -> None:
    for request in requests:
        await request.finished()


def serve(
    arguments: Mapping[str, Any],
    requests: int,
    wanted: int,
    share: float,
    *,
    prompt: int = 100,
    version: str = "0.5.23",
    shared: Sequence[Beginnings] = (),
) -> Served:
    """A server with these arguments under so many prompts, of whose answers each may have as many tokens as
    are `wanted` and has `share` of them on average; `shared` are the beginnings of the prompts."""
    schema = load("sglang", version)
    launch, said = effective(schema, arguments), io.StringIO()
    log = Log(schema, launch, Clock(1e6))
    given = {"model_path": "tiny", **arguments}

    async def served() -> list[Request]:
        log.arguments(Server(schema, given, launch, log, Endings(), "").settings)
        await Server(schema, given, launch, log, Endings(), "").start()
        log.ready()
        engine = Engine(launch, log, endings=Endings(share))
        work = asyncio.create_task(engine.run())
        found = engine.submit([prompt] * requests, [wanted] * requests, fixed=False, shared=shared)
        done = asyncio.create_task(_all(found))
        await asyncio.wait((work, done), return_when=asyncio.FIRST_COMPLETED)
        done.cancel()
        if work.done():
            await work
        work.cancel()
        return found

    with contextlib.redirect_stderr(said):
        try:
            found = asyncio.run(served())
        except (EndedError, OutOfMemoryError) as error:
            log.died(error.words, serving=isinstance(error, OutOfMemoryError))
            found = []
    return Served(found, said.getvalue())
