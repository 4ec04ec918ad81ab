"""Explanations of configs: what is wrong, why, what would end it, and the nearest valid config."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import spacegen
from spacegen import Space
from spacegen.errors import EngineError
from spacegen.questions.why.conflict import Conflict

SERVER = Path(__file__).parent / "cases" / "cli" / "server.yaml"

THREE: dict[str, Any] = {
    "tp_size": 8,
    "pp_size": 2,
    "dp_size": 2,
    "chunked_prefill_size": 8192,
    "max_prefill_tokens": 4096,
    "disable_overlap_schedule": True,
    "enable_two_batch_overlap": True,
}


@pytest.fixture(scope="module")
def tuner() -> Space:
    return spacegen.load("sglang-tuner-18")


@pytest.fixture(scope="module")
def broken(tuner: Space) -> dict[str, Any]:
    """A config that breaks three rules, everything else at its default."""
    return {**{p.name: p.default for p in tuner.parameters}, **THREE}


def test_a_way_out_of_several_conflicts_is_told_once() -> None:
    found = spacegen.load("h100").explain(THREE)
    ((menu,),) = (joint.menus for joint in found.joint)
    assert found.joint[0].conflicts == found.conflicts
    assert all(cause.menus == (menu,) for cause in found.causes)
    assert found.causes[0].alone == (("tp_size", 1), ("tp_size", 2))
    assert str(found).count("to end these conflicts together") == 1
    assert "by itself it ends with tp_size to 1 or 2" in str(found)


def test_a_menu_that_ends_no_conflict_alone_stands_with_the_others() -> None:
    config = {"tp_size": 8, "dp_size": 8, "pp_size": 2, "enable_mixed_chunk": True, "attn_dp_size": 4}
    found = spacegen.load("h100").explain(config)
    assert [[menu.options for menu in cause.menus] for cause in found.causes] == [[], [({"dp_size": 1},)]]
    assert str(found).split("\n\n")[3] == (
        "  to end these conflicts together\n"
        "    change one of:\n"
        "      tp_size to 4\n"
        "      pp_size to 1\n"
        "    and dp_size to 1"
    )


def test_two_conflicts_of_one_rule_are_told_apart() -> None:
    space = Space.build("sum", {n: range(1, 1001) for n in "ab"}, ["a + b <= 300"])
    first, second = space.explain({"a": 900, "b": 999}).causes
    assert first.lines == ("a=900 + b=1 = 901 > 300 (no other `b` helps)",)
    assert second.lines == ("a=1 + b=999 = 1000 > 300 (no other `a` helps)",)


def test_long_menus_are_told_by_their_ends() -> None:
    space = Space.build("sum", {"a": range(1, 5001), "b": [1, 2]}, ["a + b > 600"])
    assert "change a to 600 … 5000 (4401 values)\n" in str(space.explain({"a": 3, "b": 1}))


def test_values_outside_their_domains_leave_other_menus_alone() -> None:
    names = {"a": [1, 2, 3], "b": [1, 2, 3], "z": [1, 2]}
    space = Space.build("outside", names, ["a < b", "z != 2 or a == 1"])
    found = space.explain({"a": 3, "b": 3, "z": "x"})
    (cause,) = found.causes
    assert [menu.parameters for menu in cause.menus] == [("a",)]
    assert [menu.parameters for menu in found.anyway] == [("z",)]
    assert "\n  in any case change z to 1 or 2\n" in str(found)


def test_an_empty_space_is_said_first() -> None:
    space = Space.build("empty", {n: [1, 2, 3] for n in "ab"}, ["a < b", "b < a"])
    for found in (space.explain({"a": 1, "b": 1}), space.why_not({"a": 1}, {"b": 2})):
        blocks = str(found).split("\n\n")
        assert blocks[1] == "  the space has no solution at all"
        assert "these 2 rules cannot all hold" in blocks[2]
        assert found.as_dict()["empty"] is True


def test_numbers_for_switches_have_hints() -> None:
    space = Space.build("switch", {"on": [False, True], "only": [True]}, [])
    text = str(space.explain({"on": 1, "only": False}))
    assert text.count("hint: did you mean true?") == 1
    assert "`on` has the wrong type" in text


def test_three_conflicts_three_menus_and_their_product(tuner: Space, broken: dict[str, Any]) -> None:
    found = tuner.explain(broken)
    assert not found
    assert [[rule.id for rule in conflict.rules] for conflict in found.conflicts] == [
        ["gpus-available"],
        ["chunk-within-prefill-budget"],
        ["overlap-features-need-overlap-schedule"],
    ]
    assert [cause.lines for cause in found.causes] == [
        ("tp_size=8 × pp_size=2 × dp_size=2 = 32 > 8 GPUs",),
        ("chunked_prefill_size=8192 > max_prefill_tokens=4096",),
        ("disable_overlap_schedule=true, but enable_two_batch_overlap=true",),
    ]
    assert [[len(menu.options) for menu in cause.menus] for cause in found.causes] == [[2], [9], [2]]
    assert found.repair is not None
    assert (found.repair.changed, found.repair.equally_near, found.repair.is_product) == (3, 36, True)
    assert tuner.check(found.repair.config)
    assert "3 changes (36 = 2 × 9 × 2 ways with as few)" in str(found)


def test_every_option_of_every_menu_ends_its_conflict(tuner: Space, broken: dict[str, Any]) -> None:
    for cause in tuner.explain(broken).causes:
        (rule,) = cause.conflict.rules
        for option in (option for menu in cause.menus for option in menu.options):
            verdict = tuner.check({**broken, **option})
            assert rule.id not in {b.rule.id for b in verdict.broken}


def test_an_explanation_takes_milliseconds(tuner: Space, broken: dict[str, Any]) -> None:
    def seconds() -> float:
        start = time.perf_counter()
        str(tuner.explain(broken))
        return time.perf_counter() - start

    assert min(seconds() for _ in range(9)) < 0.03


def test_as_data(tuner: Space, broken: dict[str, Any]) -> None:
    found = json.loads(json.dumps(tuner.explain(broken).as_dict()))
    assert found["valid"] is False
    assert [b["rule"] for b in found["broken"]] == [c["rules"][0]["rule"] for c in found["conflicts"]]
    first = found["conflicts"][0]
    assert first["rules"][0]["why"] == "tp_size=8 × pp_size=2 × dp_size=2 = 32 > 8 GPUs"
    assert first["rules"][0]["kind"] == "needs"
    assert first["values"] == {"tp_size": 8, "dp_size": 2}
    assert first["menus"] == [{"parameters": ["tp_size"], "options": [{"tp_size": 2}, {"tp_size": 1}]}]
    assert found["repair"]["equally_near"] == 36


def test_a_valid_config_needs_no_explanation(tuner: Space) -> None:
    config = {p.name: p.default for p in tuner.parameters}
    found = tuner.explain(config)
    assert found
    assert (found.causes, found.repair) == ((), None)
    assert str(found) == str(tuner.check(config)) == "valid"
    assert found.as_dict() == tuner.check(config).as_dict()


def test_nobody_needs_the_repair(tuner: Space, broken: dict[str, Any]) -> None:
    found = tuner.explain(broken, repair=False)
    assert len(found.causes) == 3
    assert found.repair is None
    assert "nearest" not in str(found)
    assert "change" not in str(found)


def test_pins_come_first_and_hints_last(tuner: Space, broken: dict[str, Any]) -> None:
    narrow = spacegen.load("sglang-tuner-18", with_kinds=["heuristic"]).pinned({"page_size": 64})
    found = narrow.explain({**broken, "dp_size": 8, "pp_size": 8, "page_size": 16})
    ids = [cause.conflict.rules[0].id for cause in found.causes]
    assert ids[0] == "pin:page_size"
    assert ids[-1] == "not-deep-and-wide"
    assert [conflict.urgency for conflict in found.conflicts] == sorted(c.urgency for c in found.conflicts)
    assert "page_size=16 is not 64" in str(found)
    assert "a hint only" in str(found)


def test_what_is_no_conflict_is_told_too(tuner: Space, broken: dict[str, Any]) -> None:
    found = tuner.explain({**broken, "page_size": 48, "tp_sise": 2, "schedule_policy": "lpn"})
    text = str(found)
    assert "`page_size` = 48 is outside its domain" in text
    assert "close to it are 32 and 64" in text
    assert "did you mean `tp_size`?" in text
    assert "did you mean `lpm`?" in text
    assert found.repair is not None
    assert {c.parameter for c in found.repair.changes} >= {"page_size", "schedule_policy"}
    assert len(found.causes) == 3


def test_values_of_the_wrong_type_break_no_rule(tuner: Space, broken: dict[str, Any]) -> None:
    found = tuner.explain({**broken, "tp_size": "8"})
    assert str(found).count("has the wrong type") == 1
    assert [c.conflict.rules[0].id for c in found.causes] == [
        "chunk-within-prefill-budget",
        "overlap-features-need-overlap-schedule",
    ]


def test_a_free_parameter_cannot_help(tuner: Space) -> None:
    found = tuner.explain({"tp_size": 8, "pp_size": 2})
    assert found.causes[0].lines == (
        "tp_size=8 × pp_size=2 × dp_size=1 = 16 > 8 GPUs (no other `dp_size` helps)",
    )


def test_several_rules_together() -> None:
    space = Space.build("chain", {n: [1, 2, 3] for n in "abc"}, ["a < b", "b < c"])
    found = space.explain({"a": 2})
    assert str(found) == (
        "invalid\n\n"
        "  given a = 2, these 2 rules cannot all hold:\n"
        "    a < b\n"
        "      rule `rule-1`\n"
        "    b < c\n"
        "      rule `rule-2`\n"
        "    change a to 1\n\n"
        "  nearest valid config: 1 change\n"
        "    a = 1 (was 2)"
    )


def test_what_is_off_is_said_with_its_condition() -> None:
    space = spacegen.load("h100")
    found = space.explain({"dsa_prefill_backend": "fa3"})
    assert found.causes[0].lines == (
        'when attention_backend in ["nsa", "dsa"]: model_uses_nsa',
        'dsa_prefill_backend is null unless attention_backend == "dsa"',
    )


def test_broken_rules_are_told_where_the_engine_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    space = Space.build("wide", {f"p{i}": range(9) for i in range(4)}, ["p0 < p1", "p1 < p2", "p2 < p3"])

    def refuse(*_: object) -> Any:
        raise EngineError("it is too wide")

    monkeypatch.setattr("spacegen.compiled.compile_model", refuse)
    found = space.explain({"p0": 3, "p1": 2, "p2": 5, "p3": 8})
    assert [c.lines for c in found.causes] == [("p0=3 >= p1=2",)]
    assert found.repair is None
    with pytest.raises(EngineError):
        space.explain({"p0": 7})


def test_why_a_space_is_empty() -> None:
    space = Space.build("empty", {n: [1, 2, 3] for n in "ab"}, ["a < b", "b < a"])
    (cause,) = space.why_empty()
    assert cause.lines == ("a < b", "b < a")
    assert Space.build("full", {"a": [1]}).why_empty() == ()
    (alone,) = Space.build("alone", {"a": [1, 2], "b": [1, 2]}, ["a + b < 2"]).why_empty()
    assert alone.lines == ("a=1 + b=1 = 2 >= 2 (no other values of `a`, `b` help)",)
    assert isinstance(alone.conflict, Conflict)
