"""The public face of a space: load one, ask it questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

import numpy as np

from spacegen.engines.plan import EngineName
from spacegen.engines.protocol import Method
from spacegen.engines.verdict import accepts
from spacegen.errors import Fault, UsageError, how_many
from spacegen.language.expr import Scalar
from spacegen.language.model import Kind
from spacegen.questions.counting import Count, count
from spacegen.questions.definition import read_kind
from spacegen.questions.draw import draw, ranked, shard
from spacegen.questions.encode import encode
from spacegen.questions.given import known_word, plain, plain_config, several, whole
from spacegen.reasons import Reasons
from spacegen.solutions import AllSolutions, Config, Solutions
from spacegen.survey import Survey

if TYPE_CHECKING:
    from spacegen.optimum import Optimum

__all__ = ["METHODS", "Space", "load"]

SolveMethod: TypeAlias = Literal["uniform", "balanced", "first", "all", "best"]
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
class Space(Reasons, Survey):
    """A search space: what a definition says, and the answers to questions about it.

    Immutable: every `with…` and `without…` gives a new space. It compiles itself when first asked.
    """

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
        stay lazy, or the `best`. `n` is 10 unless given, and no limit for `all`; `shard` is a slice of the
        ranks."""
        size = 10 if n is None else _size(n)
        known_word(method, METHODS, "method")
        if method == "best":
            if replace or shard is not None:
                raise UsageError("the best solutions have no shards, and none occurs twice")
            return self.best(size)
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

    def best(self, n: int = 1) -> Optimum:
        """The `n` best solutions by the objectives of the space, in order of importance, then by what broken
        preferences cost; among equals those nearest to the defaults, then in canonical order. Raises
        UsageError where nothing says what is best."""
        from spacegen.optimum import Optimum
        from spacegen.questions.best.best import best
        from spacegen.questions.best.goals import required_goals

        goals, size = required_goals(self.model), _size(n, MAX_DRAW)
        # The exact engine needs no limit, others always have one.
        timeout = self.timeout if self.timeout is not None or self.ranked else 60.0
        return Optimum(self.engine, best(self.engine, goals, size, timeout))

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

    def to_yaml(self) -> str:
        """The space as a YAML document that reads back as the same space."""
        from spacegen.language.emit import emit

        return emit(self.model)
