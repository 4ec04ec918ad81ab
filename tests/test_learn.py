"""Failures shrunk to the values that cause them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from spacegen.api import load
from spacegen.launch.learn import Failure, Learner, Lesson, failures, minimal
from spacegen.launch.learned import pack
from spacegen.launch.preflight import Judgement

GOOD = Judgement("accepted")


def server(config: Mapping[str, Any]) -> Judgement:
    """Refuses hi with no, unless saved; alters page where kind is fa4 (and page is not 128)."""
    if config.get("hi") and config.get("no") and not config.get("saved"):
        return Judgement("validation", "hi needs no no", "ValueError", "server.py:1")
    if config.get("kind") == "fa4" and config.get("page") not in (None, 128):
        return Judgement("accepted", altered={"page": (config["page"], 128)})
    return GOOD


FULL = {"hi": True, "no": True, "saved": False, "kind": "fa4", "page": 64, "tp": 4, "chunk": None}


def test_a_rejected_config_is_shrunk_to_what_it_needs_to_fail() -> None:
    (lesson,) = Learner(server, []).learn(FULL)
    assert lesson.values == {"hi": True, "no": True}
    assert lesson.failure == Failure("rejects", "validation server.py:1", "hi needs no no", "server.py:1")


def test_an_altered_config_keeps_the_altered_value() -> None:
    (lesson,) = Learner(server, []).learn({**FULL, "no": False})
    assert lesson.values == {"kind": "fa4", "page": 64}
    assert lesson.failure.because == "the server runs page 128 instead of 64"


def test_what_a_lesson_explains_is_not_learned_again() -> None:
    asked: list[Mapping[str, Any]] = []

    def ask(config: Mapping[str, Any]) -> Judgement:
        asked.append(config)
        return server(config)

    learner = Learner(ask, [])
    assert len(list(learner.learn(FULL))) == 1
    before = len(asked)
    assert list(learner.learn({**FULL, "tp": 2})) == []
    assert len(asked) == before + 1
    assert len(list(learner.learn({**FULL, "no": False, "page": 32}))) == 1
    assert len(list(learner.learn({**FULL, "no": False, "page": 16}))) == 1


def test_a_config_that_is_accepted_teaches_nothing() -> None:
    assert list(Learner(server, []).learn({"tp": 2})) == []


def test_a_combination_is_completed_where_a_config_has_it_and_is_taken() -> None:
    taken = {**FULL, "saved": True, "kind": "fa3"}
    (lesson,) = Learner(server, [taken]).learn(FULL)
    assert lesson.values == {"hi": True, "no": True, "saved": False}


def test_several_failures_of_a_config_are_several_lessons() -> None:
    def alters(config: Mapping[str, Any]) -> Judgement:
        return Judgement("accepted", altered={n: (config[n], 0) for n in ("a", "b") if config.get(n)})

    lessons = list(Learner(alters, []).learn({"a": 1, "b": 2, "c": 3}))
    assert [lesson.values for lesson in lessons] == [{"a": 1}, {"b": 2}]


def test_an_error_without_words_has_its_type() -> None:
    (failure,) = failures(Judgement("resolution", "", "AssertionError"))
    assert (failure.because, failure.name) == ("AssertionError", "resolution AssertionError")


@pytest.mark.parametrize("seed", range(30))
def test_nothing_can_be_taken_from_a_minimal_part(seed: int) -> None:
    draw = random.Random(seed)
    values = {f"p{i}": i for i in range(draw.randint(1, 40))}
    causes = [set(draw.sample(list(values), draw.randint(0, min(4, len(values))))) for _ in range(3)]

    def fails(part: Mapping[str, Any]) -> bool:
        return any(cause <= part.keys() for cause in causes)

    found = minimal(values, fails)
    assert fails(found)
    assert not any(fails({n: v for n, v in found.items() if n != name}) for name in found)


RADIX = Failure("rejects", "validation server.py:1", "the cache: needs radix", "server.py:1")
PAGE = Failure("alters", "page_size", "the server runs page_size 128 instead of 64")


def test_a_pack_has_a_rule_for_each_failure_and_its_parameters() -> None:
    lessons = [
        Lesson(RADIX, {"enable_hierarchical_cache": True, "disable_radix_cache": True}),
        Lesson(PAGE, {"attention_backend": "fa4", "page_size": 64}),
        Lesson(PAGE, {"page_size": 32, "attention_backend": "fa4"}),
        Lesson(PAGE, {"page_size": 48}),
    ]
    document = yaml.safe_load(pack(lessons, "0.5.6.post2"))
    assert document["names"] == "sglang==0.5.6"
    assert document["rules"][0] == {
        "id": "learned-disable-radix-cache-enable-hierarchical-cache",
        "forbid": {"enable_hierarchical_cache": True, "disable_radix_cache": True},
        "because": "the cache: needs radix",
        "source": "sglang 0.5.6.post2 server.py:1, learned from a preflight",
        "kind": "rejects",
        "versions": "==0.5.6",
    }
    rows = {"parameters": ["attention_backend", "page_size"], "values": [["fa4", 64], ["fa4", 32]]}
    assert document["rules"][1]["forbidden_assignments"] == rows
    assert document["rules"][2]["forbid"] == {"page_size": 48}


def test_a_space_takes_the_pack(tmp_path: Path) -> None:
    lessons = [Lesson(RADIX, {"enable_hierarchical_cache": True, "disable_radix_cache": True})]
    (tmp_path / "learned.yaml").write_text(pack(lessons, "0.5.6.post2"), encoding="utf-8")
    (tmp_path / "space.yaml").write_text(
        "spacegen: 1\ntarget: {server: sglang, version: 0.5.6}\ninclude: [./learned.yaml]\n"
        "parameters: {enable_hierarchical_cache: [false, true], disable_radix_cache: [false, true]}\n"
    )
    assert load(tmp_path / "space.yaml").count() == 3


def test_rules_have_names_of_their_own() -> None:
    other = Failure("rejects", "validation server.py:9", "other", "server.py:9")
    lessons = [Lesson(RADIX, {"page_size": 1}), Lesson(other, {"page_size": 1})]
    ids = [rule["id"] for rule in yaml.safe_load(pack(lessons, "0.5.6"))["rules"]]
    assert ids == ["learned-page-size", "learned-page-size-2"]


def test_an_empty_pack_is_a_pack() -> None:
    assert yaml.safe_load(pack([], "0.5.6"))["rules"] == []
