from spacegen.language.columns import column
from spacegen.language.evaluate import truth
from spacegen.language.expr import AllDifferent, And, Const, Element, Ref
from spacegen.language.lowering import lower_all_different, lower_element


def test_all_different_is_every_pair() -> None:
    lowered = lower_all_different(AllDifferent((Ref("a"), Ref("b"), Ref("c"))))
    assert isinstance(lowered, And)
    assert len(lowered.items) == 3


def test_element_reads_the_choice_at_its_index() -> None:
    lowered = lower_element(Element(Ref("i"), (Const(7), Const(8)), Ref("t")))
    env = {"i": column([-1, 0, 1, 2]).reshape((4, 1)), "t": column([7, 8]).reshape((1, 2))}
    assert truth(lowered, env)[0].astype(int).tolist() == [[0, 0], [1, 0], [0, 1], [0, 0]]
