"""The configs that a study begins with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import spacegen
from spacegen import ConfigError, EmptySpaceError, Space, UsageError
from spacegen.language.model import Domain, Parameter
from spacegen.tune.outcome import Outcome
from spacegen.tune.record import Provenance, Record
from spacegen.tune.starting import default_start, target_defaults, warm_starts
from spacegen.tune.workload import Workload

TUNER = spacegen.load("sglang-tuner-18")


def small(*rules: str) -> Space:
    return Space.build(
        "small",
        {"tp": Parameter("tp", Domain((1, 2, 4)), 1), "dp": Parameter("dp", Domain((1, 2, 4)), 4)},
        rules,
    )


def test_trial_0_is_what_the_server_does_by_itself() -> None:
    start = default_start(TUNER)
    assert (start.origin, start.notes) == ("defaults", ())
    assert start.config["max_prefill_tokens"] == 16384
    assert start.config["chunked_prefill_size"] is None
    assert TUNER.check(start.config).valid


def test_a_default_that_the_domain_lacks_is_null_where_null_leaves_it_to_the_server() -> None:
    space = TUNER.with_parameter("schedule_policy", [None, "lpm"], default="lpm")
    assert target_defaults(space)["schedule_policy"] is None


def test_defaults_that_break_a_rule_are_repaired() -> None:
    start = default_start(small("tp * dp <= 2"))
    assert start.origin == "repaired defaults"
    assert start.config == {"tp": 1, "dp": 2}
    assert start.notes == ("the server's defaults are no solution: dp: 4 -> 2",)


def test_a_parameter_without_a_default_is_chosen() -> None:
    start = default_start(Space.build("bare", {"tp": [2, 4]}))
    assert (start.config, start.origin) == ({"tp": 2}, "repaired defaults")
    assert "tp has no default" in start.notes[0]


def test_an_empty_space_has_no_start() -> None:
    with pytest.raises(EmptySpaceError):
        default_start(small("tp > 4"))


def test_around_has_every_value_of_every_parameter_once() -> None:
    space = small("tp * dp <= 8")
    found = [start.config for start in warm_starts(space, ["around"])]
    assert found == [{"tp": 2, "dp": 4}, {"tp": 4, "dp": 2}, {"tp": 1, "dp": 1}, {"tp": 1, "dp": 2}]


def test_balanced_draws_are_solutions_and_told_apart() -> None:
    starts = list(warm_starts(TUNER, ["balanced:6", "balanced:6"], seed=3))
    assert len(starts) == 6
    assert all(TUNER.check(start.config).valid and start.origin == "warm start" for start in starts)


def test_a_file_of_configs_is_read_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "known.jsonl"
    path.write_text('{"tp": 2, "dp": 2}\n{"tp": 4, "dp": 4}\n')
    good, mended = warm_starts(small("tp * dp <= 8"), [path])
    assert (good.config, good.notes) == ({"tp": 2, "dp": 2}, ())
    assert mended.config in ({"tp": 2, "dp": 4}, {"tp": 4, "dp": 2})
    assert "is no solution; the nearest one is tried" in mended.notes[0]


def test_a_results_file_starts_another_study(tmp_path: Path) -> None:
    known = Provenance(spacegen="0", workload=Workload())
    record = Record(trial=3, config={"tp": 2, "dp": 1}, outcome=Outcome(metrics={"a": 1.0}), provenance=known)
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(record.as_dict()) + "\n")
    assert [start.config for start in warm_starts(small(), [path])] == [{"tp": 2, "dp": 1}]


def test_a_saved_front_starts_another_study(tmp_path: Path) -> None:
    members = [{"trial_number": i, "parameters": {"tp": tp, "dp": 1}} for i, tp in enumerate((2, 4))]
    path = tmp_path / "front.json"
    path.write_text(json.dumps({"study_name": "s", "n_trials": 9, "pareto_front": members}, indent=2))
    assert [start.config["tp"] for start in warm_starts(small(), [path])] == [2, 4]


def test_a_config_of_strangers_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_text('{"tq": 2}')
    with pytest.raises(ConfigError, match=r"known.json: `tq` is no parameter"):
        list(warm_starts(small(), [str(path)]))


@pytest.mark.parametrize("words", ["balanced:", "balanced:-1", "balanced:many"])
def test_a_number_of_draws_is_a_number(words: str) -> None:
    with pytest.raises(UsageError, match="balanced"):
        list(warm_starts(small(), [words]))


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(ConfigError, match="no file to start from: arround"):
        list(warm_starts(small(), ["arround"]))
