"""What people copy out of a log where memory ran out: no server is named in it, and no phase."""

from __future__ import annotations

import pytest

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.finding import Severity
from spacegen.diagnose.launch import Launch
from tests.server_logs import OLD, log

TORCH = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of "
    "79.11 GiB of which 1.20 GiB is free."
)
TIME = "[2025-08-11 17:17:03] "


def launches(*lines: str) -> tuple[Launch, ...]:
    reader = LogReader("paste.txt")
    reader.take("\n".join(lines).encode())
    reader.close()
    return reader.launches


def frames(name: str) -> tuple[str, ...]:
    return (
        "Traceback (most recent call last):",
        f'  File "/x/model_runner.py", line 5, in {name}',
        "    x()",
    )


@pytest.mark.parametrize(
    ("lines", "name", "says"),
    [
        (
            [TORCH],
            "out-of-memory-serving",
            "does not name: the last allocation, 2.00 GB, was 0.80 GB short",
        ),
        ([TIME + TORCH], "out-of-memory-serving", "does not name"),
        (["CUDA out of memory"], "out-of-memory-serving", "does not name"),
        (["web-1  | " + TORCH] * 3, "out-of-memory-serving", "does not name"),
        ([TORCH.replace("torch.", "torch.cuda.")], "out-of-memory-serving", "does not name"),
        ([TORCH.replace("torch.OutOfMemory", "Runtime")], "out-of-memory-serving", "does not name"),
        ([*frames("forward_extend"), TORCH], "out-of-memory-prefill", "in a prefill"),
        ([*frames("forward_decode"), TORCH], "out-of-memory-decode", "in decoding"),
        (
            [TIME + "Prefill out of memory. Try to lower your batch size."],
            "no-tokens-prefill",
            "no room for a prefill",
        ),
        (
            ["Exception: Capture single-CG draft extend failed: CUDA out of memory"],
            "out-of-memory-graphs",
            "CUDA graphs",
        ),
        (
            ["RuntimeError: Not enough memory. Please try to increase --mem-fraction-static."],
            "no-kv-pool",
            "no room",
        ),
    ],
)
def test_a_line_that_says_that_memory_ran_out_is_enough(lines: list[str], name: str, says: str) -> None:
    (finding, *more) = findings(launches(*lines))
    assert (finding.id, finding.severity, more) == (name, Severity.ERROR, [])
    assert says in finding.summary
    assert finding.evidence[0].number in (1, len(lines))


@pytest.mark.parametrize(
    "line",
    [
        "| `out-of-memory-serving` | CUDA out of memory in a batch |",
        "How to avoid torch.OutOfMemoryError: CUDA out of memory?",
        "    assert 'CUDA out of memory' in text",
        "a server runs out of memory.",
    ],
)
def test_prose_about_memory_is_no_launch(line: str) -> None:
    assert launches(line) == ()


def test_what_a_launch_says_itself_counts_more() -> None:
    (launch,) = launches(TORCH, *(line.rstrip() for line in log(OLD, "healthy", decodes=2)))
    assert launch.troubles == ()
