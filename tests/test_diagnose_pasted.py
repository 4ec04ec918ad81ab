"""What people paste of logs: torn, of older releases, and with what their shells say behind it."""

from __future__ import annotations

import pytest

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.launch import Fact, Kind, Launch, Phase

DECODING = (
    "[2025-11-20 09:00:01 TP0] Decode batch, #running-req: 3, #token: 600, token usage: 0.01, "
    "cuda graph: True, gen throughput (token/s): 120.00, #queue-req: 0, "
)
READY = "[2025-11-20 09:00:00] The server is fired up and ready to roll!"
QUIT = "[2025-11-20 09:00:02] Received sigquit from a child process. It usually means the child failed."
LEAK = (
    "ValueError: token_to_kv_pool_allocator memory leak detected! self.max_total_num_tokens=5000, "
    "available_size=4000, evictable_size=900, protected_size=0"
)


def read(*lines: str) -> tuple[Launch, ...]:
    reader = LogReader("server.log")
    reader.take("".join(f"{line}\n" for line in lines).encode())
    reader.close()
    return reader.launches


def only(*lines: str) -> Launch:
    (launch,) = read(*lines)
    return launch


def ids(launch: Launch) -> list[str]:
    return [finding.id for finding in findings((launch,), "throughput")]


def test_figures_of_the_start_are_not_read_out_of_a_message_about_a_leak() -> None:
    launch = only(
        DECODING,
        "[2025-11-20 09:00:02] Scheduler hit an exception: Traceback (most recent call last):",
        '  File "/sgl/srt/managers/scheduler_runtime_checker_mixin.py", line 120, in check_memory',
        "    raise ValueError(msg)",
        LEAK,
    )
    assert Fact.POOL_TOKENS not in launch.figures
    assert launch.phase is Phase.SERVING
    (trouble,) = launch.troubles
    assert (trouble.kind, trouble.phase) == (Kind.CRASH, Phase.SERVING)


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("Decode batch. #running-req: 3, #token: 600, token usage: 0.01, #queue-req: 0", "0.5.6"),
        ("Decode batch, #running-req: 3, #token: 600, token usage: 0.01, #queue-req: 0,", "0.5.6"),
        ("Decode batch, #running-req: 3, #token: 600, token usage: 0.01, #queue-req: 0", "0.5.23"),
    ],
)
def test_a_sentence_of_its_own_for_the_kind_is_older(line: str, version: str) -> None:
    assert only(line).version == version
