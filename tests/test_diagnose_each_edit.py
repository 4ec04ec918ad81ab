"""Each finding that carries an edit, applied to a bundled space: what is left is smaller, and not empty."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from spacegen import Space, load
from spacegen.diagnose.diagnosis import diagnose
from spacegen.diagnose.finding import Severity
from spacegen.diagnose.narrowing import overlay
from spacegen.diagnose.narrowing.narrowing import narrow
from tests.server_logs import MINI, NEW, OLD, STORIES, Story, log
from tests.test_diagnose_docs import ADVICE, LISTED, MAKERS


@dataclass(frozen=True)
class Case:
    """Logs that show a finding."""

    stories: tuple[Story, ...]
    decodes: int = 80
    tp: int = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Said in place of those of the story, or beside them."""
    words: tuple[str, str] = ("", "")
    """Words of the log, and what it says in their place."""
    ends: str = ""
    """What the log says in place of all that follows once the server is ready."""


def of(name: str, **more: Any) -> Case:
    # Shares that h100 does not offer are moved into it.
    story = STORIES[name]
    return Case((replace(story, share=min(max(story.share, 0.7), 0.94)),), **more)


_CACHE = {
    "enable_hierarchical_cache": True,
    "hicache_ratio": 3.0,
    "hicache_size": 0,
    "hicache_mem_layout": "layer_first",
}
_NO_HOST = (
    "Exception: Scheduler hit an exception: Traceback (most recent call last):\n"
    '  File "/s/a.py", line 1, in f\n    raise ValueError(message)\n'
    "ValueError: Not enough host memory available. Requesting 100.00 GB but only have 40.00 GB free.\n"
    "[2025-08-11 17:17:30] Received sigquit from a child process. It usually means the child failed.\n"
)
_NO_MEMORY = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of "
    "79.11 GiB of which 1.00 GiB is free.\n"
)

CASES = {
    "too-conservative": of("conservative"),
    "too-few-slots": of("full-slots"),
    "retracts-often": of("retracting"),
    "graphs-too-small": of("no-graph"),
    "graphs-off": of("no-graph", arguments={"disable_cuda_graph": True}),
    "slow-capture": Case((Story(running=40),), words=("4.63 s", "94.63 s")),
    "memory-unused": of("too-much-left"),
    # What has served at full load narrows nothing.
    "memory-scarce": of("too-little-left", decodes=10),
    "memory-window": Case((Story(share=0.8, ends="no-pool"), Story(share=0.9, ends="prefill-oom"))),
    "no-memory-window": Case((Story(share=0.84, ends="no-pool"), Story(share=0.85, ends="prefill-oom"))),
    "no-kv-pool": of("no-pool"),
    "out-of-memory-weights": of("weights-oom"),
    "out-of-memory-kv-pool": of("pool-oom"),
    "out-of-memory-graphs": of("graphs-oom"),
    "out-of-memory-warm-up": of("warm-up-oom"),
    "out-of-memory-prefill": of("prefill-oom"),
    "out-of-memory-decode": of("decode-oom"),
    "out-of-memory-serving": Case((Story(),), ends=_NO_MEMORY),
    "no-tokens-prefill": of("prefill-tokens"),
    "no-tokens-decode": of("decode-tokens"),
    "no-request-slots": of("slots"),
    "request-larger-than-pool": of("aborted"),
    "host-memory": Case((Story(),), arguments=_CACHE, ends=_NO_HOST),
    "shared-prefixes": of("shared-prefixes"),
    # What is never cached is told from many prefills.
    "nothing-cached": of("nothing-shared", decodes=300),
    "data-parallel-first": Case((Story(),), tp=4),
    "attention-data-parallel": Case((Story(weights=100.0),), tp=8, arguments={"model_path": "deepseek-v3"}),
    "compile": Case((Story(running=16),)),
    "quantize": Case((Story(weights=50.0),)),
}
OF_MINI = {"minisgl-graphs": Case((Story(graphs=64),))}
NO_SPACE = {"ranks-uneven"}
"""No bundled space searches `load_balance_method`."""
ONLY_TOLD = {
    *(
        "queue-empty",
        "queue-short",
        "queue-long",
        "requests-wait",
        "load-good",
        "half-of-serving",
        "retracts-sometimes",
    ),
    *("admission-swings", "prefill-bound", "graphs-unused", "beyond-graphs", "memory-good", "gateway"),
    *("graph-capture-failed", "arguments-refused", "arguments-changed", "port-in-use", "slow-loading"),
    *("watchdog", "health-check-failed", "crashed", "drafts-rejected", "half-of-serving"),
}
"""What a sentence or a command says, and no edit."""


def _text(case: Case, story: Story, version: str) -> str:
    text = "".join(log(version, story, decodes=case.decodes, tp=case.tp))
    if case.ends:
        line = "The server is fired up and ready to roll!"
        before = text[: text.index("\n", text.index(line)) + 1].splitlines(keepends=True)
        # Nor is there a batch of the warm-up that would say what the server was doing.
        text = "".join(one for one in before if " batch" not in one) + case.ends
    for name, value in case.arguments.items():
        given = re.compile(rf"(\b{name}'?(?:=|: ))('[^']*'|[^,)}}]+)")
        if given.search(text):
            text = given.sub(lambda found, value=value: f"{found[1]}{value!r}", text, count=1)
        elif version == NEW:
            text = text.replace("server_args={", f"server_args={{{name!r}: {value!r}, ", 1)
        else:
            text = text.replace("ServerArgs(", f"ServerArgs({name}={value!r}, ", 1)
    return text.replace(*case.words) if case.words[0] else text


def _logs(case: Case, version: str, folder: Path) -> list[Path]:
    found = []
    for number, story in enumerate(case.stories):
        found.append(folder / f"{number}.log")
        found[-1].write_text(_text(case, story, version), encoding="utf-8")
    return found


@lru_cache(maxsize=2)
def space(name: str) -> Space:
    return load(name)


@pytest.mark.parametrize(
    ("finding", "version"),
    [(one, version) for one in CASES for version in (OLD, NEW)] + [(one, MINI) for one in OF_MINI],
)
def test_each_edit_leaves_a_smaller_space_that_is_not_empty(
    finding: str, version: str, tmp_path: Path
) -> None:
    name, case = ("mini-sglang", OF_MINI[finding]) if version == MINI else ("h100", CASES[finding])
    found = diagnose(_logs(case, version, tmp_path))
    assert finding in {one.id for one in found.findings if one.moves}
    # Alone, as worse ones may say as much.
    made = narrow(
        space(name), found.launches, [f for f in found.findings if f.id == finding], apply=set(Severity)
    )
    (edit,) = made.edits
    assert edit.because.startswith("log line")
    assert made.after is not None
    assert made.before is not None
    assert 0 < made.after < made.before
    assert made.next is not None
    assert made.space.check(made.next.config).valid
    if finding not in ("memory-window", "no-memory-window"):
        assert made.next.changes
    out = tmp_path / "narrowed.yaml"
    overlay.write(out, name, space(name), made.edits, counts=made.counts)
    again = load(out)
    assert again.fingerprint == made.space.fingerprint
    # With all the others it stays a space, and what comes next is in it.
    made = narrow(space(name), found.launches, found.findings)
    assert made.after
    assert (made.next is None) is not bool(made.edits)
    assert made.next is None or made.space.check(made.next.config).valid


def _carries_moves(node: ast.AST) -> str | None:
    """The id of a finding that is made with moves, where both stand together."""
    match node:
        case ast.Call(func=ast.Name("Finding"), keywords=keywords):
            ids = [one.value for one in keywords if one.arg == "id"]
        case ast.Call(func=ast.Name("_could"), args=args) if len(args) > 4:
            return ast.literal_eval(args[0])
        case ast.Call(func=ast.Name(name), args=args) if name in MAKERS:
            ids = [args[MAKERS[name]]]
        case _:
            return None
    if any(one.arg == "moves" for one in node.keywords) and isinstance(ids[0], ast.Constant):
        return str(ids[0].value)
    return None


def test_every_finding_that_carries_an_edit_is_tried() -> None:
    tried = {*CASES, *OF_MINI, *NO_SPACE}
    assert tried | ONLY_TOLD == LISTED
    assert not tried & ONLY_TOLD
    nodes = (node for path in ADVICE.glob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    assert {id for node in nodes if (id := _carries_moves(node)) is not None} <= tried
