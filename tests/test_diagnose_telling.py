"""Diagnoses as people and programs read them."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spacegen import load
from spacegen.cli.diagnose_text import print_diagnosis
from spacegen.diagnose.advice.serving import duration
from spacegen.diagnose.diagnosis import Diagnosis
from spacegen.diagnose.finding import SPACE, Finding, Move, Severity, Step
from spacegen.diagnose.launch import Fact, Figure, Launch, Line, Phase, Trouble, TroubleKind
from spacegen.diagnose.narrowing.narrowing import narrow
from spacegen.diagnose.series import Column, Series
from spacegen.diagnose.telling.curves import curves, telling
from spacegen.diagnose.telling.document import as_document
from spacegen.diagnose.telling.flags import changes, flag, spelled
from spacegen.diagnose.telling.sparks import ASCII, BLOCKS, blocks_for, spark
from spacegen.diagnose.telling.text import finding_lines, in_words, period
from tests import server_logs

OLD, NEW, MINI = (
    Launch(server="sglang", version="0.5.6.post2"),
    Launch(server="sglang", version="0.5.23"),
    Launch(server="minisgl"),
)


def _line(number: int, text: str) -> Line:
    return Line(file="server.log", number=number, text=text)


def _finding(severity: Severity, *moves: Move, launch: int = 0, **more: Any) -> Finding:
    told = {"id": f"{severity}-{len(moves)}", "phase": Phase.SERVING, "summary": "something is seen", **more}
    return Finding(severity=severity, moves=moves, launch=launch, **told)


FAILED = Diagnosis(
    launches=(
        Launch(
            server="sglang",
            version="0.5.23",
            arguments={"model_path": "llama", "api_key": "hush"},
            phase=Phase.SERVING,
            ready=_line(60, "The server is fired up and ready to roll!"),
            figures={
                Fact.WEIGHTS: Figure(value=15.014, line=_line(12, "Load weight end.")),
                Fact.POOL: Figure(value=51.2, line=_line(14, "KV Cache is allocated.")),
                Fact.POOL_TOKENS: Figure(value=665690, line=_line(14, "KV Cache is allocated.")),
                Fact.CAPTURE_SECONDS: Figure(value=4.63, line=_line(15, "Capture end.")),
            },
            troubles=(
                Trouble(
                    kind=TroubleKind.OUT_OF_MEMORY,
                    phase=Phase.SERVING,
                    lines=(_line(4123, "OutOfMemoryError"),),
                    fatal=True,
                ),
            ),
            series=Series(
                width=30.0,
                columns={
                    Column.DECODES: (1.0, 2.0, 0.0, 2.0),
                    Column.RATE: (1000.0, 8000.0, 0.0, 8000.0),
                    Column.RUNNING: (60.0, 480.0, 0.0, 480.0),
                    Column.QUEUE: (0.0, 600.0, 0.0, 200.0),
                    Column.USAGE: (0.25, 1.9, 0.0, 1.9),
                    Column.RETRACTIONS: (0.0, 0.0, 0.0, 3.0),
                },
            ),
            files=("server.log",),
            lines=4130,
        ),
    ),
    findings=(
        _finding(
            Severity.ERROR,
            Move(parameter="cuda_graph_max_bs", at_most=255, was=256, to=128),
            id="out-of-memory-decode",
            summary="the GPU ran out of memory in decoding",
            evidence=(_line(4123, f"[2025-08-11 17:17:03] OutOfMemoryError {'x' * 300}"),),
            actions=("lower `cuda_graph_max_bs` from 256 to 128",),
        ),
        _finding(
            Severity.INFO, id="slow-loading", phase=Phase.ARGUMENTS, actions=("see who did",), command="last"
        ),
        _finding(Severity.INFO, id="load-good"),
    ),
)


def test_the_worst_comes_first_and_the_figures_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    to = io.StringIO()
    print_diagnosis(FAILED, to=to)
    assert to.getvalue() == (Path(__file__).parent / "cases" / "diagnose" / "failed.txt").read_text("utf-8")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_the_same_words_in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    plain, terminal = io.StringIO(), _Terminal()
    print_diagnosis(FAILED, to=plain)
    print_diagnosis(FAILED, to=terminal)
    assert "\x1b[1;31merror:\x1b[0m the GPU ran out" in terminal.getvalue()
    assert re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue()) == plain.getvalue()


def test_a_diagnosis_without_a_finding_says_so() -> None:
    assert list(in_words(Diagnosis(launches=(OLD,))))[-1] == "no findings"


def test_what_the_simulated_server_says_is_marked() -> None:
    found = Diagnosis(launches=(Launch(simulated=True),))
    assert next(in_words(found)).startswith("SIMULATED: ")
    assert as_document(found)["simulated"] is True


@pytest.mark.parametrize(
    ("launch", "parameter", "value", "words"),
    [
        (OLD, "mem_fraction_static", 0.87, "--mem-fraction-static 0.87"),
        (OLD, "cuda_graph_max_bs", 512, "--cuda-graph-max-bs 512"),
        (NEW, "cuda_graph_max_bs", 512, "--cuda-graph-max-bs-decode 512"),
        (OLD, "enable_torch_compile", True, "--enable-torch-compile"),
        (OLD, "disable_radix_cache", False, "no --disable-radix-cache"),
        (OLD, "schedule_policy", "lpm", "--schedule-policy lpm"),
        (MINI, "memory_ratio", 0.3, "--memory-ratio 0.3"),
        (MINI, "max_running_req", 64, "--max-running-requests 64"),
        (Launch(), "schedule_conservativeness", 0.3, "--schedule-conservativeness 0.3"),
        (OLD, "unheard_of", None, "no --unheard-of"),
    ],
)
def test_a_move_is_told_as_the_flag_of_its_server(
    launch: Launch, parameter: str, value: Any, words: str
) -> None:
    assert flag(launch, parameter, value) == words


def test_sentences_have_the_names_of_the_version() -> None:
    sentence = "raise `cuda_graph_max_bs` from 160 to 512"
    assert spelled(OLD, sentence) == sentence
    assert spelled(NEW, sentence) == "raise `cuda_graph_max_bs_decode` from 160 to 512"


def _share(to: float) -> Move:
    return Move(parameter="mem_fraction_static", was=0.85, to=to)


def test_of_an_argument_the_worst_finding_decides() -> None:
    chunk = Move(parameter="chunked_prefill_size", was=8192, to=4096)
    findings = (
        _finding(Severity.INFO, Move(parameter="schedule_policy", was="fcfs", to="lpm")),
        _finding(Severity.WARNING, _share(0.88)),
        _finding(Severity.ERROR, _share(0.8), chunk),
    )
    found = changes(Diagnosis(launches=(OLD,), findings=findings))
    assert [(move.parameter, move.to) for _, move in found] == [("mem_fraction_static", 0.8)]


def test_what_pays_for_a_change_changes_with_it() -> None:
    graphs = Move(parameter="cuda_graph_max_bs", was=160, to=512)
    finding = _finding(Severity.WARNING, graphs, also=(_share(0.8),))
    found = changes(Diagnosis(launches=(OLD,), findings=(finding,)))
    assert [(move.parameter, move.to) for _, move in found] == [
        ("cuda_graph_max_bs", 512),
        ("mem_fraction_static", 0.8),
    ]


def test_the_next_launch_does_not_run_into_what_another_one_showed() -> None:
    low = Finding(
        id="no-kv-pool",
        phase=Phase.KV_POOL,
        severity=Severity.ERROR,
        summary="0.84 is too low",
        moves=(Move(parameter="mem_fraction_static", at_least=0.85, to=0.86),),
        unless=(Move(parameter="tp_size", at_least=2),),
    )
    lower = Move(parameter="mem_fraction_static", at_most=0.84, was=0.85, to=0.83)
    graphs = Move(parameter="cuda_graph_max_bs", at_most=255, was=256, to=128)
    high = low.model_copy(update={"id": "oom", "launch": 1, "moves": (lower, graphs), "unless": ()})
    last = OLD.model_copy(update={"arguments": {"mem_fraction_static": 0.85, "tp_size": 1}})
    found = changes(Diagnosis(launches=(OLD, last), findings=(low, high)))
    assert [(move.parameter, move.to) for _, move in found] == [("cuda_graph_max_bs", 128)]
    # Another way past the first failure lets the share go down.
    wide = last.model_copy(update={"arguments": {"mem_fraction_static": 0.85, "tp_size": 2}})
    found = changes(Diagnosis(launches=(OLD, wide), findings=(low, high)))
    assert [(move.parameter, move.to) for _, move in found] == [("mem_fraction_static", 0.83)]
    # One way past both is enough.
    again = high.model_copy(update={"id": "also", "moves": (graphs, lower)})
    found = changes(Diagnosis(launches=(OLD, last), findings=(again, high)))
    assert [move.parameter for _, move in found] == ["cuda_graph_max_bs"]


def test_only_the_last_launch_says_what_the_next_one_changes() -> None:
    findings = (_finding(Severity.WARNING, _share(0.9)), _finding(Severity.WARNING, _share(0.7), launch=1))
    (change,) = changes(Diagnosis(launches=(OLD, NEW), findings=findings))
    assert (change[0], change[1].to) == (NEW, 0.7)


def test_a_spark_goes_from_nothing_to_its_top() -> None:
    assert spark([0, 1, 2, 3, 4, 5, 6, 7], BLOCKS) == BLOCKS
    assert spark([0, 1, 2, 3, 4, 5, 6, 7], ASCII) == ASCII
    assert spark([0.5, None, 2.0], BLOCKS, top=1.0) == "▅ █"
    assert spark([0.0, 0.0], BLOCKS) == "▁▁"
    assert spark([], BLOCKS) == ""


@pytest.mark.parametrize(
    ("encoding", "blocks"), [("utf-8", BLOCKS), ("latin-1", ASCII), (None, ASCII), ("what", ASCII)]
)
def test_blocks_are_those_that_can_be_written(encoding: str | None, blocks: str) -> None:
    assert blocks_for(encoding) == blocks
    assert len(set(blocks)) == 8


def test_curves_are_means_of_lines_and_what_ranks_do_adds_up() -> None:
    columns = {
        Column.DECODES: (2.0, 1.0),
        Column.RUNNING: (20.0, 40.0),
        Column.USAGE: (1.0, 0.8),
    }
    found = {curve.name: curve for curve in curves(Series(ranks=2, columns=columns), 10)}
    assert found["running"].values == (20.0, 80.0)
    assert found["token usage"].values == (0.5, 0.8)
    assert "retractions" not in found
    narrow = {curve.name: curve for curve in curves(Series(ranks=2, columns=columns), 1)}
    assert narrow["running"].values == (40.0,)


def test_the_document_has_findings_with_edits_and_no_secret() -> None:
    found = as_document(FAILED)
    assert [finding["id"] for finding in found["findings"]] == [
        "out-of-memory-decode",
        "slow-loading",
        "load-good",
    ]
    edits = [finding["edit"] for finding in found["findings"]]
    assert edits[0]["moves"][0]["parameter"] == "cuda_graph_max_bs"
    assert edits[1] is None
    assert found["launches"][0]["arguments"] == {"model_path": "llama", "api_key": "***"}


def test_a_server_that_only_prefills_has_the_tokens_of_prompts() -> None:
    columns = {
        Column.PREFILLS: (5.0, 5.0, 5.0, 5.0),
        Column.NEW_TOKENS: (40.0, 0.0, 80.0, 80.0),
        Column.CACHED_TOKENS: (0.0, 0.0, 0.0, 0.0),
    }
    (found,) = curves(Series(width=2.0, columns=columns), 2)
    assert (found.name, found.values) == ("prompt tokens/s", (10.0, 40.0))
    assert (found.middle, found.peak) == (25.0, 40.0)
    # A few prefills are those of a start.
    assert curves(Series(columns={**columns, Column.PREFILLS: (2.0, 0.0, 0.0, 0.0)}), 2) == ()


def test_the_launch_that_is_shown_is_the_last_that_did_something() -> None:
    served = Series(columns={Column.DECODES: (9.0,), Column.RUNNING: (9.0,)})
    less = Series(columns={Column.DECODES: (2.0,), Column.RUNNING: (2.0,)})
    nodes = {"nnodes": 2, "dist_init_addr": "10.0.0.1:5000"}
    idle, first, second = (
        Launch(arguments=nodes),
        *(Launch(arguments=nodes, series=one) for one in (served, less)),
    )
    assert telling([Launch(series=less), first, second, idle]) is first
    alone = Launch(series=less)
    assert telling([Launch(series=served), alone, Launch()]) is alone
    fatal = Trouble(kind=TroubleKind.OUT_OF_MEMORY, phase=Phase.WEIGHTS, lines=(), fatal=True)
    failed = Launch(troubles=(fatal,))
    assert telling([alone, failed]) is failed
    assert telling([idle, failed, idle]) is idle


def test_lines_that_come_seldom_do_not_stand_apart() -> None:
    columns = {Column.DECODES: (1.0, 0.0, 0.0, 1.0, 0.0, 0.0), Column.RUNNING: (8.0, 0.0, 0.0, 8.0, 0.0, 0.0)}
    found = {curve.name: curve for curve in curves(Series(columns=columns), 10)}
    assert found["running"].values == (8.0, 8.0)


def test_what_many_launches_show_is_told_once() -> None:
    findings = tuple(
        _finding(Severity.WARNING, id="too-conservative", launch=number, evidence=(_line(number, "x"),))
        for number in range(12)
    )
    lines = list(in_words(Diagnosis(launches=(*[OLD] * 11, NEW), findings=findings)))
    assert lines[0] == "12 launches: 12 last seen: arguments; the last:"
    assert [line for line in lines if "too-conservative" in line] == [
        "warning: something is seen  [too-conservative, serving]"
    ]
    assert lines[-2:] == ["  server.log:11: x", "  seen in 12 of 12 launches; the last is shown"]


def test_reading_a_log_loads_nothing_that_spaces_are_for(tmp_path: Path) -> None:
    path = server_logs.write(tmp_path / "server.log", server_logs.NEW, "healthy", decodes=5)
    program = "import sys; from spacegen.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", program, "diagnose", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "spacegen.diagnose.advice.book" in loaded
    assert not loaded & {
        "spacegen.api",
        "spacegen.questions.check",
        "spacegen.tune.workload",
        "spacegen.diagnose.narrowing.narrowing",
        "spacegen.diagnose.telling.page",
        "packaging.requirements",
    }


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (90, "90 s"),
        (300, "5 min"),
        (66 * 60, "66 min"),
        (2 * 3600, "2 h"),
        (9000, "2.5 h"),
        (86400, "24 h"),
        (1_429_500, "16.5 days"),
        (200 * 86400, "200 days"),
    ],
)
def test_long_times_are_hours_and_days(seconds: float, told: str) -> None:
    assert duration(seconds) == told
    series = Series(width=seconds / 10, columns={Column.DECODES: (1.0,) * 10})
    assert period(Launch(series=series)) == f"in {told}"


def _running(decodes: list[float], width: int) -> tuple[float | None, ...]:
    columns = {Column.DECODES: tuple(decodes), Column.RUNNING: tuple(10 * one for one in decodes)}
    return next(c for c in curves(Series(columns=columns), width) if c.name == "running").values


def test_a_curve_has_no_holes_where_lines_are_as_far_apart_as_always() -> None:
    now_and_then = [1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0] * 30
    assert None not in _running(now_and_then, 240)
    stopped = [1.0, 0.0, 1.0, 1.0] * 10 + [0.0] * 40 + [1.0] * 40
    values = _running(stopped, 40)
    assert values.count(None) in range(10, 15)
    assert None not in (values[0], values[-1])
    days = [1.0] * 200 + [0.0] * 25 + [1.0] * 200
    assert None in _running(days, 40)


def test_the_command_of_a_finding_names_the_space_that_was_given() -> None:
    finding = _finding(Severity.ERROR, command=f"spacegen check {SPACE} CONFIG")
    found = Diagnosis(launches=(OLD,), findings=(finding,))
    assert "  $ spacegen check SPACE CONFIG" in list(in_words(found))
    made = replace(narrow(load("h100"), [], []), name="my spaces/h100.yaml")
    assert "  $ spacegen check 'my spaces/h100.yaml' CONFIG" in list(in_words(found, made))
    assert as_document(found, made)["findings"][0]["command"].endswith("'my spaces/h100.yaml' CONFIG")


def test_advice_is_sentences_for_programs_and_for_people() -> None:
    move = Move(parameter="cuda_graph_max_bs", at_most=255, was=256, to=128)
    step = Step(about=move, sentence="smaller graphs take less")
    finding = _finding(Severity.ERROR, move, id="x", actions=(move, step, "ask for less"))
    found = as_document(FAILED.model_copy(update={"findings": (finding,)}))["findings"][0]
    assert found["advice"] == [
        "lower `cuda_graph_max_bs` from 256 to 128",
        "smaller graphs take less",
        "ask for less",
    ]
    assert "actions" not in found
    # Names as 0.5.23 has them.
    told = [line for line in finding_lines(finding, FAILED) if line.startswith("  -> ")]
    assert told[0] == "  -> lower `cuda_graph_max_bs_decode` from 256 to 128"
