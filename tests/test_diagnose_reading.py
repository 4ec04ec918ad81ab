"""Logs in pieces: unpacked, in whole lines, their batches by key."""

from __future__ import annotations

import gzip
import io
import random
import re
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.reading.batches import BatchReader
from spacegen.diagnose.reading.chunks import LONGEST, WholeLines, chunks, shortened
from spacegen.diagnose.reading.digits import digits, words_of
from spacegen.diagnose.reading.fields import Field

DECODE = (
    "Decode batch, #running-req: 233, #token: 370959, token usage: 0.82, cuda graph: True, "
    "gen throughput (token/s): 4594.01, #queue-req: 317, "
)
PREFILL = (
    "Prefill batch, #new-seq: 3, #new-token: 8192, #cached-token: 77, token usage: 0.30, #running-req: 5, "
    "#queue-req: 12, "
)
RETRACT = "KV cache pool is full. Retract requests. #retracted_reqs: 2, #new_token_ratio: 0.9998 -> 1.0000"
STAMP = "[2025-08-11 17:17:03] "


def read(text: bytes, reader: BatchReader | None = None) -> list[dict[str, int]]:
    """Each batch by the names of its fields."""
    fields = (reader or BatchReader()).read(text).fields
    return [{field.name: int(column[field]) for field in Field} for column in fields.T]


def one(line: str) -> dict[str, int]:
    (row,) = read(line.encode() + b"\n")
    return row


# A parser as plain as can be, a line at a time, which the fast one has to agree with.


def plainly(text: str) -> list[dict[str, int]]:
    return [row for line in text.split("\n") if (row := _plain_row(line))]


def _plain_row(line: str) -> dict[str, int] | None:
    kinds = ["Decode batch", "Prefill batch", "Retract requests"]
    at, kind = max((line.rfind(words), kind) for kind, words in enumerate(kinds))
    if at < 0:
        return None
    head, rest = line[:at], line[at:]
    says: dict[str, str] = {}
    for key, value in re.findall(r"(#?[\w /()-]+?): *(\d+(?:\.\d+)?|True|False)", rest):
        says[key.strip()] = max(value, says.get(key.strip(), ""))
    needed = [["#running-req", "#queue-req"], ["#new-token"], ["#retracted_reqs"]][kind]
    usage = [
        _parts(value) for key, value in says.items() if re.fullmatch(r"(?!cpu).*(token|mamba) usage", key)
    ]
    if not set(needed) <= says.keys() or (kind == 0 and not usage):
        return None
    graph = next((value for key, value in says.items() if key.endswith("graph")), "")
    stamps = re.findall(r"\d{4}-\d\d-\d\d[ T|]\d\d:\d\d:\d\d", head)
    head = head.rpartition(stamps[-1])[2] if stamps else head
    ranks = {name: int(number) for name, number in re.findall(r"\b(DP|TP|PP)(\d+)", head)}
    return {
        "KIND": kind,
        "TIME": _plain_time(stamps[-1]) if stamps else -1,
        "REPLICA": ranks.get("DP", 0),
        "PEER": (ranks.get("PP", 0) << 20) + ranks.get("TP", 0),
        "RUNNING": int(says.get("#running-req", 0)),
        "QUEUE": int(says.get("#queue-req", 0)),
        "USAGE": max(usage, default=0),
        "RATE": _parts(says.get("gen throughput (token/s)", "0")),
        "GRAPH": {"True": 1, "False": 0}.get(graph, -1),
        "NEW": int(says.get("#new-token", 0)),
        "CACHED": int(says.get("#cached-token", 0)),
        "RETRACTED": int(says.get("#retracted_reqs", 0)),
        "ACCEPTED": _parts(says.get("accept len", "0")),
    }


def _parts(value: str) -> int:
    return round(float(value) * 10_000)


def _plain_time(stamp: str) -> int:
    try:
        return int(datetime.fromisoformat(stamp.replace("|", "T")).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return -1


def test_the_line_of_the_guide() -> None:
    assert one(STAMP + DECODE) == {
        "KIND": 0,
        "TIME": 1_754_932_623,
        "REPLICA": 0,
        "PEER": 0,
        "RUNNING": 233,
        "QUEUE": 317,
        "USAGE": 8200,
        "RATE": 45_940_100,
        "GRAPH": 1,
        "NEW": 0,
        "CACHED": 0,
        "RETRACTED": 0,
        "ACCEPTED": 0,
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (DECODE.replace("batch,", "batch."), {"RUNNING": 233, "TIME": -1}),
        (DECODE.rstrip(", "), {"QUEUE": 317}),
        (DECODE + "\r", {"QUEUE": 317}),
        (DECODE.replace("cuda", "accept len: 2.91, accept rate: 0.58, cuda"), {"ACCEPTED": 29_100}),
        (DECODE.replace("cuda", "accept len: 1.50, block accept len: 2.00, cuda"), {"ACCEPTED": 15_000}),
        (DECODE.replace("cuda graph: True", "npu graph: False"), {"GRAPH": 0}),
        (DECODE.replace("cuda graph: True, ", ""), {"GRAPH": -1}),
        (DECODE.replace("batch,", "batch [1234],"), {"RUNNING": 233, "USAGE": 8200}),
        (DECODE.replace("#queue-req", "#mystery: 9, #queue-req"), {"QUEUE": 317}),
        (DECODE.replace("4594.01", "inf"), {"RATE": 0}),
        (DECODE.replace("4594.01", "4594"), {"RATE": 45_940_000}),
        (DECODE.replace("0.82", "0.823456789"), {"USAGE": 8234}),
        (DECODE.replace("370959", "123456789012345678901"), {"RUNNING": 233, "QUEUE": 317}),
        (
            DECODE.replace("#token", "#full token").replace(
                "token usage: 0.82", "full token usage: 0.5, swa token usage: 0.91"
            ),
            {"USAGE": 9100},
        ),
        (
            DECODE.replace("token usage: 0.82", "full token usage: 0.50, mamba num: 3, mamba usage: 0.40"),
            {"USAGE": 5000},
        ),
        (
            DECODE.replace("token usage: 0.82", "gpu token usage: 0.5, #cpu token: 3, cpu token usage: 0.90"),
            {"USAGE": 5000},
        ),
        ("[2025-08-11 17:17:03 DP3 TP5 EP1 PP2] " + DECODE, {"REPLICA": 3, "PEER": (2 << 20) + 5}),
        ("[2025-08-11 17:17:03.123 DP3 MOE_DP7] " + DECODE, {"REPLICA": 3, "TIME": 1_754_932_623}),
        ("server-1  | 2024-01-01T00:00:00.5Z " + STAMP + DECODE, {"TIME": 1_754_932_623}),
        ("[2025-13-41 17:17:03] " + DECODE, {"TIME": -1, "RUNNING": 233}),
        ("\x1b[32m" + STAMP + "\x1b[0m" + DECODE, {"TIME": 1_754_932_623, "RUNNING": 233}),
        ("Capturing batches: 40%|####\r" + STAMP + DECODE, {"RUNNING": 233}),
        (STAMP + "Decode batch, #running-req: 9, #to" + STAMP + DECODE, {"RUNNING": 233}),
        ("\x00\x00" + STAMP + DECODE + "\udcff", {"RUNNING": 233}),
        (STAMP + PREFILL, {"KIND": 1, "NEW": 8192, "CACHED": 77}),
        (STAMP + RETRACT, {"KIND": 2, "RETRACTED": 2}),
        (STAMP + RETRACT.replace("#new", "#new_tokens_gained: 9123, #new"), {"KIND": 2, "RETRACTED": 2}),
    ],
)
@pytest.mark.parametrize("lines", [1, 40])
def test_a_line_is_read_by_its_keys(line: str, expected: dict[str, int], lines: int) -> None:
    text = (line.encode("utf-8", "surrogateescape") + b"\n") * lines
    rows = read(text)
    assert len(rows) == lines
    assert all(expected.items() <= row.items() for row in rows)


@pytest.mark.parametrize(
    "line",
    [
        STAMP + DECODE[:40],
        STAMP + DECODE.partition(", #queue")[0],
        STAMP + "Decode batch size is 12",
        STAMP + "Retract requests.",
        DECODE.replace("317", "-"),
        "Traceback (most recent call last):",
    ],
)
@pytest.mark.parametrize("lines", [1, 40])
def test_what_is_no_whole_batch_is_an_other_line(line: str, lines: int) -> None:
    found = BatchReader().read((line.encode() + b"\n") * lines)
    assert found.others == list(range(lines))
    assert found.fields.shape == (len(Field), 0)


NUMBERS = st.one_of(st.integers(0, 9), st.integers(0, 10**6), st.integers(10**6, 10**11)).map(str)
PARTS = st.tuples(st.integers(0, 30_000), st.text("0123456789", max_size=3)).map(lambda p: f"{p[0]}.{p[1]}5")


@st.composite
def batch_lines(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from([DECODE, PREFILL, RETRACT, DECODE.rstrip(", "), "Load weight end. x=1.5 GB"]))
    stamp = draw(
        st.sampled_from(
            [
                "",
                "[2025-08-11 23:59:59] ",
                "[2025-08-12 00:00:01 DP1 TP3] ",
                "[2025-02-29 00:00:00] ",
                "x-1 | ",
            ]
        )
    )
    text = re.sub(r"\d+\.\d+", lambda _: draw(PARTS), text)
    text = re.sub(r"(?<![.\d])\d+(?![.\d])", lambda _: draw(NUMBERS), text)
    cut = draw(st.sampled_from([0, 0, 0, 3, 30]))
    return stamp + (text[:-cut] if cut else text)


@settings(max_examples=60, deadline=None)
@given(st.lists(batch_lines(), max_size=30))
def test_the_fast_way_agrees_with_the_plain_one(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    expected = plainly(text)
    assert read(text.encode()) == expected
    # Often enough that lines of a shape are read together, then as those whose shape is frequent.
    reader = BatchReader()
    assert read(text.encode() * 20, reader) == expected * 20
    assert read(text.encode() * 20, reader) == expected * 20


def test_lines_of_one_skeleton_may_be_of_other_shapes() -> None:
    lines = [DECODE, DECODE.replace("#running-req: 233", "#running-req2: 33"), DECODE.replace("317", "")]
    reader = BatchReader()
    for _ in range(2):
        found = reader.read("".join(f"{line}\n" for line in lines * 30).encode())
        assert found.lines.tolist() == list(range(0, 90, 3))
        assert len(found.others) == 60


@pytest.mark.parametrize("line", [STAMP + DECODE, STAMP + PREFILL, STAMP + RETRACT])
def test_a_line_nearly_like_frequent_ones_is_read_for_itself(line: str) -> None:
    nearly = [
        changed
        for at in range(len(line) + 1)
        for changed in (
            *(line[:at] + other + line[at + 1 :] for other in "x>/:9"),
            line[:at] + "7" + line[at:],
            line[:at] + line[at + 1 :],
        )
    ]
    reader = BatchReader()
    reader.read(f"{line}\n".encode() * 20)
    text = "".join(f"{changed}\n" for changed in nearly)
    alone = [row for changed in nearly for row in read(f"{changed}\n".encode())]
    assert read(text.encode(), reader) == alone


def test_lines_with_something_else_in_front_of_each_are_read() -> None:
    ids = ["".join(random.Random(seed).choices("abcdef", k=12)) for seed in range(400)]
    text = "".join(f"id={each} {STAMP}{DECODE}\n" for each in ids)
    reader = BatchReader()
    for _ in range(2):
        assert read(text.encode(), reader) == [one(STAMP + DECODE)] * 400


RANKED = "[2025-08-11 17:17:03 DP1 TP2] " + DECODE.replace("#token", "#extra: 5, #token")


@pytest.mark.parametrize(
    "first",
    [
        RANKED.replace("2025", "20251"),
        RANKED.replace(":03", ":033"),
        RANKED.replace("DP1", "DP1234567890123"),
        RANKED.replace("0.82", "0.8234567890123"),
        RANKED.replace("4594.", "4594123456789."),
        RANKED.replace("extra: 5", "extra: 1234567890123"),
        RANKED.replace("DP1", "DP123456"),
    ],
)
def test_an_unusual_line_is_no_example_for_others(first: str) -> None:
    reader = BatchReader()
    reader.read(f"{first}\n".encode() * 20)
    for times in (1, 20, 20):
        assert read(f"{RANKED}\n".encode() * times, reader) == [one(RANKED)] * times
        assert read(f"{first}\n".encode() * times, reader) == read(f"{first}\n".encode()) * times


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**18 - 1).map(str), min_size=1), st.text("0", max_size=3))
def test_many_numbers_are_read_at_once(numbers: list[str], zeros: str) -> None:
    text = "".join(f"{zeros[: 18 - len(number)]}{number}." for number in numbers)
    starts = [0, *(end + 1 for end, sign in enumerate(text[:-1]) if sign == ".")]
    widths, values = digits(words_of(text.encode()), np.array(starts))
    assert values.tolist() == list(map(int, numbers))
    assert widths.tolist() == list(map(len, text[:-1].split(".")))


def test_an_event_is_no_dull_line_because_one_like_it_was() -> None:
    lines = [b"[Errno 2] no such file", b"[Errno 98] busy", b"plain words %d", b"Killed"]
    found = BatchReader().read(b"\n".join(lines * 3) + b"\n")
    assert [number % 4 for number in found.others] == [1, 3] * 3


def test_more_shapes_than_are_remembered_are_read_all_the_same() -> None:
    names = [a + b + c for a in "abcdefgh" for b in "abcdefgh" for c in "abcdefgh"]
    text = "".join(f"{name} {DECODE}\n" * 20 for name in names).encode()
    reader = BatchReader()
    assert reader.read(text).fields[Field.RUNNING].tolist() == [233] * 20 * len(names)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@settings(deadline=None)
@given(st.lists(st.binary(max_size=30), max_size=8), st.integers(1, 40))
def test_pieces_are_whole_lines_of_the_text(
    pack: Callable[[bytes], bytes], lines: list[bytes], size: int
) -> None:
    text = b"\n".join([b"no archive", *lines])
    pieces = list(chunks(io.BytesIO(pack(text)), size))
    assert b"".join(pieces) == text
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])


def test_an_archive_that_is_cut_off_gives_what_is_there() -> None:
    packed = gzip.compress(bytes(range(256)) * 4000 + b"\n", 1)
    assert b"".join(chunks(io.BytesIO(packed[:-9]))).startswith(bytes(range(256)) * 10)


def test_a_damaged_archive_is_an_error() -> None:
    packed = bytearray(gzip.compress(random.Random(1).randbytes(5000)))
    packed[100:200] = bytes(100)
    with pytest.raises(OSError, match=r"damaged|CRC"):
        list(chunks(io.BytesIO(bytes(packed))))


@settings(deadline=None)
@given(st.integers(0, 3), st.lists(st.integers(0, LONGEST * 3), max_size=3))
def test_a_long_line_keeps_both_ends_wherever_it_is_cut(extra: int, cuts: list[int]) -> None:
    line = b"start" + bytes(LONGEST * extra) + b"end"
    places = [0, *sorted(min(cut, len(line)) for cut in cuts), len(line)]
    whole = WholeLines()
    for start, stop in pairwise(places):
        assert whole.take(line[start:stop]) == b""
    assert whole.take(b"\nnext") == shortened(line) + b"\n"
    assert whole.close() == b"next"


def test_a_line_without_end_takes_little_memory() -> None:
    tracemalloc.start()
    reader = LogReader("x.log")
    for _ in range(100):
        reader.take(b"x" * 2**20)
    reader.close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20
