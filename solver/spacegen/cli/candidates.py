"""What `run` measures: configs from files and command lines, those that are not valid said and left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spacegen.api import Space
from spacegen.cli.output import say
from spacegen.cli.sources import source
from spacegen.errors import ConfigError, Fault, SpaceError, SpacegenError, UsageError
from spacegen.language.model import Model
from spacegen.questions.configs import Batch, Entry
from spacegen.tune.sweep import Candidate

__all__ = ["Candidates", "bare_space", "rank_of", "read_candidates"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What can be measured; `status` is 1 where a config is not valid, 2 where one cannot be read."""

    candidates: tuple[Candidate, ...]
    status: int = 0


def bare_space(target: str | None) -> Space:
    """A space without parameters, for configs that belong to none. Raises UsageError."""
    from spacegen.language.versions import read_target
    from spacegen.servers.schema import load

    if target is None:
        hint = "`--target sglang==0.5.23`, or `--space`, which names one"
        raise UsageError(Fault("nothing says which server the configs are for", hint=hint))
    found = read_target(target)
    if found is None:
        raise UsageError(Fault(f"`{target}` is no target", hint="write it like `sglang==0.5.23`"))
    try:
        load(found.server, found.version)
    except SpaceError as error:
        raise UsageError(*error.faults) from None
    return Space(Model(str(found), (), target=found))


def read_candidates(
    space: Space,
    names: Sequence[str],
    lines: Sequence[str],
    form: str | None,
    *,
    checked: bool,
) -> Candidates:
    """The configs of files and command lines. What is wrong with one is said, and the others stay.

    Unless `checked`, only what no launch can say is wrong.
    """
    found = [_read(name, space, form) for name in names]
    for number, line in enumerate(lines, start=1):
        found.append(_read_line(line, space, "--argv" if len(lines) == 1 else f"--argv {number}"))
    entries = [entry for batch in found if batch is not None for entry in batch.entries]
    read = [entry for entry in entries if not isinstance(entry.config, Fault)]
    for entry in entries:
        if isinstance(entry.config, Fault):
            say(f"error: {entry.config}")
    unread = len(read) < len(entries) or None in found
    good = _valid(space, read) if checked else _sayable(read)
    candidates = _distinct(space, good)
    return Candidates(candidates, 2 if unread else int(len(good) < len(read)))


def _read(name: str, space: Space, form: str | None) -> Batch | None:
    from spacegen.launch.reading import read_launches, without_verdicts

    try:
        text = source(name)
        found = without_verdicts(read_launches(text, space.model, form), space.model)
        if not found.entries:
            raise ConfigError(f"there is no config in {text.name}")
    except SpacegenError as error:
        say(f"error: {error}")
        return None
    return found


def _read_line(text: str, space: Space, label: str) -> Batch | None:
    from spacegen.launch.reading import read_argv

    try:
        return Batch((read_argv(text, space.model, label),), several=False)
    except SpacegenError as error:
        say(f"error: {error}")
        return None


def _valid(space: Space, entries: Sequence[Entry]) -> list[Entry]:
    """The entries that are solutions, or could be; what is wrong with the others is said."""
    found = []
    verdicts = space.check_all([_own(entry) for entry in entries])
    for entry, verdict in zip(entries, verdicts, strict=True):
        full = verdict.with_faults(entry.wrong, ())
        if full.valid:
            found.append(entry)
        else:
            say(f"{entry.label}: {full}")
    return _sayable(found)


def _sayable(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that can be launched and kept at all: with single values, that could be read."""
    found = []
    for entry in entries:
        lists = [name for name, value in _own(entry).items() if isinstance(value, list | dict)]
        if entry.wrong:
            say(f"{entry.label}: {entry.wrong[0]}")
        elif lists:
            hint = f"give it to every launch: `--extra {lists[0]}=…`"
            say(f"{entry.label}: {Fault(f'`{lists[0]}` has no single value', hint=hint)}")
        else:
            found.append(entry)
    return found


def _own(entry: Entry) -> Mapping[str, Any]:
    """The arguments of an entry; those that lead a row are about it."""
    assert not isinstance(entry.config, Fault), "those that could not be read are left out before"
    return {name: value for name, value in entry.config.items() if name != "rank"}


def _distinct(space: Space, entries: Iterable[Entry]) -> tuple[Candidate, ...]:
    """One candidate for each launch, with the arguments of every launch."""
    found: dict[str, Candidate] = {}
    given = {name: value for name, value in space.arguments.items() if name != "model_path"}
    for entry in entries:
        config = {**given, **_own(entry)}
        name = json.dumps(sorted(config.items()), default=str)
        found.setdefault(name, Candidate(entry.label, config, rank_of(space, _own(entry))))
    return tuple(found.values())


def rank_of(space: Space, config: Mapping[str, Any]) -> int | None:
    """The number of a solution in its space; None for what is none."""
    own = {p.name: config[p.name] for p in space.parameters if p.name in config}
    if not own or len(own) < len(space.parameters) or not space.ranked:
        return None
    try:
        return space.rank(own)
    except UsageError:
        return None
