"""What a launch ran with as a whole config of a space, in the form in which the space would have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spacegen.api import Space
from spacegen.diagnose.narrowing.launched import schema_of
from spacegen.language.expr import Scalar
from spacegen.language.model import Domain, NoDefault
from spacegen.language.retarget import target_default
from spacegen.launch.unsaid import put_inactive_aside, unbroken
from spacegen.servers.schema import TargetSchema

__all__ = ["completed"]


def completed(space: Space, ran: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a launch, with defaults for what the log does not say; empty if it says nothing.

    Servers log all their arguments. One that has no effect is at its default here, and one at the target's
    default counts as not given if rules of the space need that: the launch is the same either way.
    """
    if not ran:
        return {}
    defaults = {p.name: p.default for p in space.parameters if not isinstance(p.default, NoDefault)}
    found = {**defaults, **ran}
    put_inactive_aside(found, space.model, space.parameters)
    if (schema := schema_of(space)) is not None:
        unbroken(found, space.model, dict(_forms(space, schema, found)))
    return found


def _forms(
    space: Space, schema: TargetSchema, config: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[Scalar, ...]]]:
    """The values that say the default of the target, for parameters that are there in a config."""
    for parameter in space.parameters:
        if parameter.name in schema.arguments:
            default = target_default(schema, parameter.name)
            forms = () if isinstance(default, NoDefault) else Domain(tuple(dict.fromkeys((default, None))))
            if config.get(parameter.name) in forms:
                yield parameter.name, tuple(value for value in forms if value in parameter.domain)
