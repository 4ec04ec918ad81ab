"""Whether a server answers, over HTTP."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, Final

__all__ = ["Endpoints", "await_ready", "server_info"]

_FIRST: Final = 0.05
_LONGEST: Final = 2.0
# Few per cent of the time that a start takes go by before it is noticed.
_GROWTH: Final = 1.1
_PATIENCE: Final = 5.0
_GENERATION: Final = 30.0
# Servers are addressed as they are: a proxy of the environment knows nothing of loopback.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Endpoints:
    """The endpoints of a server at a URL."""

    def __init__(
        self, url: str, api_key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.url = url
        self._headers = dict(headers or {})
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"

    def status(self, path: str, timeout: float = _PATIENCE) -> int | None:
        """The status of an answer; None where there is none in time."""
        try:
            with self._open(path, timeout) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except (OSError, HTTPException):
            return None

    def json(self, path: str, timeout: float = _PATIENCE) -> Any:
        """The JSON of an answer; None where there is none."""
        try:
            with self._open(path, timeout) as answer:
                return json.load(answer)
        except (OSError, HTTPException, ValueError):
            return None

    def _open(self, path: str, timeout: float) -> Any:
        request = urllib.request.Request(f"{self.url}{path}", headers=self._headers)  # noqa: S310 - http
        return _OPENER.open(request, timeout=timeout)


def await_ready(
    endpoints: Endpoints,
    deadline: float,
    goes_on: Callable[[], bool],
    logged: Callable[[], bool] | None = None,
) -> bool:
    """Whether a server gets ready before `deadline` (of `time.monotonic`) while it `goes_on`.

    It is ready when `/health` says so and it has generated a token (`/health_generate`, where it has that). A
    server without these endpoints is ready when its log says so (`logged`) and it answers at all.
    """
    pause = _FIRST
    while goes_on():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        if _answers(endpoints, left) if logged is None else logged() and _speaks(endpoints, left):
            return True
        time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
        pause = min(_LONGEST, pause * _GROWTH)
    return False


def _answers(endpoints: Endpoints, left: float) -> bool:
    # Servers may generate a token for either, and the first one may take long: kernels are compiled for it.
    if endpoints.status("/health", min(_GENERATION, left)) != 200:
        return False
    return endpoints.status("/health_generate", min(_GENERATION, left)) in (200, 404)


def _speaks(endpoints: Endpoints, left: float) -> bool:
    return endpoints.status("/v1/models", min(_PATIENCE, left)) is not None


def server_info(endpoints: Endpoints) -> Mapping[str, Any] | None:
    """What a server tells of itself, under the new or the old name; None where it does not."""
    for path in ("/server_info", "/get_server_info"):
        found = endpoints.json(path, _GENERATION)
        if isinstance(found, dict):
            return found
    return None
