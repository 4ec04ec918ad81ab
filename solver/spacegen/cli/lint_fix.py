"""`spacegen lint --fix`: the file without the values that no solution has."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from spacegen.cli.options import Selection

if TYPE_CHECKING:
    from spacegen.language.expr import Scalar
    from spacegen.language.model import Model
    from spacegen.questions.lint.pruning import Pruned
    from spacegen.source import Source

__all__ = ["fix_files"]


def fix_files(names: Sequence[str], selection: Selection, *, engine: str, fix: bool, dry_run: bool) -> None:
    """Rewrites the files where `fix` is asked for; with `dry_run` prints what would change. Raises
    UsageError for options that do not go with it, and for bundled spaces."""
    from spacegen.errors import UsageError

    if dry_run and not fix:
        raise UsageError("`--dry-run` goes with `--fix`")
    if fix:
        _refuse_options(selection)
        for path in [_writable(name) for name in names]:
            _fix(path, selection, engine=engine, dry_run=dry_run)


def _refuse_options(selection: Selection) -> None:
    """Raises UsageError where a part of the space was chosen: what is dead there may live elsewhere."""
    from spacegen.errors import Fault, UsageError

    for field in fields(selection):
        if field.name != "quiet" and getattr(selection, field.name):
            flag = f"--{field.name.replace('_', '-')}"
            hint = f"what is dead with `{flag}` may live without it: leave the option out"
            raise UsageError(
                Fault(f"`--fix` changes the file for everybody, so it takes no `{flag}`", hint=hint)
            )


def _fix(path: Path, selection: Selection, *, engine: str, dry_run: bool) -> None:
    """Rewrites the file, whole or not at all. One that is unsound, or has no solutions, stays as it is."""
    from spacegen.errors import SpaceError

    name = str(path)
    try:
        space = replace(selection, quiet=True).load(name, engine=engine)
    except SpaceError:
        return  # whoever lints says why
    if not space.count():
        return
    from spacegen.launch.files import change
    from spacegen.questions.lint.pruning import prune

    source = next(source for source in space.model.sources if source.name == name)

    def accepts(changed: Source) -> bool:
        from spacegen.api import Space
        from spacegen.language.elaborate import read_model

        try:
            model = read_model(changed, path.parent)
            return Space(model, space.engine_name).count() == space.count()
        except SpaceError:
            return False

    pruned = prune(space.model, space.engine, source, accepts)
    if dry_run:
        _print_changes(source, pruned.source)
    elif pruned.removed:
        change(path, source.text, pruned.source.text)
    _tell(name, selection, pruned, space.model, dry_run=dry_run)


def _writable(name: str) -> Path:
    """The file to change. Raises UsageError for what comes with the package."""
    from spacegen.errors import Fault, UsageError
    from spacegen.language import catalog

    if not catalog.is_path(name):
        path = catalog.find("spaces", name)
        hint = f"copy {path} and fix the copy"
        raise UsageError(Fault(f"`{name}` is a bundled space, which `--fix` leaves alone", hint=hint))
    path = Path(name)
    if catalog.installed() and path.resolve().is_relative_to(catalog.folder("spaces").resolve()):
        hint = "copy it and fix the copy"
        raise UsageError(
            Fault(f"{name} is part of the installed package, which `--fix` leaves alone", hint=hint)
        )
    return path


def _print_changes(before: Source, after: Source) -> None:
    """A unified diff, as `patch` takes it."""
    lines = unified_diff(
        before.text.splitlines(keepends=True),
        after.text.splitlines(keepends=True),
        fromfile=before.name,
        tofile=after.name,
    )
    for line in lines:
        sys.stdout.write(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")


def _tell(name: str, selection: Selection, pruned: Pruned, model: Model, *, dry_run: bool) -> None:
    from spacegen.errors import how_many
    from spacegen.questions.edits import runs

    lost: dict[str, list[Scalar]] = {}
    for parameter, value in pruned.removed:
        lost.setdefault(parameter, []).append(value)
    for parameter, values in lost.items():
        verb = "would lose" if dry_run else "loses"
        noun = "value" if len(values) == 1 else "values"
        listed = runs(values, model[parameter].domain)
        selection.say(f"note: {name}: `{parameter}` {verb} the {noun} {listed}")
    for kept in pruned.kept:
        listed = runs(kept.values, model[kept.parameter].domain)
        selection.say(f"note: {name}: `{kept.parameter}` keeps {listed}: {kept.why}")
    if not pruned.removed:
        say_nothing = "there is nothing to fix" if not pruned.kept else "nothing can be fixed"
        selection.say(f"note: {name}: {say_nothing}")
    else:
        selection.say(f"note: {name}: {how_many(len(pruned.removed), 'value')} fewer, the same solutions")
