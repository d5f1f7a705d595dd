"""The nouns as rows and back. Pure; a round trip is exact."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import RowMapping

from monitor.model.alert import Alert, AlertKey, AlertState
from monitor.model.incident import (
    ClockState,
    Event,
    FaultClass,
    Incident,
    Notice,
    NoticeState,
    Part,
    Root,
    RootKind,
    Scope,
    Severity,
    State,
    StepClock,
)
from monitor.model.reading import LabelPairs

Row = dict[str, Any]

_ROOT = "root_"
_LISTS = ("impact", "systems", "told")
_SAME = (  # columns of incidents that carry the field of their name as it is
    "id",
    "number",
    "started_at",
    "opened_at",
    "settle_until",
    "interrupted_at",
    "class_confirmed",
    "drill",
    "acknowledged_by",
    "acknowledged_at",
    "watching_since",
    "recovered_at",
    "closed_at",
    "closed_by",
    "merged_into",
    "told_class",
)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def incident_row(incident: Incident) -> Row:
    """The columns of ``incidents``; parts and clocks are rows of their own."""
    root = incident.root
    return {
        **{name: getattr(incident, name) for name in _SAME},
        **{name: _json(getattr(incident, name)) for name in _LISTS},
        "state": incident.state.value,
        "fault_class": incident.fault_class.value,
        "scope": incident.scope.value,
        "severity": incident.severity.value,
        "root_instance": root.instance,
        "root_alertname": root.alertname,
        "root_kind": root.kind.value,
        "root_title": root.title,
    }


def incident(row: RowMapping, parts: tuple[Part, ...], clocks: tuple[StepClock, ...]) -> Incident:
    """The incident back, with its parts and clocks in their order."""
    same: Row = {name: row[name] for name in _SAME}
    same |= {name: tuple(json.loads(row[name])) for name in _LISTS}
    return Incident(
        **same,
        state=State(row["state"]),
        fault_class=FaultClass(row["fault_class"]),
        scope=Scope(row["scope"]),
        severity=Severity(row["severity"]),
        root=Root(
            instance=row["root_instance"],
            alertname=row["root_alertname"],
            kind=RootKind(row["root_kind"]),
            title=row["root_title"],
        ),
        parts=parts,
        clocks=clocks,
    )


def part_row(incident_id: int, position: int, part: Part) -> Row:
    """One alert's part, at its place among the incident's."""
    return {
        "incident_id": incident_id,
        "position": position,
        "key": part.key,
        "instance": part.instance,
        "alertname": part.alertname,
        "since": part.since,
        "fault_class": part.fault_class.value,
        "severity": part.severity.value,
        "what": part.what,
        "summary": part.summary,
        "ended_at": part.ended_at,
        "withdrawn": part.withdrawn,
    }


def part(row: RowMapping) -> Part:
    """The part back."""
    return Part(
        key=row["key"],
        instance=row["instance"],
        alertname=row["alertname"],
        since=row["since"],
        fault_class=FaultClass(row["fault_class"]),
        severity=Severity(row["severity"]),
        what=row["what"],
        summary=row["summary"],
        ended_at=row["ended_at"],
        withdrawn=row["withdrawn"],
    )


def clock_row(position: int, clock: StepClock) -> Row:
    """One step's clock, at its place among the incident's."""
    return {
        "incident_id": clock.incident_id,
        "step": clock.step,
        "position": position,
        "due_at": clock.due_at,
        "state": clock.state.value,
        "fired_at": clock.fired_at,
    }


def clock(row: RowMapping) -> StepClock:
    """The clock back."""
    return StepClock(
        incident_id=row["incident_id"],
        step=row["step"],
        due_at=row["due_at"],
        state=ClockState(row["state"]),
        fired_at=row["fired_at"],
    )


_EVENT = ("incident_id", "at", "who", "what", "before", "after", "detail")


def event_row(event: Event) -> Row:
    """One event; its id is given by the database."""
    return {name: getattr(event, name) for name in _EVENT}


def event(row: RowMapping) -> Event:
    """The event back."""
    return Event(**{name: row[name] for name in _EVENT})


_NOTICE = (
    "key",
    "incident_id",
    "step",
    "person",
    "channel",
    "title",
    "text",
    "created_at",
    "attempts",
    "next_try_at",
    "last_error",
    "sent_at",
)


def notice_row(notice: Notice) -> Row:
    """One message owed; its id is given by the database."""
    return {
        **{name: getattr(notice, name) for name in _NOTICE},
        "state": notice.state.value,
        "facts": _json(dict(notice.facts)),
    }


def notice(row: RowMapping) -> Notice:
    """The notice back, with its id."""
    return Notice(
        **{name: row[name] for name in _NOTICE},
        id=row["id"],
        state=NoticeState(row["state"]),
        facts=json.loads(row["facts"]),
    )


def alert_key(key: AlertKey) -> str:
    """One text per key, the same for ever."""
    return _json(key)


def _pairs(text: str) -> LabelPairs:
    return tuple((name, value) for name, value in json.loads(text))


def alert_row(alert: Alert) -> Row:
    """The columns of ``alerts``."""
    return {
        "key": alert_key(alert.key),
        "rule_group": alert.group,
        "alertname": alert.alertname,
        "labels": _json(alert.labels),
        "own_labels": _json(alert.own_labels),
        "annotations": _json(dict(alert.annotations)),
        "state": alert.state.value,
        "active_at": alert.active_at,
        "fired_at": alert.fired_at,
        "value": alert.value,
        "last_true_at": alert.last_true_at,
        "stale": alert.stale,
        "absent_since": alert.absent_since,
    }


def alert(row: RowMapping) -> Alert:
    """The alert back."""
    return Alert(
        group=row["rule_group"],
        alertname=row["alertname"],
        labels=_pairs(row["labels"]),
        annotations=json.loads(row["annotations"]),
        state=AlertState(row["state"]),
        active_at=row["active_at"],
        fired_at=row["fired_at"],
        value=row["value"],
        last_true_at=row["last_true_at"],
        stale=row["stale"],
        absent_since=row["absent_since"],
        own_labels=_pairs(row["own_labels"]),
    )


def incidents(
    heads: Iterable[RowMapping],
    parts: Iterable[RowMapping],
    steps: Iterable[RowMapping],
) -> list[Incident]:
    """Whole incidents in the order of ``heads``; the others come ordered by position."""
    parts_of: dict[int, list[Part]] = {}
    clocks_of: dict[int, list[StepClock]] = {}
    for row in parts:
        parts_of.setdefault(row["incident_id"], []).append(part(row))
    for row in steps:
        clocks_of.setdefault(row["incident_id"], []).append(clock(row))
    return [
        incident(row, tuple(parts_of.get(row["id"], ())), tuple(clocks_of.get(row["id"], ())))
        for row in heads
    ]
