"""
The table of limits that people tune (``rules/plan/thresholds.yml``), and the rules' defaults.

Each limit is exported as ``zhiban_threshold{name=...}`` and compared against in the
rules, so that nobody has to edit PromQL to move a limit.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yaml.nodes import Node

from monitor.alerting.yamlfile import ProblemsError, YamlFile
from monitor.model.incident import FaultClass, Scope, Severity

NAME: Final = re.compile(r"[a-z][a-z0-9_]*\Z")
UNITS: Final = ("ratio", "seconds", "bytes", "celsius", "count")
OURS: Final[Mapping[str, tuple[str, ...]]] = {
    "fault_class": tuple(FaultClass),
    "severity": tuple(Severity),
    "scope": tuple(Scope),
}
"""The labels that are ours, with the words they may hold (design.md 2)."""

FIELDS: Final = ("name", "title", "value", "unit")


@dataclass(frozen=True, slots=True)
class Limit:
    """One row: a name for rules, a Chinese title for people, a value in a base unit."""

    name: str
    title: str
    value: float
    unit: str  # one of UNITS


class ThresholdsError(ProblemsError):
    """The table may not be used; ``problems`` holds everything wrong with it."""


def load(path: Path) -> tuple[Limit, ...]:
    """Read the limits, in file order. Raises ThresholdsError with every problem at once."""
    return _read(path)[0]


def load_defaults(path: Path) -> Mapping[str, str]:
    """
    The labels given to rules that lack them (fault_class, severity).

    They stand here because promtool refuses unknown fields in a rule file.
    Raises ThresholdsError.
    """
    return _read(path)[1]


def _read(path: Path) -> tuple[tuple[Limit, ...], Mapping[str, str]]:
    file = YamlFile(path)
    root = file.mapping(file.root, "", ("limits", "defaults"))
    limits: dict[str, Limit] = {}
    for i, node in enumerate(file.items(root.get("limits"), "limits")):
        limit = _limit(file, node, f"limits[{i}]")
        if limit and limit.name in limits:
            file.wrong(node, f"limits[{i}].name", f"{limit.name} stands here twice", "keep one")
        elif limit:
            limits[limit.name] = limit
    defaults = _defaults(file, root.get("defaults"))
    if file.problems:
        raise ThresholdsError(file.problems)
    return tuple(limits.values()), defaults


def _limit(file: YamlFile, node: Node, key: str) -> Limit | None:
    before = len(file.problems)
    fields = file.mapping(node, key, FIELDS)
    texts = {name: file.text(fields.get(name), f"{key}.{name}") or "" for name in FIELDS}
    if len(file.problems) == before:
        for name in (n for n in FIELDS if not texts[n]):
            file.wrong(node, f"{key}.{name}", "is missing")
    if texts["name"] and not NAME.match(texts["name"]):
        file.wrong(fields["name"], f"{key}.name", f"{texts['name']!r} is no name", "like disk_used")
    if texts["unit"] and texts["unit"] not in UNITS:
        right = "one of " + ", ".join(UNITS)
        file.wrong(fields["unit"], f"{key}.unit", f"{texts['unit']!r} is no base unit", right)
    value = _number(texts["value"])
    if texts["value"] and value is None:
        wrong = f"{texts['value']!r} is no finite number"
        file.wrong(fields["value"], f"{key}.value", wrong, "a number without a unit, like 0.9")
    if value is None or len(file.problems) > before:
        return None
    return Limit(texts["name"], texts["title"], value, texts["unit"])


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _defaults(file: YamlFile, node: Node | None) -> Mapping[str, str]:
    defaults: dict[str, str] = {}
    for name, value in file.mapping(node, "defaults", ("fault_class", "severity")).items():
        text = file.text(value, f"defaults.{name}") or ""
        if text not in OURS[name]:
            right = "one of " + ", ".join(OURS[name])
            file.wrong(value, f"defaults.{name}", f"{text!r} is none of its words", right)
        defaults[name] = text
    return defaults
