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
from monitor.incidents.sight import Sight
from monitor.incidents.topology import members
from monitor.model.incident import (
    Event,
    Incident,
    Part,
    Root,
    RootKind,
    Scope,
    State,
)
from monitor.model.plan import PlanSettings

US = "zhiban"  # who did it, in event rows
JOINABLE = (State.OPEN, State.WATCHING)


def number_of(incident_id: int) -> int:
    """The short id of four digits that people say: 1001, 1002 ... 9999, 1000, ..."""
    return 1000 + incident_id % 9000


def correlate(
    incidents: Mapping[int, Incident], sight: Sight, settings: PlanSettings, last_id: int
) -> tuple[dict[int, Incident], list[Event]]:
    """
    The incidents after this turn, and what happened to them.

    Returns every incident given, changed or not, and the new ones; ids go on from
    ``last_id``. Only open and watching incidents are touched.
    """
    events: list[Event] = []
    now = {i: _mark_ended(inc, sight) for i, inc in incidents.items()}
    roots = {i: _root(inc, sight) for i, inc in now.items() if inc.state in JOINABLE}
    _merge(now, roots, sight, events)
    _place(now, roots, sight, settings, last_id, events)
    for i, root in roots.items():
        now[i] = _refresh(now[i], root, sight, settings, events)
    return now, events


def _mark_ended(incident: Incident, sight: Sight) -> Incident:
    if incident.state not in JOINABLE:
        return incident
    parts = tuple(
        p
        if p.ended_at or p.key in sight.live
        else replace(p, ended_at=sight.now, withdrawn=p.key in sight.withdrawn)
        for p in incident.parts
    )
    return replace(incident, parts=parts) if parts != incident.parts else incident


def _root(incident: Incident, sight: Sight) -> str:
    """The incident's root as it looks now."""
    root = incident.root.instance
    live = [p for p in incident.parts if p.ended_at is None]
    own = set(members(root))
    since = sight.outage.since(root)
    if since is not None or any(p.instance in own for p in live):
        began = since or min(p.since for p in live if p.instance in own)
        return _above(root, began, sight)
    confessed = any(p.instance in own for p in incident.parts)
    if confessed or not live:
        return root  # it was the cause, and what is left is its consequence
    first = min(live, key=lambda p: (p.since, p.key))
    return sight.outage.root(first.instance, first.since)


def _above(root: str, since: datetime, sight: Sight) -> str:
    """What explains the root itself by now: the cause above it, or its whole redundant group."""
    found = {sight.outage.root(name, since) for name in members(root)}
    return found.pop() if len(found) == 1 else root


def _merge(
    now: dict[int, Incident], roots: dict[int, str], sight: Sight, events: list[Event]
) -> None:
    first: dict[str, int] = {}
    for i in sorted(roots):
        root = roots[i]
        keeper = first.setdefault(root, i)
        if keeper != i:
            now[keeper], now[i] = _join(now[keeper], now[i])
            what = f"#{now[i].number} {now[i].root.title}"
            events.append(Event(keeper, sight.now, US, "merged_in", "", str(i), what))
            events.append(Event(i, sight.now, US, "merged", now[i].state, str(keeper), what))
    for i in [i for i in roots if now[i].state is State.MERGED]:
        del roots[i]


def _join(keeper: Incident, other: Incident) -> tuple[Incident, Incident]:
    """The older one takes over everything; the other points to it."""
    known = {p.key for p in keeper.parts if p.ended_at is None}
    parts = (*keeper.parts, *(p for p in other.parts if p.key not in known))
    open_again = State.OPEN if State.OPEN in (keeper.state, other.state) else keeper.state
    merged = replace(
        keeper,
        parts=parts,
        state=open_again,
        watching_since=None if open_again is State.OPEN else keeper.watching_since,
        started_at=min(keeper.started_at, other.started_at),
        impact=_union(keeper.impact, other.impact),
        systems=_union(keeper.systems, other.systems),
        told=_union(keeper.told, other.told),
        acknowledged_by=keeper.acknowledged_by or other.acknowledged_by,
        acknowledged_at=keeper.acknowledged_at or other.acknowledged_at,
        interrupted_at=_earlier(keeper.interrupted_at, other.interrupted_at),
    )
    return merged, replace(other, state=State.MERGED, merged_into=keeper.id, settle_until=None)


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
    for part in fresh:
        root = sight.outage.root(part.instance, part.since)
        if root not in by_root:
            last_id += 1
            by_root[root] = last_id
            roots[last_id] = root
            now[last_id] = _open(last_id, root, part, sight, settings)
            events.append(Event(last_id, sight.now, US, "opened", "", State.OPEN, root))
        i = by_root[root]
        now[i] = replace(
            now[i],
            parts=(*now[i].parts, part),
            started_at=min(now[i].started_at, part.since),
        )
        events.append(
            Event(i, sight.now, US, "joined", "", part.alertname, f"{part.instance} {part.summary}")
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
    impact = _union(incident.impact, outage.behind(root))
    impact = tuple(n for n in impact if n not in members(root))
    systems = _union(incident.systems, outage.systems_behind(root, outage.behind(root)))
    interrupted = incident.interrupted_at is not None or classify.interrupts(
        outage, root, outage.behind(root), systems
    )
    began = incident.interrupted_at
    if interrupted and began is None:
        began = classify.interrupted_since(outage, root, impact) or incident.started_at
    judged = live or incident.parts
    new_class = classify.fault_class(judged, root, interrupted=interrupted, settings=settings)
    since = outage.since(root)
    changed = replace(
        incident,
        root=_named(incident.root, root, sight, judged),
        impact=impact,
        systems=systems,
        interrupted_at=began,
        fault_class=classify.highest((incident.fault_class, new_class)),
        severity=classify.most_severe((incident.severity, *(p.severity for p in judged))),
        scope=_wider(incident.scope, classify.scope(outage, impact, systems, settings)),
        started_at=min(incident.started_at, since) if since else incident.started_at,
    )
    events += _told_apart(incident, changed, sight.now)
    return changed


def _named(old: Root, root: str, sight: Sight, parts: Iterable[Part]) -> Root:
    own = set(members(root))
    mine = [p for p in parts if p.instance in own]
    gravest = max(mine, key=lambda p: classify.RANK[p.fault_class], default=None)
    name = gravest.alertname if gravest else ""
    if old.instance == root and old.title and not sight.outage.since(root) and not mine:
        return old
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
    if old.fault_class is not new.fault_class:
        rows.append(Event(new.id, now, US, "class_raised", old.fault_class, new.fault_class))
    if old.scope is not new.scope:
        rows.append(Event(new.id, now, US, "scope_changed", old.scope, new.scope))
    return rows


SCOPES = (
    Scope.SINGLE,
    Scope.SYSTEM,
    Scope.LOCAL,
    Scope.WHOLE,
)


def _wider(old: Scope, new: Scope) -> Scope:
    return max(old, new, key=SCOPES.index)


def _union(*names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n for group in names for n in group))


def _earlier(a: datetime | None, b: datetime | None) -> datetime | None:
    return min((x for x in (a, b) if x), default=None)
