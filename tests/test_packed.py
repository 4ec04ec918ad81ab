import numpy as np

from build import le, parameter, space
from spacegen.engines.canonical import canonical_order
from spacegen.engines.packed import MAX_ROWS, Group, grouped
from spacegen.engines.protocol import code_dtype
from spacegen.engines.relation import normalise
from spacegen.engines.tree import plant
from spacegen.language.model import Model


def groups_of(model: Model) -> tuple[Group, ...]:
    form = normalise(model)
    live = {
        i: codes.astype(code_dtype(p.domain))
        for i, (p, codes) in enumerate(zip(model.parameters, form.live, strict=True))
    }
    return grouped(plant(form, canonical_order(form)), live)


def test_the_table_says_what_the_trees_say() -> None:
    wide = parameter("wide", *range(300))  # two bytes a code
    model = space(wide, *(parameter(n, *range(3)) for n in "abcd"), rules=[le("a", "b")])
    (group,) = groups_of(model)
    assert group.size == 300 * 6 * 9
    ranks = np.arange(group.size)
    packed = group.columns(ranks)
    few = [group.columns(ranks[i : i + 1000]) for i in range(0, group.size, 1000)]
    for variable, column in packed.items():
        assert (column == np.concatenate([part[variable] for part in few])).all()
        assert column.dtype == (np.uint16 if variable == 0 else np.uint8)


def test_groups_stay_small_and_keep_the_order() -> None:
    model = space(*(parameter(f"x{i}", *range(50)) for i in range(7)))
    groups = groups_of(model)
    assert [len(g.trees) for g in groups] == [2, 2, 2, 1]
    assert all(g.size <= MAX_ROWS for g in groups)
    assert [t.preorder[0] for g in groups for t in g.trees] == list(range(7))


def test_a_large_block_gets_a_table_only_for_a_large_draw() -> None:
    model = space(parameter("a", *range(300)), parameter("b", *range(300)), rules=[le("a", "b")])
    (group,) = groups_of(model)
    assert group.size > MAX_ROWS
    group.columns(np.arange(10_000))
    assert "_packed" not in vars(group)
    many = group.columns(np.arange(group.size))
    assert "_packed" in vars(group)
    assert (many[0] <= many[1]).all()
    assert len(np.unique(many[0].astype(int) * 300 + many[1])) == group.size
