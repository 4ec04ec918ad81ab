"""What the records of a study come to, as a value, as text and as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spacegen.tune.metrics import DEFAULT_GOALS, Goal, Limit
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.record import Provenance, Record
from spacegen.tune.summary.console import amount, in_words
from spacegen.tune.summary.document import as_document
from spacegen.tune.summary.summary import summarise
from spacegen.tune.workload import Workload

PROVENANCE = Provenance(spacegen="0", space="node", fingerprint="f" * 16, workload=Workload())


def record(trial: int, ttft_ms: float, tps: float, *, again: int = 0, **known: Any) -> Record:
    metrics = {"mean_ttft_ms": ttft_ms, "output_throughput": tps}
    outcome = Outcome(metrics=metrics, command=("serve", str(trial)), gpu_ids=("0", "1"))
    return Record(
        trial=trial, config={"tp_size": trial}, outcome=outcome, again=again, provenance=PROVENANCE, **known
    )


def failed(trial: int, cause: Cause, *, again: int = 0) -> Record:
    outcome = Outcome.failed(cause, "no")
    return Record(trial=trial, config={"tp_size": trial}, outcome=outcome, again=again, provenance=PROVENANCE)


def shown(records: list[Record], goals: tuple[Goal, ...] = DEFAULT_GOALS, limits: Any = ()) -> str:
    return "\n".join(in_words(summarise(records, goals, limits, study="s")))


def test_the_front_holds_what_nothing_dominates() -> None:
    found = summarise([record(0, 30, 100), record(1, 20, 90), record(2, 25, 80)], DEFAULT_GOALS)
    assert [one.trial for one in found.front] == [1, 0]
    assert found.finished == 3


def test_the_hypervolume_is_a_share_of_the_box_between_best_and_worst() -> None:
    corners = [record(0, 30, 100), record(1, 20, 80), record(2, 25, 95)]
    assert summarise(corners, DEFAULT_GOALS).hypervolume == pytest.approx(0.5 * 0.75)
    assert summarise([record(0, 30, 100)], DEFAULT_GOALS).hypervolume == 1
    assert summarise([failed(0, Cause.CRASH)], DEFAULT_GOALS).hypervolume is None


def test_the_hours_of_all_gpus_are_counted() -> None:
    slow = record(0, 30, 100)
    slow = slow.model_copy(update={"outcome": slow.outcome.model_copy(update={"seconds": 1800.0})})
    assert summarise([slow, failed(1, Cause.CRASH)], DEFAULT_GOALS).gpu_hours == 1.0


def test_a_limit_keeps_trials_from_the_front() -> None:
    records = [record(0, 30, 100), record(1, 20, 90), record(2, 10, 10)]
    found = summarise(records, DEFAULT_GOALS, [Limit("tps", ">=", 90)])
    assert [one.trial for one in found.front] == [1, 0]
    assert [one.trial for one in found.missed] == [2]


def test_failures_are_counted_by_cause() -> None:
    records = [failed(0, Cause.ARGUMENTS), failed(1, Cause.CRASH), failed(2, Cause.CRASH), record(3, 1, 1)]
    found = summarise(records, DEFAULT_GOALS)
    assert (found.failures, found.finished) == ({"crash": 2, "arguments": 1}, 4)
    found = summarise([*records, failed(4, Cause.LOAD)], DEFAULT_GOALS)
    assert (found.failures["load generator"], found.finished) == (1, 4)


def test_a_goal_that_nobody_measured_is_a_failure() -> None:
    found = summarise([record(0, 1, 1)], [Goal("p99_ttft_ms", "minimize")])
    assert (found.front, found.failures) == ((), {"no such metric": 1})


def test_repeats_count_as_their_median_and_may_leave_the_front() -> None:
    records = [record(0, 30, 100), record(1, 20, 90)]
    again = [record(1, 40, 80, again=1), record(1, 50, 95, again=2), failed(1, Cause.TIMEOUT, again=3)]
    found = summarise(records + again, DEFAULT_GOALS)
    assert [one.trial for one in found.front] == [0]
    both = summarise(records + again[:1], DEFAULT_GOALS, [Limit("tps", "<=", 90)])
    assert both.front[0].metrics["ttft"] == pytest.approx(0.03)
    assert both.front[0].spread["ttft"].share == pytest.approx(20 / 30)
    assert both.front[0].times == 2


def test_the_console_shows_the_front() -> None:
    records = [
        record(0, 30, 100, origin="defaults"),
        record(1, 24, 90, origin="sampler", rank=77),
        failed(2, Cause.CRASH),
    ]
    assert shown([*records, record(1, 26, 90, again=1)]) == "\n".join(
        [
            "=" * 80,
            "Optimization Results",
            "=" * 80,
            "",
            "Number of finished trials: 3",
            "Number of failed trials: 1 (crash 1)",
            "Number of Pareto optimal solutions: 2",
            "The server's defaults: trial 0 (TTFT 0.0300 seconds, TPS 100.00 tokens/sec)",
            "",
            "Pareto Front (Best Trade-offs between TTFT and TPS):",
            "-" * 80,
            "",
            "Solution 1:",
            "  TTFT: 0.0250 seconds (-16.7 % against the defaults; 0.0240 … 0.0260, spread 8.0 %)",
            "  TPS: 90.00 tokens/sec (-10.0 % against the defaults; 90.00 … 90.00, spread 0 %)",
            "  Trial: 1, rank 77, measured 2 times",
            "  Parameters:",
            "    tp_size: 1",
            "",
            "Solution 2:",
            "  TTFT: 0.0300 seconds",
            "  TPS: 100.00 tokens/sec",
            "  Trial: 0, the server's defaults",
            "  Parameters:",
            "    tp_size: 0",
        ]
    )


def test_where_no_trial_keeps_a_limit_the_nearest_are_shown() -> None:
    limits = [Limit("ttft", "<=", 0.01), Limit("p99_ttft_ms", "<=", 5)]
    text = shown([record(0, 30, 100), record(1, 20, 90)], limits=limits)
    assert "No trial keeps every limit. The nearest:\n\nTrial 1:" in text
    assert "  Misses ttft<=0.01: 0.0200 seconds, 100 % beyond" in text
    assert "  Misses p99_ttft_ms<=5: not measured" in text


def test_a_limit_that_is_kept_is_shown_with_its_value() -> None:
    text = shown([record(0, 30, 100)], limits=[Limit("mean_ttft_ms", "<=", 50)])
    assert "  TPS: 100.00 tokens/sec\n  Keeps mean_ttft_ms<=50: 30.00 ms\n  Trial: 0" in text


def test_one_goal_has_a_best_and_no_trade_offs() -> None:
    text = shown([record(0, 30, 100)], (Goal("tps_per_gpu", "maximize"),))
    assert "Best by maximize tps_per_gpu:" in text
    assert "  tps_per_gpu: 50.00 tokens/sec per GPU" in text


def test_who_has_a_node_to_itself_is_measured_by_the_gpus_it_takes() -> None:
    alone = record(0, 30, 100)
    outcome = alone.outcome.model_copy(update={"gpu_ids": tuple("01234567"), "gpus": 2, "seconds": 450.0})
    found = summarise([alone.model_copy(update={"outcome": outcome})], (Goal("tps_per_gpu", "maximize"),))
    assert found.front[0].metrics["tps_per_gpu"] == 50
    assert found.gpu_hours == 1


def test_a_study_in_which_all_fails_says_so() -> None:
    assert "No trial succeeded." in shown([failed(0, Cause.CRASH)])
    assert "No trial was measured." in shown([])


def test_what_a_formula_said_is_marked() -> None:
    made_up = record(0, 30, 100)
    made_up = made_up.model_copy(update={"outcome": made_up.outcome.model_copy(update={"simulated": True})})
    assert "SIMULATED" in shown([made_up])
    document = as_document(summarise([made_up], DEFAULT_GOALS))
    assert document["simulated"] is True
    assert "SIMULATED" in document["note"]


def test_the_document_has_the_front_by_metric() -> None:
    records = [record(0, 30, 100, rank=7), record(1, 20, 90), record(1, 22, 90, again=1)]
    document = json.loads(json.dumps(as_document(summarise(records, DEFAULT_GOALS, study="mine"))))
    assert (document["study_name"], document["n_trials"]) == ("mine", 2)
    quick, fast = document["pareto_front"]
    wanted = {
        "trial_number": 0,
        "ttft": 0.03,
        "tps": 100.0,
        "parameters": {"tp_size": 0},
        "state": "COMPLETE",
    }
    assert {key: fast[key] for key in wanted} == wanted
    assert (fast["rank"], fast["command"], fast["spread"]) == (7, ["serve", "0"], {})
    assert quick["ttft"] == pytest.approx(0.021)
    assert quick["spread"]["ttft"]["relative"] == pytest.approx(2 / 21)
    assert document["fingerprint"] == "f" * 16
    assert document["workload"]["num_prompts"] == 200


@pytest.mark.parametrize(
    ("metric", "text"),
    [("p99_ttft_ms", "12.35 ms"), ("requests_per_s", "12.35 requests/sec"), ("accept_length", "12.3457")],
)
def test_a_metric_has_its_unit(metric: str, text: str) -> None:
    assert amount(metric, 12.34567) == text
