"""The random spaces of the laws keep their promise: every node, empty and large spaces, mixed domains."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import get_args

import pytest
from hypothesis import Phase, find, settings

from spacegen.engines.jointree import JoinTree
from spacegen.language.expr import Expr
from spacegen.language.model import Model
from spacegen.language.walk import children
from strategies import models

search = settings(derandomize=True, deadline=None, max_examples=2000, phases=[Phase.generate])


def nodes_of(expr: Expr) -> set[type]:
    return {type(expr)}.union(*map(nodes_of, children(expr)))


@pytest.mark.parametrize("node", get_args(Expr), ids=lambda node: node.__name__)
def test_random_spaces_use_every_node(node: type) -> None:
    find(models(), lambda m: any(node in nodes_of(rule.condition) for rule in m.rules), settings=search)


@pytest.mark.parametrize(
    "trait",
    [
        lambda m, n: n == 0,
        lambda m, n: n > 100,
        lambda m, n: 0 < n < prod(len(p.domain) for p in m.parameters) and len(m.rules) > 1,
        lambda m, n: n > 1 and any(p.active_when is not None for p in m.parameters),
        lambda m, n: n > 1 and len({type(v) for p in m.parameters for v in p.domain}) > 3,
    ],
    ids=["empty", "large", "partly excluded", "conditional", "mixed"],
)
def test_random_spaces_are_of_every_sort(trait: Callable[[Model, int], bool]) -> None:
    find(models(), lambda m: trait(m, JoinTree(m).count()), settings=search)
