"""A definition with the engine that answers for it, compiled when it is first asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from spacegen.engines.canonical import fingerprint
from spacegen.engines.plan import compile_model
from spacegen.engines.protocol import Engine
from spacegen.engines.relation import normalise
from spacegen.language.model import Model
from spacegen.questions.definition import Definition
from spacegen.questions.draw import is_ranked

__all__ = ["Compiled"]


@dataclass(frozen=True, eq=False, repr=False)
class Compiled(Definition):
    """What all questions start from."""

    @cached_property
    def engine(self) -> Engine:
        """The compiled space. Raises EngineError where the chosen engine cannot hold it."""
        return compile_model(self.model, self.engine_name, self.timeout)

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

    def _compile(self, model: Model) -> Engine:
        return compile_model(model, self.engine_name, self.timeout)
