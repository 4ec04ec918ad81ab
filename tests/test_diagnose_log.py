"""A log taken in piece by piece, and what its batches tell over time in constant memory."""

from __future__ import annotations

import tracemalloc
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacegen.diagnose.collecting.clock import Clock
from spacegen.diagnose.collecting.ended import FIRST, LAST
from spacegen.diagnose.collecting.examples import Examples
from spacegen.diagnose.collecting.intervals import MOST_INTERVALS, Intervals
from spacegen.diagnose.collecting.log import LogReader
from spacegen.diagnose.collecting.queues import Queues
from spacegen.diagnose.diagnosis import Diagnosis
from spacegen.diagnose.launch import Launch, Line
from spacegen.diagnose.reading.chunks import LONGEST, WholeLines, shortened
from spacegen.diagnose.reading.fields import SCALE, Field, LineKind
from spacegen.diagnose.reading.stamps import Integers
from spacegen.diagnose.series import Column, Series
from spacegen.diagnose.telling.text import head
from tests.server_logs import NEW, OLD, STORIES, log

DECODE = (
    "Decode batch, #running-req: {}, #token: 9, token usage: 0.82, cuda graph: False, "
    "gen throughput (token/s): 10.50, #queue-req: {}, \n"
)


def taken(text: bytes, cuts: list[int] | None = None) -> tuple[Launch, ...]:
    reader = LogReader("server.log")
    places = [0, *sorted({min(cut, len(text)) for cut in cuts or []}), len(text)]
    for start, stop in pairwise(places):
        reader.take(text[start:stop])
    reader.close()
    return reader.launches


NOISE = (
    b'\xff\xfe broken \x00 line\r\n\rCapturing 3/4\r\nINFO:     1.2.3.4:5 - "GET /health HTTP/1.1" 200 OK\n'
)
LOGS = [
    b"".join(
        line.encode() + (NOISE if number % 9 == 0 else b"")
        for number, line in enumerate(log(version, story, decodes=30, dp=2, tp=2))
    )
    for version in (OLD, NEW)
    for story in sorted(STORIES)
]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(range(len(LOGS))), st.lists(st.integers(0, 40_000), max_size=12))
def test_the_pieces_of_a_log_change_nothing(which: int, cuts: list[int]) -> None:
    text = LOGS[which]
    assert taken(text, cuts) == taken(text)


def test_a_byte_at_a_time_is_the_same() -> None:
    text = LOGS[0][-6000:]
    assert taken(text, list(range(len(text)))) == taken(text)


def test_memory_does_not_grow_with_the_log() -> None:
    lines = b"".join(LOGS).splitlines(keepends=True)
    piece = b"".join(line for line in lines if b"server_args" not in line and b"batch" in line)[: 2**19]
    reader = LogReader("server.log")
    reader.take(piece)
    tracemalloc.start()
    sizes = []
    for _ in range(12):
        reader.take(piece)
        sizes.append(tracemalloc.get_traced_memory()[0])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(sizes) - sizes[1] < 20_000
    assert peak < 10 * len(piece)


def test_a_crash_loop_is_kept_in_constant_memory() -> None:
    told = "".join(
        f"[2026-01-02 00:00:00] server_args=ServerArgs(model_path='m{i}', port=1)\n" for i in range(900)
    )
    launches = taken(told.encode())
    assert len(launches) == FIRST + LAST + 1
    assert sum(launch.folded for launch in launches) + len(launches) == 900
    models = [launch.arguments["model_path"] for launch in launches]
    assert models[:FIRST] == [f"m{number}" for number in range(FIRST)]
    assert models[FIRST:] == [f"m{number}" for number in range(900 - LAST - 1, 900)]
    assert launches[FIRST].folded == 900 - len(launches)
    first = next(head(Diagnosis(launches=launches)))
    assert first.startswith("900 launches, of which 643 in between are left out: 257 ")


def test_sums_of_rates_beyond_sense_stay_sums() -> None:
    line = DECODE.format(7, 0).replace("10.50", "9" * 12)
    (launch,) = taken((line * 3000).encode())
    assert min(launch.series.columns[Column.RATE]) > 0


def test_no_number_goes_over_the_cut_of_a_long_line() -> None:
    half = LONGEST // 2
    line = b"a" * (half - 2) + b"12" + b"x" * 99 + b"34" + b"b" * (half - 2)
    whole = WholeLines()
    for start in range(0, len(line), 70_000):
        assert whole.take(line[start : start + 70_000]) == b""
    assert shortened(line) == whole.close() == shortened(shortened(line))
    assert b"1234" not in shortened(line)


def test_a_log_without_a_server_has_no_launch() -> None:
    assert taken(b"") == ()
    assert taken(b"make: nothing to be done\n" * 3) == ()


def test_a_last_line_counts_once_the_log_is_closed() -> None:
    reader = LogReader("server.log")
    reader.take(DECODE.format(7, 0).rstrip().encode())
    before = reader.launches
    reader.close()
    (launch,) = reader.launches
    assert before == ()
    assert launch.series.columns[Column.RUNNING] == (7.0,)


def test_the_busiest_line_and_the_first_retraction_are_evidence() -> None:
    retract = "KV cache pool is full. Retract requests. #retracted_reqs: 2, #new_token_ratio: 0.9 -> 1.0\n"
    text = "noise\n" + DECODE.format(7, 0) + DECODE.format(9, 1) + retract * 2 + DECODE.format(9, 2)
    (launch,) = taken(text.encode())
    assert launch.busiest is not None
    assert launch.retraction is not None
    assert (launch.busiest.file, launch.busiest.number) == ("server.log", 3)
    assert launch.busiest.text == DECODE.format(9, 1).rstrip()
    assert (launch.retraction.number, launch.retraction.text) == (4, retract.rstrip())
    assert launch.lines == 6
    assert launch.series.columns[Column.RETRACTED] == (0.0, 0.0, 2.0, 2.0, 0.0)


def test_launches_follow_each_other_in_one_log() -> None:
    texts = [
        "".join(log(version, "healthy", decodes=20, seed=seed))
        for seed, version in enumerate([OLD, NEW, OLD])
    ]
    launches = taken("".join(texts).encode())
    assert [launch.version for launch in launches] == ["0.5.6", "0.5.23", "0.5.6"]
    assert [launch.lines for launch in launches] == [text.count("\n") for text in texts]
    for text, launch in zip(texts, launches, strict=True):
        (alone,) = taken(text.encode())
        assert launch.series == alone.series
        assert launch.figures.keys() == alone.figures.keys()
        assert launch.arguments == alone.arguments
    assert launches[1].arguments_line is not None
    assert launches[1].arguments_line.number == launches[0].lines + 1


def test_trouble_is_told_with_the_batch_before_it() -> None:
    oom = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n"
    prefill = "Prefill batch, #new-seq: 1, #new-token: 9, #cached-token: 0, #running-req: 0, #queue-req: 0\n"
    begin = "[2025-08-11 17:17:03] The server is fired up and ready to roll!\n"
    for lines, during in (
        ([DECODE.format(3, 4), prefill], "prefill"),
        ([prefill, DECODE.format(3, 4)], "decode"),
    ):
        (launch,) = taken("".join([begin, *lines, oom, DECODE.format(1, 0)]).encode())
        assert [trouble.during for trouble in launch.troubles] == [during]


def test_ranks_that_share_requests_count_once_and_replicas_add_up() -> None:
    lines = [
        f"[2025-08-11 17:17:0{second} DP{dp} TP{tp}] " + DECODE.format(10 * dp + 1, tp)
        for second in range(3)
        for dp in range(2)
        for tp in range(4)
    ]
    (launch,) = taken("".join(lines).encode())
    assert launch.series.ranks == 2
    assert launch.series.columns[Column.DECODES] == (2.0, 2.0, 2.0)
    assert launch.series.columns[Column.RUNNING] == (12.0, 12.0, 12.0)
    assert Column.QUEUE not in launch.series.columns


def test_intervals_are_of_the_time_in_the_log() -> None:
    lines = [f"[2025-08-11 23:59:{50 + i}] " + DECODE.format(i, 0) for i in range(10)]
    lines += [DECODE.format(100, 3), "[2025-08-12 00:00:02] " + DECODE.format(1, 0)]
    (launch,) = taken("".join(lines).encode())
    series = launch.series
    assert (series.timed, series.width, len(series)) == (True, 1.0, 13)
    assert series.columns[Column.RUNNING] == (0, 1, 2, 3, 4, 5, 6, 7, 8, 109, 0, 0, 1)
    assert series.columns[Column.UNFILLED] == (*[0.0] * 9, 1.0, 0.0, 0.0, 0.0)
    assert series.columns[Column.RATE][9] == 21.0
    assert series.columns[Column.MOST_WITHOUT_GRAPH][9] == 100


def test_a_log_without_times_is_told_by_its_lines() -> None:
    (launch,) = taken((DECODE.format(5, 0) * (MOST_INTERVALS + 1)).encode())
    assert (launch.series.timed, launch.series.width) == (False, 2.0)
    assert launch.series.columns[Column.DECODES] == (*[2.0] * (MOST_INTERVALS // 2), 1.0)


def columns_of(times: list[int], running: list[int]) -> Integers:
    fields = np.zeros((len(Field), len(times)), np.int64)
    fields[Field.TIME], fields[Field.RUNNING] = times, running
    fields[Field.KIND], fields[Field.GRAPH], fields[Field.USAGE] = LineKind.DECODE, -1, SCALE // 3
    return fields


@given(
    st.lists(st.tuples(st.integers(-1, 10**6), st.integers(0, 999)), min_size=1, max_size=40),
    st.lists(st.integers(0, 40), max_size=5),
)
def test_intervals_that_double_keep_their_sums(lines: list[tuple[int, int]], cuts: list[int]) -> None:
    times, running = map(list, zip(*lines, strict=True))
    intervals = Intervals()
    for start, stop in pairwise([0, *sorted(cuts), len(lines)]):
        intervals.add(columns_of(times[start:stop], running[start:stop]))
    series = intervals.series(1)
    assert len(series) <= MOST_INTERVALS
    assert sum(series.columns[Column.DECODES]) == len(lines)
    assert sum(series.columns.get(Column.RUNNING, ())) == sum(running)
    assert max(series.columns.get(Column.MOST_RUNNING, (0,))) == max(running)
    assert sum(series.columns[Column.USAGE]) == pytest.approx(len(lines) * (SCALE // 3) / SCALE)
    whole = Intervals()
    whole.add(columns_of(times, running))
    assert whole.series(1) == series


@given(
    st.lists(
        st.tuples(
            st.sampled_from([LineKind.DECODE, LineKind.PREFILL]),
            st.integers(0, 2),
            st.sampled_from([0, 8_999, 9_000]),
            st.sampled_from([-1, 0, 1]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_there_is_an_example_of_what_is_counted_and_of_nothing_else(
    said: list[tuple[LineKind, int, int, int]],
) -> None:
    fields = np.zeros((len(Field), len(said)), np.int64)
    fields[[Field.KIND, Field.QUEUE, Field.USAGE, Field.GRAPH]] = np.array(said).T
    intervals, examples = Intervals(), Examples()
    intervals.add(fields)
    examples.take(fields, lambda at: Line(file="server.log", number=at + 1, text="?"))
    counted = {Column.DECODES, Column.EMPTY_QUEUE, Column.UNFILLED, Column.NO_GRAPH}
    assert set(examples.lines) == counted & set(intervals.series(1).columns)
    for column, line in examples.lines.items():
        alone = Intervals()
        alone.add(fields[:, [line.number - 1]])
        assert sum(alone.series(1).columns[column]) == 1


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 3, 40])), min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_uneven_lines_are_those_of_ranks_without_a_queue(
    said: list[tuple[int, int]], cuts: list[int]
) -> None:
    last: dict[int, int] = {}
    expected = []
    for rank, queue in said:
        last[rank] = queue
        expected.append(queue == 0 and len(last) > 1 and sum(last.values()) >= 10 * len(last))
    fields = columns_of([0] * len(said), [1] * len(said))
    fields[Field.REPLICA], fields[Field.QUEUE] = zip(*said, strict=True)
    queues = Queues()
    places = [0, *sorted({min(cut, len(said)) for cut in cuts}), len(said)]
    parts = [queues.uneven(fields[:, start:stop]) for start, stop in pairwise(places)]
    assert np.concatenate(parts).tolist() == expected


def seconds_of(times: list[int], cuts: list[int] | None = None) -> list[int]:
    clock = Clock()
    places = [0, *sorted(cuts or []), len(times)]
    parts = [clock.since(np.array(times[a:b], np.int64)) for a, b in pairwise(places) if a < b]
    return [second for part in parts for second in part.tolist()]


YEARS = 73 * 365 * 86_400


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([100, 110, 100 + YEARS, 120, 130], [0, 10, 10, 20, 30]),
        ([100, 110, 100 - YEARS, 120, 130], [0, 10, 10, 20, 30]),
        # In autumn, and then again in spring.
        ([7000, 7010, 3420, 3430, 7050, 7060], [0, 10, 10, 20, 50, 60]),
        # Two machines in other time zones.
        ([0, 7201, 2, 7203, 4, 7205, 6], [0, 7201, 7201, 7203, 7203, 7205, 7205]),
        # A night without requests, ranks that are late, lines without a time.
        ([0, 30_000, 29_990, -1, 30_010], [0, 30_000, 29_990, 29_990, 30_010]),
        # More than a day is no pause.
        ([0, 10, 10 + 2 * 86_400, 20 + 2 * 86_400], [0, 10, 10, 20]),
    ],
)
def test_time_goes_on_whatever_clocks_do(times: list[int], expected: list[int]) -> None:
    assert seconds_of(times) == expected
    assert seconds_of(times, list(range(len(times)))) == expected


def stamped(second: int) -> str:
    when = datetime(2025, 10, 26) + timedelta(seconds=second)
    return f"[{when:%Y-%m-%d %H:%M:%S}] {DECODE.format(7, 0)}"


def test_a_stamp_in_the_future_widens_no_interval() -> None:
    told = [stamped(second) for second in range(0, 600, 5)]
    told[60] = told[60].replace("2025", "2099")
    (launch,) = taken("".join(told).encode())
    assert launch.series.width <= 2
    assert len(launch.series) * launch.series.width >= 590


def test_an_hour_that_comes_twice_is_two_hours() -> None:
    hours = [*range(0, 3600, 10), *range(0, 3600, 10)]
    (launch,) = taken("".join(map(stamped, hours)).encode())
    assert len(launch.series) * launch.series.width == pytest.approx(7200, abs=50)


def test_a_mean_is_that_of_lines_and_the_sum_of_what_ranks_do() -> None:
    columns = {
        Column.DECODES: (2.0, 0.0, 4.0),
        Column.RUNNING: (20.0, 0.0, 80.0),
        Column.USAGE: (1.0, 0.0, 3.0),
    }
    series = Series(ranks=2, columns=columns)
    np.testing.assert_array_equal(series.means(Column.RUNNING), [20, np.nan, 40])
    np.testing.assert_array_equal(series.means(Column.USAGE), [0.5, np.nan, 0.75])
    np.testing.assert_allclose(series.means(Column.RUNNING, [0, 2]), [20, 40])
    np.testing.assert_allclose(series.means(Column.RUNNING, [0]), [200 / 6])
    np.testing.assert_array_equal(series.means(Column.QUEUE), [0, np.nan, 0])


@pytest.mark.parametrize("front", ["", "gateway-1: "])
def test_what_clients_of_a_web_server_ask_for_is_no_evidence(front: str) -> None:
    what = "/?q=torch.OutOfMemoryError: CUDA out of memory"
    asked = f'{front}INFO:     10.0.0.7:4{{}} - "GET {what} HTTP/1.1" 404 Not Found\n'
    lines = list(log(OLD, "healthy", decodes=90))
    (plain,) = taken("".join(lines).encode())
    (launch,) = taken("".join(line + asked.format(i) for i, line in enumerate(lines)).encode())
    assert launch.troubles == ()
    assert launch.series == plain.series
