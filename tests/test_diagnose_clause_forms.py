"""Clauses of many failures, written so that they compile together."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacegen import Space, load
from spacegen.diagnose.finding import Finding, Move
from spacegen.diagnose.launch import Launch
from spacegen.diagnose.narrowing import overlay
from spacegen.diagnose.narrowing.clause_forms import members
from spacegen.diagnose.narrowing.edit import Edit
from spacegen.diagnose.narrowing.edits_from_findings import Ground
from spacegen.diagnose.narrowing.resolving import edits_in, resolve
from tests.spaces_to_narrow import finding

MODELS = Path(__file__).parent / "models"


def failures(number: int) -> tuple[list[Launch], list[Finding]]:
    launches, found = [], []
    for i in range(number):
        ran = {
            "tp_size": 2 ** (i % 3),
            "pp_size": 1 + i % 2,
            "mem_fraction_static": (0.8, 0.84, 0.86, 0.88, 0.9)[i % 5],
            "chunked_prefill_size": (4096, 8192, 16384)[i % 3],
            "max_running_requests": (512, 1024, 2048)[(i // 2) % 3],
            "cuda_graph_max_bs": (160, 256, 512)[(i // 3) % 3],
        }
        moves = [
            Move(parameter=name, at_most=ran[name] - (0.01 if name[0:3] == "mem" else 1))
            for name in (
                "mem_fraction_static",
                "chunked_prefill_size",
                "max_running_requests",
                "cuda_graph_max_bs",
            )
        ]
        moves += [Move(parameter=name, at_least=ran[name] + 1) for name in ("tp_size", "pp_size")]
        moves += [Move(parameter=name, at_least=2) for name in ("attn_dp_size", "ep_size")]
        moves += [
            Move(parameter="quantization", among=("fp8",)),
            Move(parameter="kv_cache_dtype", among=("fp8_e4m3",)),
            Move(parameter="disable_cuda_graph", among=(True,)),
            Move(parameter="max_total_tokens", at_most=400_000),
        ]
        own = moves[i % 4 :] + moves[: i % 4]
        launches.append(Launch(server="sglang", version="0.5.6", arguments={**ran, "quantization": None}))
        found.append(finding(*own[:2], id=f"oom-{i}", error=True, launch=i, unless=tuple(own[2:])))
    return launches, found


@pytest.mark.parametrize("model", [None, MODELS / "qwen3-0.6b"])
def test_clauses_of_thirty_failed_launches_compile(model: Path | None, tmp_path: Path) -> None:
    space = load("h100", model=model)
    launches, found = failures(30)
    grounds = [Ground.of(space, one) for one in launches]
    edits = [made for f in found if isinstance(made := grounds[f.launch].edit(f), Edit)]
    assert len(edits) == 30
    assert {len(one.ways) for one in edits} == {12}
    left = resolve(space, edits)
    # Those of larger launches are implied by those of smaller ones.
    assert 5 < len(left.kept) < 30
    assert left.space.ranked
    assert 0 < left.space.count() < space.count()
    out = tmp_path / "narrowed.yaml"
    text = overlay.write(out, "h100", space, left.kept)
    again = load(out, model=model)
    assert again.fingerprint == left.space.fingerprint
    assert text == overlay.overlay_text("h100", again, edits_in(again))


def test_a_clause_has_its_members_however_it_is_written() -> None:
    space = Space.build("s", {"a": [1, 2], "b": [1, 2], "c": [1, 2]})
    rule = space.with_rule("a == 1 or (b == 1 or c == 1) == true", id="r").rules[0]
    assert len(members(rule.condition)) == 3
