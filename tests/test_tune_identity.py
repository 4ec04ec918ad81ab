"""What a study is about, and what happens when that changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from spacegen import Space, load
from spacegen.errors import SpaceError, UsageError
from spacegen.language.model import Domain, Parameter
from spacegen.tune import Goal, Limit, Workload
from spacegen.tune.outcome import Cause, Outcome
from spacegen.tune.running.threads import ThreadExecutor
from spacegen.tune.starting import default_start
from spacegen.tune.study.attributes import FROM, IDENTITY, SPACE
from spacegen.tune.study.driver import Driver
from spacegen.tune.study.identity import identity, yaml
from spacegen.tune.study.opening import OpenStudy, load_study
from spacegen.tune.study.records import records, store_again
from spacegen.tune.study.storage import StudyStorage, open_storage
from spacegen.tune.tuning import Tuned, tune
from tune_studies import TINY, address, measured, opened

WIDER = Space.build("tiny", {"a": [1, 2, 3, 4, 5], "b": [True, False], "c": ["x", "y", None]}, ["a < 4 or b"])
NARROWER = TINY.with_rule("a != 2")


def run(study: OpenStudy, trials: int, space: Space = TINY) -> None:
    with ThreadExecutor(measured) as executor:
        Driver(study, space, executor).run(trials)


def storage_with(trials: int = 6, **changed: Any) -> StudyStorage:
    storage = open_storage("memory")
    run(opened(storage, **changed), trials)
    return storage


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_study_says_what_it_is_about(kind: str, tmp_path: Path) -> None:
    slo = (Limit("p99_ttft_ms", "<=", 500.0),)
    objectives = (Goal("tps_per_gpu", "maximize"),)
    first = opened(address(kind, tmp_path), goals=objectives, limits=slo, model="m", hardware="8 × H", seed=3)
    assert first.new
    study = load_study(open_storage(address(kind, tmp_path)))
    about = identity(study)
    assert about.goals == objectives
    assert about.limits == slo
    known = about.provenance
    assert (known.space, known.fingerprint, known.model) == ("tiny", TINY.fingerprint, "m")
    assert study.user_attrs[IDENTITY]["seed"] == 3
    assert [direction.name for direction in study.directions] == ["MAXIMIZE"]
    assert study.metric_names == ["tps_per_gpu"]


def test_the_space_comes_back_from_its_study(tmp_path: Path) -> None:
    import spacegen

    (tmp_path / "again.yaml").write_text(str(yaml(opened().study)))
    assert spacegen.load(tmp_path / "again.yaml").fingerprint == TINY.fingerprint


def test_the_same_is_continued_whatever_the_seed() -> None:
    storage = storage_with()
    again = opened(storage, seed=9, sampler="nsga2", workload=Workload(name="called otherwise"))
    assert not again.new
    run(again, 8)
    assert len(records(again.study)) == 8


def refusal(storage: StudyStorage, **changed: Any) -> str:
    with pytest.raises(UsageError) as caught:
        opened(storage, **changed)
    return str(caught.value)


def test_another_space_is_refused_with_a_way_out() -> None:
    text = refusal(storage_with(), space=WIDER)
    assert text == (
        "the study `s` is about something else:\n"
        f"  space: `tiny {TINY.fingerprint}` → `tiny {WIDER.fingerprint}`\n"
        "    21 solutions of both, 0 of the study alone, 3 new\n"
        "    new: values of a: 5; the study has 1, 2, 3, 4\n"
        "hint: `--migrate` to take over the trials that still say something, "
        "or `--study NAME` for another study"
    )


def test_a_study_whose_space_can_no_longer_be_read_is_refused_all_the_same() -> None:
    storage = storage_with()
    load_study(storage).set_user_attr(SPACE, "spacegen: 99")
    text = refusal(storage, space=NARROWER)
    assert text.startswith("the study `s` is about something else:\n  space: ")
    assert len(text.splitlines()) == 3


def test_other_measurements_are_refused_for_good() -> None:
    storage = storage_with(model="a")
    text = refusal(storage, workload=Workload(num_prompts=7, request_rate=2.5), model="b", migrate=True)
    assert "workload num_prompts: `200` → `7`" in text
    assert "workload request_rate: none → `2.5`" in text
    assert "model: `a` → `b`" in text
    assert "--migrate" not in text


def test_what_one_side_does_not_know_makes_no_difference() -> None:
    storage = storage_with(model="a")
    assert not opened(storage).new


def test_other_objectives_and_levels_are_told() -> None:
    text = refusal(storage_with(), goals=(Goal("tps", "maximize"),), limits=(Limit("ttft", "<=", 0.2),))
    assert "objectives: `minimize ttft, maximize tps` → `maximize tps`" in text
    assert "service levels: `none` → `ttft<=0.2`" in text


def test_a_study_of_others_is_refused() -> None:
    storage = open_storage("memory")
    foreign = optuna.create_study(study_name="s", storage=storage.optuna)
    foreign.tell(foreign.ask(), 1.0)
    assert "was not made by spacegen" in refusal(storage)


def test_a_study_of_a_newer_version_is_refused() -> None:
    storage = storage_with(1)
    study = load_study(storage)
    study.set_user_attr(IDENTITY, study.user_attrs[IDENTITY] | {"spacegen": "99.0", "colour": "red"})
    text = refusal(storage)
    assert "cannot be read: colour" in text
    assert "made by spacegen 99.0" in text


@pytest.mark.parametrize("got", ["nothing", "space"])
def test_a_study_whose_maker_was_killed_is_made_again(got: str) -> None:
    storage = open_storage("memory")
    left = optuna.create_study(study_name="s", storage=storage.optuna)
    if got == "space":
        left.set_user_attr(SPACE, "half of it")
    made = opened(storage)
    assert made.new
    assert len(made.study.directions) == 2


def test_the_only_study_needs_no_name() -> None:
    storage = storage_with(1)
    assert load_study(storage).study_name == "s"
    with pytest.raises(UsageError, match="has no study `t`"):
        load_study(storage, "t")
    opened(storage, "t")
    with pytest.raises(UsageError, match="which study"):
        load_study(storage)
    with pytest.raises(UsageError, match="it has none yet"):
        load_study(open_storage("memory"))


def test_a_migrated_study_has_what_still_holds() -> None:
    storage = storage_with(12)
    before = records(load_study(storage, "s"))
    store_again(load_study(storage, "s"), 0, 1, Outcome(metrics={"ttft": 1.0, "tps": 2.0}))
    after = opened(storage, space=NARROWER, migrate=True)
    assert after.study.study_name == "s@2"
    kept = [record for record in before if record.config["a"] != 2]
    assert 0 < len(kept) < len(before)
    found = [record for record in records(after.study) if not record.again]
    assert [record.config for record in found] == [record.config for record in kept]
    assert [record.rank for record in found] == [NARROWER.rank(record.config) for record in kept]
    assert f"`s@2` has {len(kept)} of 12 trials of `s`" in after.notes
    assert [trial.user_attrs[FROM]["trial"] for trial in after.study.trials] == [r.trial for r in kept]
    again = [record for record in records(after.study) if record.again]
    assert len(again) == (before[0].config["a"] != 2)
    # It goes on, and is found again by the same command.
    run(after, len(kept) + 2, NARROWER)
    assert not opened(storage, space=NARROWER, migrate=True).new


def test_a_migrated_study_knows_its_own_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def cost(config: Mapping[str, Any]) -> dict[str, float]:
        return {"ttft": float(config["a"]), "tps": float(config["b"])}

    def small(limit: int) -> Space:
        a, b = Parameter("a", Domain((1, 2, 4)), 4), Parameter("b", Domain((1, 2, 4)), 2)
        return Space.build("small", {"a": a, "b": b}, [f"a * b <= {limit}"])

    def tuned(space: Space, migrate: bool) -> Tuned:
        return tune(space, cost, trials=8, study="s", storage="journal:j", migrate=migrate)

    first = tuned(small(8), migrate=False)
    assert first.summary.defaults is not None
    assert first.summary.defaults.record.config == {"a": 4, "b": 2}
    second = tuned(small(4), migrate=True)
    found = {record.origin: record.config for record in second.records}
    start = default_start(small(4))
    assert found["repaired defaults"] == start.config
    assert "defaults" not in found
    assert second.summary.defaults is not None
    assert second.summary.defaults.record.config == start.config


def test_a_migrated_study_says_how_to_go_on() -> None:
    after = opened(storage_with(6), space=NARROWER, migrate=True)
    assert "the same command, `--migrate` included, goes on with `s@2`" in after.notes


def test_a_domain_may_grow_by_migration() -> None:
    storage = storage_with(6)
    after = opened(storage, space=WIDER, migrate=True)
    run(after, 27, WIDER)
    assert {record.config["a"] for record in records(after.study)} == {1, 2, 3, 4, 5}
    third = opened(storage, space=WIDER.with_rule("a > 1"), migrate=True)
    assert third.study.study_name == "s@3"
    assert all(record.config["a"] != 1 for record in records(third.study))


def test_failures_and_levels_are_judged_anew() -> None:
    def some_fail(job: Any) -> Outcome:
        return Outcome.failed(Cause.CRASH, "gone") if job.config["a"] == 1 else measured(job)

    storage = open_storage("memory")
    with ThreadExecutor(some_fail) as executor:
        Driver(opened(storage), TINY, executor).run(21)
    after = opened(storage, limits=(Limit("ttft", "<=", 0.25),), migrate=True)
    assert len(after.study.trials) == 21
    for trial, record in zip(after.study.trials, records(after.study), strict=True):
        assert trial.state == TrialState.COMPLETE
        assert (trial.constraints["failed"] > 0) == (record.config["a"] == 1)
        assert (trial.constraints["ttft<=0.25"] > 0) == (record.config["a"] != 2)
    assert {record.config["a"] for record in records(after.study) if not record.outcome.ok} == {1}


def test_a_space_without_a_text_can_be_tuned() -> None:
    space = load("h100").narrowed(only=["tp_size", "dp_size"])
    with pytest.raises(SpaceError, match="too long to write out"):
        space.to_yaml()
    storage = open_storage("memory")
    assert yaml(opened(storage, space=space).study) is None
    with pytest.raises(UsageError, match="the study `s` is about something else"):
        opened(storage, space=space.where("tp_size > 1"))
