"""Arguments that a server runs with other than it was asked to."""

from __future__ import annotations

from spacegen.diagnose.advice.changed import changed
from spacegen.diagnose.diagnosis import examine
from spacegen.diagnose.launch import Fact
from tests.made_launches import (
    FACTS,
    launch,
)


def test_arguments_that_the_server_changed_are_told() -> None:
    seen = launch()
    asked = {"chunked_prefill_size": 4096, "tp_size": 1, "mem_fraction_static": None, "page_size": 64}
    (finding,) = changed(seen, asked)
    assert finding.summary.endswith("`chunked_prefill_size` is 8192 instead of 4096")
    assert finding.evidence == (seen.arguments_line,)
    assert list(changed(seen, {"tp_size": 1.0})) == []


def test_what_a_server_says_beside_its_arguments_wins_over_what_was_asked_for() -> None:
    facts = {Fact.CHUNK: 8192, Fact.PREFILL_TOKENS: 16384, Fact.MOST_RUNNING: 341, Fact.CONTEXT: 131072}
    silent = launch({}, {**FACTS, **facts}).model_copy(update={"arguments_line": None})
    asked = {"chunked_prefill_size": 16384, "max_running_requests": 1024, "mem_fraction_static": 0.9}
    shared = {**asked, "max_running_requests": 1024, "enable_dp_attention": True, "dp_size": 3}
    for given, running, chunk in ((asked, 341, 8192), (shared, 1024, 3 * 8192)):
        found = examine([silent], config=given)
        assert found.launches[0].arguments == {
            **given,
            "chunked_prefill_size": chunk,
            "max_running_requests": running,
        }
        (finding,) = (one for one in found.findings if one.id == "arguments-changed")
        assert f"`chunked_prefill_size` is {chunk} instead of 16384" in finding.summary
        assert ("`max_running_requests` is 341 instead of 1024" in finding.summary) == (given is asked)
        assert finding.evidence[0].text == "chunked prefill size"
    assert not examine([silent], config={"chunked_prefill_size": 8192, "context_length": None}).findings


def test_arguments_are_compared_under_the_names_of_either_version() -> None:
    (finding,) = changed(launch({"cuda_graph_max_bs_decode": 256}), {"cuda_graph_max_bs": 512})
    assert "is 256 instead of 512" in finding.summary
