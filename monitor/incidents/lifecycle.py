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

from monitor.incidents.sight import Sight
from monitor.model.act import Act, ActKind, IllegalActError
from monitor.model.incident import ClockState, Event, Incident, State

US = "zhiban"
LONGEST_NOTE = 500  # characters of a person's text kept in an event row


def observe(incident: Incident, sight: Sight) -> tuple[Incident, list[Event]]:
    """Open or watching, as what fires and fails now demands."""
    clear = _all_clear(incident, sight)
    if incident.state is State.OPEN and clear:
        changed = replace(incident, state=State.WATCHING, watching_since=sight.now)
        return changed, [Event(incident.id, sight.now, US, "watching", State.OPEN, State.WATCHING)]
    if incident.state is State.WATCHING and not clear:
        changed = replace(incident, state=State.OPEN, watching_since=None)
        return changed, [Event(incident.id, sight.now, US, "relapsed", State.WATCHING, State.OPEN)]
    return incident, []


def _all_clear(incident: Incident, sight: Sight) -> bool:
    live = any(p.ended_at is None for p in incident.parts)
    return not live and sight.outage.since(incident.root.instance) is None


def recover(incident: Incident, watch: timedelta, now: datetime) -> tuple[Incident, list[Event]]:
    """
    From watching to recovered once 观察期 is over. Clocks still due are called off.

    What nobody has been told yet (``settle_until``) is told first.
    """
    since = incident.watching_since
    if incident.state is not State.WATCHING or since is None or incident.settle_until:
        return incident, []
    if now < since + watch:
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
        raise IllegalActError(f"#{incident.number} 已并入另一事件,请到那一事件上操作")
    if act.kind is ActKind.NOTE:
        if not text.strip():
            raise IllegalActError("记录不能为空")
        return incident, [Event(incident.id, now, act.by, "note", detail=text)]
    if act.kind is ActKind.ACK:
        return _acknowledge(incident, act.by, text, now)
    return _close(incident, act.by, text, now)


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
