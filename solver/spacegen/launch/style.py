"""What all writers of launches must know beside the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spacegen.errors import Fault, UsageError
from spacegen.launch.config import LaunchConfig
from spacegen.launch.fields import Table, rows
from spacegen.launch.mistakes import unknown, worded
from spacegen.launch.template import Template
from spacegen.servers.schema import TargetSchema

__all__ = ["Style"]


@dataclass(frozen=True, slots=True)
class Style:
    """How launches are written: `name` is the space's, `schema` what its target takes.

    `full` writes what commands otherwise leave out: values that are the default, and values nobody reads.
    `gateway` makes data-parallel replicas servers of their own; `index` numbers the files of launches.
    """

    name: str = ""
    schema: TargetSchema | None = None
    full: bool = False
    gateway: bool = False
    template: Template | None = None
    index: int = 0

    def configs(self, tables: Iterable[Table]) -> Iterator[LaunchConfig]:
        """The rows as launches. Raises UsageError where there is no target, or it lacks an argument."""
        for table in tables:
            schema, fields = self.launched(table)
            for row in rows(fields, inactive=self.full):
                yield LaunchConfig(schema, row)

    def launched(self, table: Table) -> tuple[TargetSchema, Table]:
        """The target, and the columns of its arguments. Raises UsageError as `configs` does."""
        schema = self.schema
        if schema is None:
            hint = 'say `target: {server: sglang, version: "0.5.6"}` in the space'
            what = f"`{self.name}` names no server, so its solutions are no commands"
            raise UsageError(Fault(what, hint=hint))
        fields = [field for field in table if field.argument]
        strangers = [field.name for field in fields if field.name not in schema.arguments]
        if strangers:
            raise UsageError(*(worded(unknown(schema, name), schema) for name in strangers))
        return schema, fields
