"""From files to a model: names resolved, defaults filled in, rules chosen, all faults told at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from spacegen.errors import Fault, SpaceError, UsageError, did_you_mean
from spacegen.language.conditions import RuleReader
from spacegen.language.constants import read_constants
from spacegen.language.derive import read_derived
from spacegen.language.expr import Const, Scalar
from spacegen.language.files import read_source, shown
from spacegen.language.inputs import Inputs, applicable, read_inputs
from spacegen.language.model import Constant, Kind, Model, Parameter, Preference, Rule, Target
from spacegen.language.naming import PackNames, Symbols
from spacegen.language.narrow import narrowed
from spacegen.language.objectives import read_objectives
from spacegen.language.overlays import Stack, find_space, gather
from spacegen.language.packs import about, names_version
from spacegen.language.parameters import bind_activity, read_parameters
from spacegen.language.retarget import Retarget
from spacegen.language.settings import Settings
from spacegen.language.syntax import Names
from spacegen.language.targets import find_target, find_way, read_fixed
from spacegen.source import Source

__all__ = ["Settings", "load_model", "read_model"]

_NO_SETTINGS: Final = Settings()
_MAX_FAULTS: Final = 100
_MODEL_PATH: Final = "model_path"


def load_model(path_or_name: str | Path, *, settings: Settings = _NO_SETTINGS) -> Model:
    """The space in a file or of a bundled name.

    Raises SpaceError with every fault of its files, UsageError where the settings name what it lacks.
    """
    path = find_space(path_or_name)
    name = str(path_or_name) if path == Path(path_or_name) else shown(path)
    return read_model(read_source(path, name), path.parent, settings)


def read_model(source: Source, folder: Path | None = None, settings: Settings = _NO_SETTINGS) -> Model:
    """The space that a text describes; relative paths start in `folder`. Raises as `load_model` does."""
    inputs = read_inputs(settings)
    faults: list[Fault] = []
    stack = gather(source, folder, settings=settings, faults=faults)
    model = _Elaboration(stack, settings, inputs, Symbols(faults)).model() if stack else None
    if faults or model is None:
        raise SpaceError(*_presented(faults))
    return model


def _presented(faults: list[Fault]) -> list[Fault]:
    """Faults by file, then by place; of very many, the first."""
    files: dict[str, int] = {}
    for fault in faults:
        files.setdefault(fault.span.source.name if fault.span else "", len(files))
    unique = list(dict.fromkeys(faults))
    unique.sort(
        key=lambda f: (files[f.span.source.name], f.span.line, f.span.column) if f.span else (-1, 0, 0)
    )
    if len(unique) > _MAX_FAULTS:
        return [*unique[:_MAX_FAULTS], Fault(f"and {len(unique) - _MAX_FAULTS:,} more faults")]
    return unique


@dataclass(slots=True)
class _Elaboration:
    """One walk from the files to the model; each step adds to what the next may name."""

    stack: Stack
    settings: Settings
    inputs: Inputs
    symbols: Symbols
    notes: list[str] = field(default_factory=list)
    target: Target | None = None
    way: Retarget | None = None

    def model(self) -> Model:
        """The model; without meaning where faults were added."""
        base, overlays, files = self.stack.base, self.stack.overlays, self.stack.files
        suspects = [fault for file in files for fault in file.tree.suspects]
        for file in files:
            self.symbols.lose(file.lost)
        self.find_target()
        parameters = read_parameters(base, self.symbols, self.way)
        fixed = self.read_fixed()
        constants = read_constants(self.stack, self.settings, self.symbols, self.inputs.constants)
        derived = read_derived(self.stack, self.symbols, self.way, self.notes)
        parameters = bind_activity(base, parameters, self.symbols)
        reader = RuleReader(self.target, self.symbols.faults, self.notes, renamed=self.symbols.renamed)
        for parameter in parameters:
            if parameter.active_when is not None and parameter.span is not None:
                reader.take_id(_activity_id(parameter), parameter.span)
        rules, preferences = self.taken(reader, constants.values)
        objectives = read_objectives(self.stack, self.symbols)
        usage = [*constants.usage, *self.unknown_ids({*reader.ids, *reader.unused})]
        if usage and not self.symbols.faults:
            raise UsageError(*usage)
        self.symbols.faults.extend(suspects if self.symbols.faults else ())
        top = overlays[-1].document if overlays else base.document
        return Model(
            name=top.name or self.stack.stem,
            parameters=tuple(map(self.unless_waived, parameters)),
            rules=rules,
            derived=derived,
            constants=constants.values,
            fixed=MappingProxyType(fixed),
            objectives=objectives,
            preferences=preferences,
            target=self.target,
            description=top.description or base.document.description,
            sources=tuple(file.tree.source for file in files),
            notes=(
                *((*self.way.notes, *self.notes) if self.way else self.notes),
                *(f"{s.span}: {s.message}; {s.hint}" for s in suspects),
            ),
        )

    def find_target(self) -> None:
        faults = self.symbols.faults
        self.target = find_target(self.stack, self.settings.target, faults)
        self.way = find_way(self.stack, self.target, faults)
        self.stack = replace(self.stack, packs=about(self.stack.packs, self.target, faults))

    def read_fixed(self) -> dict[str, Scalar]:
        """What the files fix, under what was chosen: the path of a model, and arguments of the launch."""
        fixed = read_fixed(self.stack, self.symbols, self.way)
        path = self.inputs.model_path
        chosen = {**({} if path is None else {_MODEL_PATH: path}), **self.settings.fixed}
        for name, value in chosen.items():
            if name not in fixed:
                self.symbols.declare(name, "fixed value", self.stack.base.at(), Const(value, name))
            self.symbols.meanings[name] = Const(value, name)
        return fixed | chosen

    def read_rules(self, reader: RuleReader) -> Iterator[Rule]:
        """All rules that bind the target: of the packs, of the space, of the overlays."""
        for pack in self.stack.packs:
            names = PackNames(self.symbols, self.way, names_version(pack))
            yield from reader.read(pack.file, Names(names, self.symbols.domains), pack.name)
        yield from reader.read(self.stack.base, self.symbols.names())
        for overlay in self.stack.overlays:
            yield from narrowed(overlay, self.symbols, reader)
            yield from reader.read(overlay, self.symbols.names())

    def taken(
        self, reader: RuleReader, constants: tuple[Constant, ...]
    ) -> tuple[tuple[Rule, ...], tuple[Preference, ...]]:
        """The rules and the soft ones, of the kinds that are taken and as far as they say something."""
        rules = tuple(filter(self.takes, self.read_rules(reader)))
        soft = tuple(p for p in reader.preferences if self.takes(p.rule))
        both = (*rules, *(p.rule for p in soft))
        saying = {rule.id for rule in applicable(both, constants, self.settings, self.notes)}
        return tuple(r for r in rules if r.id in saying), tuple(p for p in soft if p.id in saying)

    def takes(self, rule: Rule) -> bool:
        """Whether the space and the settings take a rule of this kind and id."""
        return rule.id not in self.settings.without_rules and (rule.kind is None or rule.kind in self.kinds())

    def kinds(self) -> frozenset[Kind]:
        given = [self.stack.base.document.kinds, *(f.document.kinds for f in self.stack.overlays)]
        taken = next((kinds for kinds in reversed(given) if kinds is not None), list(Kind))
        return (frozenset(taken) | self.settings.with_kinds) - self.settings.without_kinds

    def unless_waived(self, parameter: Parameter) -> Parameter:
        """The parameter, always active where the settings leave its `active_when` out."""
        waived = parameter.active_when is not None and _activity_id(parameter) in self.settings.without_rules
        return replace(parameter, active_when=None) if waived else parameter

    def unknown_ids(self, known: set[str]) -> Iterator[Fault]:
        for id in sorted(self.settings.without_rules - known):
            yield Fault(f"the space has no rule `{id}`", hint=did_you_mean(id, sorted(known)))


def _activity_id(parameter: Parameter) -> str:
    return f"{parameter.name}.active_when"
