"""What one scrape says of one server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from spacegen.diagnose.reading.scrapes import Sample

__all__ = ["USAGES", "Said"]

USAGES: Final = ("token_usage", "full_token_usage", "swa_token_usage", "mamba_usage")
"""The shares of the pools that are in use; hybrid models have several."""


_LONG: Final = 7
"""Digits that no rank has."""


@dataclass(slots=True)
class Said:
    """The numbers of one server at one time: by metric and data-parallel rank, of those that share the rank
    of the first; `lines` has a sample for each number."""

    numbers: dict[tuple[str, int], float] = field(default_factory=dict)
    lines: dict[tuple[str, int], Sample] = field(default_factory=dict)

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Said:
        found = cls()
        peers: dict[tuple[str, int], tuple[int, int]] = {}
        for sample in samples:
            name, labels = sample.name, sample.labels
            if not name.endswith("_total"):
                if labels.get("priority"):
                    continue  # parts of the number that stands beside them
            elif mode := labels.get("mode"):
                name = f"{name} {mode}"
            key = (name, _whole(labels, "dp_rank"))
            peer = (_whole(labels, "pp_rank"), _whole(labels, "tp_rank"))
            if key not in peers or peer < peers[key]:
                peers[key], found.lines[key], found.numbers[key] = peer, sample, sample.value
            elif peer == peers[key]:
                found.numbers[key] += sample.value
        return found

    def total(self, name: str) -> float | None:
        """Over all ranks; None where nobody says it."""
        values = [value for (known, _), value in self.numbers.items() if known == name]
        return sum(values) if values else None

    def whole(self, replica: int) -> bool:
        """Whether a rank says all that a line of decoding says."""
        return ("num_queue_reqs", replica) in self.numbers and any(
            (name, replica) in self.numbers for name in USAGES
        )

    def began_anew(self, before: Said) -> bool:
        """Whether a counter is less than it was."""
        return any(
            value < before.numbers.get(key, 0.0)
            for key, value in self.numbers.items()
            if key[0].split()[0].endswith("_total")
        )


def _whole(labels: Mapping[str, str], name: str) -> int:
    text = labels.get(name, "")
    return int(text) if text.isdecimal() and len(text) < _LONG else 0
