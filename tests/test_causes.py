"""Judgements in numbers."""

from __future__ import annotations

from spacegen.launch.causes import Tally
from spacegen.launch.preflight import Judgement

GOOD = Judgement("accepted")
PAGES = Judgement("accepted", altered={"page_size": (1, 128)})
BOTH = Judgement("accepted", altered={"page_size": (64, 128), "tp_size": (1, 2)})
RADIX = Judgement("validation", "needs the radix cache\nreally", "ValueError", "server_args.py:7")


def _tally(*judgements: Judgement) -> Tally:
    tally = Tally()
    for i, judgement in enumerate(judgements):
        tally.add(f"c{i}", judgement)
    return tally


def test_configs_are_counted_once_and_causes_as_often_as_they_occur() -> None:
    tally = _tally(GOOD, PAGES, BOTH, RADIX, GOOD)
    assert str(tally) == "4 of 5 configs accepted, 2 of them as they are written"
    assert [(c.count, c.outcome, c.first, c.words) for c in tally.causes] == [
        (1, "rejected", "c3", "validation: needs the radix cache (server_args.py:7)"),
        (2, "altered", "c1", "page_size: 1 -> 128"),
        (1, "altered", "c2", "tp_size: 1 -> 2"),
    ]


def test_the_same_line_of_the_server_is_the_same_cause() -> None:
    other = Judgement("validation", "needs the radix cache of 3", "ValueError", "server_args.py:7")
    elsewhere = Judgement("validation", "needs the radix cache", "ValueError", "server_args.py:8")
    assert [cause.count for cause in _tally(RADIX, elsewhere, other).causes] == [2, 1]


def test_numbers_are_json() -> None:
    numbers = _tally(GOOD, PAGES).as_dict()
    cause = {"outcome": "altered", "cause": "page_size: 1 -> 128", "count": 1, "first": "c1"}
    assert numbers == {"configs": 2, "accepted": 1, "altered": 1, "rejected": 0, "causes": [cause]}


def test_nothing_judged_is_nothing_wrong() -> None:
    tally = _tally()
    assert (str(tally), tally.causes) == ("0 of 0 configs accepted, 0 of them as they are written", [])
