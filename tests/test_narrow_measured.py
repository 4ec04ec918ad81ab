"""Which values measurements leave in a space, and how sure they are of the others."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from records import PROVENANCE, record
from spacegen.api import Space
from spacegen.diagnose.narrowing.edit import Basis
from spacegen.diagnose.narrowing.measured import Measurements, weigh
from spacegen.diagnose.narrowing.resolving import under
from spacegen.errors import UsageError
from spacegen.tune.metrics import DEFAULT_GOALS, Limit
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.record import Record
from spacegen.tune.workload import Workload

SPACE = (
    Space.build("h100", {"tp": [1, 2, 4, 8], "kernel": [None, "a", "b"]}, ["tp < 8 or kernel == 'b'"])
    .with_parameter("number", range(100), default=0)
    .with_parameter("mixed", [False, True], default=False)
)


def _record(number: int, speed: float | None, tp: int = 1, kernel: str | None = None, **known: Any) -> Record:
    """A config that nobody else has, and how well it did: not at all where that is None."""
    config = {"tp": tp, "kernel": kernel, "number": number}
    if speed is None:
        return record(number, config, Outcome.failed(Cause.LOADING_MEMORY, "no memory"), **known)
    metrics = {"mean_ttft_ms": 1000 - speed, "output_throughput": speed, "p99_ttft_ms": speed}
    return record(number, config, Outcome(metrics=metrics), **known)


def _study(number: int = 20) -> list[Record]:
    """The more `tp` the better, and the two configs with kernel `b` are the worst."""
    found = []
    for i in range(number):
        kernel = "b" if i < 2 else (None, "a")[i % 2]
        found.append(_record(i, (0 if i < 2 else 100 * (i // 7)) + i, (1, 2, 4)[i // 7], kernel))
    return found


def _weighed(records: list[Record], **asked: Any) -> Measurements:
    return weigh(SPACE, records, DEFAULT_GOALS, **asked)


def test_a_value_goes_that_none_of_the_best_has_unless_chance_explains_it() -> None:
    found = _weighed(_study(), keep=0.25, chance=0.1)
    assert (found.configs, found.failed, found.outside, len(found.best)) == (20, 0, 0, 5)
    assert {config["tp"] for config in found.best} == {4}
    assert [(t.parameter, t.value, t.measured) for t in found.dropped] == [("tp", 1, 7), ("tp", 2, 7)]
    seen = {(t.parameter, t.value): t.measured for t in found.unsure}
    assert seen[("kernel", "b")] == 2
    assert ("tp", 8) in found.untried
    (edit,) = found.edits(SPACE, "r.jsonl")
    assert (edit.form, edit.basis, edit.ways[0].values) == ("restrict", Basis.MEASURED, (4, 8))
    assert edit.because == "r.jsonl: in none of the 5 best of 20 configs: 1 (7), 2 (7)"


def test_what_was_never_measured_goes_when_that_is_asked_for() -> None:
    edits = _weighed(_study(), keep=0.25, chance=0.1).edits(SPACE, "r.jsonl", drop_untried=True)
    by_name = {edit.ways[0].parameter: edit for edit in edits}
    assert by_name["tp"].ways[0].values == (4,)
    assert by_name["tp"].because.endswith(" 1 (7), 2 (7); never measured: 8")
    assert by_name["mixed"].form == "pin"
    assert set(by_name["number"].ways[0].values) == set(range(20))


def test_how_likely_chance_is_comes_from_counting_all_draws() -> None:
    found = _weighed(_study(12), keep=0.25, chance=0.0)
    assert found.dropped == ()
    for tally in found.unsure:
        draws = list(combinations(range(12), 3))
        none = sum(min(draw) >= tally.measured for draw in draws)
        assert tally.chance == pytest.approx(none / len(draws))


def test_how_many_values_go_by_chance_is_no_more_than_all_of_them_at_its_bound() -> None:
    found = _weighed(_study(), keep=0.25, chance=0.1)
    tested = len(found.dropped) + len(found.unsure) + 4
    assert 0 < found.by_chance <= 0.1 * tested


def test_the_best_stay_whatever_goes() -> None:
    found = _weighed(_study(), chance=1.0)
    narrow = under(SPACE, found.edits(SPACE, "r.jsonl", drop_untried=True))
    assert 0 < narrow.count() < SPACE.count()
    assert all(verdict.valid for verdict in narrow.check_all(found.best))


def test_a_failure_is_none_of_the_best_and_one_that_may_pass_is_nothing() -> None:
    good = [_record(i, 100 + i, 4, None) for i in range(10)]
    failed = [_record(10 + i, None, 1, None) for i in range(9)]
    passing = Outcome.failed(Cause.PORT, "in use")
    lost = [record(30 + i, {"tp": 2, "kernel": None, "number": 30 + i}, passing) for i in range(9)]
    found = _weighed(good + failed + lost, keep=0.5)
    assert (found.configs, found.failed, len(found.best)) == (19, 9, 5)
    assert ("tp", 1) in [(tally.parameter, tally.value) for tally in found.dropped]
    assert ("tp", 2) in found.untried


def test_a_config_that_misses_a_limit_is_behind_all_that_keep_theirs() -> None:
    found = weigh(SPACE, _study(), DEFAULT_GOALS, (Limit("p99_ttft_ms", "<=", 100),), keep=0.25)
    assert {config["tp"] for config in found.best} == {1}


def test_a_config_measured_often_is_one_with_the_medians() -> None:
    lucky = [_record(50, speed, 8, "b") for speed in (900.0, 1.0, 1.0)]
    again = [one.model_copy(update={"again": i}) for i, one in enumerate(lucky)]
    found = _weighed(_study() + again, keep=0.25)
    assert found.configs == 21
    assert {config["tp"] for config in found.best} == {4}


def test_records_of_several_studies_come_together_by_their_configs() -> None:
    other = [one.model_copy(update={"study": "other", "trial": one.trial}) for one in _study(8)]
    assert _weighed(_study() + other).configs == 20


def test_records_of_other_spaces_do_not_count() -> None:
    outside = [_record(60, 999.0, 8, "a"), _record(61, 999.0, 16, "a"), _record(200, 999.0, 4, "a")]
    found = _weighed(_study() + outside)
    assert (found.configs, found.outside) == (20, 3)
    with pytest.raises(UsageError, match="none of 3 configs is one that was measured and a solution"):
        _weighed(outside)
    wide = PROVENANCE.model_copy(update={"space": "wide"})
    foreign = [_record(i, 999.0, 4, provenance=wide) for i in range(60, 70)]
    found = _weighed(_study() + foreign)
    assert (found.configs, found.outside) == (20, 10)
    with pytest.raises(UsageError, match="the records are of `wide`, not of `h100`"):
        _weighed(foreign)


def test_the_default_is_marked_and_a_parameter_that_no_record_has_ran_at_it() -> None:
    seen = [_record(i, 100 + i, 4) for i in range(4, 14)]
    mixed = [one.model_copy(update={"config": {**one.config, "mixed": True}}) for one in seen]
    slow = [_record(20 + i, i, 4) for i in range(12)]
    found = _weighed(mixed + slow)
    (tally,) = (tally for tally in found.dropped if tally.parameter == "mixed")
    assert (tally.value, tally.default, tally.measured) == (False, True, 12)


@pytest.mark.parametrize(
    ("noun", "other"),
    [("workload", Workload(name="other")), ("target", "sglang==0.5.23"), ("hardware", "another GPU")],
)
def test_what_cannot_be_compared_is_refused(noun: str, other: object) -> None:
    changed = PROVENANCE.model_copy(update={noun: other})
    records = [*_study(), _record(70, 5.0, provenance=changed)]
    with pytest.raises(UsageError, match=f"more than one {noun}"):
        _weighed(records)


def test_what_a_formula_measured_says_so() -> None:
    simulated = PROVENANCE.model_copy(update={"simulated": True})
    records = [one.model_copy(update={"provenance": simulated}) for one in _study()]
    found = _weighed(records, keep=0.25)
    assert found.simulated
    assert all(edit.because.startswith("SIMULATED, ") for edit in found.edits(SPACE, "r.jsonl"))
