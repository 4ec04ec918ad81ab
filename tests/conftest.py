"""What holds for all tests: the GPUs of this machine are not seen, so that tests may make up their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NO_DRIVER = str(Path(__file__).parent / "no_driver")

# For this process and for those that tests start.
sys.path.insert(0, _NO_DRIVER)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_NO_DRIVER, os.environ.get("PYTHONPATH")]))
os.environ.pop("CUDA_VISIBLE_DEVICES", None)
