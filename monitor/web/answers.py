"""From the model to the API's shapes. Pure: no I/O and no clock."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from monitor.model.alert import Alert
from monitor.model.board import Board
from monitor.model.incident import Event, Incident, Notice, StepClock
from monitor.model.problem import Problem
from monitor.model.target import System, Target
from monitor.web import facts, shapes


def incident(
    one: Incident, board: Board, targets: Mapping[str, Target], now: datetime
) -> shapes.IncidentOut:
    """Shape an incident as the lists show it (design 5.8)."""
    return shapes.IncidentOut(**_common(one, board, targets, now))


def whole(
    one: Incident,
    listed: shapes.IncidentOut,
    events: Sequence[Event],
    notices: Sequence[Notice],
) -> shapes.IncidentWhole:
    """Add its timeline, steps and notices."""
    return shapes.IncidentWhole(
        **dict(listed),
        systems=list(one.systems),
        interrupted_at=one.interrupted_at,
        acknowledged_at=one.acknowledged_at,
        watching_since=one.watching_since,
        recovered_at=one.recovered_at,
        closed_at=one.closed_at,
        closed_by=one.closed_by or None,
        events=[event(e) for e in events],
        steps=[step(c) for c in sorted(one.clocks, key=lambda c: (c.due_at, c.step))],
        notices=[notice(n) for n in notices],
    )


def _common(
    one: Incident, board: Board, targets: Mapping[str, Target], now: datetime
) -> dict[str, object]:
    due = facts.next_step(one)
    return {
        "id": one.id,
        "number": facts.number(one),
        "title": one.root.title,
        "fault_class": one.fault_class.value,
        "class_confirmed": one.class_confirmed,
        "scope": one.scope.value,
        "severity": one.severity.value,
        "state": one.state.value,
        "drill": one.drill,
        "merged_into": one.merged_into,
        "root": shapes.RootOut(
            instance=one.root.instance,
            alertname=one.root.alertname,
            kind=one.root.kind.value,
            title=one.root.title,
        ),
        "impact": [_impact(one, name, board, targets, now) for name in one.impact],
        "started_at": one.started_at,
        "opened_at": one.opened_at,
        "acknowledged_by": one.acknowledged_by or None,
        # Until the acts `owner` and `eta` exist, whoever took the call owns it.
        "owner": one.acknowledged_by or None,
        "eta": None,
        "clock": shapes.ClockOut(
            elapsed_seconds=int(facts.elapsed(one, now).total_seconds()),
            next_step=due.step if due else None,
            next_due_at=due.due_at if due else None,
        ),
        "departments": [],
    }


def _impact(
    one: Incident, name: str, board: Board, targets: Mapping[str, Target], now: datetime
) -> shapes.ImpactOut:
    parts = [part for part in one.parts if part.instance == name]
    standing = facts.Standing("unknown")
    if name in targets:
        standing = facts.target_standing(targets[name], board.visits.get(name), now)
    return shapes.ImpactOut(
        instance=name,
        alertname=parts[0].alertname if parts else "",
        since=min((part.since for part in parts), default=standing.since),
        state=standing.state,
    )


def event(one: Event) -> shapes.EventOut:
    """Shape a row of the timeline."""
    return shapes.EventOut(
        at=one.at,
        who=one.who,
        what=one.what,
        before=one.before,
        after=one.after,
        detail=one.detail,
    )


def step(one: StepClock) -> shapes.StepOut:
    """Shape a step of the clock."""
    return shapes.StepOut(
        step=one.step, due_at=one.due_at, state=one.state.value, fired_at=one.fired_at
    )


def notice(one: Notice) -> shapes.NoticeOut:
    """Shape a notice and how far it came."""
    return shapes.NoticeOut(
        id=one.id,
        incident_id=one.incident_id,
        step=one.step,
        person=one.person,
        channel=one.channel,
        title=one.title,
        text=one.text,
        state=one.state.value,
        attempts=one.attempts,
        last_error=one.last_error,
        created_at=one.created_at,
        next_try_at=one.next_try_at,
        sent_at=one.sent_at,
    )


def target(one: Target, board: Board, now: datetime) -> shapes.TargetOut:
    """Shape a target and how it stands."""
    visit = board.visits.get(one.name)
    standing = facts.target_standing(one, visit, now)
    return shapes.TargetOut(
        name=one.name,
        title=one.title,
        kind=one.kind,
        address=facts.shown_address(one.address),
        level=one.level,
        labels=dict(one.labels),
        state=standing.state,
        since=standing.since,
        reason=visit.reason if visit else "",
        detail=visit.detail if visit else "",
        visited_at=visit.ended_at if visit else None,
    )


def system(
    one: System, board: Board, targets: Mapping[str, Target], now: datetime
) -> shapes.SystemOut:
    """Shape a system and how it stands."""
    standing = facts.system_standing(one, targets, board, now)
    return shapes.SystemOut(
        name=one.name,
        title=one.title,
        level=one.level,
        state=standing.state,
        since=standing.since,
    )


def alert(one: Alert) -> shapes.AlertOut:
    """Shape an alert; its value is text, since JSON knows neither NaN nor infinity."""
    return shapes.AlertOut(
        group=one.group,
        alertname=one.alertname,
        state=one.state.value,
        stale=one.stale,
        labels=dict(one.labels),
        annotations=dict(one.annotations),
        active_at=one.active_at,
        fired_at=one.fired_at,
        value=repr(float(one.value)),
    )


def problem(one: Problem) -> shapes.ProblemOut:
    """Shape one thing wrong in a file."""
    return shapes.ProblemOut(
        file=one.file, line=one.line, key=one.key, wrong=one.wrong, right=one.right
    )
