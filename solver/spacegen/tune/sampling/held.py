"""Parameters that somebody chose for a trial: whether they can hold, and what they leave open."""

from __future__ import annotations

from collections.abc import Mapping

from spacegen.engines.blocks import Given
from spacegen.errors import EmptySpaceError, EngineError, Fault, UsageError
from spacegen.language.model import Domain
from spacegen.questions.edits import several, shorten
from spacegen.questions.verdict import assignments
from spacegen.tune.sampling.encoding import Encoding

__all__ = ["exhausted", "held", "refuse_impossible"]


def held(encoding: Encoding, params: Mapping[str, object]) -> Given:
    """The codes that params leave to their parameters. Raises UsageError for names and values that the
    space does not have."""
    settled = encoding.space.not_searched
    given = {}
    for name, choice in params.items():
        if name not in encoding.parameters and name in settled and choice in Domain((settled[name],)):
            continue
        parameter = encoding.known(name)
        code = encoding.code(name, choice)
        if code is None:
            hint = f"its choices are {shorten(several(encoding.choices[name]))}"
            message = f"a trial cannot have `{name}` = {choice!r}, which is outside its domain"
            raise UsageError(Fault(message, hint=hint))
        given[parameter.name] = (code,)
    return given


def refuse_impossible(encoding: Encoding, given: Given) -> None:
    """Raises UsageError with the conflict where no solution has these values; EmptySpaceError where there is
    no solution at all."""
    space = encoding.space
    if space.engine.costed((), given).least() is not None:
        return
    if not given or space.engine.costed(()).least() is None:
        raise EmptySpaceError(f"`{space.name}` has no solution that a trial could try")
    values = {name: encoding.parameters[name].domain[codes[0]] for name, codes in given.items()}
    told = space.why_not(values)
    raise UsageError(f"no solution of `{space.name}` has the params of an enqueued trial: {told}")


def exhausted(encoding: Encoding, given: Given) -> EmptySpaceError:
    """What to say where nothing is left to try."""
    space = encoding.space
    values = {name: encoding.parameters[name].domain[codes[0]] for name, codes in given.items()}
    with_these = f" with {assignments(values)}" if values else ""
    try:
        number = space.engine.count(given)
    except EngineError:
        return EmptySpaceError(f"all solutions of `{space.name}`{with_these} have been tried in this study")
    told = "the only solution" if number == 1 else f"all {number:,} solutions"
    done = "has" if number == 1 else "have"
    return EmptySpaceError(f"{told} of `{space.name}`{with_these} {done} been tried in this study")
