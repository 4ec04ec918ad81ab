from __future__ import annotations

from typing import Any

import pytest

from spacegen.errors import Fault
from spacegen.language.document import ParameterEntry, Range
from spacegen.language.domains import not_in_domain, read_domain
from spacegen.language.model import Domain
from spacegen.source import Source, Span

SPAN = Span(Source("t", ""), 1, 1)


def domain(entry: Any) -> Domain | None:
    faults: list[Fault] = []
    found = read_domain("a", entry, lambda path: SPAN, faults)
    assert (found is None) == bool(faults)
    return found


def steps(start: Any, stop: Any, step: Any = 1) -> Range:
    return Range.model_validate({"from": start, "to": stop, "step": step})


@pytest.mark.parametrize(
    ("entry", "values"),
    [
        ([None, 1, 2], (None, 1, 2)),
        ([False, True], (False, True)),
        (["b", "a"], ("b", "a")),
        ([1, 2.5, "auto", None], (1, 2.5, "auto", None)),
        (steps(1, 4), (1, 2, 3, 4)),
        (steps(4, 1, -1), (4, 3, 2, 1)),
        (steps(5, 5), (5,)),
        (steps(0, 1, 0.5), (0.0, 0.5, 1.0)),
        (steps(0.3, 0.9, 0.1), (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)),
        (steps(-0.1, 0.2, 0.1), (-0.1, 0.0, 0.1, 0.2)),
        (ParameterEntry(values=["x"], range=steps(1, 2)), ("x", 1, 2)),
        (ParameterEntry(range=steps(0.70, 0.82, 0.06)), (0.7, 0.76, 0.82)),
    ],
)
def test_a_domain_lists_its_values_in_order(entry: Any, values: tuple[Any, ...]) -> None:
    found = domain(entry)
    assert found is not None
    assert found.values == values
    assert list(map(type, found.values)) == list(map(type, values))


def test_every_hundredth_is_the_decimal_that_people_write() -> None:
    found = domain(steps(0.0, 1.0, 0.01))
    assert found is not None
    assert [repr(v) for v in found] == [repr(float(f"{i / 100:.2f}")) for i in range(101)]


@pytest.mark.parametrize(
    "entry",
    [
        [],
        [1, 1.0],
        [None, None],
        [True, 1],
        [2**63],
        [-(2**63) - 1],
        ParameterEntry(),
        ParameterEntry(values=[2], range=steps(1, 3)),
        steps(0.7, 0.95, 0.02),
        steps(1, 2, 0),
        steps(2, 1),
        steps(1, 2, -1),
        steps(1, 10**6 + 1),
        steps(1, 10**400),
        steps(0.0, 1e300, 1e-300),
    ],
)
def test_a_faulty_domain_is_none(entry: Any) -> None:
    assert domain(entry) is None


def test_the_ends_of_64_bits_and_a_million_values_are_allowed() -> None:
    assert domain([-(2**63), 2**63 - 1]) is not None
    assert len(domain(steps(1, 10**6)) or ()) == 10**6


def test_a_scale_of_strings_is_ordered() -> None:
    assert domain(ParameterEntry(values=["low", "high"], ordered=True)) == Domain(
        ("low", "high"), ordered=True
    )


def test_a_value_outside_gets_the_closest_or_the_list() -> None:
    assert not_in_domain("flashinfr", Domain(("flashinfer", "fa3"))) == "did you mean `flashinfer`?"
    assert not_in_domain(3, Domain((None, 2, 4))) == "its values are null, 2, 4"
    assert not_in_domain(-1, Domain(tuple(range(50)))) == "its values are 0, 1, 2, 3, 4, 5, ..., 48, 49"
