"""Objectives and preferences through files, overlays, packs, targets and edits."""

from __future__ import annotations

from pathlib import Path

import pytest

import spacegen
from spacegen import Space
from spacegen.errors import SpaceError, UsageError
from spacegen.language.elaborate import load_model
from spacegen.language.settings import Settings
from spacegen.questions.best.goals import goals_of

BASE = """\
spacegen: 1
parameters:
  tp: [1, 2, 4, 8]
  chunk: {values: [null, 512, 2048], default: null}
  backend: {values: [fa, triton], default: fa}
derived: {half: tp / 2}
rules:
  - {id: plain, when: tp > 1, prefer: backend == "fa", weight: 3, kind: heuristic}
objective: {maximize: half, unit: ranks, because: more is more}
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.yaml"
    path.write_text(BASE, encoding="utf-8")
    return path


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_an_objective_knows_its_name_unit_and_place(base: Path) -> None:
    [objective] = load_model(base).objectives
    assert (objective.id, objective.direction, objective.text, objective.unit) == (
        "half",
        "maximize",
        "half",
        "ranks",
    )
    assert objective.span is not None
    assert objective.span.line == 9


def test_neither_changes_solutions_nor_their_names(base: Path, tmp_path: Path) -> None:
    plain = written(tmp_path, "plain.yaml", BASE.split("rules:", maxsplit=1)[0])
    with_wishes, without = spacegen.load(base), spacegen.load(plain)
    assert with_wishes.count() == without.count() == 24
    assert with_wishes.fingerprint == without.fingerprint


def test_an_overlay_replaces_the_objective_and_adds_preferences(base: Path, tmp_path: Path) -> None:
    overlay = written(
        tmp_path,
        "overlay.yaml",
        "spacegen: 1\nextends: base.yaml\nobjective: [{minimize: tp}, {maximize: chunk}]\n"
        "rules:\n  - {id: long, prefer: {chunk: 2048}}\n",
    )
    model = load_model(overlay)
    assert [(o.direction, o.id) for o in model.objectives] == [("minimize", "tp"), ("maximize", "chunk")]
    assert [(p.id, p.weight) for p in model.preferences] == [("plain", 3), ("long", 1)]
    assert (
        load_model(
            written(tmp_path, "none.yaml", "spacegen: 1\nextends: base.yaml\nobjective: []\n")
        ).objectives
        == ()
    )
    same = load_model(written(tmp_path, "same.yaml", "spacegen: 1\nextends: base.yaml\n"))
    assert same.objectives == load_model(base).objectives


def test_kinds_and_ids_choose_among_preferences(base: Path) -> None:
    assert spacegen.load(base, without_kinds=["heuristic"]).model.preferences == ()
    assert spacegen.load(base, without_rules=["plain"]).model.preferences == ()
    assert spacegen.load(base).without_rules(["plain"]).model.preferences == ()
    assert spacegen.load(base).without_rules().model.preferences == ()
    with pytest.raises(UsageError, match="did you mean `plain`"):
        spacegen.load(base).without_rules(["plian"])


def test_a_pack_may_prefer_and_names_follow_the_target(tmp_path: Path) -> None:
    written(
        tmp_path,
        "pack.yaml",
        "spacegen: 1\nnames: sglang==0.5.6\nrules:\n  - {id: small, prefer: cuda_graph_max_bs == 8}\n",
    )
    space = written(
        tmp_path,
        "space.yaml",
        'spacegen: 1\ntarget: {server: sglang, version: "0.5.6"}\ninclude: [pack.yaml]\n'
        "parameters:\n  cuda_graph_max_bs: [null, 8, 64]\nobjective: {maximize: cuda_graph_max_bs}\n",
    )
    moved = spacegen.load(space, target="sglang==0.5.23")
    [objective] = moved.model.objectives
    assert (objective.id, objective.text) == ("cuda_graph_max_bs_decode", "cuda_graph_max_bs_decode")
    assert [p.rule.text for p in moved.model.preferences] == ["cuda_graph_max_bs_decode == 8"]
    assert moved.best(1)[0]["cuda_graph_max_bs_decode"] == 64


def test_a_pack_has_no_objective(tmp_path: Path) -> None:
    written(tmp_path, "pack.yaml", "spacegen: 1\nobjective: {maximize: tp}\n")
    space = written(tmp_path, "space.yaml", "spacegen: 1\ninclude: [pack.yaml]\nparameters: {tp: [1, 2]}\n")
    with pytest.raises(SpaceError, match="unknown key `objective`"):
        load_model(space)


def test_dropped_parameters_stand_at_their_defaults(base: Path) -> None:
    space = spacegen.load(base)
    dropped = space.dropped("backend")
    assert dropped.best(1).objectives == {"half": (4.0,), "broken_weight": (0,)}
    gone = space.dropped("tp")
    assert gone.model.objectives == ()
    assert "objective `half` is left out: it needs `tp`, which has no default" in gone.notes


def test_pins_narrow_what_is_best(base: Path) -> None:
    space = spacegen.load(base)
    assert space.pinned(tp=2).best(1).objectives["half"] == (1.0,)
    assert space.pinned(tp=2, backend="triton").best(1).objectives["broken_weight"] == (3,)


def test_an_objective_without_a_value_does_not_count(tmp_path: Path) -> None:
    text = BASE.replace("derived:", "constants: {most: null}\nderived:").replace(
        "{maximize: half, unit: ranks, because: more is more}", "[{maximize: tp * most}, {minimize: tp}]"
    )
    space = spacegen.load(written(tmp_path, "open.yaml", text))
    assert [goal.id for goal in goals_of(space.model)] == ["tp", "broken_weight"]
    told = load_model(tmp_path / "open.yaml", settings=Settings(constants={"most": 2}))
    assert [goal.id for goal in goals_of(told)] == ["objective", "tp", "broken_weight"]


def test_spaces_write_out_what_is_best(base: Path, tmp_path: Path) -> None:
    space = spacegen.load(base).minimizing("2 * tp - 1").preferring("chunk is null or tp > 1")
    again = spacegen.load(written(tmp_path, "again.yaml", space.to_yaml()))
    assert again.model.objectives == space.model.objectives
    assert [(p.id, p.weight, p.rule.condition) for p in again.model.preferences] == [
        (p.id, p.weight, p.rule.condition) for p in space.model.preferences
    ]


def test_python_refuses_what_files_refuse() -> None:
    space = Space.build("s", {"tp": [1, 2], "backend": ["fa", "triton"]})
    with pytest.raises(SpaceError, match="expected a number or a condition"):
        space.maximizing("backend")
    with pytest.raises(UsageError, match="a weight is at least 1"):
        space.preferring("tp == 1", 0)
    with pytest.raises(UsageError, match="an objective `tp` is there already"):
        space.maximizing("tp").minimizing("tp")
    with pytest.raises(UsageError, match="does not say what is best"):
        space.best()
    with pytest.raises(UsageError, match="positive number of seconds"):
        space.with_timeout(0)
    assert space.maximizing("tp").minimizing("tp + 1").minimizing("tp + 2").best(1).objectives == {
        "tp": (2,),
        "objective": (3,),
        "objective-2": (4,),
    }


def test_the_best_of_nothing_is_nothing() -> None:
    space = Space.build("s", {"tp": [1, 2]}, ["tp > 2"]).maximizing("tp")
    assert len(space.best(3)) == 0
    assert str(space.best(3)) == "no solution"
    assert len(Space.build("s", {"tp": [1, 2]}).maximizing("tp").best(0)) == 0


NAMES = [f"x{i}" for i in range(20)]


def knapsack(coefficient: float, timeout: float | None = None) -> Space:
    """Twenty numbers up to 3 whose sum is at most 20, each with its worth."""
    worths = " + ".join(f"{coefficient * (i % 3 + 1)} * {name}" for i, name in enumerate(NAMES))
    space = Space.build("bag", {name: range(4) for name in NAMES}, [f"{' + '.join(NAMES)} <= 20"])
    return space.maximizing(worths, id="worth").with_timeout(timeout)


def test_decimals_that_need_no_rounding_are_added_exactly() -> None:
    # Six things are worth three, seven two: the three most of the former are 18, two more go to the latter.
    found = knapsack(0.5).best(3)
    assert found.objectives["worth"] == (29.0, 29.0, 29.0)
    assert found.is_proven


def test_time_ends_a_search_with_what_is_known() -> None:
    found = knapsack(0.1, timeout=0.5).best(2)
    assert not found.is_proven
    assert isinstance(found.limit, float)
    assert len(found) == 2
    assert all(isinstance(worth, float) and worth <= found.limit for worth in found.objectives["worth"])
    assert "not proven: at most" in str(found)


def test_a_product_of_many_is_maximised() -> None:
    names = NAMES[:12]
    space = Space.build("product", {name: range(1, 11) for name in names}, [f"{names[0]} + {names[1]} <= 11"])
    found = space.maximizing(" * ".join(names)).best(3)
    assert found.objectives["objective"] == (30 * 10**10, 30 * 10**10, 28 * 10**10)
