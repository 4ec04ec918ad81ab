"""What the rules of the book come to together."""

from __future__ import annotations

from spacegen.diagnose.advice.book import findings
from spacegen.diagnose.finding import Severity
from spacegen.diagnose.launch import Phase, Trouble, TroubleKind
from tests.made_launches import (
    ARGUMENTS,
    FACTS,
    failed,
    launch,
    shown,
)


def test_a_failure_without_arguments_asks_for_them_where_they_say_more() -> None:
    def advice(trouble: Trouble) -> str:
        silent = launch({}, {}, trouble).model_copy(update={"arguments_line": None})
        (finding,) = (one for one in findings([silent]) if one.severity is Severity.ERROR)
        assert finding.moves == ()
        return finding.advice[-1]

    # Also where the log alone gives no way out.
    assert "with `--config`" in advice(failed(TroubleKind.NO_POOL, Phase.KV_POOL))
    assert "with `--config`" in advice(failed(TroubleKind.OUT_OF_MEMORY, Phase.WEIGHTS))
    assert "with `--config`" not in advice(failed(TroubleKind.CRASH, Phase.SERVING, words="ValueError: no"))


def test_one_failure_is_told_once() -> None:
    seen = launch(
        ARGUMENTS,
        FACTS,
        failed(TroubleKind.OUT_OF_MEMORY, Phase.GRAPHS),
        failed(TroubleKind.CAPTURE, Phase.GRAPHS),
        failed(TroubleKind.CRASH, Phase.GRAPHS, words="Exception: Capture cuda graph failed"),
        failed(TroubleKind.KILLED, Phase.GRAPHS, signal=9),
    )
    assert [finding.id for finding in shown(seen)] == ["out-of-memory-graphs"]
