import pytest

from build import le, parameter, space, sum_of
from spacegen.engines.plan import compile_model
from spacegen.errors import EngineError, UsageError
from spacegen.language.expr import AllDifferent, Ref


def test_auto_takes_the_join_tree() -> None:
    assert compile_model(space(parameter("a", 1, 2))).name == "jointree"


def test_auto_takes_the_join_tree_for_two_large_domains() -> None:
    values = range(1, 4101)
    large = (parameter(name, *values) for name in "ab")
    engine = compile_model(space(*large, rules=[le(sum_of("a", "b"), 600)]))
    assert engine.name == "jointree"
    assert engine.count() == 600 * 599 // 2


def test_auto_falls_back_to_cpsat_and_says_so() -> None:
    names = [f"x{i}" for i in range(12)]
    wide = space(*(parameter(n, *range(30)) for n in names), rules=[AllDifferent(tuple(map(Ref, names)))])
    engine = compile_model(wide)
    assert engine.name == "cpsat"
    assert "CP-SAT answers instead" in engine.notes[0]


@pytest.mark.parametrize("name", ["jointree", "cpsat", "backtrack"])
def test_each_engine_goes_by_its_name(name: str) -> None:
    assert compile_model(space(parameter("a", 1, 2)), name).name == name


def test_an_unknown_engine_gets_a_hint() -> None:
    with pytest.raises(UsageError, match="did you mean `jointree`"):
        compile_model(space(), "joinTree")


@pytest.mark.parametrize(("notes", "named"), [((), True), (("too wide",), False)])
def test_the_join_tree_is_no_hint_where_it_was_tried(
    notes: tuple[str, ...], named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spacegen.engines.cpsat import engine

    for name in ("_ENUMERATED", "_TREE", "MOST_SOLUTIONS"):
        monkeypatch.setattr(engine, name, 1)
    wide = space(*(parameter(n, *range(9)) for n in "abcdef"), rules=[le(sum_of(*"abcdef"), 20)])
    with pytest.raises(EngineError) as told:
        engine.CpSat(wide, notes=notes).count()
    assert ("jointree" in str(told.value)) == named
