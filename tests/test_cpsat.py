"""CP-SAT: native constraints mean what tables mean, large parts are counted and drawn, limits are kept."""

from __future__ import annotations

import _thread
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from math import comb
from pathlib import Path
from threading import Timer
from time import monotonic, sleep

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings

from build import le, parameter, product_of, space, sum_of
from engines import block_of, codes_of, enumerated, solutions
from spacegen.engines.cpsat import (
    CpSat,
    accepts,
    cp_model_of,
    descent,
    engine,
    patience,
    sampling,
    solving,
    variables,
)
from spacegen.engines.protocol import Block
from spacegen.errors import EngineError
from spacegen.language.columns import column
from spacegen.language.evaluate import not_false
from spacegen.language.expr import (
    Abs,
    AllDifferent,
    And,
    Automaton,
    Compare,
    Const,
    Count,
    Divide,
    Element,
    Expr,
    Extreme,
    IfElse,
    In,
    IsNull,
    Negate,
    Not,
    Or,
    Product,
    Ref,
    Scalar,
    Sum,
    Table,
    Within,
)
from spacegen.language.model import Model
from spacegen.language.walk import implies
from strategies import models

NAMES = tuple(f"x{i}" for i in range(24))
HALF = NAMES[:12]
TOTAL = sum_of(*NAMES)
REFS = tuple(map(Ref, NAMES))

ARCS = tuple((state, value, (state + value) % 5) for state in range(5) for value in range(1, 5))

OTHERS = sum_of(*NAMES[12:])
ROWS = tuple(tuple((i + j) % 4 + 1 for i in range(20)) for j in range(4))

WIDE: dict[str, Expr] = {
    "sum": le(TOTAL, 60),
    "not equal": Compare("!=", TOTAL, Const(60)),
    "not at most": Not(le(TOTAL, 60)),
    "product": le(product_of(*NAMES[:20]), 4**12),
    "difference": Within(Sum((sum_of(*HALF), Negate(sum_of(*NAMES[12:])))), ((-3, 3.5), (8, None))),
    "one of": In(TOTAL, (Const(57), Const(60), Const(62.0), Const(61.5), Const(None), Const("60"))),
    "none of": Not(In(TOTAL, (Const(60), Const(61)))),
    "min and max": le(Extreme("max", REFS[:12]), Sum((Extreme("min", REFS[12:]), Const(2)))),
    "magnitude": le(Abs(Sum((sum_of(*HALF), Const(-30)))), 2),
    "quotient": le(Divide("//", TOTAL, Ref("x0")), 20),
    "remainder": Compare("==", Divide("%", TOTAL, Const(7)), Const(3)),
    "guarded": Or((Compare("==", Ref("x0"), Const(1)), Compare("==", Ref("x1"), Ref("x2")), le(TOTAL, 58))),
    "two sums": Or((le(sum_of(*HALF), 27), le(sum_of(*NAMES[12:]), 27))),
    "all of": And((le(TOTAL, 63), Not(le(TOTAL, 55)))),
    "counted": Count(tuple(Compare("==", ref, Const(2)) for ref in REFS), frozenset({2, 5, 7})),
    "counted when": implies(le("x0", 2), Count(tuple(le(n, 2) for n in NAMES), frozenset(range(12)))),
    "some different": AllDifferent((sum_of(*HALF), sum_of(*NAMES[12:]), Const(30))),
    "chosen": Element(Sum((Ref("x0"), Const(-2))), (sum_of(*HALF), Const(31), Ref("x1")), OTHERS),
    "chosen wherever": Element(Ref("x0"), (sum_of(*HALF), Const(None), Ref("x1"), OTHERS, OTHERS), OTHERS),
    "equal to some": In(sum_of(*HALF), (OTHERS, Const(30), Sum((Ref("x0"), Const(29))))),
    "equal to nothing": In(TOTAL, ()),
    "in a table": Table(REFS[:20], ROWS),
    "not in a table": Not(Table(REFS[:20], ROWS)),
    "automaton": Automaton(REFS, 0, frozenset({1, 3}), ARCS),
    "if else": IfElse(le(sum_of(*HALF), 30), le(sum_of(*NAMES[12:]), 31), Compare("==", Ref("x0"), Const(2))),
    "sum of choices": le(Sum(tuple(IfElse(le(n, 2), Const(5), Ref(n)) for n in NAMES)), 104),
    "nothing fits": In(TOTAL, (Const("a"), Const(0.5))),
}  # fmt: skip

NULLABLE: dict[str, Expr] = {
    "ordering": le(TOTAL, 60),
    "at least one null": Not(Compare("<", TOTAL, Const(10**6))),
    "equality": Compare("==", TOTAL, Const(60)),
    "membership": Or((In(sum_of(*HALF), (Const(30), Const(31))), IsNull(Ref("x23")))),
    "not membership": Not(In(TOTAL, (Const(60),))),
    "intervals": Within(TOTAL, ((50, 60),)),
    "no interval": Within(TOTAL, ()),
    "every interval": Within(TOTAL, ((None, None),)),
    "null equals null": Compare("==", IfElse(IsNull(Ref("x0")), Const(None), Const(30)), sum_of(*HALF)),
    "counted": Count(tuple(Compare(">", ref, Const(2)) for ref in REFS), frozenset({12, 13})),
}


def rows_of(model: Model, size: int, seed: int) -> Block:
    rng = np.random.default_rng(seed)
    return Block(tuple(rng.integers(0, len(p.domain), size).astype("u1") for p in model.parameters), size)


def meaning(model: Model, block: Block) -> list[bool]:
    env = {
        p.name: column(p.domain.values).take(codes)
        for p, codes in zip(model.parameters, block.columns, strict=True)
    }
    kept = [np.broadcast_to(not_false(rule.condition, env), (len(block),)) for rule in model.conditions]
    return np.logical_and.reduce(kept).tolist()  # type: ignore[no-any-return]


def wide(condition: Expr, *values: Scalar) -> Model:
    return space(*(parameter(name, *values) for name in NAMES), rules=[condition])


@pytest.mark.parametrize("case", WIDE)
def test_wide_rules_are_posted_natively(case: str) -> None:
    model = wide(WIDE[case], 1, 2, 3, 4)
    block = rows_of(model, 120, 1)
    expected = meaning(model, block)
    assert accepts(model, block).tolist() == expected
    assert any(expected) or case in ("nothing fits", "in a table", "equal to nothing")
    assert not all(expected) or case == "not in a table"


@pytest.mark.parametrize("case", NULLABLE)
def test_wide_rules_over_nulls_stay_unknown(case: str) -> None:
    model = wide(NULLABLE[case], 1, 2, 3, 4, None)
    some, full = rows_of(model, 60, 2), rows_of(wide(NULLABLE[case], 1, 2, 3, 4), 60, 3)
    for block in (some, full):
        assert accepts(model, block).tolist() == meaning(model, block)


def test_a_wide_table_finds_its_rows() -> None:
    model = wide(WIDE["in a table"], 1, 2, 3, 4)
    rows = [(*((i + j) % 4 for i in range(20)), 0, 1, 2, 3) for j in range(5)]
    assert accepts(model, block_of(model, rows)).tolist() == [True] * 5  # row 4 is row 0 again
    without = wide(WIDE["not in a table"], 1, 2, 3, 4)
    assert accepts(without, block_of(without, rows)).tolist() == [False] * 5


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(models())
def test_the_whole_cp_model_accepts_what_the_oracle_does(model: Model) -> None:
    shape = tuple(len(p.domain) for p in model.parameters)
    everything = list(np.ndindex(shape))
    kept = set(solutions(model))
    assert accepts(model, block_of(model, everything)).tolist() == [row in kept for row in everything]


def test_linear_rules_and_products_need_no_table() -> None:
    model = space(
        *(parameter(name, 1, 2, 4, 8) for name in "abcd"),
        parameter("e", True, False),
        rules=[le(product_of("a", "b", "c"), 16), implies(Ref("e"), le(sum_of("a", "d"), 9))],
    )
    cp, by_name = cp_model_of(model)
    assert all(c.has_linear() or c.has_int_prod() for c in cp.proto.constraints)
    assert any(c.has_int_prod() for c in cp.proto.constraints)
    assert set(by_name) == set("abcde")


def test_a_rule_that_no_constraint_and_no_table_holds_is_refused() -> None:
    model = space(*(parameter(n, *(i + 0.5 for i in range(8))) for n in NAMES), rules=[le(TOTAL, 99)])
    with pytest.raises(
        EngineError, match=r"no constraint for a rule over `x0`, .* and 20 more: its table"
    ) as error:
        CpSat(model).count()
    assert "hint: split the rule" in str(error.value)


@pytest.mark.parametrize("rule", [le(sum_of("a", "b"), 3), And((le("a", "b"), le("b", 3)))])
def test_linear_rules_take_domains_of_any_size(rule: Expr) -> None:
    values = range(20_000)
    model = space(parameter("a", *values), parameter("b", *values), rules=[rule])
    assert CpSat(model).count() == 10
    assert {a + b <= 3 or a <= b <= 3 for a, b in enumerated(CpSat(model))} == {True}
    assert len(CpSat(model).sample(50, np.random.default_rng(0)).block) == 10


def test_an_order_of_large_domains_is_enumerated_and_drawn() -> None:
    values = range(6000)
    model = space(parameter("a", *values), parameter("b", *values), rules=[le("a", "b")])
    first = next(iter(CpSat(model).enumerate(rows=10)))
    drawn = CpSat(model).sample(10, np.random.default_rng(0)).block
    for rows in (codes_of(first), codes_of(drawn)):
        assert len(set(rows)) == 10
        assert all(a <= b for a, b in rows)


def test_numbers_past_53_bits_are_left_to_tables() -> None:
    big = 2**53
    model = space(
        parameter("a", big, big + 1, -3),
        parameter("b", 1, 2, big),
        rules=[le(product_of("a", "b"), big + 1), Compare("!=", sum_of("a", "b"), Const(2 * big))],
    )
    assert sorted(enumerated(CpSat(model))) == solutions(model)


def test_rules_over_dead_values_are_left_to_live_ones() -> None:
    rows = (("a", "x"), ("b", "y"), ("c", "z"))
    model = space(
        parameter("s", "a", "b"),
        parameter("t", "x", "y", "q"),
        rules=[Table((Ref("s"), Ref("t")), rows), Automaton((Ref("s"), Ref("t")), 0, frozenset(), ())],
    )
    assert enumerated(CpSat(model)) == solutions(model) == []


# Large parts.


def chain(length: int, values: int) -> Model:
    """Neighbours differ: values * (values - 1) ** (length - 1) solutions in one part."""
    names = [f"v{i}" for i in range(length)]
    rules: list[Expr] = [Compare("!=", Ref(a), Ref(b)) for a, b in pairwise(names)]
    return space(*(parameter(n, *range(values)) for n in names), rules=rules)


def test_a_large_part_is_counted_by_conditioning() -> None:
    model = chain(30, 4)
    assert CpSat(model).count() == 4 * 3**29
    assert CpSat(model).count({"v3": (0, 1), "v4": (1,)}) == 4 * 3**29 // 3 // 4
    assert CpSat(model).marginals() == ((3**29,) * 4,) * 30


def test_a_large_part_is_drawn_exactly_where_its_tree_is_small() -> None:
    drawn = CpSat(chain(30, 4)).sample(3000, np.random.default_rng(0))
    assert drawn.note is None
    rows = codes_of(drawn.block)
    assert len(set(rows)) == 3000
    assert all(a != b for row in rows for a, b in pairwise(row))
    tally = np.array([np.bincount(c, minlength=4) for c in drawn.block.columns])
    assert abs(tally - 750).max() < 4.5 * np.sqrt(3000 * 3 / 16)


@pytest.fixture
def _hard_pressed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limits so low that small spaces take the ways of large ones."""
    monkeypatch.setattr(sampling, "_ENUMERATED", 20)
    monkeypatch.setattr(sampling, "MOST_SOLUTIONS", 20)
    monkeypatch.setattr(sampling, "_TREE", 0)
    monkeypatch.setattr(descent, "_LEAF", 6)
    return


def lopsided() -> Model:
    """40 values of `x` have one solution, the other two have 121 each."""
    off = And((Compare("==", Ref("y"), Const(0)), Compare("==", Ref("z"), Const(0))))
    return space(
        parameter("x", *range(42)),
        parameter("y", *range(11)),
        parameter("z", *range(11)),
        rules=[Or((Compare("<", Ref("x"), Const(2)), off))],
    )


@pytest.mark.usefixtures("_hard_pressed")
def test_weighted_descents_are_uniform_and_say_so() -> None:
    model = lopsided()
    drawn = CpSat(model).sample(4000, np.random.default_rng(3), replace=True)
    assert drawn.note is not None
    assert "random descent with importance resampling, effective sample size" in drawn.note
    rows = codes_of(drawn.block)
    assert set(rows) <= set(solutions(model))
    often = sum(row[0] < 2 for row in rows)
    assert abs(often / 4000 - 242 / 282) < 0.03


@pytest.mark.usefixtures("_hard_pressed")
def test_weighted_descents_are_distinct_and_own_up_to_a_shortfall() -> None:
    drawn = CpSat(lopsided()).sample(200, np.random.default_rng(3))
    assert len(set(codes_of(drawn.block))) == len(drawn.block) == 200
    short = CpSat(lopsided()).sample(10**4, np.random.default_rng(3))
    assert len(short.block) == 282 or "distinct solutions turned up" in str(short.note)


@pytest.fixture
def _few_descents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_ENUMERATED", 1000)
    monkeypatch.setattr(sampling, "_TREE", 10)
    monkeypatch.setattr(sampling, "_WARM_UP", 10)


@pytest.mark.usefixtures("_few_descents")
def test_a_wide_all_different_is_drawn_without_dead_ends() -> None:
    names = [f"x{i}" for i in range(7)]
    model = space(*(parameter(n, *range(30)) for n in names), rules=[AllDifferent(tuple(map(Ref, names)))])
    drawn = CpSat(model).sample(5, np.random.default_rng(2))
    assert all(len(set(row)) == 7 for row in codes_of(drawn.block))
    assert "effective sample size" in str(drawn.note)


@pytest.mark.usefixtures("_few_descents")
def test_where_every_descent_ends_dead_the_error_says_so() -> None:
    model = space(*(parameter(n, *range(10)) for n in NAMES), rules=[le(TOTAL, 6)])
    with pytest.raises(EngineError, match="found no solution by random descent over 24 parameters"):
        CpSat(model).sample(2, np.random.default_rng(0))


def test_more_than_a_large_part_has_gives_every_solution() -> None:
    model = chain(12, 3)
    assert len(CpSat(model).sample(10**4, np.random.default_rng(0)).block) == 3 * 2**11


def test_balanced_draws_name_the_engine_that_can() -> None:
    with pytest.raises(EngineError, match="hint: `--engine jointree` draws balanced"):
        CpSat(chain(30, 4)).sample(5, np.random.default_rng(0), method="balanced")


# Limits and interruption.


def test_the_first_solutions_come_before_the_last() -> None:
    names = [f"x{i}" for i in range(40)]
    model = space(*(parameter(n, *range(10)) for n in names), rules=[le(sum_of(*names), 40)])
    first = list(islice(CpSat(model).enumerate(rows=10), 3))
    assert [len(block) for block in first] == [10, 10, 10]
    codes = [row for block in first for row in codes_of(block)]
    assert codes == sorted(codes)


def test_counting_gives_up_past_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solving, "MOST_SOLUTIONS", 1000)
    monkeypatch.setattr(engine, "_TREE", 3)
    names = [f"x{i}" for i in range(12)]
    model = space(
        *(parameter(n, *range(10)) for n in names), rules=[AllDifferent(tuple(map(Ref, names[:9])))]
    )
    with pytest.raises(EngineError, match="stopped after 1,000 solutions of 9 parameters"):
        CpSat(model).count()


def test_interruption_ends_the_solver() -> None:
    names = [f"x{i}" for i in range(30)]
    model = space(*(parameter(n, *range(10)) for n in names), rules=[le(sum_of(*names), 100)])
    timer = Timer(0.5, _thread.interrupt_main)
    start = monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in CpSat(model).enumerate():
            pass
    assert monotonic() - start < 10


def test_ctrl_c_ends_a_solver_at_work(tmp_path: Path) -> None:
    path = tmp_path / "wide.yaml"
    names = [f"x{i}" for i in range(30)]
    lines = "".join(f"  {name}: {{range: {{from: 0, to: 39}}}}\n" for name in names)
    rule = f"  - all_different: [{', '.join(names)}]\n"
    path.write_text(f"spacegen: 1\nparameters:\n{lines}rules:\n{rule}", "utf-8")
    command = [sys.executable, "-m", "spacegen", "solve", str(path), "-n", "500", "--engine", "cpsat"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # Before Python is up, which takes seconds on a busy machine, nothing of ours could answer.
        seen = psutil.Process(process.pid)
        while seen.num_threads() == 1 and process.poll() is None:
            sleep(0.05)
        sleep(2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
    assert b"Traceback" not in said


class Hasty:
    """A clock on which a second passes between any two looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.mark.parametrize("ask", [CpSat.count, lambda engine: engine.sample(3, np.random.default_rng(0))])
def test_a_question_that_takes_too_long_is_refused(
    ask: Callable[[CpSat], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"x{i}" for i in range(12)]
    model = space(*(parameter(n, *range(12)) for n in names), rules=[AllDifferent(tuple(map(Ref, names)))])
    monkeypatch.setattr(patience, "monotonic", Hasty())
    with pytest.raises(EngineError, match=r"found no answer in 6[01] seconds\nhint: `--timeout SECONDS`"):
        ask(CpSat(model))


def test_the_solver_itself_is_stopped_when_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LIMIT", -1e6)
    names = [f"x{i}" for i in range(30)]
    model = space(*(parameter(n, *range(10)) for n in names), rules=[le(sum_of(*names), 100)])
    start = monotonic()
    with pytest.raises(EngineError, match="found no answer"):
        list(CpSat(model).enumerate())
    assert monotonic() - start < 10


def test_all_different_is_counted_as_by_formula() -> None:
    names = [f"x{i}" for i in range(5)]
    model = space(*(parameter(n, *range(7)) for n in names), rules=[AllDifferent(tuple(map(Ref, names)))])
    assert CpSat(model).count() == comb(7, 5) * 120


def test_notes_are_kept() -> None:
    assert CpSat(chain(2, 2), notes=("why",)).notes == ("why",)


def test_the_longest_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variables, "MAX_ROWS", 10)
    model = space(parameter("a", *"abcd"), parameter("b", *"abcd"), rules=[Compare("==", Ref("a"), Ref("b"))])
    with pytest.raises(EngineError, match=r"16 rows(.|\n)*hint: split the rule"):
        accepts(model, rows_of(model, 3, 0))


def test_products_of_nullable_factors() -> None:
    model = space(
        parameter("a", None, 2, 3),
        parameter("b", 1, None, 5),
        parameter("c", 2, 7),
        rules=[Compare("==", Product((Ref("a"), Ref("b"), Ref("c"))), Const(20))],
    )
    assert sorted(enumerated(CpSat(model))) == solutions(model)
