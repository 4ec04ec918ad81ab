"""Edits that contradict or imply each other, or leave no solution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from spacegen import Space
from spacegen.diagnose.finding import Finding, Move
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.narrowing.edit import Basis, Edit
from spacegen.diagnose.narrowing.edits_from_findings import Ground
from spacegen.diagnose.narrowing.narrowing import narrow
from spacegen.diagnose.narrowing.resolving import resolve
from tests.spaces_to_narrow import CHUNK, LOWER, RANKS, edit, finding, launch, small


def test_a_failure_wins_over_advice_that_contradicts_it() -> None:
    raised = finding(Move(parameter="mem_fraction_static", at_least=0.88), id="raise")
    made = narrow(small(), [launch()], [raised, finding(LOWER, id="oom", error=True)])
    assert [edit.finding for edit in made.edits] == ["oom"]
    assert [(d.finding, d.reason) for d in made.dropped] == [
        ("raise", "it contradicts `oom`: log line 3 of a.log: it shows oom")
    ]


def test_launches_that_disagree_give_advice_and_no_edit() -> None:
    less = finding(Move(parameter="caution", at_most=0.7), id="less")
    more = finding(Move(parameter="caution", at_least=1.0), id="more", launch=1)
    made = narrow(small(), [launch(), launch()], [less, more])
    assert made.edits == ()
    assert made.after == small().count()
    assert [d.finding for d in made.dropped] == ["less", "more"]
    assert all(d.reason.startswith("launches disagree about `caution`") for d in made.dropped)


LESS_CAUTION = Move(parameter="caution", at_most=0.7, was=1.0, to=0.3)


def test_the_edit_that_would_leave_no_solution_is_dropped() -> None:
    space = small().with_rule("tp_size == 1", id="one")
    made = narrow(
        space,
        [launch()],
        [
            finding(LOWER, RANKS, id="oom", error=True),
            finding(Move(parameter="mem_fraction_static", at_least=0.88), RANKS, id="pool", error=True),
        ],
    )
    assert [edit.finding for edit in made.edits] == ["oom"]
    assert [(d.finding, d.reason) for d in made.dropped] == [
        ("pool", "no solution of the space would be left")
    ]
    assert [window.opening for window in made.windows] == [None]
    assert str(made.windows[0]).endswith("nothing in the space changes that")
    # What somebody asked for is named.
    made = narrow(small().pinned({"caution": 1.0}), [launch()], [finding(LESS_CAUTION)])
    assert [d.reason for d in made.dropped] == [
        "no solution of the space would be left with `caution` at 1.0"
    ]


def test_a_clause_that_another_implies_is_not_told_twice() -> None:
    weak = finding(CHUNK, LOWER, RANKS, id="weak", error=True)
    strong = finding(LOWER, RANKS, id="strong", error=True)
    made = narrow(small(), [launch()], [weak, strong, strong])
    assert [edit.finding for edit in made.edits] == ["strong"]
    assert [(d.finding, d.reason) for d in made.dropped] == [
        ("weak", "`strong` already implies it: log line 3 of a.log: it shows strong")
    ]
    advised = finding(LOWER, id="advised")
    made = narrow(small(), [launch()], [strong, advised])
    # Advice may give way some day, and then the failure must still be known.
    assert [edit.finding for edit in made.edits] == ["strong", "advised"]


def test_older_advice_gives_way_and_an_older_failure_never_does() -> None:
    newer = finding(Move(parameter="caution", at_least=1.0), id="newer")
    made = narrow(small(), [launch()], [newer], earlier=[edit((0.3, 0.7))])
    assert [one.finding for one in made.edits] == ["newer"]
    assert made.dropped[0].reason == "it gives way to `newer`: log line 3 of a.log: it shows newer"
    made = narrow(small(), [launch()], [newer], earlier=[edit((0.3, 0.7), Basis.FAILURE)])
    assert [one.finding for one in made.edits] == ["older"]
    # What agrees is kept, and both count.
    made = narrow(small(), [launch()], [newer], earlier=[edit((0.7, 1.0))])
    assert {one.finding for one in made.edits} == {"newer", "older"}
    assert made.after is not None
    assert made.after * 4 == small().count()


def test_what_narrows_nothing_is_spoken_against_by_no_other_advice() -> None:
    calm = Move(parameter="caution", at_most=0.7, was=1.0, to=0.3)
    scarce = finding(calm, id="scarce", launch=1).model_copy(update={"narrows": False})
    made = narrow(small(), [launch()] * 2, [scarce], earlier=[edit((1.0, 1.3))])
    assert (made.edits, made.after) == ((), small().count())
    assert [d.reason for d in made.dropped] == [
        "no config is dropped for it, because the server has served at full load with this one",
        "it gives way to `scarce`: log line 3 of a.log: it shows scarce",
    ]
    more = finding(Move(parameter="caution", at_least=1.0), id="more")
    made = narrow(small(), [launch()] * 2, [scarce, more])
    assert (made.edits, [d.finding for d in made.dropped]) == ((), ["scarce", "more"])
    # What failed does not give way, and what agrees stays.
    for kept in (edit((1.0, 1.3), Basis.FAILURE), edit((0.3, 0.7))):
        assert narrow(small(), [launch()] * 2, [scarce], earlier=[kept]).edits == (kept,)


def test_advice_that_leaves_nothing_but_null_gives_way() -> None:
    name = "chunked_prefill_size"
    newer = finding(Move(parameter=name, at_least=8192), id="newer")
    ran, given = launch(chunked_prefill_size=4096), {name: 4096}
    made = narrow(small(), [ran], [newer], asked=given, earlier=[edit((None, 2048, 4096), name=name)])
    assert [(one.finding, one.ways[0].values) for one in made.edits] == [("newer", (None, -1, 8192))]
    assert made.dropped[0].reason == "it gives way to `newer`: log line 3 of a.log: it shows newer"
    # So does what agrees with each of the others, and leaves nothing beside all of them.
    several = [edit(values, name=name) for values in ((None, 2048, -1), (None, 2048, 4096))]
    made = narrow(small(), [ran], [newer], asked=given, earlier=several)
    assert [(d.finding, d.edit and d.edit.ways[0].values) for d in made.dropped] == [
        ("older", (None, 2048, 4096))
    ]
    # What failed leaves it to the server.
    failed = [edit(values, Basis.FAILURE, name) for values in ((None, 2048), (None, 8192))]
    made = narrow(small(), [ran], [newer], asked=given, earlier=failed)
    assert [one.basis for one in made.edits] == [Basis.FAILURE, Basis.FAILURE]
    assert made.dropped[0].reason.startswith("`older` already implies it")


def test_launches_that_agree_in_nothing_but_null_disagree() -> None:
    more = finding(Move(parameter="chunked_prefill_size", at_least=8192), id="more", launch=1)
    made = narrow(small(), [launch(), launch(chunked_prefill_size=4096)], [finding(CHUNK), more])
    assert made.edits == ()
    assert [d.finding for d in made.dropped] == ["f", "more"]


# A made-up server that needs less memory the more ranks it has, and the smaller chunks and pool are


def needs(config: Mapping[str, Any]) -> float:
    chunk: int = config["chunked_prefill_size"] or 8192
    ranks: int = config["tp_size"]
    share: float = config["mem_fraction_static"]
    return 40 / ranks + chunk / 512 + 60 * share


def server(memory: float) -> tuple[Space, dict[bool, list[dict[str, Any]]]]:
    space = (
        Space.build("s", {"tp_size": [1, 2, 4]})
        .with_parameter("chunked_prefill_size", [None, 1024, 2048, 4096, 8192], default=None)
        .with_parameter("mem_fraction_static", [0.7, 0.8, 0.9], default=0.9)
    )
    by_fate: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for config in space.solutions():
        by_fate[needs(config) <= memory].append(dict(config))
    return space, by_fate


def ran_out(config: Mapping[str, Any]) -> tuple[Launch, Finding]:
    """The launch of a config that failed, as its log tells it: with what the server chose for null."""
    ran = {name: value if value is not None else 8192 for name, value in config.items()}
    fewer = Move(parameter="chunked_prefill_size", at_most=ran["chunked_prefill_size"] - 1)
    lower = Move(parameter="mem_fraction_static", at_most=ran["mem_fraction_static"] - 0.01)
    more = Move(parameter="tp_size", at_least=ran["tp_size"] + 1)
    failed = finding(fewer, lower, id="oom", error=True, unless=(more,))
    return Launch(server="sglang", version="0.5.6", arguments=ran), failed


def test_failures_of_all_that_fails_leave_what_works() -> None:
    space, by_fate = server(80)
    told = [ran_out(config) for config in by_fate[False]]
    grounds = [Ground.of(space, one, config) for (one, _), config in zip(told, by_fate[False], strict=True)]
    edits = [ground.edit(failed) for ground, (_, failed) in zip(grounds, told, strict=True)]
    left = resolve(space, [edit for edit in edits if isinstance(edit, Edit)])
    assert len(left.kept) < len(edits)
    works = {tuple(config.values()) for config in by_fate[True]}
    assert {tuple(config.values()) for config in left.space.solutions()} == works


@pytest.mark.parametrize("memory", [60, 70, 90, 100])
def test_launching_what_comes_next_ends_with_what_works(memory: float) -> None:
    space, by_fate = server(memory)
    config: Mapping[str, Any] = {"tp_size": 1, "chunked_prefill_size": None, "mem_fraction_static": 0.9}
    edits: tuple[Edit, ...] = ()
    launches = 0
    while needs(config) > memory:
        launches += 1
        assert launches <= len(by_fate[False])
        told, failed = ran_out(config)
        asked = {name: value for name, value in config.items() if value is not None}
        made = narrow(space, [told], [failed], asked=asked, earlier=edits)
        edits = made.edits
        assert not made.space.check(config).valid
        # What works is never lost.
        assert all(made.space.check(good).valid for good in by_fate[True])
        assert made.next is not None
        config = made.next.config
    assert launches
