"""The command `spacegen`: finds the verb, runs it, and words whatever goes wrong."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from spacegen.cli.process import abandon, end_on_signals, failed, open_streams, unread, worded

__all__ = ["VERBS", "app", "main", "run"]

VERBS: Final = {
    "solve": "Draw solutions of a space: launch configs that keep every rule.",
    "count": "Count the solutions of a space, exactly.",
    "check": "Say whether configs are solutions, and if not, why.",
    "repair": "Print the nearest valid config: fewest changed parameters, then least movement.",
    "why-not": "Say why values are impossible, or how many solutions have them.",
    "lint": "Find what is weak about spaces: dead values, idle rules, bad defaults.",
    "diff": "Compare two spaces: the solutions that only one of them has, in exact numbers, and why.",
    "preflight": "Say what the installed sglang makes of configs: accepted, altered or rejected.",
    "learn-rules": "Learn rules from a preflight: the fewest values that the server refuses or alters.",
    "run": "Measure configs: launch each on a server, put the workload on it, keep what came of it.",
    "tune": "Look for the best configs of a space: an Optuna study whose every trial can run.",
    "report": "Print the front of what was measured, and write a page with all of it.",
    "diagnose": "Read server logs and say what to change: which argument, from which value to which.",
    "narrow": "Drop the values of a space that were measured and never were among the best.",
    "show": "Print the solution with a given rank.",
    "info": "List the parameters and rules of a space.",
    "target": "List, show or add the servers and versions whose arguments are known.",
    "schema": "Print the JSON Schema of the YAML files, for editors.",
}

_INTERRUPTED: Final = 130
# Click's base of all usage errors, which Typer carries under no name of its own in every release.
_USAGE_ERROR: Final[Any] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "UsageError")


class _Command(TyperCommand):
    """A command whose help lists its options under their panels."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Typer would call it a failure.
            return unread()

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [p for p in self.get_params(ctx) if p.param_type_name == "argument"]
        return [*(str(p.metavar) for p in arguments), "[OPTIONS]"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for panel, records in self.panels(ctx).items():
            with formatter.section(panel):
                formatter.write_dl(records)

    def panels(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """What the help says of each argument and option, by the heading it stands under."""
        found: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if param.param_type_name == "argument":
                found.setdefault("Arguments", []).append(
                    (str(param.metavar), str(getattr(param, "help", "")))
                )
            elif option := param.get_help_record(ctx):
                panel = getattr(param, "rich_help_panel", None) or "Options"
                found.setdefault(panel, []).append(option)
        return found


class _Verbs(TyperGroup):
    """The verbs; the module of a verb is imported when it is called for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is Click's
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature is Click's
        if cmd_name not in VERBS:
            return None
        if cmd_name not in self.commands:
            name = cmd_name.replace("-", "_")
            verb = getattr(import_module(f"spacegen.cli.{name}"), name)
            single = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
            single.command(cmd_name, cls=_Command, short_help=VERBS[cmd_name])(verb)
            self.commands[cmd_name] = typer.main.get_command(single)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # A wrong verb is answered from the table, without importing the others.
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            from spacegen.errors import Fault, UsageError, did_you_mean

            hint = did_you_mean(args[0], VERBS) or f"verbs are {', '.join(VERBS)}"
            raise UsageError(Fault(f"no verb is called `{args[0]}`", hint=hint))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the signature is Click's
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def _version(wanted: bool) -> None:
    if wanted:
        from spacegen import __version__

        print(f"spacegen {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Verbs,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _spacegen(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Search spaces of server launch parameters: count, draw and check only what can run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status; whatever goes wrong is said on stderr."""
    open_streams()
    try:
        status = _answer(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return unread()
    except OSError as error:
        abandon(sys.stdout)
        return failed(worded(error))


def _answer(arguments: Sequence[str] | None) -> int:
    from spacegen.errors import SpacegenError

    try:
        given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
        status = app(args=given, prog_name="spacegen", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except SpacegenError as error:
        return failed(str(error))
    except _USAGE_ERROR as error:
        return failed(_usage(error))
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except MemoryError:
        return failed("this does not fit in memory")
    except RecursionError:
        return failed("this is nested too deeply")
    except UnicodeError as error:
        return failed(f"a text cannot be written: {error}")


def _usage(error: Any) -> str:
    """A usage error in the words of this project."""
    message = error.format_message().rstrip(".")
    verb = getattr(getattr(error, "ctx", None), "info_name", None)
    command = f"spacegen {verb}" if verb in VERBS else "spacegen"
    return f"{message[:1].lower()}{message[1:]}\nhint: see `{command} --help`"


def run() -> None:
    """The entry point of the command `spacegen`."""
    end_on_signals()
    sys.exit(main())
