"""Questions to the database. Each is one snapshot; nothing here writes."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.model.alert import Alert
from monitor.model.incident import Event, Incident, Notice, State
from monitor.store import rows, schema

_i, _p, _c = schema.incidents.c, schema.incident_parts.c, schema.clocks.c


async def _whole(connection: AsyncConnection, heads: sa.Select[Any]) -> list[Incident]:
    """The incidents of ``heads``, with parts and clocks, in three statements."""
    ids = heads.with_only_columns(_i.id).subquery("wanted")
    parts = schema.incident_parts.select().where(_p.incident_id.in_(sa.select(ids.c.id)))
    clocks = schema.clocks.select().where(_c.incident_id.in_(sa.select(ids.c.id)))
    found = (await connection.execute(heads)).mappings().all()
    part_rows = await connection.execute(parts.order_by(_p.incident_id, _p.position))
    clock_rows = await connection.execute(clocks.order_by(_c.incident_id, _c.position))
    return rows.incidents(found, part_rows.mappings(), clock_rows.mappings())


async def unfinished(connection: AsyncConnection) -> list[Incident]:
    """Every incident that is neither closed nor merged, oldest first."""
    over = (State.CLOSED.value, State.MERGED.value)
    heads = schema.incidents.select().where(_i.state.not_in(over)).order_by(_i.id)
    return await _whole(connection, heads)


async def incidents(
    connection: AsyncConnection,
    states: Collection[State],
    limit: int,
    before_id: int | None,
) -> list[Incident]:
    """Newest first; no states means all of them."""
    heads = schema.incidents.select().order_by(_i.id.desc()).limit(limit)
    if states:
        heads = heads.where(_i.state.in_([state.value for state in states]))
    if before_id is not None:
        heads = heads.where(_i.id < before_id)
    return await _whole(connection, heads)


async def incident(connection: AsyncConnection, incident_id: int) -> Incident | None:
    """One incident, whatever its state."""
    found = await _whole(connection, schema.incidents.select().where(_i.id == incident_id))
    return found[0] if found else None


async def by_number(connection: AsyncConnection, number: int) -> Incident | None:
    """The newest incident that people call by this number."""
    heads = schema.incidents.select().where(_i.number == number)
    found = await _whole(connection, heads.order_by(_i.id.desc()).limit(1))
    return found[0] if found else None


async def last_incident_id(connection: AsyncConnection) -> int:
    """The highest id given so far; 0 when there was none."""
    return (await connection.scalar(sa.select(sa.func.max(_i.id)))) or 0


async def alerts(connection: AsyncConnection) -> list[Alert]:
    """Every alert that was pending or firing."""
    found = await connection.execute(schema.alerts.select().order_by(schema.alerts.c.key))
    return [rows.alert(row) for row in found.mappings()]


async def events(connection: AsyncConnection, incident_id: int) -> list[Event]:
    """What happened to one incident, in order."""
    e = schema.events.c
    statement = schema.events.select().where(e.incident_id == incident_id).order_by(e.id)
    return [rows.event(row) for row in (await connection.execute(statement)).mappings()]


async def notices(connection: AsyncConnection, incident_id: int | None, limit: int) -> list[Notice]:
    """Newest first; of one incident, or of all."""
    statement = schema.notices.select().order_by(schema.notices.c.id.desc()).limit(limit)
    if incident_id is not None:
        statement = statement.where(schema.notices.c.incident_id == incident_id)
    return [rows.notice(row) for row in (await connection.execute(statement)).mappings()]


async def meta(connection: AsyncConnection, key: str) -> str | None:
    """One remembered fact."""
    m = schema.meta.c
    value: str | None = await connection.scalar(sa.select(m.value).where(m.key == key))
    return value
