"""A server's metrics as a source: the same findings as from its log, whatever the text has been through."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest

from spacegen.diagnose.diagnosis import examine
from spacegen.diagnose.launch import Fact, Launch, Phase
from spacegen.diagnose.readers import Reader
from spacegen.diagnose.reading.prometheus import MetricsReader
from spacegen.diagnose.reading.scrapes import looks_like_metrics
from spacegen.diagnose.series import Column
from spacegen.errors import UsageError
from spacegen.extras import installing
from tests.server_logs import NEW, OLD, log
from tests.server_metrics import metrics

STORIES = (
    "healthy",
    "under-filled",
    "conservative",
    "retracting",
    "retracting-rarely",
    "contradictory",
    "overfull",
    "no-graph",
    "too-much-left",
    "too-little-left",
    "shared-prefixes",
)


def _read(text: str, *, piece: int = 1 << 20) -> tuple[Launch, ...]:
    reader = MetricsReader("metrics.txt")
    raw = text.encode("utf-8", "surrogateescape")
    for start in range(0, len(raw), piece):
        reader.take(raw[start : start + piece])
    reader.close()
    return reader.launches


def _only(text: str, *, piece: int = 1 << 20) -> Launch:
    (launch,) = _read(text, piece=piece)
    return launch


def _ids(name: str, text: Iterable[str]) -> set[str]:
    reader = Reader(name)
    reader.take("".join(text).encode())
    reader.close()
    return {f"{found.severity} {found.id}" for found in examine(reader.launches).findings}


@pytest.mark.parametrize("story", STORIES)
def test_the_newer_server_shows_in_metrics_what_its_log_shows(story: str) -> None:
    lines = list(log(NEW, story, decodes=90))
    assert _ids("metrics.txt", metrics(NEW, lines)) == _ids("server.log", lines)


@pytest.mark.parametrize("story", STORIES[1:8:2])
def test_the_older_server_says_less_of_itself(story: str) -> None:
    """Its metrics do not tell about graphs and about what is left of the memory."""
    lines = list(log(OLD, story, decodes=90))
    told = {one for one in _ids("server.log", lines) if not one.split()[1].startswith(("memory-", "graphs-"))}
    assert _ids("metrics.txt", metrics(OLD, lines)) == told


def test_what_was_asked_for_stands_in_for_what_metrics_do_not_say() -> None:
    launches = _read("".join(metrics(NEW, log(NEW, "full-slots", decodes=90))))
    unknown, known = (
        {finding.id for finding in examine(launches, config=config).findings}
        for config in (None, {"max_running_requests": 128})
    )
    assert "too-conservative" in unknown
    assert "too-few-slots" in known - unknown


def test_a_launch_has_its_figures_its_time_and_lines_as_evidence() -> None:
    text = "".join(metrics(NEW, log(NEW, "retracting", decodes=90)))
    launch = _only(text)
    assert (launch.server, launch.version, launch.phase) == ("sglang", "0.5.23", Phase.SERVING)
    shown = {fact: launch.figure(fact) for fact in Fact if fact in launch.figures}
    assert shown == {
        Fact.WEIGHTS: 15.01,
        Fact.POOL: 55.66,
        Fact.GRAPHS: 1.37,
        Fact.POOL_TOKENS: 455958,
        Fact.LEFT: 6.54,
        Fact.CONTEXT: 131072,
    }
    lines = text.split("\n")
    evidence = [launch.ready, launch.busiest, launch.retraction, *(f.line for f in launch.figures.values())]
    for line in evidence:
        assert line is not None
        assert lines[line.number - 1] == line.text
    assert launch.busiest is not None
    assert float(launch.busiest.text.rsplit(" ", 1)[1]) == max(launch.series.columns[Column.MOST_RUNNING])
    assert launch.lines == len(lines) - 1
    assert launch.series.timed


@pytest.mark.parametrize("piece", [1, 77, 4096])
def test_pieces_may_end_anywhere(piece: int) -> None:
    text = "".join(metrics(NEW, log(NEW, "healthy", decodes=4, dp=2)))
    assert _only(text, piece=piece) == _only(text)


def test_data_parallel_ranks_add_up_and_others_say_the_same_again() -> None:
    launch = _only("".join(metrics(NEW, log(NEW, "healthy", decodes=4, dp=2))))
    assert launch.series.ranks == 2
    names = ("num_running_reqs", "num_queue_reqs", "token_usage")
    ranks = [f'sglang:{name}{{dp_rank="0",tp_rank="{rank}"}} 7\n' for name in names for rank in (3, 1, 2)]
    found = _only("".join(ranks)).series
    assert (found.ranks, found.columns[Column.RUNNING]) == (1, (7.0,))


def _scrape(running: int, made: int = 0, *, labels: str = "") -> str:
    return (
        f"# TYPE sglang:num_running_reqs gauge\nsglang:num_running_reqs{{{labels}}} {running}\n"
        f"sglang:num_queue_reqs{{{labels}}} 0\nsglang:token_usage{{{labels}}} 0\n"
        f"# TYPE sglang:generation_tokens_total counter\nsglang:generation_tokens_total{{{labels}}} {made}\n"
    )


@pytest.mark.parametrize(
    "head",
    [
        "# 2025-08-11 17:00:{:02}\n",
        "2025-08-11T17:00:{:02}+00:00\n",
        "17549316{:02}\n",
        "HTTP/1.1 200 OK\ndate: Mon, 11 Aug 2025 17:00:{:02} GMT\nserver: uvicorn\n\n",
    ],
)
def test_a_line_before_a_scrape_says_when_it_was(head: str) -> None:
    series = _only("".join(head.format(second) + _scrape(5 + second) for second in (10, 20, 40))).series
    assert series.timed
    assert len(series) == 31
    busy = [at for at, lines in enumerate(series.columns[Column.DECODES]) if lines]
    assert busy == [0, 10, 30]


def test_samples_may_have_times_of_their_own() -> None:
    text = "".join(
        f"sglang:{name} {value} {1754931600 + value}000\n"
        for value in (1, 9)
        for name in ("num_running_reqs", "num_queue_reqs", "token_usage")
    )
    series = _only(text).series
    assert (series.start, len(series)) == (1754931601, 9)


def test_without_times_each_scrape_counts_once() -> None:
    series = _only(_scrape(5) + _scrape(6) + _scrape(6, made=9)).series
    assert not series.timed
    assert series.columns[Column.RUNNING] == (5.0, 6.0, 6.0)


def test_nothing_moved_is_no_evidence() -> None:
    assert len(_only(_scrape(5, made=9) * 40).series) == 1


def test_counters_that_begin_anew_are_another_launch() -> None:
    text = _scrape(5, made=100) + _scrape(6, made=200) + _scrape(7, made=3) + _scrape(8, made=50)
    first, second = _read(text)
    assert first.series.columns[Column.RUNNING] == (5.0, 6.0)
    assert second.series.columns[Column.RUNNING] == (7.0, 8.0)


def test_a_prometheus_server_passes_on_several_servers() -> None:
    names = ("num_running_reqs", "num_queue_reqs", "token_usage")
    servers = (("a", 3), ("b", 4))
    one = 'sglang_{}{{instance="{}:30000"}} {}\n'
    text = "".join(one.format(name, server, value) for name in names for server, value in servers)
    assert [launch.series.columns[Column.RUNNING] for launch in _read(text)] == [(3.0,), (4.0,)]


def test_the_time_before_the_scrapes_of_several_servers_is_that_of_each() -> None:
    head = "2025-08-11 17:00:{:02}\n"
    one = '# TYPE sglang:{0} gauge\nsglang:{0}{{instance="{1}"}} {2}\n'
    names = ("num_running_reqs", "num_queue_reqs", "token_usage")
    scrapes = ("".join(one.format(name, server, 5) for name in names) for server in 3 * "ab")
    text = "".join(
        (head.format(5 * at // 2) if at % 2 == 0 else "") + scrape.replace(" 5\n", f" {at + 1}\n")
        for at, scrape in enumerate(scrapes)
    )
    assert [(launch.series.timed, len(launch.series)) for launch in _read(text)] == [(True, 11), (True, 11)]


def test_parts_of_a_queue_by_priority_stand_beside_the_whole() -> None:
    parts = "".join(
        f'sglang:{name}{{priority="{part}"}} {many}\n'
        for name in ("num_running_reqs", "num_queue_reqs", "token_usage")
        for part, many in (("1", 9), ("", 12))
    )
    assert _only(parts).series.columns[Column.RUNNING] == (12.0,)


def test_the_fullest_pool_of_a_hybrid_model_counts() -> None:
    usages = "sglang:full_token_usage 0.3\nsglang:swa_token_usage 0.81\n"
    assert _only(_scrape(5) + usages).series.columns[Column.MOST_USED] == (0.81,)


@pytest.mark.parametrize(
    ("story", "column", "metric"),
    [
        ("under-filled", Column.EMPTY_QUEUE, "num_queue_reqs"),
        ("conservative", Column.UNFILLED, "token_usage"),
        ("no-graph", Column.NO_GRAPH, "cuda_graph_passes_total"),
    ],
)
def test_evidence_is_the_metric_that_shows_it(story: str, column: Column, metric: str) -> None:
    launch = _only("".join(metrics(NEW, log(NEW, story, decodes=20))))
    assert launch.examples[column].text.startswith(f"sglang:{metric}{{")


def test_what_is_torn_or_no_number_says_nothing() -> None:
    text = "sglang:num_queue_reqs NaN\nsglang:token_usage{model_na\nsglang:num_running_reqs \n\x00\udcff\n"
    launch = _only(text + _scrape(5) + 'sglang:gen_throughput{model_name="x"')
    assert launch.series.columns == {
        Column.DECODES: (1.0,),
        Column.RUNNING: (5.0,),
        Column.EMPTY_QUEUE: (1.0,),
        Column.MOST_RUNNING: (5.0,),
    }


@pytest.mark.parametrize("value", ["1e308", "-5", "+Inf", "9" * 30])
def test_numbers_that_no_server_has_are_none(value: str) -> None:
    assert len(_only(f"{_scrape(5)}sglang:gen_throughput {value}\n").series) == 1
    text = _scrape(5).replace("num_running_reqs{} 5", f"num_running_reqs{{}} {value}")
    assert len(_only(text).series) == 0
    (launch,) = _read(_scrape(5, labels=f'dp_rank="{"9" * 30}"'))
    assert launch.series.ranks == 1


def test_times_that_no_server_has_are_none() -> None:
    series = _only(
        "".join(f"{line} {'9' * 20}\n" for line in _scrape(5).splitlines() if line[0] != "#")
    ).series
    assert (len(series), series.timed) == (1, False)


def test_running_requests_alone_are_no_batch() -> None:
    assert len(_only("sglang:num_running_reqs 5\nsglang:num_queue_reqs 3\n").series) == 0


def test_the_simulated_server_says_so() -> None:
    text = "# HELP sglang:num_running_reqs SIMULATED\n" + _scrape(5)
    assert _only(text).simulated
    assert not _only(_scrape(5)).simulated


def test_metrics_are_told_from_logs_by_their_start() -> None:
    assert looks_like_metrics(b"# HELP python_info Python\n# TYPE python_info gauge\n")
    assert looks_like_metrics(b'# 2025-08-11 17:00:00\nsglang:token_usage{model_name="m"} 0.5\n')
    assert not looks_like_metrics("".join(log(NEW, "healthy", decodes=5)).encode())
    assert not looks_like_metrics(b"a line of a log\n" * 40 + b"sglang:token_usage 0.5\n")
    assert not looks_like_metrics(b"# HELP\nsglang:token_usage is a gauge\n")
    assert _read("# HELP python_info Python\n# TYPE python_info gauge\npython_info 1\n") == ()


def test_without_the_parser_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client.parser", None)
    with pytest.raises(UsageError) as raised:
        _read(_scrape(5))
    assert raised.value.faults[0].hint == installing("diagnose")
