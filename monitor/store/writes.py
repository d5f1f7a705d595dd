"""
Changes as statements. Writes only what differs from what was committed before, so that an
incident with thousands of parts costs what changed in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.model.alert import Alert
from monitor.model.incident import Changes, Incident
from monitor.store import rows, schema
from monitor.store.rows import Row

Known = Mapping[int, Incident]
"""The incidents as last committed, by id: what a diff is taken against."""


def _upsert(table: sa.Table) -> sqlite.Insert:
    insert = sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    values = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=values)


_PUT_INCIDENT = _upsert(schema.incidents)
_PUT_PART = _upsert(schema.incident_parts)
_PUT_CLOCK = _upsert(schema.clocks)
_PUT_ALERT = _upsert(schema.alerts)
_ADD_EVENT = schema.events.insert()
# A key is unique for ever: a notice that is already there is not owed again.
_OWE = sqlite.insert(schema.notices).on_conflict_do_nothing(index_elements=["key"])
_DROP_ALERT = schema.alerts.delete().where(schema.alerts.c.key == sa.bindparam("gone"))
_CUT_PARTS = schema.incident_parts.delete().where(
    schema.incident_parts.c.incident_id == sa.bindparam("of"),
    schema.incident_parts.c.position >= sa.bindparam("count"),
)
_DROP_CLOCKS = schema.clocks.delete().where(schema.clocks.c.incident_id == sa.bindparam("of"))
_DROP_CLOCK = schema.clocks.delete().where(
    schema.clocks.c.incident_id == sa.bindparam("of"),
    schema.clocks.c.step == sa.bindparam("named"),
)


def merge(sets: Sequence[Changes]) -> Changes:
    """As one change set that names each incident and alert once: the later word counts."""
    alerts: dict[str, tuple[Alert | None, Any]] = {}
    for changes in sets:
        # Within one set, as in write(): gone first, then put.
        alerts.update((rows.alert_key(k), (None, k)) for k in changes.alerts_gone)
        alerts.update((rows.alert_key(a.key), (a, a.key)) for a in changes.alerts_put)
    return Changes(
        incidents=tuple({i.id: i for s in sets for i in s.incidents}.values()),
        events=tuple(e for s in sets for e in s.events),
        notices=tuple(n for s in sets for n in s.notices),
        alerts_put=tuple(alert for alert, _ in alerts.values() if alert),
        alerts_gone=tuple(key for alert, key in alerts.values() if alert is None),
    )


async def write(connection: AsyncConnection, changes: Changes, known: Known) -> None:
    """All of it, in the caller's transaction. Integrity errors come through."""
    await _incidents(connection, changes.incidents, known)
    await _each(connection, _ADD_EVENT, map(rows.event_row, changes.events))
    await _each(connection, _OWE, map(rows.notice_row, changes.notices))
    gone = [{"gone": rows.alert_key(key)} for key in changes.alerts_gone]
    await _each(connection, _DROP_ALERT, gone)
    await _each(connection, _PUT_ALERT, map(rows.alert_row, changes.alerts_put))


async def _incidents(
    connection: AsyncConnection, incidents: Iterable[Incident], known: Known
) -> None:
    heads, parts, steps = [], [], []
    strange, shorter, dropped = [], [], []
    for incident in incidents:
        before = known.get(incident.id)
        if before is None or rows.incident_row(before) != rows.incident_row(incident):
            heads.append(rows.incident_row(incident))
        parts += _changed_parts(before, incident)
        steps += _changed_clocks(before, incident)
        if before is None:  # new, or closed long ago: what the database has is not known
            strange.append({"of": incident.id})
        if before is None or len(before.parts) > len(incident.parts):
            shorter.append({"of": incident.id, "count": len(incident.parts)})
        dropped += _dropped_clocks(before, incident)
    await _each(connection, _PUT_INCIDENT, heads)
    await _each(connection, _CUT_PARTS, shorter)
    await _each(connection, _PUT_PART, parts)
    await _each(connection, _DROP_CLOCKS, strange)
    await _each(connection, _DROP_CLOCK, dropped)
    await _each(connection, _PUT_CLOCK, steps)


def _changed_parts(before: Incident | None, after: Incident) -> list[Row]:
    old = before.parts if before else ()
    return [
        rows.part_row(after.id, position, part)
        for position, part in enumerate(after.parts)
        if position >= len(old) or old[position] != part
    ]


def _changed_clocks(before: Incident | None, after: Incident) -> list[Row]:
    old = before.clocks if before else ()
    names = [clock.step for clock in after.clocks]
    if len(set(names)) != len(names) or any(c.incident_id != after.id for c in after.clocks):
        raise ValueError(f"the clocks of incident {after.id} are not its own, one per step")
    return [
        rows.clock_row(position, clock)
        for position, clock in enumerate(after.clocks)
        if position >= len(old) or old[position] != clock
    ]


def _dropped_clocks(before: Incident | None, after: Incident) -> list[Row]:
    kept = {clock.step for clock in after.clocks}
    old = before.clocks if before else ()
    return [{"of": after.id, "named": c.step} for c in old if c.step not in kept]


async def _each(
    connection: AsyncConnection, statement: sa.Executable, values: Iterable[Row]
) -> None:
    if many := list(values):
        await connection.execute(statement, many)
