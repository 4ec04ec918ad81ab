"""What is secret among arguments, variables and words, and stays out of whatever is kept or shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spacegen.tune.workload import Workload

__all__ = [
    "HIDDEN",
    "Hider",
    "discreet",
    "is_secret",
    "masked",
    "masked_text",
    "public",
    "redacted",
    "secrets_of",
]

HIDDEN: Final = "***"
"""What stands in the place of a secret."""

_SECRET: Final = re.compile(
    r"(?:.*_)?(?:keys?|apikey|token|auth|authorization|cookies?|credentials?|passphrase|pwd)"
    r"|.*(?:password|passwd|secret).*"
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ASSIGNED: Final = re.compile(r"(?P<name>-{0,2}[A-Za-z][\w-]*)(?P<mark>=|:\s*)(?P<value>.+)", re.DOTALL)
_INSIDE: Final = re.compile(r"(?P<before>\bBearer\s+|://[^/\s:@]*:)(?P<value>[^\s@'\"]+)", re.IGNORECASE)
_QUOTE: Final = r"""\\*+['"]"""
_NAMED: Final = re.compile(
    rf"""(?P<flag>(?<![\w-])--[A-Za-z][\w-]*+)(?:\s++|=|{_QUOTE}\s*+,\s*+(?={_QUOTE}))"""
    rf"""|(?<![\w-])(?P<name>[A-Za-z_][\w-]*+)(?P<mark>(?:{_QUOTE}\])?\s*+=(?!=)\s*+|{_QUOTE}\s*+:\s*+|:\s*+)"""
)
"""A flag, a variable, an argument or a field, as far as its value: in a command, also as Python and JSON list
its words, in Python, in JSON (also within a text), and in headers."""
_QUOTED: Final = re.compile(
    rf"(?P<quote>[bru]{{0,2}}(?P<sign>{_QUOTE}))(?:(?!(?P=sign))(?:\\.|.))*(?P<end>(?P=sign)|$)",
    re.DOTALL | re.IGNORECASE,
)
_LISTED: Final = re.compile(
    rf"""(?P<open>[\[{{(])|(?P<close>[\]}})])|(?P<sign>{_QUOTE})(?:(?!(?P=sign))(?:\\.|.))*(?P=sign)?""",
    re.DOTALL,
)
"""Where the parts of a list or a mapping begin and end, and texts, whose brackets are none."""
_WORD: Final = re.compile(r"""(?!--)(?:[^\s'"\\]|\\(?!["']))+""")
_PART: Final = re.compile(r"""(?:[^\s'"\\&,;)\]}]|\\(?!["'])|[,;)\]}](?=[^\s'"\\,;)\]}]))+""")
_OF_HEADER: Final = re.compile(r"""[^'"\\\r\n]++""")
_OPEN: Final = re.compile(r"(?:none|null|true|false)\b", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+-]?\d[\d.]*+(?:e[+-]?\d+)?(?![^\s,;)\]}])", re.IGNORECASE)
_COMMON: Final = re.compile(r"(?:.*[_-])?tokens?|keys?|auth|pwd|credentials?|passphrase", re.IGNORECASE)
"""Names of numbers, too, and of what sentences speak of: `#new-token: 8192`, `unknown key: x`."""
_HEADER: Final = re.compile(r"(?:.*-)?(?:authorization|cookie)", re.IGNORECASE)
_PLAIN: Final = re.compile(
    r"""(?P<bearer>\b(?:Bearer\s+|Basic\s+(?=[\w+/]*[\d=])))[\w.~+/-]{6,}=*"""
    r"""|(?P<user>://[^/\s:@'"\[\]]*+:)(?:[^\s/'"]*(?=@)|(?!\d+\b)[^\s/'"@]+$)"""
    r"""|(?P<at>://)[^/\s:@'"]{16,}(?=@)"""
    r"""|(?<![\w/-])(?:hf_[A-Za-z0-9]{30,}|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}"""
    r"""|sk-[\w-]{32,}|xox[abp]-[\w-]{16,}|AKIA[A-Z0-9]{16}\b|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)""",
    re.IGNORECASE,
)
"""Secrets without a name: tokens of headers, who one is in an address, and what looks like a token."""
_SHORT: Final = 6
"""A text of fewer characters is only hidden where its name says that it is secret: it stands everywhere."""


def is_secret(name: str) -> bool:
    """Whether what an argument, a variable or a header is called says that its value is secret."""
    return _SECRET.fullmatch(_CAMEL.sub("_", name.strip("-").replace("-", "_")).lower()) is not None


def public(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values whose names do not say that they are secret."""
    return {name: value for name, value in values.items() if not is_secret(name)}


def masked(name: str, value: Any) -> Any:
    """The value of an argument with `***` for what is secret in it, by its name or by those within."""
    if value is not None and is_secret(name):
        return HIDDEN
    match value:
        case str():
            return masked_text(value)
        case dict():
            return {key: masked(str(key), one) for key, one in value.items()}
        case list() | tuple() if value and all(isinstance(one, str) for one in value):
            return list(map(masked_text, redacted(value)))
        case list() | tuple():
            return [masked("", one) for one in value]
        case _:
            return value


def masked_text(text: str) -> str:
    """A line of a log, perhaps cut off, with `***` for what is secret in it: by the name of its argument,
    flag, variable, header or field of JSON, and tokens and passwords of addresses."""
    text = _PLAIN.sub(_without, text)
    parts, done, at = [], 0, 0
    while found := _NAMED.search(text, at):
        at = found.end()
        if is_secret(found["flag"] or found["name"]):
            hidden, end = _value_of(found, text)
            if hidden is not None:
                parts += [text[done:at], hidden]
                done = at = end
    return "".join((*parts, text[done:]))


def _without(found: re.Match[str]) -> str:
    return f"{found['bearer'] or found['user'] or found['at'] or ''}{HIDDEN}"


def _value_of(found: re.Match[str], text: str) -> tuple[str | None, int]:
    """What is shown for the value that begins where a secret name was `found`, and where it ends; None where
    there is nothing to hide."""
    at = found.end()
    if quoted := _QUOTED.match(text, at):
        return f"{quoted['quote']}{HIDDEN}{quoted['sign']}", quoted.end()
    spoken = found["flag"] is None and found["mark"].startswith(":")
    common = found["flag"] is None and _COMMON.fullmatch(found["name"])
    if _OPEN.match(text, at) or (spoken and common) or ((spoken or common) and _NUMBER.match(text, at)):
        return None, at
    if found["flag"] is not None:
        form = _WORD
    elif spoken and _HEADER.fullmatch(found["name"]):
        form = _OF_HEADER
    else:
        form = _WORD if found["name"].isupper() else _PART
    if found["flag"] is None and text[at : at + 1] in ("[", "{", "("):
        return HIDDEN, _closed(text, at)
    value = form.match(text, at)
    return (None, at) if value is None else (HIDDEN, value.end())


def _closed(text: str, at: int) -> int:
    """Where what is opened here is closed again, or where the text is cut off."""
    depth = 0
    for found in _LISTED.finditer(text, at):
        depth += (found["open"] is not None) - (found["close"] is not None)
        if depth == 0:
            return found.end()
    return len(text)


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
