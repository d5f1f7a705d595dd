"""
Which alert belongs to which incident: one root cause, one incident. Pure.

Each turn, from what fails and fires now:

1. parts whose alert has ended are marked so;
2. each incident's root is looked at again: what stands above it may have failed too;
3. incidents that turn out to have one root become one, which keeps the oldest number;
4. a firing alert joins the incident of its root, or opens one;
5. class, scope, impact and title follow. Classes rise, they never fall.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from monitor.incidents import classify
from monitor.incidents.escalation import widened
from monitor.incidents.lifecycle import clear, watched
from monitor.incidents.merging import earliest, merge, union
from monitor.incidents.sight import Sight
from monitor.incidents.topology import members
from monitor.model.incident import (
    Event,
    FaultClass,
    Incident,
    Part,
    Root,
    RootKind,
    Scope,
    State,
    number_of,
)
from monitor.model.plan import PlanSettings

US = "zhiban"  # who did it, in event rows
FAULTS = (FaultClass.CLASS1, FaultClass.CLASS2, FaultClass.OTHER)  # they cut somebody off
JOINABLE = (State.OPEN, State.WATCHING)


def correlate(
    incidents: Mapping[int, Incident], sight: Sight, settings: PlanSettings, last_id: int
) -> tuple[dict[int, Incident], list[Event]]:
    """
    The incidents after this turn, and what happened to them.

    Returns every incident given, changed or not, and the new ones; ids go on from
    ``last_id``. Only open and watching incidents are touched.
    """
    events: list[Event] = []
    now = {i: _mark_ended(inc, sight, events) for i, inc in incidents.items()}
    now = {i: _release(inc, sight, settings, events) for i, inc in now.items()}
    roots = {
        i: _root(inc, sight, settings)
        for i, inc in now.items()
        if inc.state in JOINABLE and not _over(inc, sight, settings)
    }
    merge(now, roots, sight.now, events)
    _place(now, roots, sight, settings, last_id, events)
    for i, root in roots.items():
        now[i] = _refresh(now[i], root, sight, settings, events)
    return now, events


def _mark_ended(incident: Incident, sight: Sight, events: list[Event]) -> Incident:
    if incident.state not in JOINABLE:
        return incident
    gone = {p.key for p in incident.parts if not p.ended_at and p.key not in sight.live}
    return _without(incident, gone, sight, events)


def _without(incident: Incident, gone: set[str], sight: Sight, events: list[Event]) -> Incident:
    """The incident with these parts at an end, each with its event row."""
    if not gone:
        return incident
    parts = []
    for p in incident.parts:
        part = p
        if p.key in gone and p.ended_at is None:
            withdrawn = p.key in sight.withdrawn
            part = replace(p, ended_at=sight.now, withdrawn=withdrawn)
            what = "withdrawn" if withdrawn else "left"
            text = f"{p.instance} {p.summary}"
            events.append(Event(incident.id, sight.now, US, what, p.alertname, "", text))
        parts.append(part)
    return replace(incident, parts=tuple(parts))


def _over(incident: Incident, sight: Sight, settings: PlanSettings) -> bool:
    """Whether this turn ends the incident's 观察期."""
    watch = settings.watch / settings.speed
    until = watched(incident, watch, sight.seen_from)
    waits = incident.state is not State.WATCHING or incident.settle_until is not None
    return (
        not waits and until is not None and sight.now >= until and clear(incident, sight, settings)
    )


def _release(
    incident: Incident, sight: Sight, settings: PlanSettings, events: list[Event]
) -> Incident:
    """
    A hazard that outlives the interruption leaves, to be an incident of its own.

    One core of a dead pair is back: the interruption is over, the lone core is a hazard.
    """
    if not _over(incident, sight, settings):
        return incident
    left = {p.key for p in incident.parts if p.ended_at is None}
    return _without(incident, left, sight, events)


def _root(incident: Incident, sight: Sight, settings: PlanSettings) -> str:
    """The incident's root as it looks now."""
    root = incident.root.instance
    live = [p for p in incident.parts if p.ended_at is None]
    own = set(members(root))
    mine = [p.since for p in live if p.instance in own]
    since = sight.outage.since(root)
    if since is not None or mine:
        # A restart forgets since when a target fails; the alert still knows.
        newest = max(mine, default=since)
        return _above(root, min(x for x in (since, newest) if x), sight)
    ended = max(
        (p.ended_at for p in incident.parts if p.ended_at and p.instance in own), default=None
    )
    if not live or (ended and sight.now < ended + settings.watch / settings.speed):
        return root  # it was the cause, and what is left is its consequence
    first = min(live, key=lambda p: (p.since, p.key))
    return sight.outage.root(first.instance, first.since)


def _above(root: str, since: datetime, sight: Sight) -> str:
    """What explains the root itself by now: the cause above it, or its whole redundant group."""
    found = {sight.outage.root(name, since) for name in members(root)}
    return found.pop() if len(found) == 1 else root


def _place(
    now: dict[int, Incident],
    roots: dict[int, str],
    sight: Sight,
    settings: PlanSettings,
    last_id: int,
    events: list[Event],
) -> None:
    placed = {p.key for i in roots for p in now[i].parts if p.ended_at is None}
    by_root = {root: i for i, root in roots.items()}
    fresh = sorted(
        (p for p in sight.live.values() if p.key not in placed), key=lambda p: (p.since, p.key)
    )
    joining: dict[int, dict[str, Part]] = {}
    for part in fresh:
        root = sight.outage.root(part.instance, part.since)
        if root not in by_root:
            last_id += 1
            by_root[root] = last_id
            roots[last_id] = root
            now[last_id] = _open(last_id, root, part, sight, settings)
            events.append(Event(last_id, sight.now, US, "opened", "", State.OPEN, root))
        i = by_root[root]
        joining.setdefault(i, {})[part.key] = part
        events.append(
            Event(i, sight.now, US, "joined", "", part.alertname, f"{part.instance} {part.summary}")
        )
    for i, parts in joining.items():
        now[i] = _with(now[i], parts)


def _with(incident: Incident, parts: Mapping[str, Part]) -> Incident:
    """The incident with these too; one that comes again takes the place of its past."""
    stay = (p for p in incident.parts if p.key not in parts)
    return replace(
        incident,
        parts=(*stay, *parts.values()),
        started_at=min(incident.started_at, *(p.since for p in parts.values())),
    )


def _open(
    incident_id: int, root: str, part: Part, sight: Sight, settings: PlanSettings
) -> Incident:
    since = sight.outage.since(root)
    return Incident(
        id=incident_id,
        number=number_of(incident_id),
        state=State.OPEN,
        root=Root(root, "", RootKind.RULE, ""),
        fault_class=classify.highest(()),
        scope=Scope.SINGLE,
        severity=part.severity,
        started_at=min(part.since, since) if since else part.since,
        opened_at=sight.now,
        settle_until=sight.now + settings.settle,
    )


def _refresh(
    incident: Incident, root: str, sight: Sight, settings: PlanSettings, events: list[Event]
) -> Incident:
    """Root, impact, class, scope, severity, title: as far as they can be known now."""
    outage = sight.outage
    live = [p for p in incident.parts if p.ended_at is None]
    judged = live or incident.parts
    behind = outage.behind(root) if outage.explains_itself(root) else ()
    down = outage.systems_behind(root, behind) if outage.explains_itself(root) else ()
    own = set(members(root))
    impact = tuple(n for n in union(incident.impact, behind) if n not in own)
    began = incident.interrupted_at or _cut(incident, root, sight, behind, down)
    itself = (root,) if began and root in outage.topology.systems else ()
    systems = union(incident.systems, itself, down)
    new_class = classify.fault_class(judged, root, interrupted=began is not None, settings=settings)
    since = outage.since(root)
    changed = replace(
        incident,
        root=_named(incident.root, root, sight, judged),
        impact=impact,
        systems=systems,
        interrupted_at=began,
        fault_class=classify.highest((incident.fault_class, new_class)),
        severity=classify.most_severe((incident.severity, *(p.severity for p in judged))),
        scope=classify.wider(
            (incident.scope, _scope(live, root, sight, impact, systems, settings))
        ),
        started_at=min(incident.started_at, since) if since else incident.started_at,
    )
    events += _told_apart(incident, changed, sight.now)
    if incident.told_class and changed.fault_class is not incident.fault_class:
        # Whoever hears of the rise is to hear how far it reaches: settle once more.
        changed = replace(changed, settle_until=sight.now + settings.settle)
    return widened(incident, changed, since, sight.now, settings.settle)


def _cut(
    incident: Incident, root: str, sight: Sight, behind: tuple[str, ...], down: tuple[str, ...]
) -> datetime | None:
    """When service was cut; None while it is not."""
    outage = sight.outage
    if root in outage.topology.systems:
        # A rule about a whole system says that it is down only if it says so: slow is a hazard.
        said = [p.since for p in incident.parts if not p.ended_at and p.fault_class in FAULTS]
        return earliest((*said, classify.interrupted_since(outage, root, behind, down)))
    if not outage.explains_itself(root) or not classify.interrupts(outage, root, behind, down):
        return None
    return classify.interrupted_since(outage, root, behind, down) or incident.started_at


def _scope(
    live: Iterable[Part],
    root: str,
    sight: Sight,
    impact: tuple[str, ...],
    systems: tuple[str, ...],
    settings: PlanSettings,
) -> Scope:
    """What the root's own rule says; else what the topology shows."""
    own = set(members(root))
    said = [s for p in live if p.instance in own and (s := sight.scopes.get(p.key))]
    if said:
        return classify.wider(said)
    return classify.scope(sight.outage, impact, systems, settings)


def _named(old: Root, root: str, sight: Sight, parts: Iterable[Part]) -> Root:
    own = set(members(root))
    mine = [p for p in parts if p.instance in own]
    gravest = max(mine, key=lambda p: classify.RANK[p.fault_class], default=None)
    name = gravest.alertname if gravest else ""
    says = sight.outage.since(root) or any(p.ended_at is None for p in mine)
    if old.instance == root and old.title and not says:
        return old  # what was last said of it; its target may have left the configuration
    return Root(root, name or old.alertname, old.kind, classify.title(sight, root, tuple(parts)))


def _told_apart(old: Incident, new: Incident, now: datetime) -> list[Event]:
    """Event rows for what changed; nothing for an incident's first turn."""
    if not old.root.title:
        return []
    rows = []
    if old.root.instance != new.root.instance:
        rows.append(
            Event(
                new.id, now, US, "reparented", old.root.instance, new.root.instance, new.root.title
            )
        )
    if new.interrupted_at and not old.interrupted_at:
        rows.append(Event(new.id, now, US, "interrupted", "", new.interrupted_at.isoformat()))
    if old.fault_class is not new.fault_class:
        rows.append(Event(new.id, now, US, "class_raised", old.fault_class, new.fault_class))
    if old.scope is not new.scope:
        rows.append(Event(new.id, now, US, "scope_changed", old.scope, new.scope))
    return rows
