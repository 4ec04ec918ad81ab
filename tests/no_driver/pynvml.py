"""NVML as it is on a machine without a driver, whatever the machine of the tests has."""

from __future__ import annotations

__all__ = ["NVMLError", "nvmlInit"]


class NVMLError(Exception):
    """What each call raises where there is no driver."""


def nvmlInit() -> None:  # noqa: N802
    raise NVMLError("driver not loaded")
