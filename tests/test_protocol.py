import numpy as np

from build import parameter, space
from spacegen.engines.protocol import Block, code_dtype
from spacegen.language.model import Domain


def test_codes_take_the_smallest_type() -> None:
    sizes = (1, 256, 257, 65537)
    assert [code_dtype(Domain(tuple(range(n)))) for n in sizes] == [np.uint8, np.uint8, np.uint16, np.uint32]


def test_rows_of_a_block() -> None:
    block = Block((np.array([1, 2, 3], np.uint8),), 3)
    assert block.rows(slice(1, None)).columns[0].tolist() == [2, 3]
    assert len(block.rows(np.array([True, False, True]))) == 2
    assert len(Block((), 3).rows(slice(1, None))) == 2


def test_no_blocks_make_no_rows() -> None:
    model = space(parameter("a", *range(300)))
    empty = Block.concatenate(model, [])
    assert (len(empty), empty.columns[0].dtype) == (0, np.uint16)
