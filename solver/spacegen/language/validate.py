"""Checks the data of a file against its document model and words what is wrong at its place.

What is wrong is cut out and the rest kept, so that later steps find the faults of the rest as well; names
that were cut out are remembered, so that they do not count as unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from spacegen.errors import Fault, did_you_mean
from spacegen.language.document import (
    Document,
    ObjectiveEntry,
    ParameterEntry,
    PinEntry,
    Quantity,
    Range,
    RestrictEntry,
    RuleEntry,
    TargetEntry,
)
from spacegen.language.nodes import Data, Path, Tree
from spacegen.language.scalars import hint_for_string, write_scalar
from spacegen.source import Span

__all__ = ["File", "described", "validate"]

D_co = TypeVar("D_co", bound=Document, covariant=True)

_SECTIONS: Final = ("constants", "derived", "parameters", "fixed", "pin", "restrict")
_PACKS: Final = ("include", "strict", "effective")
_NAMING: Final = ("constants", "derived", "parameters", "fixed", *_PACKS, "target", "extends")
_OPTIONAL: Final = frozenset({*_SECTIONS, "rules", "objective", *_PACKS})
_PARTS: Final[Mapping[str, tuple[type[BaseModel], ...]]] = {
    "parameters": (Range, ParameterEntry),
    "constants": (Quantity,),
    "derived": (Quantity,),
    "pin": (PinEntry,),
    "restrict": (RestrictEntry,),
    "rules": (RuleEntry,),
    "target": (TargetEntry,),
    "objective": (ObjectiveEntry,),
}
_MISPLACED: Final[Mapping[Path, str]] = {
    ("parameters",): "a space that extends another narrows it: use `pin` and `restrict`",
    ("pin",): "only a space that `extends` another pins: shorten the domain instead",
    ("restrict",): "only a space that `extends` another restricts: shorten the domain instead",
}
_EXPECTED: Final = {
    "string_type": "a string",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "bool_type": "true or false",
    "number": "a number",
    "scalar": "a single value",
    "expression": "an expression",
    "weight": "a whole number from 1 to 1,000,000,000",
}


@dataclass(frozen=True, slots=True)
class File(Generic[D_co]):
    """A document and where its parts stand. `lost` are names declared in parts that were cut out,
    `skipped` the positions of rules that were; `torn` says that sections
    which give names are missing."""

    tree: Tree
    document: D_co
    lost: frozenset[str] = frozenset()
    skipped: frozenset[int] = frozenset()
    torn: bool = False

    def at(self, *path: str | int) -> Span:
        """The place of a part's value."""
        return self.tree.at(path)

    def at_key(self, *path: str | int) -> Span:
        """The place of a part's key."""
        return self.tree.at_key(path)


def described(value: Data) -> str:
    """A value as messages name it."""
    match value:
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case None:
            return "null"
        case _:
            text = write_scalar(value)
            return f"`{text if len(text) <= 40 else text[:37] + '...'}`"


def validate(tree: Tree, kind: type[D_co], faults: list[Fault]) -> File[D_co] | None:
    """The document in `tree`, as far as it is sound; None where nothing is. Adds to `faults`."""
    faults.extend(tree.faults)
    if not isinstance(tree.data, dict):
        hint = "start with `spacegen: 1`"
        faults.append(Fault(f"the file must hold a mapping, not {described(tree.data)}", tree.at(), hint))
        return None
    data = {key: value for key, value in tree.data.items() if value is not None or key not in _OPTIONAL}
    try:
        return File(tree, kind.model_validate(data))
    except ValidationError as error:
        problems = [_Problem(p, tree, kind) for p in error.errors(include_url=False, include_context=True)]
    faults.extend(_faults(problems))
    return _remains(data, tree, kind, problems)


def _remains(
    data: dict[str, Any], tree: Tree, kind: type[D_co], problems: list[_Problem]
) -> File[D_co] | None:
    lost: set[str] = set()
    skipped: set[int] = set()
    torn = False
    data = {key: _copied(value) for key, value in data.items()}
    for problem in problems:
        match problem.path:
            case (str() as section, str() as name, *_) if section in _SECTIONS:
                data[section].pop(name, None)
                lost.add(name)
            case ("rules", int() as i, *_):
                data["rules"][i] = {}
                skipped.add(i)
            case (section, *_):
                data.pop(str(section), None)
                torn = torn or section in _NAMING
            case _:
                return None
    data.setdefault("spacegen", 1)
    try:
        document = kind.model_validate(data)
    except ValidationError:
        return None
    return File(tree, document, frozenset(lost), frozenset(skipped), torn)


def _copied(value: Data) -> Data:
    return value.copy() if isinstance(value, dict | list) else value


def _faults(problems: list[_Problem]) -> Iterator[Fault]:
    meant = {problem.meant for problem in problems}
    for problem in problems:
        # A key that is misspelt is not missing as well.
        if problem.type != "missing" or problem.key not in meant:
            yield problem.fault()


class _Problem:
    """One error of pydantic with its path in the file."""

    def __init__(self, error: Any, tree: Tree, kind: type[Document]) -> None:
        self.type: str = error["type"]
        self.tree = tree
        self.path: Path = tuple(s for s in error["loc"] if not (isinstance(s, str) and s.startswith("[")))
        self.input = error["input"]
        self.context: dict[str, Any] = error.get("ctx", {})
        self.words: str = error["msg"]
        if "step" in self.context:
            self.path = (*self.path, self.context["step"])
            self.input = self.context["value"]
        self.known = _keys(self.path, kind)
        others = tuple(key for key in self.known if key != self.key)
        self.meant = _closest(self.key, others) if self.type == "extra_forbidden" else None

    @property
    def key(self) -> str:
        return str(self.path[-1]) if self.path else ""

    def fault(self) -> Fault:
        match self.type:
            case "missing":
                hint = "start with `spacegen: 1`" if self.path == ("spacegen",) else None
                return Fault(
                    f"{self._inside()}the key `{self.key}` is missing", self.tree.at(self.path[:-1]), hint
                )
            case "extra_forbidden":
                return Fault(f"unknown key `{self.key}`", self.tree.at_key(self.path), self._unknown_hint())
            case "enum" | "literal_error":
                return self._choice()
            case _:
                return self._wrong_type()

    def _inside(self) -> str:
        return "" if len(self.path) < 2 else f"{self._named(self.path[:-1])}: "

    def _named(self, path: Path) -> str:
        last = path[-1]
        if isinstance(last, int):
            return f"item {last + 1} of `{path[-2]}`" if len(path) > 1 else f"item {last + 1}"
        return f"`{last}`"

    def _unknown_hint(self) -> str | None:
        if self.key in self.known:
            return "with other keys, write the range under `range`"
        if self.meant:
            return f"did you mean `{self.meant}`?"
        if not self.key.replace("_", "").isalnum() and self.input is None:
            return "inside { }, an expression with commas or brackets needs quotes"
        if (hint := _MISPLACED.get(self.path)) is not None:
            return hint
        return "known keys: " + ", ".join(f"`{key}`" for key in self.known)

    def _choice(self) -> Fault:
        allowed = self.context["expected"].replace("'", "`").replace(" or ", ", ")
        words = [word.strip("` ") for word in allowed.split(",")]
        hint = did_you_mean(str(self.input), words)
        if self.path == ("spacegen",):
            hint = "this is the version of the language, not of the server"
            if self.input == "1":
                hint = "write it without quotes"
        one_of = "must be" if len(words) == 1 else "must be one of"
        listed = words[0] if self.path == ("spacegen",) else ", ".join(f"`{w}`" for w in words)
        message = f"{self._named(self.path)} {one_of} {listed}, not {described(self.input)}"
        return Fault(message, self.tree.at(self.path), hint)

    def _wrong_type(self) -> Fault:
        expected = _EXPECTED.get(self.type)
        hint = self.context.get("hint")
        if expected is None:
            return Fault(f"{self._named(self.path)}: {self.words.lower()}", self.tree.at(self.path), hint)
        if self.path[:1] == ("parameters",) and len(self.path) == 2 and self.type == "list_type":
            expected, hint = (
                "a list or a mapping",
                f"a single value still needs a list: [{_text(self.input)}]",
            )
        if self.path == ("objective",) and self.type in ("model_type", "model_attributes_type"):
            hint = f"for example `{{maximize: {_text(self.input)}}}`"
        if self.path[:1] == ("restrict",) and self.type == "list_type":
            hint = "for a single value, use `pin`"
        if self.type == "number" and isinstance(self.input, str):
            hint = hint_for_string(self.input)
        if self.type == "string_type" and not isinstance(self.input, list | dict | None):
            hint = f'put it in quotes: "{_text(self.input)}"'
        message = f"{self._named(self.path)} must be {expected}, not {described(self.input)}"
        return Fault(message, self.tree.at(self.path), hint)


def _text(value: Data) -> str:
    return described(value).strip("`")


def _keys(path: Path, kind: type[Document]) -> tuple[str, ...]:
    models: tuple[type[BaseModel], ...] = (kind,)
    if len(path) > 1:
        models = _PARTS.get(str(path[0]), ())
        if path[0] == "parameters" and len(path) == 4:
            models = (Range,)
        elif path[0] == "parameters":
            models = (ParameterEntry,)
    return tuple(f.alias or name for model in models for name, f in model.model_fields.items())


def _closest(word: str, known: tuple[str, ...]) -> str | None:
    hint = did_you_mean(word, known)
    return hint.split("`")[1] if hint else None
