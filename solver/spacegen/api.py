"""The public face of a space: load one, ask it questions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

import numpy as np

from spacegen.engines.canonical import fingerprint
from spacegen.engines.plan import EngineName, compile_model
from spacegen.engines.protocol import Engine, Method
from spacegen.engines.relation import normalise
from spacegen.engines.verdict import accepts
from spacegen.errors import Fault, UsageError, how_many
from spacegen.language.expr import Scalar
from spacegen.language.model import Kind, Model
from spacegen.questions.check import check, check_all
from spacegen.questions.conflict import Conflict, find_conflict
from spacegen.questions.counting import Count, count
from spacegen.questions.dead import dead_values, held
from spacegen.questions.definition import Definition, read_kind
from spacegen.questions.draw import draw, is_ranked, ranked, shard
from spacegen.questions.encode import encode
from spacegen.questions.given import known_word, plain, plain_config, several, whole
from spacegen.questions.info import Info, info
from spacegen.questions.summary import Summary, of_space
from spacegen.questions.verdict import Verdict
from spacegen.solutions import AllSolutions, Config, Solutions

__all__ = ["METHODS", "Space", "load"]

SolveMethod: TypeAlias = Literal["uniform", "balanced", "first", "all"]
METHODS: Final[tuple[SolveMethod, ...]] = get_args(SolveMethod)
MAX_DRAW: Final = 10**9

_NOTHING: Final[Mapping[str, Scalar]] = MappingProxyType({})


def _size(n: int, most: int | None = None) -> int:
    """How many solutions. Raises UsageError for fewer than none, and for more than `most`."""
    size = whole(n, "a number of solutions")
    if size < 0 or (most is not None and size > most):
        hint = "`--method all` writes any number of solutions, in canonical order"
        raise UsageError(Fault(f"cannot draw {size:,} solutions", hint=hint if size > 0 else None))
    return size


def load(
    path_or_name: str | Path,
    *,
    constants: Mapping[str, Scalar] = _NOTHING,
    with_kinds: Iterable[Kind | str] = (),
    without_kinds: Iterable[Kind | str] = (),
    without_rules: Iterable[str] = (),
    strict_target: bool = False,
    effective: bool = False,
    target: str | None = None,
    hardware: str | None = None,
    model: str | Path | None = None,
    fixed: Mapping[str, Scalar] = _NOTHING,
    engine: EngineName = "auto",
) -> Space:
    """The space of a YAML file (a path with a `/` or ending in `.yaml`) or a bundled one (a name).

    `target` (such as `sglang==0.5.23`) loads it for another version of its server. `hardware` (a name of the
    catalogue or a YAML file) and `model` (a folder or its config.json) give constants their values, but
    `constants` wins. `fixed` has arguments of the server for every output, which rules see too. `effective`
    takes one of the ways to write the same launch, as the `effective` packs of the space say.

    Raises SpaceError with every fault of the file.
    """
    from spacegen.language.elaborate import load_model  # a space made in Python needs no YAML
    from spacegen.language.settings import Settings

    settings = Settings(
        constants={name: plain(value) for name, value in constants.items()},
        with_kinds=frozenset(map(read_kind, several(with_kinds, "kinds"))),
        without_kinds=frozenset(map(read_kind, several(without_kinds, "kinds"))),
        without_rules=frozenset(several(without_rules, "rules")),
        strict_target=strict_target,
        effective=effective,
        target=target,
        hardware=hardware,
        model=model,
        fixed={name: plain(value) for name, value in fixed.items()},
    )
    return Space(load_model(str(path_or_name), settings=settings), engine)


@dataclass(frozen=True, eq=False, repr=False)
class Space(Definition):
    """A search space: what a definition says, and the answers to questions about it.

    Immutable: every `with…` and `without…` gives a new space. It compiles itself when first asked.
    """

    @cached_property
    def engine(self) -> Engine:
        """The compiled space. Raises EngineError where the chosen engine cannot hold it."""
        return compile_model(self.model, self.engine_name)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that name the meaning of the space and the order of its solutions."""
        compiled: Engine | None = self.__dict__.get("engine")
        if compiled is not None and is_ranked(compiled):
            return compiled.fingerprint
        return fingerprint(normalise(self.model))

    @property
    def ranked(self) -> bool:
        """Whether the engine knows ranks, and so counts without listing."""
        return is_ranked(self.engine)

    def __repr__(self) -> str:
        parameters, rules = how_many(len(self.parameters), "parameter"), how_many(len(self.rules), "rule")
        return f"<space `{self.name}`: {parameters}, {rules}>"

    def completed(self, arguments: Mapping[str, object] = _NOTHING) -> Space:
        """With more arguments of the server in every output. Raises UsageError for those it does not take."""
        from spacegen.launch.complete import complete

        return self._changed(complete(self.base, arguments, self.settled))

    @property
    def arguments(self) -> dict[str, Scalar]:
        """What is held fixed, but for lists and mappings, which rules cannot be about."""
        return {name: v for name, v in self.base.fixed.items() if not isinstance(v, list | dict)}

    def completed_as(self, texts: Mapping[str, str]) -> Space:
        """With more arguments in every output, their values spelled as texts."""
        from spacegen.launch.complete import read_arguments

        return self.completed(read_arguments(self.base, texts))

    # Questions

    def count(self) -> int:
        """The exact number of solutions."""
        return self.engine.count()

    def dead_values(self) -> dict[str, tuple[Scalar, ...]]:
        """By parameter, the values of its domain that no solution has; aside from those that are `held`."""
        found = dead_values(self.engine)
        return {name: values for name, values in found.items() if name not in self.held}

    @cached_property
    def held(self) -> frozenset[str]:
        """The parameters that somebody narrowed on purpose: by a pin, an overlay, or `where`."""
        return frozenset(self.pins) | held(self.rules)

    def counted(self) -> Count:
        """The number of solutions beside the number of combinations."""
        return count(self.engine, self.combinations)

    def sample(
        self, n: int, *, seed: int = 0, method: Method = "uniform", replace: bool = False
    ) -> Solutions:
        """`n` random solutions, distinct unless `replace` (then fewer where the space has fewer).

        `balanced` weighs the off side of a switch like all its children together.
        """
        size = _size(n, MAX_DRAW)
        known_word(method, get_args(Method), "method of random draws")
        drawn = draw(self.engine, size, seed=seed, method=method, replace=replace)
        return Solutions(self.engine, drawn.block, drawn.note)

    def solutions(self) -> AllSolutions:
        """All solutions in canonical order, made as they are looked at."""
        return AllSolutions(self.engine)

    def first(self, n: int) -> Solutions:
        """The first `n` solutions in canonical order."""
        return self.solutions()[: _size(n)].materialised()

    def solve(
        self,
        n: int | None = None,
        *,
        method: SolveMethod = "uniform",
        seed: int = 0,
        shard: tuple[int, int] | None = None,
        replace: bool = False,
    ) -> Solutions | AllSolutions:
        """Solutions by any method: random ones, or with `first` and `all` those in canonical order, which
        stay lazy. `n` is 10 unless given, and no limit for `all`; `shard` is a slice of the ranks."""
        size = 10 if n is None else _size(n)
        known_word(method, METHODS, "method")
        if method == "balanced" and shard is not None:
            raise UsageError("`balanced` draws have no shards")
        if replace and method in ("first", "all"):
            raise UsageError("only random draws can repeat (`replace`)")
        if method == "balanced" or (method == "uniform" and shard is None):
            return self.sample(size, seed=seed, method=method, replace=replace)
        some = self.solutions() if shard is None else self.shard(*shard)
        if method == "uniform":
            return some.sample(_size(size, MAX_DRAW), seed=seed, replace=replace)
        return some if method == "all" and n is None else some[:size]

    def shard(self, part: int, parts: int) -> AllSolutions:
        """Slice `part` (from 0) of the solutions cut into `parts` equal slices of ranks."""
        ranks = shard(self.count(), whole(part, "a shard"), whole(parts, "a number of shards"))
        return AllSolutions(self.engine, ranks)

    def rank(self, config: Mapping[str, object]) -> int:
        """The number of a solution in the canonical order. Raises UsageError where it is none."""
        block = encode(self.model, plain_config(config))
        if block is None or not accepts(self.model, block)[0]:
            raise UsageError(Fault(f"this config is no solution of `{self.name}`", hint="`check` says why"))
        return int(ranked(self.engine).rank(block)[0])

    def unrank(self, rank: int) -> Config:
        """The solution with this number. Raises UsageError outside 0 … count - 1."""
        return self.unranked([rank])[0]

    def unranked(self, ranks: Sequence[int]) -> Solutions:
        """The solutions with these numbers. Raises UsageError outside 0 … count - 1."""
        total = self.count()
        wanted = [whole(rank, "a rank") for rank in ranks]
        for rank in wanted:
            if not 0 <= rank < total:
                hint = f"ranks run from 0 to {total - 1:,}" if total else "the space is empty"
                raise UsageError(Fault(f"`{self.name}` has no solution of rank {rank:,}", hint=hint))
        dtype = np.int64 if total < 2**63 else object
        return Solutions(self.engine, ranked(self.engine).unrank(np.array(wanted, dtype)))

    def marginals(self) -> dict[str, dict[Scalar, int]]:
        """For each value of each parameter, how many solutions have it."""
        counts = zip(self.parameters, self.engine.marginals(), strict=True)
        return {p.name: dict(zip(p.domain, found, strict=True)) for p, found in counts}

    def summary(self) -> Summary:
        """How often each value occurs over all solutions; made to be printed."""
        return of_space(self.engine)

    def check(self, config: Mapping[str, object]) -> Verdict:
        """What is wrong with a config; a parameter that it does not name is free.

        Arguments that only the target knows are judged by its schema, and pass.
        """
        from spacegen.launch.sorting import Sorter

        given = Sorter(self.base, self.not_searched)(plain_config(config))
        settled, engine = self.not_searched, lambda: self.engine
        return given.told(check(self.model, given.config, self._compile, engine=engine, settled=settled))

    def check_all(self, configs: Iterable[Mapping[str, object]]) -> Iterator[Verdict]:
        """The verdict on each config; many complete ones are tried together, which is faster."""
        from spacegen.launch.sorting import Sorted, Sorter

        settled = self.not_searched
        sort = Sorter(self.base, settled)
        waiting: deque[Sorted] = deque()

        def searched() -> Iterator[Mapping[str, object]]:
            for config in configs:
                waiting.append(sort(plain_config(config)))
                yield waiting[-1].config

        found = check_all(self.model, searched(), self._compile, engine=lambda: self.engine, settled=settled)
        return (waiting.popleft().told(verdict) for verdict in found)

    def _compile(self, model: Model) -> Engine:
        return compile_model(model, self.engine_name)

    def conflict(self) -> Conflict | None:
        """A minimal set of rules that cannot hold together, where the space is empty."""
        return find_conflict(self.model, self._compile)

    def info(self) -> Info:
        """Parameters, rules and everything else that the space declares."""
        return info(self.base, self.combinations, self.pins)

    def to_yaml(self) -> str:
        """The space as a YAML document that reads back as the same space."""
        from spacegen.language.emit import emit

        return emit(self.model)
