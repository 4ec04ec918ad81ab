"""The options that verbs share, each declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_type_hints

import typer

from spacegen.cli.output import say

if TYPE_CHECKING:
    from spacegen.api import Space

__all__ = [
    "AsJson",
    "EngineChoice",
    "Selection",
    "SpaceName",
    "assignments",
    "one_of",
    "split",
    "spread",
]

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_SPACE = "The space"
_SEARCH = "The search"
_OUTPUT = "The output"

SpaceName: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="SPACE", help="A YAML file, or a bundled space.", show_default=False),
]
EngineChoice: TypeAlias = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="auto, jointree, cpsat or backtrack.",
        rich_help_panel=_SEARCH,
    ),
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON for programs.", rich_help_panel=_OUTPUT)
]


def _option(flag: str, metavar: str, help: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=help, rich_help_panel=_SPACE, show_default=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of a space a verb is about."""

    set: Annotated[list[str] | None, _option("--set", "NAME=VALUE", "Give a constant another value.")] = None
    hardware: Annotated[
        str | None,
        _option("--hardware", "NAME", "Take constants from the hardware catalogue, such as h100x8."),
    ] = None
    model: Annotated[
        str | None, _option("--model", "PATH", "Take constants from a model: its folder or config.json.")
    ] = None
    pin: Annotated[list[str] | None, _option("--pin", "PARAM=VALUE", "Hold a parameter at one value.")] = None
    drop: Annotated[
        list[str] | None,
        _option("--drop", "PARAM|GROUP", "Fix parameters at their defaults and leave them out of outputs."),
    ] = None
    only: Annotated[
        list[str] | None,
        _option("--only", "PARAM|GROUP", "Drop all others; an impact works too."),
    ] = None
    where: Annotated[
        list[str] | None, _option("--where", "EXPR", "Keep the solutions for which this is true.")
    ] = None
    with_kind: Annotated[
        list[str] | None, _option("--with-kind", "KIND", "Take rules of this kind too, such as heuristic.")
    ] = None
    without_kind: Annotated[
        list[str] | None, _option("--without-kind", "KIND", "Leave out the rules of this kind.")
    ] = None
    without_rule: Annotated[list[str] | None, _option("--without-rule", "ID", "Leave out one rule.")] = None
    target: Annotated[
        str | None,
        _option("--target", "SERVER==VERSION", "Load the space for another version of its server."),
    ] = None
    strict_target: Annotated[
        bool,
        typer.Option(
            "--strict-target", help="Take the packs of the strict target too.", rich_help_panel=_SPACE
        ),
    ] = False
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            help="How long CP-SAT may look for an answer; 60 unless given.",
            rich_help_panel=_SEARCH,
            show_default=False,
        ),
    ] = None
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.", rich_help_panel=_OUTPUT)
    ] = False

    def load(
        self,
        name: str,
        *,
        engine: str = "auto",
        rules: bool = True,
        fixed: Mapping[str, Any] = _NOTHING,
        effective: bool = False,
    ) -> Space:
        """The chosen part of a space, with more values `fixed`; what was left out is said on stderr.
        `effective` leaves one of the configs that come to the same launch."""
        from spacegen.api import load
        from spacegen.engines.plan import ENGINES
        from spacegen.language.scalars import read_scalar

        space = load(
            name,
            constants={name: read_scalar(text) for name, text in assignments(self.set, "--set").items()},
            with_kinds=self.with_kind or (),
            without_kinds=self.without_kind or (),
            without_rules=self.without_rule or (),
            strict_target=self.strict_target,
            effective=effective,
            target=self.target,
            hardware=self.hardware,
            model=self.model,
            fixed=fixed,
            engine=one_of(engine, ENGINES, "--engine"),
        )
        space = space if self.timeout is None else space.with_timeout(self.timeout)
        return self.narrow(space if rules else space.without_rules())

    def narrow(self, space: Space) -> Space:
        """The space under `--where`, `--pin`, `--drop` and `--only`."""
        for expression in self.where or ():
            space = space.where(expression)
        for name, text in assignments(self.pin, "--pin").items():
            space = space.pinned_as(name, text)
        if self.drop or self.only:
            space = space.narrowed(only=self.only, drop=self.drop or ())
        for note in space.notes:
            self.say(f"note: {note}")
        return space

    def say_engine(self, space: Space) -> None:
        """Tells people what the engine has to say of its choice, and which values a target leaves none."""
        self.say_choice(space)
        # Only an engine that counts by itself knows this at once.
        if self.target is not None and space.ranked and not self.quiet:
            self.say_dead(space)

    def say_choice(self, space: Space) -> None:
        """Tells people what the engine has to say of its choice."""
        for note in space.engine.notes:
            self.say(f"note: {note}")

    def say_dead(self, space: Space) -> None:
        """Tells people which values another target leaves without a solution."""
        from spacegen.questions.dead import in_words

        if space.count() and (dead := space.dead_values()):
            self.say(f"note: no solution has {in_words(dead)}")

    def say(self, text: str) -> None:
        """Tells people on stderr, unless they asked for quiet."""
        if not self.quiet:
            say(text)


def split(text: str, flag: str) -> tuple[str, str]:
    """The name and the value of `NAME=VALUE`. Raises UsageError."""
    from spacegen.errors import Fault, UsageError

    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(Fault(f"`{flag} {text}` has no value", hint=f"write `{flag} NAME=VALUE`"))
    return name.strip(), value.strip()


def assignments(texts: Iterable[str] | None, flag: str) -> dict[str, str]:
    """The values of several `NAME=VALUE` by name. Raises UsageError, also for a name with two values."""
    from spacegen.errors import Fault, UsageError

    found: dict[str, str] = {}
    for text in texts or ():
        name, value = split(text, flag)
        if found.setdefault(name, value) != value:
            hint = f"it is `{found[name]}` and `{value}`: leave out one of them"
            raise UsageError(Fault(f"`{flag}` gives `{name}` twice", hint=hint))
    return found


def one_of(word: str, known: Iterable[Any], flag: str) -> Any:
    """The word, where it is known. Raises UsageError."""
    from spacegen.errors import Fault, UsageError, did_you_mean

    choices = list(known)
    if word not in choices:
        hint = did_you_mean(word, choices) or f"choose one of {', '.join(choices)}"
        raise UsageError(Fault(f"`{flag}` cannot be `{word}`", hint=hint))
    return word


def spread(verb: Callable[..., int]) -> Callable[..., int]:
    """Puts the fields of a verb's dataclass parameters in their place, as options of its command."""
    signature = inspect.signature(verb, eval_str=True)
    groups: dict[str, Any] = {
        p.name: p.annotation for p in signature.parameters.values() if is_dataclass(p.annotation)
    }
    own = [p for p in signature.parameters.values() if p.name not in groups]
    shared = {name: _options(group) for name, group in groups.items()}

    @wraps(verb)
    def command(**values: Any) -> int:
        filled = {
            name: groups[name](**{option.name: values.pop(option.name) for option in options})
            for name, options in shared.items()
        }
        return verb(**values, **filled)

    parameters = [*own, *(option for options in shared.values() for option in options)]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(f.name, kind, default=f.default, annotation=hints[f.name]) for f in fields(group)
    ]
