"""The public API: loading, building, asking, and making spaces from spaces."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spacegen
from oracle import solutions as all_solutions
from spacegen import Domain, Kind, Parameter, Rule, Space, UsageError
from spacegen.language.expr import Compare, Const, Ref
from spacegen.language.model import NO_DEFAULT

SERVER = Path(__file__).parent / "cases" / "cli" / "server.yaml"


@pytest.fixture(scope="module")
def server() -> Space:
    return spacegen.load(SERVER)


@pytest.fixture
def tiny() -> Space:
    return Space.build(
        "tiny",
        {"a": [1, 2, 4], "b": [None, 1, 2], "c": Parameter("c", Domain((False, True)), default=False)},
        rules=["a * b <= 4", {"require": "implies(c, a > 1)", "id": "big", "because": "it is"}],
    )


def rows(space: Space) -> list[tuple[object, ...]]:
    return [tuple(config.values()) for config in space.solutions()]


def test_every_public_name_is_there_and_no_other() -> None:
    assert [name for name in spacegen.__all__ if not hasattr(spacegen, name)] == []
    assert dir(spacegen) == sorted(spacegen.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Spaces'"):
        _ = spacegen.Spaces


def test_importing_the_package_imports_nothing_else_of_it() -> None:
    program = "import sys, spacegen; print([m for m in sys.modules if m.startswith(('spacegen.', 'numpy'))])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_loaded_space_counts_like_the_oracle(server: Space) -> None:
    assert server.count() == len(all_solutions(server.model)) == 1296
    assert server.combinations == 3456
    assert server.counted().share == 0.375


def test_a_built_space_has_the_solutions_of_its_rules(tiny: Space) -> None:
    assert sorted(rows(tiny), key=repr) == sorted(all_solutions(tiny.model), key=repr)
    assert [rule.id for rule in tiny.rules] == ["rule-1", "big"]
    assert repr(tiny) == "<space `tiny`: 3 parameters, 2 rules>"


def test_a_rule_may_be_a_value(tiny: Space) -> None:
    rule = Rule("no-four", Compare("!=", Ref("a"), Const(4)), "a != 4")
    assert tiny.with_rule(rule).count() == tiny.where("a != 4").count() < tiny.count()


def test_constants_kinds_and_single_rules_are_chosen_when_loading() -> None:
    assert spacegen.load(SERVER, constants={"gpus": 2}).count() < 1296
    without = spacegen.load(SERVER, without_kinds=["heuristic"])
    assert [rule.id for rule in without.rules] == ["gpus-available", "triton-memory"]
    assert spacegen.load(SERVER, without_kinds=[Kind.HEURISTIC]).fingerprint == without.fingerprint
    assert spacegen.load(SERVER, without_rules=["small-chunk"]).fingerprint == without.fingerprint
    with pytest.raises(UsageError, match="no kind is called `heuristics`"):
        spacegen.load(SERVER, with_kinds=["heuristics"])


def test_spaces_are_never_changed(tiny: Space) -> None:
    before = tiny.fingerprint
    with pytest.raises(FrozenInstanceError):
        tiny.colour = "red"  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="read-only"):
        tiny.sample(3).codes["a"][0] = 1
    for other in (tiny.pinned(a=2), tiny.where("c"), tiny.without("c"), tiny.without_rules()):
        assert other is not tiny
        assert other.fingerprint != before
    assert (tiny.fingerprint, tiny.count()) == (before, 13)
    with pytest.raises(AttributeError):
        tiny.base = tiny.base  # type: ignore[misc]


def test_a_pin_keeps_the_declared_domain(server: Space) -> None:
    pinned = server.pinned({"tp_size": 4}, backend="triton")
    assert pinned.combinations == 3456 // 4 // 3
    sample = pinned.sample(20)
    assert set(sample.codes["tp_size"].tolist()) == {2}
    assert list(pinned.parameters[0].domain) == [1, 2, 4, 8]
    assert pinned.count() == sum(c["tp_size"] == 4 and c["backend"] == "triton" for c in server.solutions())


def test_pins_outlive_the_rules(server: Space) -> None:
    free = server.pinned(tp_size=4).without_rules()
    assert free.count() == free.combinations == 3456 // 4


def test_a_later_pin_wins(server: Space) -> None:
    assert set(server.pinned(tp_size=4).pinned(tp_size=2).sample(5).columns()["tp_size"]) == {2}


def test_a_pin_is_spelled_as_in_the_domain(tiny: Space) -> None:
    assert tiny.pinned(a=2.0).fingerprint == tiny.pinned(a=2).fingerprint
    with pytest.raises(UsageError, match="`a` cannot be true\nhint: its values are 1, 2, 4"):
        tiny.pinned(a=True)
    with pytest.raises(UsageError, match="no parameter is called `d`"):
        tiny.pinned(d=1)


def test_a_pin_can_be_read_from_text(server: Space) -> None:
    assert server.pinned_as("memory", "null").pins == {"memory": None}
    assert server.pinned_as("backend", "fa,fi").pins == {"backend": "fa,fi"}


def test_where_keeps_what_is_true_and_a_rule_what_is_not_false(server: Space) -> None:
    assert all(
        c["memory"] is not None and c["memory"] > 0.8 for c in server.where("memory > 0.8").solutions()
    )
    assert None in server.with_rule("memory > 0.8").solutions()[:].materialised().columns()["memory"]


def test_a_removed_parameter_is_at_its_default_for_rules(server: Space) -> None:
    without = server.without("dp_size")
    expected = [c for c in server.solutions() if c["dp_size"] == 1]
    assert without.count() == len(expected)
    assert "dp_size" not in without.sample(1)[0]
    assert without.notes == ()


def test_what_mentions_a_parameter_without_default_goes_with_it(tiny: Space) -> None:
    model = tiny.with_parameter("d", [1, 2], default=1, active_when="b is null").without("b")
    assert [p.active_when for p in model.parameters] == [None, None, None]
    assert [rule.id for rule in model.rules] == ["big"]
    assert model.notes == (
        "`active_when` of `d` is left out: it needs `b`, which has no default",
        "rule `rule-1` is left out: it needs `b`, which has no default",
    )


def test_a_dropped_parameter_stays_where_it_was_pinned(server: Space) -> None:
    only = server.pinned(tp_size=8).only("dp_size")
    assert [p.name for p in only.parameters] == ["dp_size"]
    assert only.count() == 1


def test_groups_and_impacts_name_parameters(server: Space) -> None:
    assert [p.name for p in server.only("parallelism", "medium").parameters] == [
        "tp_size",
        "dp_size",
        "memory",
    ]
    assert server.dropped("graphs").settled == {"graph": True, "graph_max_bs": None}


def test_expressions_know_removed_parameters_constants_and_derived_values(server: Space) -> None:
    assert server.without("dp_size").where("used == gpus and dp_size == 1").count() > 0
    with pytest.raises(spacegen.SpaceError, match="unknown name `gpu`"):
        server.where("used == gpu")


def test_rules_are_removed_by_id(server: Space) -> None:
    free = server.without_rules(["graph_max_bs.active_when", "small-chunk"])
    assert [p.active_when for p in free.parameters] == [None] * 7
    assert [rule.id for rule in free.rules] == ["gpus-available", "triton-memory"]
    with pytest.raises(
        UsageError, match="no rule is called `small-chunks`\nhint: did you mean `small-chunk`"
    ):
        server.without_rules(["small-chunks"])


def test_a_parameter_can_be_added_or_replaced(tiny: Space) -> None:
    assert tiny.with_parameter("d", [1, 2, 3], description="new").count() == 39
    assert tiny.with_parameter("a", [1, 2]).count() == tiny.where("a < 4").count()
    inactive = tiny.with_parameter("d", [1, 2, 3], default=2, active_when="c")
    assert all(config["c"] or config["d"] == 2 for config in inactive.solutions())


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("q", [], "`q` has no values"),
        ("q", [1, True], "`q` mixes booleans with numbers"),
        ("q", [1, 2, 1.0], "`q` has the value `1.0` twice; `1` is the same number"),
        ("q", [float("nan"), 1], "`q`: `nan` is not a number that rules can compare"),
        ("q", [2**70], "`q`: 1180591620717411303424 does not fit in 64 bits"),
        ("q", [object], "`q` cannot have the value `<class 'object'>`"),
        ("q", np.eye(2), "`q` cannot have the value `array"),
        ("q", "abc", "`'abc'` is no domain of `q`"),
        ("q", 3, "`3` is no domain of `q`"),
        ("x y", [1], "`x y` cannot be a name in expressions\nhint: write it as `x_y`"),
        ("and", [1], "`and` cannot be a name"),
        ("min", [1], "`min` cannot be a name"),
    ],
)
def test_what_no_file_could_declare_is_refused(tiny: Space, name: str, values: Any, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        tiny.with_parameter(name, values)


def test_defaults_and_activity_are_those_of_a_file(tiny: Space) -> None:
    for more, message in (
        ({"default": 5}, "the default of `q` is not in its domain: `5`"),
        ({"active_when": "c"}, "`q` needs a default"),
    ):
        with pytest.raises(UsageError, match=message):
            tiny.with_parameter("q", [1, 2], **more)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="`a` decides about its own activity"):
        tiny.with_parameter("a", [1, 2], default=1, active_when="a > 1")


def test_numpy_scalars_are_the_values_they_stand_for(tiny: Space, server: Space) -> None:
    wider = tiny.with_parameter("q", np.arange(3)).with_parameter(
        "r", np.array([True, False]), default=np.False_
    )  # type: ignore[arg-type]
    assert (
        wider.fingerprint
        == tiny.with_parameter("q", [0, 1, 2]).with_parameter("r", [True, False]).fingerprint
    )
    config = {"a": np.int64(2), "b": np.int32(1), "c": np.False_}
    assert tiny.check(config).valid
    assert next(tiny.check_all([config])).valid
    assert tiny.rank(config) == tiny.rank({"a": 2, "b": 1, "c": False})
    assert config in tiny.solutions()
    assert tiny.pinned(a=np.int64(2)).fingerprint == tiny.pinned(a=2).fingerprint  # type: ignore[arg-type]
    assert len(tiny.sample(np.int64(3), seed=np.int64(1))) == 3  # type: ignore[arg-type]
    fewer = spacegen.load(SERVER, constants={"gpus": np.int64(2)})  # type: ignore[dict-item]
    assert fewer.fingerprint == spacegen.load(SERVER, constants={"gpus": 2}).fingerprint


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (lambda s: s.sample(-1), "cannot draw -1 solutions"),
        (lambda s: s.first(-3), "cannot draw -3 solutions"),
        (lambda s: s.solve(-3, method="all"), "cannot draw -3 solutions"),
        (lambda s: s.sample(1.5), "a number of solutions is a whole number, and `1.5` is none"),
        (lambda s: s.sample(3, method="uniforn"), "did you mean `uniform`"),
        (lambda s: s.solve(3, method="al"), "did you mean `all`"),
        (lambda s: s.sample(3, seed=0.5), "a seed is a whole number"),
        (lambda s: s.unrank(1.5), "a rank is a whole number"),
        (lambda s: s.shard(0.5, 2), "a shard is a whole number"),
        (lambda s: s.check(3), "`3` is no config"),
        (lambda s: s.check({3: 4}), "is no config"),
        (lambda s: next(s.check_all([3])), "`3` is no config"),
        (lambda s: s.without_rules("big"), "the rules are a list, not `big`"),
        (lambda s: s.narrowed(only="a"), "the names are a list, not `a`"),
        (lambda _: Space.build("x", {"a": [1]}, [{"requir": "a > 0"}]), "did you mean `require`"),
        (lambda _: Space.build("x", {"a": [1]}, [{"id": "x"}]), "a rule needs an expression"),
        (lambda _: spacegen.load(SERVER, with_kinds="heuristic"), "the kinds are a list, not `heuristic`"),
    ],
)
def test_calls_that_make_no_sense_are_refused_in_words(
    tiny: Space, question: Callable[[Space], object], message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        question(tiny)


def test_spaces_can_be_pickled(server: Space) -> None:
    space = server.pinned(tp_size=2).without("dp_size")
    before = space.count()
    again = pickle.loads(pickle.dumps(space))
    assert "engine" not in vars(again)
    assert (again.fingerprint, again.count()) == (space.fingerprint, before)
    assert (again.pins, again.settled) == (space.pins, space.settled)
    assert again.base == space.base


def test_names_and_ids_are_not_used_twice(server: Space) -> None:
    for name, use in {"gpus": "a constant", "used": "a derived value", "metrics": "a fixed value"}.items():
        with pytest.raises(UsageError, match=f"`{name}` is already the name of {use}"):
            server.with_parameter(name, [1])
    with pytest.raises(UsageError, match="a rule `small-chunk` is there already"):
        server.with_rule("tp_size > 1", id="small-chunk")


def test_solutions_have_numbers(server: Space) -> None:
    solutions = server.solutions()
    for rank in (0, 700, 1295):
        assert server.rank(server.unrank(rank)) == rank
        assert solutions[rank] == server.unrank(rank)
    with pytest.raises(UsageError, match="ranks run from 0 to 1,295"):
        server.unrank(1296)
    with pytest.raises(UsageError, match="no solution of `server`"):
        server.rank({**server.unrank(0), "tp_size": 3})
    with pytest.raises(UsageError, match="no solution of `server`"):
        server.rank({**server.unrank(0), "tp_size": 8, "dp_size": 4})


def test_an_engine_without_ranks_says_so(server: Space) -> None:
    other = server.with_engine("backtrack").only("parallelism")
    assert not other.ranked
    for question in (lambda: other.unrank(0), lambda: other.shard(0, 2).sample(1), other.sample(1).ranks):
        with pytest.raises(UsageError, match="`backtrack` knows no ranks"):
            question()
    assert [dict(c) for c in other.first(3)] == [dict(c) for c in server.only("parallelism").first(3)]
    assert other.shard(1, 2).size + other.shard(0, 2).size == other.count()


def test_marginals_are_counted_over_all_solutions(server: Space) -> None:
    everything = server.solutions()[:].materialised()
    counts = {value: everything.columns()["backend"].count(value) for value in ("auto", "fa,fi", "triton")}
    assert server.marginals()["backend"] == counts
    assert str(server.summary()) == str(everything.summary())


def test_solve_takes_every_method(server: Space) -> None:
    assert len(server.solve()) == 10
    assert server.solve(method="all").size == 1296
    assert server.solve(5, method="all").size == server.solve(5, method="first").size == 5
    assert server.solve(5, method="balanced").size == 5
    ranks = [server.rank(c) for c in server.solve(50, shard=(1, 3))]
    assert len(set(ranks)) == 50
    assert all(432 <= rank < 864 for rank in ranks)
    with pytest.raises(UsageError, match="`balanced` draws have no shards"):
        server.solve(shard=(0, 2), method="balanced")
    for size in (-1, 10**10):
        with pytest.raises(UsageError, match="cannot draw"):
            server.solve(size)


def test_the_yaml_of_a_space_reads_back(server: Space, tmp_path: Path) -> None:
    changed = server.pinned(tp_size=4).where("memory > 0.8").without("dp_size")
    path = tmp_path / "again.yaml"
    path.write_text(changed.to_yaml(), encoding="utf-8")
    assert spacegen.load(path).fingerprint == changed.fingerprint


def test_a_space_of_nothing_has_one_solution() -> None:
    empty = Space.build("none", {})
    assert (empty.count(), list(empty.solutions()), len(empty.sample(5))) == (1, [{}], 1)


def test_a_huge_space_is_counted_and_indexed() -> None:
    huge = Space.build("huge", {f"p{i}": range(10) for i in range(40)}, rules=["p0 <= p1"])
    assert huge.count() == huge.solutions().count() == 55 * 10**38
    with pytest.raises(OverflowError):
        len(huge.solutions())
    last = huge.solutions()[-1]
    assert huge.rank(last) == huge.count() - 1
    middle = huge.shard(1, 3)
    assert [huge.rank(c) for c in middle[:2]] == [middle.ranks.start, middle.ranks.start + 1]
    drawn = middle.sample(5, seed=3)
    assert all(rank in middle.ranks for rank in drawn.ranks())
    assert len(set(drawn.ranks())) == 5
    assert huge.solve(3, method="all").materialised().ranks() == [0, 1, 2]


def test_no_default_is_a_word_of_its_own(tiny: Space) -> None:
    assert tiny.parameters[0].default is NO_DEFAULT
    assert np.array(list(tiny.parameters[0].domain)).tolist() == [1, 2, 4]
