"""Launches of another model or another GPU are no evidence for a space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spacegen import Space, load
from spacegen.diagnose.launch import Fact, Figure, Line, Phase, Trouble, TroubleKind
from spacegen.diagnose.narrowing.edit import Edit, Kept
from spacegen.diagnose.narrowing.edits_from_findings import Dropped, Ground
from spacegen.diagnose.narrowing.narrowing import narrow
from tests.spaces_to_narrow import LOWER, finding, h100, launch, small

MODELS = Path(__file__).parent / "models"


def test_another_model_or_another_gpu_narrows_nothing() -> None:
    def about(model: str | None, space: Space, **more: Any) -> Edit | Dropped:
        ran = launch() if model is None else launch(model_path=model)
        return Ground.of(space, ran.model_copy(update=more)).edit(finding(LOWER))

    fixed = load("h100", model=MODELS / "qwen3-0.6b", fixed={"model_path": "/models/qwen3-0.6b"})
    for model in (None, "Qwen/Qwen3-0.6B", "/hub/models--Qwen--Qwen3-0.6B/snapshots/c1899de/"):
        assert isinstance(about(model, fixed), Edit)
    other = about("meta-llama/Llama-3.1-8B", fixed)
    assert isinstance(other, Dropped)
    assert other.reason == "the log is of meta-llama/Llama-3.1-8B, the space is for /models/qwen3-0.6b"
    searched = small().with_parameter("model_path", ["/m/large", "/m/small"], default="/m/large")
    edit = about("/elsewhere/large", searched)
    assert isinstance(edit, Edit)
    assert edit.ways[-1] == Kept(parameter="model_path", values=("/m/small",))
    for unknown in (None, "/m/third"):
        assert isinstance(about(unknown, searched), Dropped)
    line = Line(file="a.log", number=1, text="x")
    for gib, fits in ((78.6, True), (68.0, True), (44.0, False), (138.2, False)):
        figures = {Fact.BEFORE_LOADING: Figure(value=gib, line=line)}
        assert isinstance(about(None, h100(), figures=figures), Edit) is fits
    for gib, fits in ((79.1, True), (47.5, False)):
        ran_out = Trouble(
            kind=TroubleKind.OUT_OF_MEMORY, phase=Phase.SERVING, lines=(line,), numbers={"capacity_gib": gib}
        )
        assert isinstance(about(None, h100(), troubles=(ran_out,)), Edit) is fits


def test_what_a_small_gpu_leaves_free_says_nothing_about_a_large_one() -> None:
    line = Line(file="a.log", number=1, text="x")
    ran = launch().model_copy(update={"figures": {Fact.BEFORE_LOADING: Figure(value=78.58, line=line)}})
    for name, gib in (("h200", 140), ("b200", 179)):
        made = narrow(load(name), [ran], [finding(LOWER)])
        assert [one.reason for one in made.dropped] == [
            f"the log is of a GPU with 79 GiB free, the space is for {gib} GiB (`--hardware`)"
        ]
        assert made.next is None
