"""
Whether an incident may be told yet: a notice waits until everything that could
explain it has answered after the failure, at most ``settle``. Pure.
"""

from collections.abc import Iterable

from monitor.incidents.sight import Sight
from monitor.incidents.topology import Topology, members
from monitor.model.incident import Incident, State

CROWD = 20  # dependents asked again when their cause fails: enough to know whether they are cut


def witnesses(topology: Topology, names: Iterable[str]) -> frozenset[str]:
    """Who must be asked again when these fail: all ancestors, and some who stand behind."""
    found: set[str] = set()
    for name in names:
        found |= topology.ancestors(name)
        found.update(topology.dependents.get(name, ())[:CROWD])
    return frozenset(n for n in found if n in topology.targets)


def settled(incident: Incident, sight: Sight, *, blind: bool = False) -> bool:
    """Whether the root is known: all witnesses answered, and the root's own alert fires."""
    if incident.settle_until is None or sight.now >= incident.settle_until:
        return True
    if sight.now < incident.opened_at:
        return True  # the wall clock has stepped back: it could be an hour
    if blind or incident.state is not State.OPEN:
        return False
    topology = sight.outage.topology
    root = members(incident.root.instance)
    since = incident.interrupted_at or incident.started_at
    for name in witnesses(topology, root):
        answer = sight.answered.get(name)
        if answer is None or answer < since:
            return False
    if sight.outage.since(incident.root.instance) is None:
        return True
    return any(p.instance in root for p in incident.parts)
