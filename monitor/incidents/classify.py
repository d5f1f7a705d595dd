"""
Fault class, scope, severity and title of an incident, from its parts and the topology. Pure.

Automation raises a class, never lowers it: the caller takes the higher of old and new.
A class 1 that interrupts nothing is a hazard while ``class1_requires_interruption``
is on (hospital-practice 1.2: a cause alone is not yet a class 1).
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from monitor.incidents.sight import RULE, Sight
from monitor.incidents.topology import Outage, members
from monitor.model.incident import FaultClass, Part, Scope, Severity
from monitor.model.plan import PlanSettings

RANK = {
    FaultClass.HAZARD: 0,
    FaultClass.CLASS3: 1,
    FaultClass.OTHER: 2,
    FaultClass.CLASS2: 3,
    FaultClass.CLASS1: 4,
}
SEVERITY_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
DOWN = "失联"  # what is said of a root whose own alert has not fired yet
CABLE = "(或监控机网线)请立即核实"  # hospital-practice 1.14
SCOPES = (Scope.SINGLE, Scope.SYSTEM, Scope.LOCAL, Scope.WHOLE)  # each reaches farther
SHORTEST_STEM = 2  # characters; 「核心」 says something, one character does not


def highest(classes: Iterable[FaultClass]) -> FaultClass:
    """The most serious of them; a hazard when there are none."""
    return max(classes, key=RANK.__getitem__, default=FaultClass.HAZARD)


def most_severe(severities: Iterable[Severity]) -> Severity:
    """The most severe of them."""
    return max(severities, key=SEVERITY_RANK.__getitem__, default=Severity.INFO)


def fault_class(
    parts: Sequence[Part], root: str, *, interrupted: bool, settings: PlanSettings
) -> FaultClass:
    """The root's own class, or what its victims say where that is more serious."""
    own = set(members(root))
    mine = highest(p.fault_class for p in parts if p.instance in own)
    found = highest((mine, *(p.fault_class for p in parts)))
    if found is FaultClass.CLASS1 and settings.class1_requires_interruption and not interrupted:
        return FaultClass.HAZARD
    return found


def wider(scopes: Iterable[Scope]) -> Scope:
    """The one that reaches farthest."""
    return max(scopes, key=SCOPES.index)


def interrupts(outage: Outage, root: str, impact: Sequence[str], systems: Sequence[str]) -> bool:
    """Whether service is cut: something is behind the root, or the root itself serves."""
    return bool(impact or systems) or serves(outage, root)


def serves(outage: Outage, root: str) -> bool:
    """Whether the root is out and is itself part of a system that feels it."""
    return outage.since(root) is not None and any(
        "system" in target.labels and not outage.topology.redundant(name, outage.failed)
        for name in members(root)
        if (target := outage.topology.targets.get(name))
    )


def interrupted_since(
    outage: Outage, root: str, impact: Sequence[str], systems: Sequence[str]
) -> datetime | None:
    """
    When service was first cut: with the root, or with what it cuts if that came later.

    A switch whose management address has been silent since yesterday cuts the server
    that fails today today; victims seen within their own beat of it were cut with it.
    """
    cut = [outage.failed[n] for n in impact if n in outage.failed]
    own = outage.since(root)
    # A system that something else had cut before is not cut by this root any earlier.
    downs = [outage.systems_down[n] for n in systems if n in outage.systems_down]
    cut += [max(at, own) if own else at for at in downs]
    first = min(cut, default=None)
    if own is None or first is None:
        return own or first
    if serves(outage, root) or first <= own + max(outage.slack((n,)) for n in impact or ("",)):
        return min(own, first)
    return first


def scope(
    outage: Outage, impact: Sequence[str], systems: Sequence[str], settings: PlanSettings
) -> Scope:
    """How far it reaches: a strict majority of systems is 整体."""
    known = len(outage.topology.systems)
    if known and len(systems) > 1 and len(systems) > settings.whole_share * known:
        return Scope.WHOLE
    if len(systems) == 1 and len(impact) <= 1:
        return Scope.SYSTEM
    if impact or len(systems) > 1:
        return Scope.LOCAL
    return Scope.SINGLE


def stem(titles: Sequence[str]) -> str:
    """「核心交换机1」 and 「核心交换机2」 are 「核心交换机」; others are listed."""
    pairs = itertools.takewhile(lambda same: len(set(same)) == 1, zip(*titles, strict=False))
    shared = re.sub(r"[\s\-_#(（]*$", "", "".join(same[0] for same in pairs))
    if len(titles) > 1 and len(shared) >= SHORTEST_STEM:
        return shared
    return "、".join(titles)


def title(sight: Sight, root: str, parts: Sequence[Part]) -> str:
    """「核心交换机失联」: the root's Chinese title and what its gravest alert says of it."""
    own = set(members(root))
    mine = [p for p in parts if p.instance in own and p.ended_at is None] or [
        p for p in parts if p.instance in own
    ]
    gravest = max(
        mine,
        key=lambda p: (RANK[p.fault_class], SEVERITY_RANK[p.severity], -p.since.timestamp()),
        default=None,
    )
    nameless = root.startswith(RULE)
    if gravest and gravest.summary and (nameless or not gravest.what):
        return gravest.summary.removesuffix("。")
    name = "" if nameless else stem([sight.outage.topology.title(n) for n in members(root)])
    if nameless and not (gravest and gravest.what):
        return root.removeprefix(RULE)
    text = name + (gravest.what if gravest and gravest.what else DOWN)
    if sight.everything_out() and own.intersection(sight.uplink):
        text += CABLE
    return text
