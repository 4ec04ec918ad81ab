"""What holds for all tests: GPUs of this machine are not seen, so that tests may make up their own; `python`
is the one that runs the tests; Ctrl-C ends what tests start."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

_NO_DRIVER = str(Path(__file__).parent / "no_driver")


def _before(variable: str, folder: str) -> str:
    return os.pathsep.join(filter(None, [folder, os.environ.get(variable)]))


# For this process and for those that tests start.
sys.path.insert(0, _NO_DRIVER)
os.environ["PYTHONPATH"] = _before("PYTHONPATH", _NO_DRIVER)
# Machines may have none that is called `python`.
os.environ["PATH"] = _before("PATH", str(Path(sys.executable).parent))
os.environ.pop("CUDA_VISIBLE_DEVICES", None)
# A shell has what it starts in the background ignore Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
