"""The way to a Ray cluster: one that is there, or one of this machine's own."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from spacegen.errors import Fault, UsageError

__all__ = ["Connection"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Connection:
    """A connection to the cluster at `address`, or for None to a new one on this machine with these GPUs,
    which ends with the connection. A process that is connected already stays so. Raises UsageError where
    there is no such cluster."""

    def __init__(self, ray: Any, address: str | None, gpus: Sequence[str]) -> None:
        self._ray = ray
        self._mine = not ray.is_initialized()
        if self._mine:
            self._connect(address, gpus)

    def _connect(self, address: str | None, gpus: Sequence[str]) -> None:
        if address is not None and address.startswith("ray://"):
            hint = "run the command on a machine of the cluster, with `--address auto`"
            raise UsageError(Fault(f"`{address}` is for Ray's client, which cannot follow trials", hint=hint))
        quiet = {"log_to_driver": False, "logging_level": "error"}
        # Nothing is told about this program to anybody, unless its user wants that.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            with _own_signals():
                if address is not None:
                    self._ray.init(address=address, **quiet)
                    return
                with _variable("CUDA_VISIBLE_DEVICES", ",".join(gpus)):
                    self._ray.init(address="local", num_gpus=len(gpus), include_dashboard=False, **quiet)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            where = "on this machine" if address is None else f"at `{address}`"
            reason = str(error).strip().split("\n", 1)[0]
            hint = "start one with `ray start --head`, or leave `--address` out for one of this machine"
            raise UsageError(Fault(f"no Ray cluster {where}: {reason}", hint=hint)) from None

    def largest_node(self) -> int:
        """The most GPUs that one node has."""
        alive = (node for node in self._ray.nodes() if node["Alive"])
        return max((int(node["Resources"].get("GPU", 0)) for node in alive), default=0)

    def close(self) -> None:
        if self._mine:
            self._ray.shutdown()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Leaves the handlers of signals to this program: Ray puts its own in their place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
