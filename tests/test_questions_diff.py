"""What counts as the same solution in two spaces, case by case."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacegen import Comparison, EngineError, Parameter, Space, load
from spacegen.cli.main import main
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain
from spacegen.questions.diff.align import align
from spacegen.questions.diff.diff import RuleCause, ValueCause
from spacegen.questions.diff.wording import cause_rows


def counts(found: Comparison) -> tuple[int, int, int]:
    return found.only_old.count, found.both, found.only_new.count


def numbered(*values: Scalar, default: Scalar = 1, **more: str) -> Space:
    return Space.build("x", {"a": [1, 2]}).with_parameter("x", values, default=default, **more)


def test_a_space_is_the_same_as_itself() -> None:
    space = load("sglang-throughput-10")
    found = space.diff(load("sglang-throughput-10"))
    assert found.same
    assert not found.changes
    assert counts(found) == (0, space.count(), 0)
    assert (found.only_old.example, found.only_old.causes, found.only_old.share) == (None, (), 0.0)


def test_the_order_of_parameters_values_and_rules_makes_no_difference() -> None:
    one = Space.build("one", {"a": [1, 2], "b": [True, False]}, ["b or a == 1", "a < 3"])
    other = Space.build("other", {"b": [False, True], "a": [2, 1.0]}, ["a < 3", "b or a == 1"])
    assert counts(one.diff(other)) == (0, 3, 0)


def test_true_is_not_one() -> None:
    one, other = Space.build("one", {"a": [True, False]}), Space.build("other", {"a": [1, 0]})
    assert counts(one.diff(other)) == (2, 0, 2)


def test_a_rule_says_nothing_about_values_of_another_type() -> None:
    words, numbers = Space.build("w", {"a": ["x", "y"]}), Space.build("n", {"a": [1, 2]}, ["a < 2"])
    found = words.diff(numbers)
    assert counts(found) == (2, 0, 1)
    (cause,) = found.only_old.causes
    assert isinstance(cause, ValueCause)
    assert (cause.values, cause.counts, cause.others) == (("x", "y"), (1, 1), (1, 2))


def test_a_parameter_that_one_side_lacks_is_at_its_default() -> None:
    without, having = Space.build("x", {"a": [1, 2]}), numbered(1, 2, 3)
    assert counts(without.diff(having)) == (0, 2, 4)
    assert counts(having.diff(without)) == (4, 2, 0)
    assert without.diff(having).changes.added == {"x": 1}
    assert having.diff(without).changes.removed == {"x": 1}


def test_a_dropped_parameter_is_where_it_was_dropped() -> None:
    having = numbered(1, 2, 3)
    assert counts(having.pinned(x=3).without("x").diff(having)) == (0, 2, 4)
    example = having.pinned(x=3).without("x").diff(having).shared
    assert example == {"a": 1, "x": 3}


def test_a_fixed_value_is_where_it_is_fixed(tmp_path: Path) -> None:
    path = tmp_path / "fixed.yaml"
    path.write_text("spacegen: 1\nparameters: {a: [1, 2]}\nfixed: {x: 2}\n")
    fixed = load(path)
    assert counts(fixed.diff(numbered(1, 2, 3))) == (0, 2, 4)
    assert counts(numbered(1, 3).diff(fixed)) == (4, 0, 2)


def test_without_a_known_default_nobody_gives_the_parameter() -> None:
    without, having = Space.build("x", {"a": [1, 2]}), Space.build("x", {"a": [1, 2], "b": [1, None]})
    assert counts(without.diff(having)) == (0, 2, 2)
    assert counts(without.diff(having.with_rule("b is not null"))) == (2, 0, 2)


def test_an_inactive_parameter_has_the_default_of_the_new_space() -> None:
    old = numbered(1, 2, default=1, active_when="a == 2")
    new = numbered(2, 1, default=2, active_when="a == 2")
    found = old.diff(new)
    assert counts(found) == (0, 3, 0)
    assert found.changes.rules_changed == ()
    assert [str(moved) for moved in found.changes.defaults] == ["x: 1 → 2"]
    # A rule still sees the value that the old space has there.
    stricter = old.with_rule("x == 1 or a == 2")
    assert counts(stricter.diff(new)) == (0, 3, 0)
    assert counts(stricter.with_rule("x == 2").diff(new)) == (0, 1, 2)


def test_the_example_of_the_old_space_is_its_own() -> None:
    old = numbered(1, 2, default=1, active_when="a == 2").with_rule("a == 1")
    new = numbered(1, 2, default=2, active_when="a == 2").with_rule("a == 2")
    assert old.diff(new).only_old.example == {"a": 1, "x": 1}


def test_an_active_parameter_keeps_to_the_values_of_its_space() -> None:
    old = numbered(1, 2, default=1, active_when="a == 2")
    new = numbered(3, 2, 1, default=3, active_when="a == 2")
    found = old.diff(new)
    assert counts(found) == (0, 3, 1)
    (cause,) = found.only_new.causes
    assert isinstance(cause, RuleCause)
    assert (cause.rule.id, cause.rule.text) == ("x.values", "when a == 2: x in [1, 2]")
    assert found.only_new.example == {"a": 2, "x": 3}


def test_parameters_that_decide_about_each_other_stay_as_they_are() -> None:
    def both(default: int) -> Space:
        first = Parameter("a", Domain((1, 2)), default)
        second = Parameter("b", Domain((1, 2)), default)
        space = Space.build("cycle", {"a": first, "b": second})
        return space.with_parameter(first, active_when="b == 1").with_parameter(second, active_when="a == 1")

    old, new = both(1), both(2)
    mine, theirs = ({tuple(s.values()) for s in space.solutions()} for space in (old, new))
    assert counts(old.diff(new)) == (len(mine - theirs), len(mine & theirs), len(theirs - mine))


def test_renamed_arguments_are_one_parameter(tmp_path: Path) -> None:
    def space(version: str, name: str) -> Space:
        path = tmp_path / f"{version}.yaml"
        target = f"target: {{server: sglang, version: {version}}}"
        rules = f"rules: [{{id: small, require: {name} <= 16}}]"
        path.write_text(f"spacegen: 1\n{target}\nparameters: {{{name}: [null, 8, 16, 32]}}\n{rules}\n")
        return load(path)

    old, new = space("0.5.6", "cuda_graph_max_bs"), space("0.5.23", "cuda_graph_max_bs_decode")
    found = old.diff(new)
    assert counts(found) == (0, 3, 0)
    assert found.changes.renamed == {"cuda_graph_max_bs": "cuda_graph_max_bs_decode"}
    assert found.changes.rules_changed == ()
    assert counts(new.diff(old)) == (0, 3, 0)


def test_what_a_side_lacks_is_at_the_default_of_its_own_version(tmp_path: Path) -> None:
    def space(version: str, parameters: str) -> Space:
        path = tmp_path / f"{version}.yaml"
        target = f"target: {{server: sglang, version: {version}}}"
        path.write_text(f"spacegen: 1\n{target}\nparameters: {parameters}\n")
        return load(path)

    old = space("0.5.6", "{tp_size: [1, 2]}")
    layouts = "{values: [layer_first, page_first], default: page_first}"
    new = space("0.5.23", f"{{tp_size: [1, 2], hicache_mem_layout: {layouts}}}")
    assert old.diff(new).changes.added == {"hicache_mem_layout": "layer_first"}


def test_other_names_of_an_argument_mean_it(tmp_path: Path) -> None:
    def space(name: str) -> Space:
        path = tmp_path / f"{name}.yaml"
        target = "target: {server: sglang, version: 0.5.23}"
        path.write_text(f"spacegen: 1\n{target}\nparameters: {{{name}: [1, 2]}}\n")
        return load(path)

    found = space("tensor_parallel_size").diff(space("tp_size"))
    assert counts(found) == (0, 2, 0)


def test_values_that_only_one_side_knows_do_not_change_its_own_rules() -> None:
    old = Space.build("old", {"a": [1, 2, 3], "b": [1, 2]}, ["a != b"])
    new = Space.build("new", {"a": [2, 3, 4], "b": [1, 2]}, ["a != b"])
    found = old.diff(new)
    assert counts(found) == (1, 3, 2)
    assert found.only_old.example == {"a": 1, "b": 2}


def test_empty_sides() -> None:
    some, none = Space.build("s", {"a": [1, 2]}), Space.build("n", {"a": [1, 2]}, ["a > 2"])
    assert counts(some.diff(none)) == (2, 0, 0)
    assert counts(none.diff(some)) == (0, 0, 2)
    assert none.diff(none).same
    assert some.diff(none).only_new.share == 0.0


def test_large_differences_are_exact() -> None:
    names = [f"p{i:02}" for i in range(60)]
    old = Space.build("old", {name: [0, 1, 2, 3] for name in names})
    new = old.with_rule(f"{names[0]} != {names[1]}").with_rule(f"{names[2]} < 3")
    found = old.diff(new)
    assert counts(found) == (4**60 - 9 * 4**58, 9 * 4**58, 0)
    assert [cause.excludes for cause in found.only_old.causes] == [4**59, 4**59]
    assert [cause.alone for cause in found.only_old.causes] == [3 * 4**58, 3 * 4**58]


def test_parts_that_share_no_rule_are_counted_by_themselves() -> None:
    space = Space.build("large", {f"p{i:02}": [0, 1, 2, 3] for i in range(60)}, engine="backtrack")
    found = space.with_rule("p00 < p01").diff(space.with_rule("p00 != p01"))
    assert counts(found) == (0, 6 * 4**58, 6 * 4**58)


def test_an_engine_that_cannot_count_says_so() -> None:
    names = [f"p{i:02}" for i in range(12)]
    space = Space.build("large", {name: [0, 1, 2, 3] for name in names}, engine="backtrack")
    with pytest.raises(EngineError, match="backtrack"):
        space.diff(space.with_rule(f"{' + '.join(names)} > 3"))


def test_both_sides_have_the_same_parameters() -> None:
    aligned = align(numbered(1, 2), Space.build("y", {"b": [1, 2]}))
    assert {p.name for p in aligned.old.parameters} == {p.name for p in aligned.new.parameters}


def test_two_servers_are_compared_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "h100", "mini-sglang", "--only", "page_size"]) == 1
    said = capsys.readouterr()
    assert "note: old is for sglang and new for minisgl: their arguments are compared by name" in said.err
    assert max(map(len, said.out.splitlines())) < 120


def test_long_lists_break_between_values_and_long_rules_between_words() -> None:
    long = Space.build("s", {"a": ["x", "y,z", *(f"value-number-{i}" for i in range(9))], "b": [1, 2]})
    rule = " and ".join(f"(a != 'value-number-{i}' or b == 1)" for i in range(9))
    short = Space.build("s", {"a": ["x"], "b": [1, 2]})
    (row,) = cause_rows(long.diff(short).only_old, "old", "new")
    assert row[4] == ('"y,z", value-number-0, value-number-1, value-number-2, … (10 values); new has x')
    (row,) = cause_rows(long.diff(long.with_rule(rule)).only_old, "old", "new")
    assert row[4].endswith(" …")
    assert rule.startswith(row[4].removesuffix(" …"))
    assert len(row[4]) <= 90
