"""What is secret among arguments, variables and words, and stays out of whatever is kept or shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spacegen.tune.workload import Workload

__all__ = ["HIDDEN", "Hider", "discreet", "is_secret", "redacted", "secrets_of", "without_secrets"]

HIDDEN: Final = "***"
"""What stands in the place of a secret."""

_SECRET: Final = re.compile(
    r"(?:.*_)?(?:key|keys|apikey|token|auth|authorization|credentials?|passphrase|pwd)|.*(?:password|passwd|secret).*"
)
_ASSIGNED: Final = re.compile(r"(?P<name>-{0,2}[A-Za-z][\w-]*)(?P<mark>=|:\s*)(?P<value>.+)", re.DOTALL)
_INSIDE: Final = re.compile(r"(?P<before>\bBearer\s+|://[^/\s:@]*:)(?P<value>[^\s@'\"]+)", re.IGNORECASE)
_SHORT: Final = 6
"""A text of fewer characters is only hidden where its name says that it is secret: it stands everywhere."""


def is_secret(name: str) -> bool:
    """Whether what an argument, a variable or a header is called says that its value is secret."""
    return _SECRET.fullmatch(name.strip("-").replace("-", "_").lower()) is not None


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values whose names do not say that they are secret."""
    return {name: value for name, value in values.items() if not is_secret(name)}


def redacted(words: Iterable[str]) -> tuple[str, ...]:
    """The words of a command with `***` for secrets: values of flags, variables and headers that are called
    so, also within a line for a shell, bearer tokens, and passwords of addresses."""
    return tuple(shown for shown, _ in _pairs(words))


def secrets_of(words: Iterable[str]) -> Iterator[str]:
    """The secrets that `redacted` hides."""
    for _, found in _pairs(words):
        yield from found


def _pairs(words: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each word as it may be shown, and the secrets in it."""
    awaited = False
    for word in words:
        if awaited and not word.startswith("--"):
            yield HIDDEN, (word,)
            awaited = False
            continue
        awaited = word.startswith("-") and is_secret(word)
        yield _word(word)


def _word(word: str) -> tuple[str, tuple[str, ...]]:
    assigned = _ASSIGNED.fullmatch(word)
    if assigned is not None and is_secret(assigned["name"]):
        return f"{assigned['name']}{assigned['mark']}{HIDDEN}", (assigned["value"],)
    inner = _inner(word)
    if len(inner) > 1:
        pairs = list(_pairs(inner))
        if found := tuple(secret for _, secrets in pairs for secret in secrets):
            return shlex.join(shown for shown, _ in pairs), found
    found = tuple(match["value"] for match in _INSIDE.finditer(word) if _is_inside(match, word))
    return _INSIDE.sub(lambda match: _hidden(match, word), word), found


def _is_inside(match: re.Match[str], word: str) -> bool:
    """Whether what follows `://NAME:` is a password, and not a port."""
    within = "/" not in match["value"] and word[match.end() : match.end() + 1] == "@"
    return within or not match["before"].startswith("://")


def _hidden(match: re.Match[str], word: str) -> str:
    return f"{match['before']}{HIDDEN}" if _is_inside(match, word) else match[0]


def _inner(word: str) -> list[str]:
    """The words of a line for a shell."""
    try:
        return shlex.split(word) if any(mark.isspace() for mark in word) else []
    except ValueError:
        return []


def discreet(workload: Workload) -> Workload:
    """A workload as it may be kept."""
    changed: dict[str, Any] = {}
    if any(secrets_of(workload.extra)):
        changed["extra"] = redacted(workload.extra)
    if workload.command is not None and any(secrets_of(words := _inner(workload.command))):
        changed["command"] = shlex.join(redacted(words))
    return workload.model_copy(update=changed) if changed else workload


class Hider:
    """Hides known secrets wherever they stand in texts, such as the log of a server that tells its
    arguments."""

    def __init__(self, secrets: Iterable[object]) -> None:
        known = {str(secret) for secret in secrets if secret is not None}
        # The longest first: one may hold another.
        found = sorted((text for text in known if len(text) >= _SHORT), key=len, reverse=True)
        source = rf"(?<!\w)(?:{'|'.join(map(re.escape, found))})(?!\w)" if found else r"(?!)"
        self.idle = not found
        self._text = re.compile(source)
        self._bytes = re.compile(source.encode())

    def text(self, text: str) -> str:
        return self._text.sub(HIDDEN, text)

    def data(self, data: bytes) -> bytes:
        return self._bytes.sub(HIDDEN.encode(), data)

    def words(self, words: Sequence[str]) -> tuple[str, ...]:
        """The words of a command as they may be kept."""
        return tuple(map(self.text, redacted(words)))
