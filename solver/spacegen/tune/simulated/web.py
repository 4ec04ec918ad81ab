"""The web interface of a SIMULATED server: the parts of SGLang's and of OpenAI's that load generators use."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aiohttp import web

from spacegen.tune.simulated.admission import Request
from spacegen.tune.simulated.engine import Engine
from spacegen.tune.simulated.log import part
from spacegen.tune.simulated.prefixes import PER_TOKEN, beginnings

__all__ = ["Face", "application"]

_WORD: Final = " so"
_DEFAULT_WANTED: Final = 128

_Chunk: TypeAlias = Callable[[int, bool], dict[str, Any]]
"""What is sent for so many tokens, whether or not they are all."""


@dataclass(slots=True)
class Face:
    """What the interface tells of the server; `ready` is set when the server has warmed up."""

    info: Mapping[str, Any]
    model: str
    interval: int
    metrics: bool
    mini: bool
    ready: bool = False


@dataclass(frozen=True, slots=True)
class _Handlers:
    face: Face
    engine: Engine

    async def health(self, _request: web.Request) -> web.Response:
        return web.Response(status=200 if self.face.ready else 503)

    async def info(self, _request: web.Request) -> web.Response:
        states = [{"last_gen_throughput": self.engine.rate, "SIMULATED": True}]
        return web.json_response({**self.face.info, "internal_states": states})

    async def model_info(self, _request: web.Request) -> web.Response:
        return web.json_response({"model_path": self.face.model, "is_generation": True, "SIMULATED": True})

    async def models(self, _request: web.Request) -> web.Response:
        card = {"id": self.face.model, "object": "model", "owned_by": "SIMULATED", "root": self.face.model}
        return web.json_response({"object": "list", "data": [card]})

    async def flush(self, _request: web.Request) -> web.Response:
        self.engine.flush()
        return web.Response(text="Cache flushed (SIMULATED).\n")

    async def metrics(self, _request: web.Request) -> web.Response:
        if not self.face.metrics:
            raise web.HTTPNotFound
        return web.Response(text=_exposition(self.engine, self.face.model), content_type="text/plain")

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """SGLang's own form: `text` or `input_ids`, and all of the text so far in each chunk; of several
        prompts, the answers at once."""
        asked = await _asked(request)
        prompts, several = _prompts(asked)
        wanted, fixed = _lengths(asked, len(prompts))
        if several and asked.get("stream"):
            raise web.HTTPBadRequest(text="SIMULATED: one prompt at a time is streamed")
        shared = list(map(beginnings, prompts))
        work = self.engine.submit(list(map(_length, prompts)), wanted, fixed=fixed, shared=shared)
        if not several:
            return await self._answer(request, work[0], _native(work[0]), bool(asked.get("stream")))
        try:
            await asyncio.gather(*(one.finished() for one in work))
            return web.json_response([_native(one)(one.made, True) for one in work])
        finally:
            for one in work:
                self.engine.done(one)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """OpenAI's completions."""
        asked = await _asked(request)
        return await self._openai(request, asked, asked.get("prompt", ""), chat=False)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """OpenAI's chat completions."""
        asked = await _asked(request)
        said = "".join(_said(message) for message in asked.get("messages") or ())
        return await self._openai(request, asked, said, chat=True)

    async def _openai(
        self, request: web.Request, asked: Mapping[str, Any], prompt: Any, *, chat: bool
    ) -> web.StreamResponse:
        wanted = asked.get("max_completion_tokens") or asked.get("max_tokens") or _DEFAULT_WANTED
        if not isinstance(prompt, str | list) or not isinstance(wanted, int):
            raise web.HTTPBadRequest(text="SIMULATED: a prompt and a number of tokens are needed")
        fixed, stream = bool(asked.get("ignore_eos")), bool(asked.get("stream"))
        (work,) = self.engine.submit([_length(prompt)], [wanted], fixed=fixed, shared=[beginnings(prompt)])
        kind = ("chat." if chat else "text_") + "completion" + (".chunk" if chat and stream else "")
        head = {"id": uuid.uuid4().hex, "object": kind, "created": int(time.time()), "model": self.face.model}
        sent = 0

        def chunk(made: int, last: bool) -> dict[str, Any]:
            nonlocal sent
            text, sent = _WORD * (made - sent), made
            said = {"role": "assistant", "content": text}
            body = {("delta" if stream else "message"): said} if chat else {"text": text}
            reason = _reason(work, made)["type"] if last else None
            usage = {
                "prompt_tokens": work.prompt,
                "completion_tokens": made,
                "total_tokens": work.prompt + made,
            }
            choices = [{"index": 0, **body, "finish_reason": reason}]
            return {**head, "choices": choices, **({"usage": usage} if last else {})}

        return await self._answer(request, work, chunk, stream)

    async def _answer(
        self, request: web.Request, work: Request, chunk: _Chunk, stream: bool
    ) -> web.StreamResponse:
        """All at once, or as events while tokens come."""
        try:
            if stream:
                return await _events(request, work, chunk, self.face.interval)
            await work.finished()
            return web.json_response(chunk(work.made, True))
        finally:
            self.engine.done(work)


def application(face: Face, engine: Engine) -> web.Application:
    """The routes of the server; mini-SGLang has but a few."""
    handlers = _Handlers(face, engine)
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/generate", handlers.generate)
    app.router.add_post("/v1/chat/completions", handlers.chat)
    app.router.add_get("/v1/models", handlers.models)
    if face.mini:
        return app
    app.router.add_post("/v1/completions", handlers.complete)
    for path in ("/health", "/health_generate"):
        app.router.add_get(path, handlers.health)
    for path in ("/server_info", "/get_server_info"):
        app.router.add_get(path, handlers.info)
    for path in ("/model_info", "/get_model_info"):
        app.router.add_get(path, handlers.model_info)
    app.router.add_route("*", "/flush_cache", handlers.flush)
    app.router.add_get("/metrics", handlers.metrics)
    return app


async def _asked(request: web.Request) -> dict[str, Any]:
    try:
        asked = await request.json()
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise web.HTTPBadRequest(text="SIMULATED: the request is no JSON object")
    return asked


def _prompts(asked: Mapping[str, Any]) -> tuple[list[Any], bool]:
    """The prompts of SGLang's own form, and whether it may be several."""
    given = asked.get("input_ids") or asked.get("text")
    several = isinstance(given, list) and all(isinstance(one, str | list) for one in given)
    prompts = given if isinstance(given, list) and several else [given]
    if not given or not all(isinstance(one, str | list) and one for one in prompts):
        raise web.HTTPBadRequest(text="SIMULATED: `text` or `input_ids`, one or a list, is generated for")
    return prompts, several


def _lengths(asked: Mapping[str, Any], prompts: int) -> tuple[list[int], bool]:
    """The tokens wanted of each answer, and whether none ends by itself."""
    given = asked.get("sampling_params") or {}
    each = given if isinstance(given, list) else [given] * prompts
    wanted = [one.get("max_new_tokens", _DEFAULT_WANTED) for one in each if isinstance(one, dict)]
    if len(wanted) != prompts or not all(isinstance(number, int) for number in wanted):
        raise web.HTTPBadRequest(text="SIMULATED: `sampling_params` are one for all prompts or one for each")
    return wanted, all(bool(one.get("ignore_eos")) for one in each)


def _reason(work: Request, made: int) -> dict[str, Any]:
    """Why an answer ends."""
    return {"type": "length", "length": made} if made >= work.wanted else {"type": "stop", "matched": 2}


def _native(work: Request) -> _Chunk:
    """SGLang's own answer; the times are those of the simulated clock."""
    name = uuid.uuid4().hex

    def chunk(made: int, last: bool) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": name,
            "finish_reason": _reason(work, made) if last else None,
            "prompt_tokens": work.prompt,
            "completion_tokens": made,
            "cached_tokens": work.cached or 0,
        }
        if last:
            times = {"asked": work.asked, "first": work.first, "done": work.done}
            told |= {"e2e_latency": work.done - work.asked, "SIMULATED": times}
        return {"text": _WORD * made, "meta_info": told}

    return chunk


def _said(message: Any) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _length(prompt: str | list[Any]) -> int:
    return len(prompt) if isinstance(prompt, list) else max(1, len(prompt) // PER_TOKEN)


async def _events(request: web.Request, work: Request, chunk: _Chunk, interval: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    async with aclosing(_texts(work, chunk, interval)) as texts:
        async for text in texts:
            await response.write(f"data: {text}\n\n".encode())
    await response.write_eof()
    return response


async def _texts(work: Request, chunk: _Chunk, interval: int) -> AsyncGenerator[str, None]:
    async with aclosing(work.progress(interval)) as progress:
        async for made in progress:
            yield json.dumps(chunk(made, made >= work.ends))
    yield "[DONE]"


def _exposition(engine: Engine, model: str) -> str:
    """A few of SGLang's metrics in Prometheus's text format: of each scheduler, and of what was served."""
    named = f"model_name={json.dumps(model)}"
    groups = engine.groups
    each = [(replica, group) for replica in engine.replicas for group in range(groups)]
    ranks = {f'{named},dp_rank="{i}"' if len(each) > 1 else named: one for i, one in enumerate(each)}
    gauges: dict[str, dict[str, float]] = {
        "num_running_reqs": {
            labels: part(len(r.running), group, groups) for labels, (r, group) in ranks.items()
        },
        "num_queue_reqs": {
            labels: part(len(r.waiting), group, groups) for labels, (r, group) in ranks.items()
        },
        "token_usage": {labels: round(r.share, 4) for labels, (r, _) in ranks.items()},
        "gen_throughput": {labels: r.rate / groups for labels, (r, _) in ranks.items()},
        "max_total_num_tokens": {labels: r.tokens // groups for labels, (r, _) in ranks.items()},
    }
    counters: dict[str, dict[str, float]] = {
        "num_requests_total": {named: engine.served},
        "prompt_tokens_total": {named: engine.prompt_tokens},
        "generation_tokens_total": {named: engine.made_tokens},
        "cached_tokens_total": {named: engine.cached_tokens},
        "num_retracted_requests_total": {
            labels: part(r.retracted, group, groups) for labels, (r, group) in ranks.items()
        },
    }
    return "".join(
        f"# HELP sglang:{name} SIMULATED\n# TYPE sglang:{name} {'counter' if name in counters else 'gauge'}\n"
        + "".join(f"sglang:{name}{{{labels}}} {float(value)}\n" for labels, value in values.items())
        for name, values in {**gauges, **counters}.items()
    )
