"""Lessons as a rule pack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spacegen.launch.learn import Lesson

__all__ = ["pack"]


def pack(lessons: Iterable[Lesson], version: str) -> str:
    """A pack for sglang of that version: a rule for each way to fail and the parameters that it takes."""
    import yaml
    from packaging.version import Version

    groups: dict[tuple[str, str, tuple[str, ...]], list[Lesson]] = {}
    for lesson in lessons:
        names = tuple(sorted(lesson.values))
        groups.setdefault((lesson.failure.kind, lesson.failure.name, names), []).append(lesson)
    base = Version(version).base_version
    rules: list[dict[str, Any]] = []
    for group in groups.values():
        rule_id = _unused(_id(group[0]), {rule["id"] for rule in rules})
        rules.append({"id": rule_id, **_rule(group, version), "versions": f"=={base}"})
    document = {
        "spacegen": 1,
        "names": f"sglang=={base}",
        "description": f"what sglang {version} refuses or alters, learned from preflights",
        "rules": rules,
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)


def _id(lesson: Lesson) -> str:
    return "-".join(["learned", *(name.replace("_", "-") for name in sorted(lesson.values)[:3])])


def _unused(word: str, used: set[str]) -> str:
    number, found = 2, word
    while found in used:
        found, number = f"{word}-{number}", number + 1
    return found


def _rule(group: list[Lesson], version: str) -> dict[str, Any]:
    first = group[0]
    where = f" {first.failure.where}" if first.failure.where else ""
    return {
        **_body(group),
        "because": first.failure.because or f"the server refuses it{where}",
        "source": f"sglang {version}{where}, learned from a preflight",
        "kind": first.failure.kind,
    }


def _body(group: list[Lesson]) -> Mapping[str, Any]:
    """One combination is forbidden as a mapping, several as rows over the same parameters."""
    if len(group) == 1:
        return {"forbid": dict(group[0].values)}
    names = sorted(group[0].values)
    rows = [[lesson.values[name] for name in names] for lesson in group]
    return {"forbidden_assignments": {"parameters": names, "values": rows}}
