"""The command `spacegen`, also as `python -m spacegen`."""

from __future__ import annotations

import gc
import os
import sys

__all__ = ["run"]


def run() -> None:
    """The entry point of the command."""
    # Imports make many objects and no garbage; looking for some every 700 of them is a tenth of a short run.
    gc.set_threshold(100_000)
    # Pydantic would read the metadata of every installed package in search of plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    try:
        from spacegen.cli.main import run as run_verb

        run_verb()
    except KeyboardInterrupt:
        # Most of a short run is imports, which Ctrl-C meets as well.
        sys.exit(130)


if __name__ == "__main__":
    run()
