"""Rule entries as rules: one body, an optional `when`, and the packs' way of taking missing names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from spacegen.errors import Fault, SpaceError
from spacegen.language import bodies, versions
from spacegen.language.document import BODIES, Document, RuleEntry
from spacegen.language.expr import Expr
from spacegen.language.model import Preference, Rule, Target
from spacegen.language.naming import PackNames, reworded
from spacegen.language.scalars import write_scalar
from spacegen.language.syntax import Names, parse
from spacegen.language.validate import File
from spacegen.language.walk import implies
from spacegen.source import Span

__all__ = ["RuleReader", "expression_text"]


def expression_text(value: object) -> str:
    """The text of an expression that YAML may have read as a number or a boolean."""
    return value if isinstance(value, str) else write_scalar(value)  # type: ignore[arg-type]


@dataclass(slots=True)
class RuleReader:
    """Reads the rules of one file after the other; ids are unique over all of them. `renamed` has the names
    of the space that the model spells otherwise. `preferences` collects the soft rules."""

    target: Target | None
    faults: list[Fault]
    notes: list[str] = field(default_factory=list)
    ids: dict[str, Span] = field(default_factory=dict)
    unused: set[str] = field(default_factory=set)
    renamed: Mapping[str, str] = field(default_factory=dict)
    preferences: list[Preference] = field(default_factory=list)

    def read(self, file: File[Document], names: Names, pack: str | None = None) -> Iterator[Rule]:
        """The rules of a file that bind this target, in order; soft ones go to `preferences`."""
        for i, entry in enumerate(file.document.rules):
            if i not in file.skipped:
                id = entry.id or (f"{pack}/rule-{i + 1}" if pack else f"rule-{i + 1}")
                if self.applies(entry, id, file.at("rules", i, "versions")):
                    yield from self.rule(file, i, id, names, pack)

    def applies(self, entry: RuleEntry, id: str, span: Span) -> bool:
        """Whether the target is one of the versions that the rule is about."""
        if entry.versions is None:
            return True
        version = self.target.version if self.target else "0"
        try:
            matches = versions.matches(entry.versions, version)
        except SpaceError as error:
            self.faults.extend(Fault(f.message, span, f.hint) for f in error.faults)
            return False
        if self.target is None:
            self.notes.append(f"rule `{id}` is left out: it is about versions, and the space has no target")
        if self.target is None or not matches:
            self.unused.add(id)
            return False
        return True

    def rule(self, file: File[Document], i: int, id: str, names: Names, pack: str | None) -> Iterator[Rule]:
        """The rule, or nothing where it is faulty or has no meaning here."""
        entry = file.document.rules[i]
        span = file.at("rules", i)
        self.take_id(id, file.at("rules", i, "id") if entry.id else span)
        keyword = self.body(file, i)
        if keyword is None:
            return
        of_pack = names.symbols if isinstance(names.symbols, PackNames) else None
        lacking = of_pack.missing if of_pack else {}
        lacking.clear()
        try:
            condition, text = _condition(entry, keyword, _places(file, i), _key_places(file, i), names)
        except SpaceError as error:
            self.faults.extend(error.faults)
            return
        if lacking:
            listed = ", ".join(f"`{name}`" for name in lacking)
            self.notes.append(f"rule `{id}` is left out: the space has no target and no {listed}")
            self.unused.add(id)
            return
        text = reworded(text, of_pack.renamed if of_pack else self.renamed)
        rule = Rule(id, condition, text, entry.because, entry.source, entry.kind, entry.versions, pack, span)
        if keyword == "prefer":
            self.preferences.append(Preference(rule, entry.weight))
        else:
            yield rule

    def take_id(self, id: str, span: Span) -> None:
        """Remember an id; a fault where another rule has it."""
        if not id.strip() or any(c.isspace() for c in id):
            self.faults.append(Fault(f"`{id}` cannot be the id of a rule", span, "write it `like-this`"))
        elif id in self.ids:
            hint = f"it is first used at {self.ids[id]}"
            self.faults.append(Fault(f"two rules have the id `{id}`", span, hint))
        self.ids.setdefault(id, span)

    def body(self, file: File[Document], i: int) -> str | None:
        """The one body of a rule; a fault where there is none or more."""
        given = file.document.rules[i].model_fields_set
        found = [keyword for keyword in BODIES if keyword in given]
        if len(found) == 1:
            if "weight" in given and found[0] != "prefer":
                hint = f"write `prefer` instead of `{found[0]}` for a rule that may be broken at a price"
                span = file.at_key("rules", i, "weight")
                self.faults.append(Fault("only a preference has a weight", span, hint))
            return found[0]
        if not found:
            hint = "add `require:` with an expression"
            self.faults.append(Fault("this rule says nothing", file.at("rules", i), hint))
        else:
            # In the order of the file, so that the caret stands at the one too many.
            found = [key for key in file.tree.keys(("rules", i)) if key in found]
            said = " and ".join(f"`{keyword}`" for keyword in found)
            span = file.at_key("rules", i, found[1])
            self.faults.append(
                Fault(f"a rule has one body, and this one has {said}", span, "make it two rules")
            )
        return None


def _places(file: File[Document], i: int) -> Callable[[tuple[str | int, ...]], Span]:
    return lambda path: file.at("rules", i, *path)


def _key_places(file: File[Document], i: int) -> Callable[[tuple[str | int, ...]], Span]:
    return lambda path: file.at_key("rules", i, *path)


def _condition(
    entry: RuleEntry,
    keyword: str,
    at: Callable[[tuple[str | int, ...]], Span],
    at_key: Callable[[tuple[str | int, ...]], Span],
    names: Names,
) -> tuple[Expr, str]:
    value = getattr(entry, keyword)
    faults: list[Fault] = []
    when = body = None
    if "when" in entry.model_fields_set:
        try:
            when = parse(_checked(entry.when, at(("when",))), at(("when",)), names)
        except SpaceError as error:
            faults.extend(error.faults)
    try:
        body = bodies.condition(
            keyword,
            value,
            lambda path: at((keyword, *path)),
            names,
            at_key=lambda path: at_key((keyword, *path)),
        )
    except SpaceError as error:
        faults.extend(error.faults)
    if faults or body is None:
        raise SpaceError(*faults)
    text = bodies.text_of(keyword, value)
    if when is None:
        return body, text
    return implies(when, body), f"when {expression_text(entry.when)}: {text}"


def _checked(value: object, span: Span) -> str:
    if value is None or isinstance(value, list | dict):
        raise SpaceError(Fault("`when` must be an expression", span))
    return expression_text(value)
