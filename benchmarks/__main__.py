"""Times spacegen beside its peers on one core and prints each row with its ratio and its target."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterator
from compileall import compile_dir
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from benchmarks.answers import ANSWERS, tuner_config
from benchmarks.measure import Outcome, answer_seconds, pin_to_one_core, process_seconds, task
from benchmarks.problems import PUBLISHED, ROOT
from benchmarks.tasks import OURS, TASKS

SPACE_33 = "sglang-throughput-33"
PROBLEMS = ("sglang-throughput-10", SPACE_33, "gemm", "hotspot")
RATES = tuple(name for name in TASKS if name not in ("count", "500 solutions"))
LEAST_RATE = {
    "independent draws as columns": 10_000_000,
    "distinct draws as columns": 6_000_000,
    "draws as dicts": 300_000,
    "checks over columns": 10_000_000,
    "verdicts with broken rules, all valid": 500_000,
    "verdicts with broken rules, random": 500_000,
}
MOST_SECONDS = {"count": 0.025}
EXPLAINED = 1.5
"""Seconds that the whole process may take that explains a config of three conflicts."""


@dataclass(frozen=True)
class Row:
    """A line of a table; `met` is None where nothing was promised."""

    label: str
    value: str
    ratio: str
    target: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        verdict = {None: "", True: "pass", False: "FAIL"}[self.met]
        return f"  {self.label:<62} {self.value:>16} {self.ratio:>12} {self.target:>16} {verdict}".rstrip()


def processes(runs: int) -> Iterator[Row]:
    """Whole processes against the imports that no Python program of this kind can do without."""
    # An installed package has its bytecode; a checkout may never have written it.
    compile_dir(ROOT / "solver" / "spacegen", quiet=1)
    baseline = [sys.executable, "-c", "import numpy, pydantic, yaml, typer"]
    spacegen, space = str(Path(sys.executable).parent / "spacegen"), str(ROOT / "spaces" / f"{SPACE_33}.yaml")
    commands = {
        f"count {SPACE_33}": ["count", space],
        f"solve {SPACE_33} --count 500": ["solve", space, "--count", "500"],
    }
    with NamedTemporaryFile("w", suffix=".json") as config:
        json.dump(tuner_config(), config)
        config.flush()
        commands["check sglang-tuner-18 CONFIG"] = ["check", "sglang-tuner-18", config.name]
        base, *times = process_seconds(
            [baseline, *([spacegen, *words] for words in commands.values())], runs, statuses=(0, 1)
        )
    yield Row("python -c 'import numpy, pydantic, yaml, typer'", _seconds(base), "1.00 x")
    for label, seconds, most in zip(commands, times, (2.5, 3.0, 4.0), strict=True):
        ratio = seconds / base
        met = ratio <= most and (not label.startswith("check") or seconds <= EXPLAINED)
        yield Row(f"spacegen {label}", _seconds(seconds), f"{ratio:.2f} x", f"<= {most} x", met)


def answers(runs: int) -> Iterator[Row]:
    """The seconds of answers about configs and spaces, and how many times those their counterparts take."""
    for name, answer in ANSWERS.items():
        seconds, other = answer_seconds(name, runs)
        limits = [] if answer.times is None else [f"<= {answer.times:g} x {answer.other}"]
        limits += [] if answer.seconds is None else [f"<= {_seconds(answer.seconds)}"]
        met = seconds <= (answer.seconds or seconds) and seconds <= other * (answer.times or float("inf"))
        yield Row(name, _seconds(seconds), "1.00 x", ", ".join(limits), met)
        yield Row(f"  {answer.other}", _seconds(other), f"{other / seconds:.2f} x")


def durations(name: str, problem: str, limit: float, runs: int) -> Iterator[Row]:
    """The seconds of one task for every tool, and how many times ours they are."""
    own: float | None = None
    for tool in TASKS[name]:
        outcome = task(name, tool, problem, limit=limit, runs=runs)
        own = outcome.seconds if tool == OURS else own
        most = MOST_SECONDS.get(name) if tool == OURS and problem == SPACE_33 else None
        yield Row(
            f"{problem}, {tool}" + _answer(name, outcome),
            f"> {limit:g} s" if outcome.seconds is None else _seconds(outcome.seconds),
            f"{'> ' if outcome.seconds is None else ''}{(outcome.seconds or limit) / own:.2f} x"
            if own
            else "",
            f"<= {_seconds(most)}" if most else "",
            outcome.seconds is not None and outcome.seconds <= most if most else None,
        )


def rates(name: str, problem: str, limit: float, runs: int) -> Iterator[Row]:
    """Rows a second of one task for every tool, as parts of ours."""
    own: float | None = None
    for tool in TASKS[name]:
        rate = task(name, tool, problem, limit=limit, runs=runs).rate
        own = rate if tool == OURS else own
        least = LEAST_RATE[name] if tool == OURS and problem == SPACE_33 else None
        yield Row(
            f"{problem}, {tool}",
            f"{rate:,.0f}/s" if rate else f"> {limit:g} s",
            f"{rate / own:.5f} x" if rate and own else "",
            f">= {least:,}/s" if least else "",
            rate is not None and rate >= least if least else None,
        )


def _answer(name: str, outcome: Outcome) -> str:
    return f" = {outcome.answer:,}" if name == "count" and outcome.answer is not None else ""


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def tables(args: argparse.Namespace) -> Iterator[tuple[str, Iterator[Row]]]:
    """Every table with its title; rows are measured as they are read."""
    yield "whole processes", processes(args.runs)
    yield "answers in process", answers(args.runs)
    for name in ("count", "500 solutions"):
        for problem in args.problem or PROBLEMS:
            yield f"{name}, seconds in process", durations(name, problem, args.limit, args.runs)
    for name in RATES:
        for problem in args.problem or PROBLEMS:
            yield name, rates(name, problem, args.limit, args.runs)


def main() -> int:
    """Print the tables; with `--strict` the exit code is 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = sorted({*PROBLEMS, *PUBLISHED})
    parser.add_argument("--problem", action="append", choices=names, help="one of the spaces; default: four")
    parser.add_argument("--limit", type=float, default=20, help="seconds after which a tool is stopped")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median is shown")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed")
    args = parser.parse_args()
    machine = f"Python {platform.python_version()}, {platform.machine()}, {pin_to_one_core()}"
    print(f"{machine}; medians of {args.runs}")
    missed, title = 0, ""
    for heading, rows in tables(args):
        if heading != title:
            print(f"\n{heading}")
            title = heading
        for row in rows:
            print(row, flush=True)
            missed += row.met is False
    print(f"\n{missed} targets missed" if missed else "\nall targets met")
    return 1 if missed and args.strict else 0


if __name__ == "__main__":
    sys.exit(main())
