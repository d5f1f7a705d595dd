"""
The incident's states. This file owns every transition but ``merged`` (correlate). Pure.

            joins, fails again
          +--------------------+
          v                    |
    open ----all clear----> watching --观察期 over--> recovered --close--> closed
     |                         |
     +--------> merged <-------+

From watching it goes on by itself only while nobody outside 信息科 has been told.
The end of an alert never closes an incident; 观察期 is never called 已恢复; ``closed``
is a person's act. An acknowledgement moves no threshold.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from monitor.incidents import classify
from monitor.incidents.sight import Sight
from monitor.model.act import Act, ActKind, IllegalActError
from monitor.model.incident import ClockState, Event, FaultClass, Incident, State, number_of
from monitor.model.plan import PlanSettings

US = "zhiban"
LONGEST_NOTE = 500  # characters of a person's text kept in an event row


def observe(
    incident: Incident, sight: Sight, settings: PlanSettings
) -> tuple[Incident, list[Event]]:
    """Open or watching, as what fires and fails now demands."""
    over = clear(incident, sight, settings)
    if incident.state is State.OPEN and over:
        changed = replace(incident, state=State.WATCHING, watching_since=sight.now)
        return changed, [Event(incident.id, sight.now, US, "watching", State.OPEN, State.WATCHING)]
    if incident.state is State.WATCHING and not over:
        changed = replace(incident, state=State.OPEN, watching_since=None)
        return changed, [Event(incident.id, sight.now, US, "relapsed", State.WATCHING, State.OPEN)]
    if incident.watching_since and incident.watching_since > sight.now:
        # The wall clock has stepped back: 观察期 must not last until it is caught up.
        return replace(incident, watching_since=sight.now), []
    return incident, []


def clear(incident: Incident, sight: Sight, settings: PlanSettings) -> bool:
    """
    Whether what the incident is about is over.

    A fault is over when nothing is cut and what still fires would be a hazard by
    itself (a full disk, one core of two): its clocks must not run on for that.
    """
    outage = sight.outage
    if outage.since(incident.root.instance) is not None:
        return False
    live = [p for p in incident.parts if p.ended_at is None]
    if not live or incident.fault_class is FaultClass.HAZARD:
        return not live
    cut = any(n in outage.failed for n in incident.impact) or any(
        n in outage.systems_down for n in incident.systems
    )
    rest = classify.fault_class(live, incident.root.instance, interrupted=False, settings=settings)
    serves = any(classify.serves(outage, p.instance) for p in live)
    # A rule that still says 失联 of what answers again, or that a system is down, is no hazard.
    says = any(
        p.fault_class is not FaultClass.HAZARD and p.instance not in outage.failed for p in live
    )
    return not (cut or serves or says) and rest is FaultClass.HAZARD


def watched(incident: Incident, watch: timedelta, seen_from: datetime | None) -> datetime | None:
    """When 观察期 is over: time in which the daemon itself was away is not watched."""
    if incident.watching_since is None:
        return None
    return max(incident.watching_since, seen_from or incident.watching_since) + watch


def recover(
    incident: Incident, watch: timedelta, now: datetime, seen_from: datetime | None = None
) -> tuple[Incident, list[Event]]:
    """
    From watching to recovered once 观察期 is over. Clocks still due are called off.

    What nobody has been told yet (``settle_until``) is told first, and what still fires
    has left for an incident of its own.
    """
    over = watched(incident, watch, seen_from)
    if incident.state is not State.WATCHING or over is None or incident.settle_until:
        return incident, []
    if now < over or any(p.ended_at is None for p in incident.parts):
        return incident, []
    clocks = tuple(
        replace(c, state=ClockState.CANCELLED) if c.state is ClockState.DUE else c
        for c in incident.clocks
    )
    changed = replace(incident, state=State.RECOVERED, recovered_at=now, clocks=clocks)
    return changed, [Event(incident.id, now, US, "recovered", State.WATCHING, State.RECOVERED)]


def apply(incident: Incident, act: Act, now: datetime) -> tuple[Incident, list[Event]]:
    """
    One act by one person.

    Raises IllegalActError, in Chinese, where the state does not allow it.
    """
    text = act.text[:LONGEST_NOTE]
    if incident.state is State.MERGED:
        raise IllegalActError(f"#{incident.number} 已并入{_keeper(incident)},请到那一事件上操作")
    if act.kind is ActKind.NOTE:
        if not text.strip():
            raise IllegalActError("记录不能为空")
        return incident, [Event(incident.id, now, act.by, "note", detail=text)]
    if act.kind is ActKind.ACK:
        return _acknowledge(incident, act.by, text, now)
    return _close(incident, act.by, text, now)


def _keeper(incident: Incident) -> str:
    return "另一事件" if incident.merged_into is None else f"#{number_of(incident.merged_into)}"


def _acknowledge(
    incident: Incident, by: str, text: str, now: datetime
) -> tuple[Incident, list[Event]]:
    if incident.state not in (State.OPEN, State.WATCHING):
        raise IllegalActError(f"#{incident.number} 已恢复,不再需要接报")
    if incident.acknowledged_by:
        raise IllegalActError(f"#{incident.number} 已由{incident.acknowledged_by}接报")
    changed = replace(incident, acknowledged_by=by, acknowledged_at=now)
    return changed, [Event(incident.id, now, by, "acknowledged", "", by, text)]


def _close(incident: Incident, by: str, text: str, now: datetime) -> tuple[Incident, list[Event]]:
    if incident.state is State.CLOSED:
        raise IllegalActError(f"#{incident.number} 已由{incident.closed_by}关闭")
    if incident.state is not State.RECOVERED:
        raise IllegalActError(f"#{incident.number} 还没有恢复,不能关闭")
    changed = replace(incident, state=State.CLOSED, closed_at=now, closed_by=by)
    return changed, [Event(incident.id, now, by, "closed", State.RECOVERED, State.CLOSED, text)]
