"""How much GPU memory is left once a server is ready, and how much should be."""

from __future__ import annotations

from dataclasses import dataclass

from spacegen.diagnose.advice.guide import AIMED_LEFT, ENOUGH_LEFT, LARGE_GPU, LITTLE_LEFT, MUCH_LEFT
from spacegen.diagnose.advice.said import gpu_gib
from spacegen.diagnose.launch import Fact, Launch

__all__ = ["Room", "free_room"]


@dataclass(frozen=True, slots=True)
class Room:
    """In GiB. The guide's figures are those of large GPUs; on smaller ones they shrink with the GPU."""

    left: float
    more: float
    """How much of it proposed changes will take."""
    gpu: float | None
    little: float
    enough: float
    much: float
    aim: float

    @property
    def rest(self) -> float:
        """What is left then."""
        return self.left - self.more

    @property
    def good(self) -> str:
        return f"{self.little:.2g} to {self.enough:.2g} GB"


def free_room(launch: Launch, more: float = 0.0) -> Room | None:
    """None if the log does not show what is left."""
    left, gpu = launch.figure(Fact.LEFT), gpu_gib(launch)
    if left is None:
        return None
    scale = min(1.0, gpu / LARGE_GPU) if gpu else 1.0
    good = (size * scale for size in (LITTLE_LEFT, ENOUGH_LEFT, MUCH_LEFT, AIMED_LEFT))
    return Room(left, more, gpu, *good)
