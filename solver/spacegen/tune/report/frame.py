"""One file of HTML with everything in it, which asks nothing of any network."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Final
from xml.etree.ElementTree import Element

from plotly.offline import get_plotlyjs

from spacegen.tune.report.markup import html

__all__ = ["asset", "framed"]

_UNSAFE: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}
_HERE: Final = "spacegen.tune.report"


def framed(*, title: Element, body: str, style: str, data: Any, script: str) -> str:
    """A page with Plotly: light and dark, on screen and on paper. `script` finds `data`, and the functions of
    `assets/frame.js`, which says what it has to define."""
    return Template(asset(_HERE, "frame.html")).substitute(
        title=html(title),
        body=body,
        style=asset(_HERE, "frame.css") + style,
        data=_embedded(data),
        script=asset(_HERE, "frame.js") + script,
        plotly=get_plotlyjs(),
    )


@cache
def asset(package: str, name: str) -> str:
    """A file in the folder `assets` of a package."""
    return (files(package) / "assets" / name).read_text(encoding="utf-8")


def _embedded(data: Any) -> str:
    """JSON that no text in it can end: half surrogates and line separators are escapes, and so is markup."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(_UNSAFE)
