"""The options of `spacegen diagnose` about a space, and what findings leave of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spacegen.cli.options import Selection, one_of
from spacegen.cli.output import destination
from spacegen.cli.pages import refuse_page

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.diagnose.diagnosis import Diagnosis
    from spacegen.diagnose.narrowing.edit import Edit
    from spacegen.diagnose.narrowing.narrowing import Narrowing

__all__ = ["NarrowOptions", "PageOptions", "SpaceToNarrow", "inputs", "space_to_narrow"]

_KEPT: Final = frozenset({"pin", "where", "timeout", "quiet"})
"""Options that an overlay keeps, or that change nothing in a space."""


def _option(*flags: str, metavar: str, help: str) -> Any:
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel="The space", show_default=False)


@dataclass(frozen=True, slots=True)
class NarrowOptions:
    """The space that findings narrow, and where what is left of it goes."""

    space: Annotated[
        str | None, _option("--space", metavar="SPACE", help="A YAML file, or a bundled space.")
    ] = None
    output: Annotated[
        str | None,
        _option(
            "--narrow",
            metavar="FILE",
            help="Write what findings leave of the space, as an overlay; - is stdout.",
        ),
    ] = None
    apply: Annotated[str | None, _option("--apply", metavar="info", help="Also narrow by notes.")] = None


@dataclass(frozen=True, slots=True)
class PageOptions:
    """Where the page of a diagnosis goes."""

    html: Annotated[
        str | None,
        typer.Option(
            "--html",
            metavar="FILE",
            help="Write the diagnosis as one HTML page; - is stdout.",
            rich_help_panel="The output",
            show_default=False,
        ),
    ] = None

    @property
    def alone(self) -> bool:
        """Whether the page is all that stdout gets."""
        return self.html == "-"

    def refuse(self, narrowed: str | None = None, *, as_json: bool = False) -> None:
        """Raises UsageError where a file that is no page of ours would be lost, where none can be written,
        where Plotly is missing, and where stdout would get something else, too."""
        from spacegen.errors import Fault, UsageError
        from spacegen.extras import require

        wanted = {"`--html -`": self.alone, "`--narrow -`": narrowed == "-", "`--json`": as_json}
        if sum(wanted.values()) > 1:
            names = " and ".join(name for name, is_wanted in wanted.items() if is_wanted)
            raise UsageError(Fault(f"stdout takes one of {names}", hint="name a file for the other"))
        if self.html is not None:
            require("plotly", "diagnose", "a page")
            refuse_page(self.html, "page of a diagnosis", "choose another name")

    def write(self, found: Diagnosis, narrowing: Narrowing | None) -> list[str]:
        """Writes the page, where one is wanted; returns the file's name."""
        if self.html is None:
            return []
        from spacegen.diagnose.telling.page import page

        text = page(found.launches, found.findings, narrowing)
        with destination(self.html) as stream:
            stream.write(text)
        return [] if self.alone else [self.html]


@dataclass(frozen=True, slots=True)
class SpaceToNarrow:
    """A space to be narrowed, with what an overlay of it says already."""

    name: str
    space: Space
    output: Path | None
    earlier: tuple[Edit, ...]
    info: bool
    """Whether what could be tried narrows it, too."""
    inputs: str = ""
    """The options of the command that an overlay does not keep."""
    model: str | None = None
    """The model that the findings in an overlay of it are about, if it says that."""

    @property
    def alone(self) -> bool:
        """Whether the overlay is all that stdout gets."""
        return self.output == Path("-")

    @property
    def empty(self) -> bool:
        """Whether it has no solution to begin with, as far as its engine can tell."""
        from spacegen.errors import EngineError
        from spacegen.questions.why.together import possible

        try:
            return not possible(self.space.engine)
        except EngineError:
            return False

    def narrowed(self, found: Diagnosis, asked: Mapping[str, Any] | None) -> Narrowing:
        """What is left. Raises EngineError; UsageError for launches of another model than earlier ones."""
        from spacegen.diagnose.finding import Severity
        from spacegen.diagnose.narrowing.narrowing import APPLIED, narrow

        self._refuse_other_models(found)
        severities = APPLIED | {Severity.INFO} if self.info else APPLIED
        made = narrow(
            self.space, found.launches, found.findings, asked=asked, apply=severities, earlier=self.earlier
        )
        return replace(made, name=self.name)

    def _refuse_other_models(self, found: Diagnosis) -> None:
        from spacegen.diagnose.narrowing.likeness import model_of, same_model
        from spacegen.errors import Fault, UsageError

        model = model_of(self.space, found.launches)
        if None not in (self.model, model) and not same_model(self.model, model):
            file = self.name if self.output is None or self.alone else self.output
            message = f"{file} has findings about {self.model}, and the last launch is of {model}"
            raise UsageError(Fault(message, hint="give each model an overlay of its own"))

    def write(self, narrowing: Narrowing | None) -> list[str]:
        """Writes the overlay, where one is wanted; returns the file's name. Raises UsageError, OSError."""
        from spacegen.diagnose.narrowing.overlay import write

        if self.output is None or narrowing is None:
            return []
        text = write(
            self.output,
            self.name,
            self.space,
            narrowing.edits,
            counts=narrowing.counts,
            inputs=self.inputs,
            model=narrowing.model,
        )
        if not self.alone:
            return [str(self.output)]
        print(text, end="")
        return []


def space_to_narrow(given: NarrowOptions, selection: Selection, engine: str) -> SpaceToNarrow | None:
    """The space that was given, loaded, before any log is read. Raises UsageError, SpaceError."""
    from spacegen.errors import Fault, UsageError

    if given.apply is not None:
        one_of(given.apply, ("info",), "--apply")
    if given.space is None:
        if (
            given.output is not None
            or given.apply is not None
            or replace(selection, quiet=False) != Selection()
        ):
            hint = "add `--space SPACE`, such as `--space h100`"
            raise UsageError(Fault("nothing says which space is meant", hint=hint))
        return None
    from spacegen.diagnose.narrowing.overlay import about, as_asked, earlier, on_its_base

    space = on_its_base(given.space, selection.load(given.space, engine=engine))
    output = None if given.output is None else Path(given.output)
    kept = () if output is None else earlier(output, given.space, space)
    space = space if output is None else as_asked(output, given.space, space)
    model = about(output, given.space)
    return SpaceToNarrow(given.space, space, output, kept, given.apply is not None, inputs(selection), model)


def inputs(selection: Selection) -> str:
    """The options that an overlay of the selected space does not keep, as they are written."""
    from spacegen.tune.secret import masked_text

    said: list[str] = []
    for option in fields(selection):
        value = getattr(selection, option.name)
        flag = f"--{option.name.replace('_', '-')}"
        if option.name in _KEPT or not value:
            continue
        each = value if isinstance(value, list) else [value]
        said += [flag if one is True else masked_text(f"{flag} {one}") for one in each]
    return f"`{' '.join(said)}`" if said else ""
