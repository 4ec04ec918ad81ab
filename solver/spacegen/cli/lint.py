"""`spacegen lint`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from spacegen.cli.options import AsJson, EngineChoice, Selection, one_of, spread
from spacegen.cli.output import print_json, say

if TYPE_CHECKING:
    from spacegen.questions.lint.finding import Finding

__all__ = ["annotation", "lint", "steps"]

FORMATS = ("text", "json", "github")

SpaceNames: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="SPACE…", help="YAML files, or bundled spaces.", show_default=False),
]


def _option(*flags: str, help: str, metavar: str | None = None) -> Any:
    return typer.Option(
        *flags, metavar=metavar, help=help, rich_help_panel="The findings", show_default=False
    )


Codes: TypeAlias = list[str] | None
Select: TypeAlias = Annotated[
    Codes, _option("--select", metavar="CODE", help="Look for findings of this code only.")
]
Ignore: TypeAlias = Annotated[Codes, _option("--ignore", metavar="CODE", help="Leave these findings out.")]
Strict: TypeAlias = Annotated[bool, _option("--strict", help="Let warnings count as errors.")]
Fix: TypeAlias = Annotated[
    bool, _option("--fix", help="Take the values that no solution has out of the file.")
]
DryRun: TypeAlias = Annotated[
    bool, _option("--dry-run", help="With `--fix`: print the changes, and leave the file alone.")
]
FormatName: TypeAlias = Annotated[
    str | None,
    _option("--format", metavar="NAME", help="text, json or github (annotations for workflows)."),
]


@spread
def lint(
    space: SpaceNames,
    select: Select = None,
    ignore: Ignore = None,
    strict: Strict = False,
    fix: Fix = False,
    dry_run: DryRun = False,
    format: FormatName = None,
    engine: EngineChoice = "auto",
    json: AsJson = False,
    *,
    selection: Selection,
) -> int:
    """Find what is weak about spaces: dead values, idle rules, bad defaults.

    Every finding has a place, a severity, a code and mostly a hint. Exits with 1 where one is an error: a
    space without solutions, or a file that is no sound space.
    """
    from spacegen.cli.lint_fix import fix_files

    form = _form(format, json=json, dry_run=dry_run)
    chosen = _codes(select or (), ignore or ())
    fix_files(space, selection, engine=engine, fix=fix, dry_run=dry_run)
    if dry_run:
        return 0
    answers = [_findings(name, selection, engine) for name in space]
    found = [f for answer in answers for f in answer or () if f.code in chosen]
    if any(answer is not None for answer in answers):
        # Several spaces may take the same packs.
        _print(list(dict.fromkeys(found)), form)
    bad = any(f.severity == "error" or (strict and f.severity == "warning") for f in found)
    return 2 if None in answers else int(bad)


def _form(name: str | None, *, json: bool, dry_run: bool) -> str:
    """How findings are printed. Raises UsageError for options that do not meet."""
    from spacegen.errors import Fault, UsageError

    found: str = one_of(name or ("json" if json else "text"), FORMATS, "--format")
    if json and found != "json":
        hint = "leave out one of them"
        raise UsageError(Fault(f"`--format {found}` and `--json` both say what is printed", hint=hint))
    if dry_run and found != "text":
        hint = f"leave out `{'--json' if json else f'--format {found}'}`"
        raise UsageError(Fault("`--dry-run` prints a patch, and no findings", hint=hint))
    return found


def _codes(select: Sequence[str], ignore: Sequence[str]) -> set[str]:
    """The codes to look for. Raises UsageError where none is left, or one is both wanted and not."""
    from spacegen.errors import Fault, UsageError
    from spacegen.questions.lint.finding import CODES

    chosen = {one_of(code, CODES, "--select") for code in select}
    ignored = {one_of(code, CODES, "--ignore") for code in ignore}
    if both := sorted(chosen & ignored):
        hint = "leave out one of them"
        raise UsageError(Fault(f"`{both[0]}` is both selected and ignored", hint=hint))
    return (chosen or set(CODES)) - ignored


def _findings(name: str, selection: Selection, engine: str) -> tuple[Finding, ...] | None:
    """What is weak about a space; None, after saying why, where that cannot be told."""
    from spacegen.errors import EngineError, SpaceError
    from spacegen.questions.lint.lint import unreadable

    try:
        chosen = selection.load(name, engine=engine)
        selection.say_engine(chosen)
        with steps(name, quiet=selection.quiet) as progress:
            return chosen.lint(progress)
    except SpaceError as error:
        # A file that is not there is nothing to lint; one with faults is.
        if all(fault.span for fault in error.faults):
            return unreadable(error)
        say(f"error: {error}")
    except EngineError as error:
        say(f"error: {name}: {error}")
    return None


def _print(findings: Sequence[Finding], form: str) -> None:
    from spacegen.questions.lint.lint import grouped

    if form == "json":
        print_json([finding.as_dict() for finding in findings], indent=2)
        return
    for finding in grouped(findings):
        print(annotation(finding) if form == "github" else finding)
    if form == "text":
        print(_summary(findings))


def _summary(findings: Sequence[Finding]) -> str:
    from spacegen.errors import how_many

    counts = Counter(finding.severity.value for finding in findings)
    nouns = {"error": "error", "warning": "warning", "info": "note"}
    listed = [how_many(counts[severity], noun) for severity, noun in nouns.items() if counts[severity]]
    return ", ".join(listed) or "nothing found"


def annotation(finding: Finding) -> str:
    """A finding as a workflow command of GitHub Actions."""
    kind = "notice" if finding.severity == "info" else finding.severity.value
    places = {}
    if finding.span is not None:
        places = {"file": finding.span.source.name, "line": finding.span.line, "col": finding.span.column}
    properties = {**places, "title": f"spacegen lint: {finding.code}"}
    listed = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in properties.items())
    text = f"{finding.message}\nhint: {finding.hint}" if finding.hint else finding.message
    return f"::{kind} {listed}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    """A text in which nothing ends a workflow command, or a property of one."""
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{more}" else c for c in text)


@contextmanager
def steps(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A function to call with how many steps are done, and of how many; people on a terminal see a bar where
    it takes long."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    started = monotonic()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, visible=False)
        yield lambda done, total: progress.update(
            task, completed=done, total=total, visible=monotonic() - started > 1
        )
