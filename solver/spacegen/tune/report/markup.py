"""HTML as elements: text is escaped because nothing here is put together from strings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

__all__ = ["Node", "element", "html", "table"]

Node: TypeAlias = "Element | str | int | None"
"""What an element holds; None is nothing."""


def element(tag: str, /, *content: Node, **attributes: str | None) -> Element:
    """An element; `class_` and `for_` stand for the attributes of those names, `_` in others for `-`. An
    attribute that is None is left out."""
    found = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            found.set(name.rstrip("_").replace("_", "-"), _clean(value))
    for node in content:
        if isinstance(node, Element):
            found.append(node)
        elif node is not None:
            _add_text(found, _clean(str(node)))
    return found


def table(
    caption: str, headers: Iterable[Node], rows: Iterable[Iterable[Node]], class_: str | None = None
) -> Element:
    """A table that may be wider than the page; the first cell of a row is its header."""
    body = element("tbody")
    for first, *rest in rows:
        cells = (element("td", cell) for cell in rest)
        body.append(element("tr", element("th", first, scope="row"), *cells))
    head = element("thead", element("tr", *(element("th", name, scope="col") for name in headers)))
    inner = element("table", element("caption", caption), head, body, class_=class_)
    return element("div", inner, class_="wide", tabindex="0", role="region", aria_label=caption)


def html(node: Element) -> str:
    """The element as text."""
    return tostring(node, encoding="unicode", method="html")


def _add_text(parent: Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def _clean(text: str) -> str:
    """The text without what no page may hold: half surrogates, and control characters but line ends and
    tabs."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char >= " " or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in whole)
