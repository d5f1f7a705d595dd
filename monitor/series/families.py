"""
Which metric family each name belongs to, when many targets declare their own.

Pure. A type that targets disagree about becomes unknown, and so does a histogram or
summary one of whose sample names somebody declares as a metric of its own: a name is
in one family only, whatever is watched.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from monitor.model.reading import Metric, MetricType

_MEMBERS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}


@dataclass(frozen=True, slots=True)
class Family:
    """``name`` as text format 0.0.4 has it; ``members`` are sample names."""

    name: str
    type: MetricType
    help: str
    members: tuple[str, ...]


def families(
    declared: Iterable[Mapping[str, Metric]], names: Collection[str]
) -> tuple[Family, ...]:
    """Every family that holds any of ``names``, sorted; undeclared names are unknown."""
    types: dict[str, MetricType] = {}
    helps: dict[str, str] = {}
    for mapping in declared:
        for name, metric in mapping.items():
            agreed = types.setdefault(name, metric.type) == metric.type
            types[name] = metric.type if agreed else "unknown"
            helps[name] = max(helps.get(name, ""), metric.help)  # any, but always the same
    compound = {name: _members(name, types[name]) for name in types if types[name] in _MEMBERS}
    for name, members in compound.items():
        if any(m != name and m in types for m in members):
            types[name] = "unknown"
    inside = {m for name, ms in compound.items() if types[name] in _MEMBERS for m in ms}
    alone = {name for name in (*types, *names) if name not in inside}
    alone.update(name for name in types if types[name] in _MEMBERS)
    present = frozenset(names)
    found = (
        Family(name, kind, helps.get(name, ""), _members(name, kind))
        for name in sorted(alone)
        for kind in (types.get(name, "unknown"),)
    )
    return tuple(family for family in found if not present.isdisjoint(family.members))


def _members(name: str, kind: MetricType) -> tuple[str, ...]:
    return tuple(name + suffix for suffix in _MEMBERS.get(kind, ("",)))


def openmetrics(family: Family, taken: Collection[str]) -> tuple[str, MetricType]:
    """
    Name and type of a family in OpenMetrics 1.0, where a counter's samples, not its
    family, end in _total. One whose name does not, or whose family name somebody else
    has (``taken``: all text names), is unknown there.
    """
    if family.type != "counter":
        return family.name, family.type
    name = family.name.removesuffix("_total")
    if name == family.name or name in taken or f"{name}_created" in taken:
        return family.name, "unknown"
    return name, "counter"
