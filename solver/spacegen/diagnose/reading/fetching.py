"""The `/metrics` of a live server, as the text that a loop of `date` and `curl` would write."""

from __future__ import annotations

import base64
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from spacegen.diagnose.reading.chunks import Piece
from spacegen.diagnose.reading.serverinfo import written
from spacegen.errors import ConfigError, Fault
from spacegen.tune.running.readiness import Endpoints, server_info
from spacegen.tune.secret import masked_text

__all__ = ["Polled", "fetch"]

_PATIENCE: Final = 10.0
_EVERY: Final = 2.0
"""Seconds from one scrape to the next."""
_LARGEST: Final = 2**26
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_LATER: Final = (408, 425, 429)
_OWN_FAULT: Final = 500
"""From here on a status says that the server cannot answer now, and not that it never will."""
_REFUSED: Final = "give the address of the server, such as http://127.0.0.1:30000/metrics"


def fetch(address: str) -> bytes:
    """One scrape behind a comment with its time, and before it what the server runs with. Raises
    ConfigError."""
    return _about(address) + _scrape(address)


class Polled:
    """A server that is asked every few seconds. It need not be up yet, and may be away for a while."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._next = 0.0
        self._known = False
        self.ended = False

    def read(self) -> Piece:
        """A scrape, where it is time for one. Raises ConfigError where what answers has no metrics."""
        if time.monotonic() < self._next:
            return Piece()
        self._next = time.monotonic() + _EVERY
        try:
            text = _scrape(self._address)
        except _AwayError as away:
            self._known = self._known and away.there
            return Piece()
        about = b"" if self._known else _about(self._address)
        self._known = True
        return Piece(about + text)

    def close(self) -> None: ...


class _AwayError(ConfigError):
    """Nobody answers, or only that it has no time; `there` is whether somebody does."""

    def __init__(self, fault: Fault, *, there: bool = False) -> None:
        super().__init__(fault)
        self.there = there


def _apart(address: str) -> tuple[SplitResult, dict[str, str]]:
    """An address without who asks there, and the headers that say it."""
    parts = urlsplit(address)
    asks, at, host = parts.netloc.rpartition("@")
    if not at:
        return parts, {}
    words = base64.b64encode(unquote(asks).encode()).decode()
    return parts._replace(netloc=host), {"Authorization": f"Basic {words}"}


def _scrape(address: str) -> bytes:
    parts, headers = _apart(address)
    url = (parts if parts.path.strip("/") else parts._replace(path="/metrics")).geturl()
    request = urllib.request.Request(url)  # noqa: S310 - http
    for name, value in headers.items():
        # Where a server sends one elsewhere, that is nobody's business.
        request.add_unredirected_header(name, value)
    url = masked_text(url)
    try:
        with _OPENER.open(request, timeout=_PATIENCE) as answer:
            text: bytes = answer.read(_LARGEST)
    except urllib.error.HTTPError as error:
        with error:
            hint = "servers have metrics with --enable-metrics" if error.code == 404 else None
            fault = Fault(f"{url} answers {error.code} {error.reason}", hint=hint)
            if error.code in _LATER or error.code >= _OWN_FAULT:
                raise _AwayError(fault, there=True) from None
            raise ConfigError(fault) from None
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise _AwayError(Fault(f"cannot read {url}: {words.lower()}", hint=_REFUSED)) from None
    return f"# {datetime.now(UTC):%Y-%m-%d %H:%M:%S}\n".encode() + text.rstrip(b"\n") + b"\n"


def _about(address: str) -> bytes:
    """What the server runs with, as a comment; nothing where it does not tell."""
    parts, headers = _apart(address)
    info = server_info(Endpoints(parts._replace(path="", query="", fragment="").geturl(), headers=headers))
    return b"" if info is None else written(info)
