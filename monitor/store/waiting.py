"""
The outbox's rows: who is owed what by which channel, and in what order.

A line is the notices of one person on one channel, oldest first. Only a line's front may
be taken; one that was refused for good stands aside and holds nobody up. Nothing here is
ever deleted, and ``sent_at`` is set only after the channel's own confirmation.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.model.incident import Notice, NoticeState
from monitor.store import rows
from monitor.store.schema import notices as n

LONGEST_WAIT = timedelta(minutes=10)
"""No try is ever put off further; one that seems to be tells of a wall clock set back."""

_ERROR_LENGTH = 500
_QUEUED, _SENDING, _SENT = (state.value for state in NoticeState)


@dataclass(frozen=True, slots=True)
class Queue:
    """What one channel still owes."""

    count: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """
    What to take: of one channel, what is due by ``due_by``, at most ``limit``, oldest first.

    ``busy`` are people with a message in a sender's hands; ``done`` are ids that were
    sent although the database could not be told yet.
    """

    channel: str
    now: datetime
    limit: int
    due_by: datetime | None = None  # None: now
    busy: Collection[str] = field(default=())
    done: Collection[int] = field(default=())


def _open(channel: str, done: Collection[int]) -> sa.ColumnElement[bool]:
    owed = sa.and_(n.c.channel == channel, n.c.sent_at.is_(None))
    return sa.and_(owed, n.c.id.not_in(done)) if done else owed


def _fronts(channel: str, done: Collection[int]) -> sa.Subquery:
    return (
        sa.select(n.c.person, sa.func.min(n.c.id).label("front"))
        .where(_open(channel, done), n.c.aside.is_(sa.false()))
        .group_by(n.c.person)
        .subquery("fronts")
    )


def _may_go(channel: str, done: Collection[int]) -> sa.Select[Any]:
    """Rows that nothing older of their line holds up."""
    fronts = _fronts(channel, done)
    return (
        sa.select(n.c.person, n.c.id, n.c.next_try_at)
        .select_from(n.outerjoin(fronts, fronts.c.person == n.c.person))
        .where(
            _open(channel, done),
            n.c.state == _QUEUED,
            sa.or_(fronts.c.front.is_(None), n.c.id <= fronts.c.front),
        )
    )


def _chosen(ask: Ask) -> sa.Select[Any]:
    may_go = _may_go(ask.channel, ask.done)
    due = may_go.where(
        sa.or_(
            n.c.next_try_at.is_(None),
            n.c.next_try_at <= (ask.due_by or ask.now),
            n.c.next_try_at > ask.now + LONGEST_WAIT,
        )
    )
    if ask.busy:
        due = due.where(n.c.person.not_in(ask.busy))
    table = due.subquery("due")
    first = sa.func.min(table.c.id).label("id")
    return sa.select(first).group_by(table.c.person).order_by(first).limit(ask.limit)


async def claim(connection: AsyncConnection, ask: Ask) -> list[Notice]:
    """Take them: each is ``sending`` and has one attempt more. Oldest first."""
    statement = (
        n.update()
        .where(n.c.id.in_(_chosen(ask)))
        .values(state=_SENDING, attempts=n.c.attempts + 1)
        .returning(*n.columns)
    )
    taken = [rows.notice(row) for row in (await connection.execute(statement)).mappings()]
    return sorted(taken, key=lambda notice: notice.id)


async def peek(connection: AsyncConnection, ask: Ask) -> list[Notice]:
    """The same without writing, for when the disk is full: messages still go out."""
    statement = n.select().where(n.c.id.in_(_chosen(ask))).order_by(n.c.id)
    found = (await connection.execute(statement)).mappings()
    return [replace(notice, attempts=notice.attempts + 1) for notice in map(rows.notice, found)]


async def mark_sent(connection: AsyncConnection, sent: Mapping[int, datetime]) -> None:
    """The channel has confirmed them."""
    if sent:
        statement = (
            n.update()
            .where(n.c.id == sa.bindparam("notice"))
            .values(state=_SENT, sent_at=sa.bindparam("at"), last_error="", next_try_at=None)
        )
        await connection.execute(statement, [{"notice": key, "at": at} for key, at in sent.items()])


async def mark_failed(
    connection: AsyncConnection, notice_id: int, error: str, next_try_at: datetime, *, aside: bool
) -> None:
    """It was refused or lost: queued again. ``aside``: let those behind it pass."""
    await connection.execute(
        n.update()
        .where(n.c.id == notice_id, n.c.sent_at.is_(None))
        .values(
            state=_QUEUED,
            last_error=error[:_ERROR_LENGTH],
            next_try_at=next_try_at,
            aside=sa.or_(n.c.aside, sa.literal(aside)),
        )
    )


async def release(connection: AsyncConnection) -> int:
    """What a dead process held in its hands is queued again; how many."""
    statement = n.update().where(n.c.state == _SENDING, n.c.sent_at.is_(None))
    return (await connection.execute(statement.values(state=_QUEUED))).rowcount


async def hurry(connection: AsyncConnection, channel: str) -> None:
    """The channel is back: whatever waits for it is due now."""
    await connection.execute(
        n.update().where(_open(channel, ()), n.c.state == _QUEUED).values(next_try_at=None)
    )


async def reroute(connection: AsyncConnection, person: str, old: str, new: str) -> int:
    """What a person was owed by one channel is owed by another; how many."""
    statement = n.update().where(_open(old, ()), n.c.person == person, n.c.state == _QUEUED)
    done = await connection.execute(statement.values(channel=new, next_try_at=None, aside=False))
    return done.rowcount


async def next_try_at(
    connection: AsyncConnection, channel: str, busy: Collection[str], done: Collection[int]
) -> tuple[bool, datetime | None]:
    """
    When the channel has something to do next: (whether it has, the earliest instant).

    (True, None) means at once.
    """
    statement = _may_go(channel, done)
    if busy:
        statement = statement.where(n.c.person.not_in(busy))
    table = statement.subquery("next")
    count, timed, first = (
        await connection.execute(
            sa.select(
                sa.func.count(),
                sa.func.count(table.c.next_try_at),
                sa.func.min(table.c.next_try_at),
            ).select_from(table)
        )
    ).one()
    return count > 0, first if count == timed else None


async def lines(connection: AsyncConnection) -> list[tuple[str, str]]:
    """(person, channel) of everything unsent."""
    statement = sa.select(n.c.person, n.c.channel).where(n.c.sent_at.is_(None)).distinct()
    return [(row.person, row.channel) for row in await connection.execute(statement)]


async def queues(connection: AsyncConnection) -> dict[str, Queue]:
    """What each channel still owes, and since when."""
    statement = (
        sa.select(n.c.channel, sa.func.count(), sa.func.min(n.c.created_at))
        .where(n.c.sent_at.is_(None))
        .group_by(n.c.channel)
    )
    found = (await connection.execute(statement)).all()
    return {channel: Queue(count, oldest) for channel, count, oldest in found}
