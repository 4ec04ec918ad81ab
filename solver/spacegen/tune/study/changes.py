"""What became of the space of a study, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from optuna.study import Study

from spacegen.api import Space, load
from spacegen.errors import SpaceError, SpacegenError, how_many
from spacegen.questions.diff.wording import cause_rows, change_lines
from spacegen.tune.secret import public
from spacegen.tune.study.identity import yaml

__all__ = ["space_changes", "written"]


def _shareable(space: Space) -> Space:
    """The space without what it holds fixed that is secret."""
    fixed = public(space.base.fixed)
    if len(fixed) == len(space.base.fixed):
        return space
    return Space(space.base.replace(fixed=MappingProxyType(fixed)))


def written(space: Space) -> str:
    """The space as a YAML document, without secrets; empty where its conditions are too long to be written
    out, as they may be once parameters were dropped."""
    try:
        return _shareable(space).to_yaml()
    except SpaceError:
        return ""


def space_changes(study: Study, space: Space) -> tuple[str, ...]:
    """What a study's space has that another one lacks, and the other way round; nothing where that takes too
    much, or the study's space can no longer be read."""
    with suppress(SpacegenError):
        return tuple(_lines(_space(yaml(study) or ""), _shareable(space)))
    return ()


def _space(text: str) -> Space:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "space.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)


def _lines(old: Space, new: Space) -> Iterator[str]:
    found = old.diff(new)
    yield (
        f"{how_many(found.both, 'solution')} of both, {found.only_old.count:,} of the study alone, "
        f"{found.only_new.count:,} new"
    )
    for only, side, other in ((found.only_old, "the study", "new"), (found.only_new, "new", "the study")):
        for *_, what, how in cause_rows(only, side, other):
            yield f"{side}: {what}: {how}"
    yield from change_lines(found.changes)
