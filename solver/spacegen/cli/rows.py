"""The options of verbs that write launches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegen.cli.options import Selection, assignments, one_of

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.launch.output import Output
    from spacegen.solutions import Solutions

__all__ = ["Rows"]


def _output(*flags: str, metavar: str | None = None, help: str) -> Any:
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel="The output")


def _launch(flag: str, metavar: str, help: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=help, rich_help_panel="The launch", show_default=False)


@dataclass(frozen=True, slots=True)
class Rows:
    """How launches are completed and written, and where."""

    model_path: Annotated[
        str | None, _launch("--model-path", "PATH", "What to serve: in every output, as are the next three.")
    ] = None
    host: Annotated[str | None, _launch("--host", "HOST", "Where to listen.")] = None
    port: Annotated[str | None, _launch("--port", "N", "The port to listen on.")] = None
    extra: Annotated[
        list[str] | None, _launch("--extra", "KEY=VALUE", "Any other argument of the server.")
    ] = None
    format: Annotated[
        str | None,
        _output(
            "--format",
            metavar="NAME",
            help="jsonl, json, csv, yaml, parquet, argv, shell, config or files; else the suffix decides.",
        ),
    ] = None
    output: Annotated[
        str | None,
        _output("--output", "-o", metavar="FILE", help="Write to a file, which appears whole or not at all."),
    ] = None
    with_: Annotated[
        str | None, _output("--with", metavar="NAME,…", help="Add columns: `rank`, or derived values.")
    ] = None
    full: Annotated[
        bool, _output("--full", help="Write what commands leave out: defaults, and what nobody reads.")
    ] = False
    pattern: Annotated[
        str | None,
        _output("--pattern", metavar="NAME", help="A file for each config, such as exp_{index}.json."),
    ] = None
    template: Annotated[
        str | None,
        _output(
            "--template", metavar="FILE", help="Fill in a JSON or YAML file; compose and kubernetes ship."
        ),
    ] = None
    dp_via: Annotated[
        str | None,
        _output("--dp-via", metavar="NAME", help="gateway: a server for each replica, behind a router."),
    ] = None

    @property
    def columns(self) -> list[str]:
        """The columns that `--with` adds."""
        names = (name.strip() for name in (self.with_ or "").split(","))
        return [name for name in dict.fromkeys(names) if name]

    def destination(self, default: str = "jsonl") -> Output:
        """Where the launches go; `default` is the format without a word said. Raises UsageError."""
        from spacegen.errors import Fault, UsageError
        from spacegen.launch.output import output

        found = output(
            self.format, self.output, self.pattern, template=self.template is not None, default=default
        )
        if self.dp_via is not None:
            one_of(self.dp_via, ["gateway"], "--dp-via")
            if not found.form.gateway:
                hint = "use `--format argv` or `--format shell`"
                raise UsageError(Fault("only commands start several servers (`--dp-via`)", hint=hint))
        return found

    def load(
        self, selection: Selection, name: str, *, engine: str, rules: bool = True, effective: bool = False
    ) -> Space:
        """The chosen space with the arguments of the launch in every output. Raises UsageError."""
        chosen = selection.load(name, engine=engine, rules=rules, effective=effective)
        known = {"model_path": self.model_path, "host": self.host, "port": self.port}
        texts = {argument: text for argument, text in known.items() if text is not None}
        texts |= assignments(self.extra, "--extra")
        complete = chosen.completed_as(texts)
        if self.extra:
            # Rules may be about these arguments: read the space again, which has said all it had to say.
            quiet = replace(selection, quiet=True)
            chosen = quiet.load(
                name, engine=engine, rules=rules, fixed=complete.arguments, effective=effective
            )
        return chosen.completed_as(texts)

    def write(self, parts: Iterable[Solutions], space: Space, destination: Output) -> None:
        """Writes launches to the file, the files or stdout. Raises UsageError, OSError."""
        from spacegen.launch.complete import schema_of
        from spacegen.launch.style import Style
        from spacegen.launch.template import read_template

        template = None if self.template is None else read_template(self.template)
        style = Style(space.name, schema_of(space.base), self.full, self.dp_via is not None, template)
        active = destination.form.command
        destination.write((part.table(self.columns, active=active) for part in parts), style)
