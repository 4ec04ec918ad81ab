"""What holds of every narrowing, whatever logs say: over small spaces and findings made up at random."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spacegen import Space, load
from spacegen.diagnose.finding import Finding, Move, Severity
from spacegen.diagnose.launch import Launch, Line, Phase
from spacegen.diagnose.narrowing import overlay
from spacegen.diagnose.narrowing.edit import Basis, Edit, holds
from spacegen.diagnose.narrowing.narrowing import Narrowing, narrow

DOMAINS: dict[str, list[Any]] = {
    "tp_size": [1, 2, 4, 8],
    "chunked_prefill_size": [None, -1, 2048, 4096, 8192],
    "mem_fraction_static": [None, 0.8, 0.84, 0.88, 0.9],
    "schedule_conservativeness": [0.3, 0.7, 1.0, 1.3],
    "quantization": [None, "fp8"],
}
RULES = (
    "tp_size < 8 or chunked_prefill_size == 2048",
    "quantization is null or mem_fraction_static <= 0.88",
    "schedule_conservativeness < 1.3 or tp_size > 1",
)


def value(name: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([one for one in DOMAINS[name] if one is not None])


@st.composite
def moves(draw: st.DrawFn) -> Move:
    name = draw(st.sampled_from(list(DOMAINS)))
    at = draw(value(name))
    if isinstance(at, str):
        return Move(parameter=name, among=(at,), to=at)
    to = draw(value(name))
    match draw(st.sampled_from(["at_least", "at_most", "apart_from"])):
        case "apart_from":
            return Move(parameter=name, apart_from=(at,), was=at)
        case side:
            return Move(parameter=name, to=to, **{side: at})


@st.composite
def told(draw: st.DrawFn) -> tuple[list[Launch], list[Finding]]:
    """Launches, and what is found about them."""
    launches, found = [], []
    for number in range(draw(st.integers(1, 3))):
        said = draw(st.sets(st.sampled_from(list(DOMAINS))))
        ran = {name: draw(st.sampled_from(DOMAINS[name])) for name in sorted(said)}
        launches.append(Launch(server="sglang", version="0.5.6", arguments=ran))
        for which in range(draw(st.integers(0, 3))):
            failed = draw(st.booleans())
            found.append(
                Finding(
                    id=f"finding-{which}",
                    phase=Phase.SERVING,
                    severity=Severity.ERROR if failed else Severity.WARNING,
                    launch=number,
                    summary="it's so",
                    evidence=(Line(file=f"{number}.log", number=which + 1, text="x"),),
                    moves=tuple(draw(st.lists(moves(), min_size=1, max_size=3))),
                    unless=tuple(draw(st.lists(moves(), max_size=2))) if failed else (),
                )
            )
    return launches, found


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    names = sorted(draw(st.sets(st.sampled_from(list(DOMAINS)), min_size=2)), key=list(DOMAINS).index)
    space = Space.build("s", {names[0]: DOMAINS[names[0]]})
    for name in names[1:]:
        space = space.with_parameter(name, DOMAINS[name], default=DOMAINS[name][0])
    rules = [rule for rule in RULES if all(n in names for n in DOMAINS if n in rule)]
    for number, rule in enumerate(rules):
        space = space.with_rule(rule, id=f"r{number}")
    return space


def written(out: Path, name: str, launches: Sequence[Launch], found: Sequence[Finding]) -> Narrowing:
    """What a run leaves at `out`."""
    space = load(name)
    made = narrow(space, launches, found, earlier=overlay.earlier(out, name, space))
    overlay.write(out, name, space, made.edits, counts=made.counts)
    return made


@settings(max_examples=40, deadline=None)
@given(spaces(), told(), told())
def test_laws_of_narrowing(space: Space, first: Any, second: Any) -> None:
    with TemporaryDirectory() as folder:
        base, out = Path(folder) / "base.yaml", Path(folder) / "narrowed.yaml"
        base.write_text(space.to_yaml())
        failures: list[Edit] = []
        for launches, found in (first, second):
            made = written(out, str(base), launches, found)
            text, left = out.read_text(), load(out)
            # The file is what was told, and never empty.
            assert made.after == left.count() == made.space.count()
            assert 0 < made.after <= made.before == space.count()
            assert f"# {made.after:,} of {space.count():,} configs are left." in text
            # What comes next is in it.
            assert made.next is None or left.check(made.next.config).valid
            # The same again changes nothing, from the base or from the overlay itself.
            for name in (str(base), str(out)):
                again = written(out, name, launches, found)
                assert out.read_text() == text
                assert again.next == made.next
            # What failed stays for good.
            failures += [edit for edit in made.edits if edit.basis is Basis.FAILURE]
            for config in space.solutions():
                if not all(holds(edit, config) for edit in failures):
                    assert not left.check(config).valid
