"""The store: open it once per database, write through one door, read snapshots beside it."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.model.alert import Alert
from monitor.model.incident import Changes, Event, Incident, Notice, State
from monitor.store import engine, migrate, reads, schema, waiting
from monitor.store.errors import explain, explain_os
from monitor.store.lock import Lock
from monitor.store.waiting import Ask, Queue
from monitor.store.writer import Writer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Saved:
    """What the last process left: incidents neither closed nor merged, all alerts."""

    incidents: tuple[Incident, ...]
    alerts: tuple[Alert, ...]
    last_incident_id: int


class Store:
    """
    One SQLite file, one process. Every method raises StoreError when it cannot,
    and then nothing of what was asked has been done.
    """

    def __init__(self, path: Path, lock: Lock) -> None:
        self.path = path
        self._lock = lock
        self._write = engine.writer(path)
        self._read = engine.reader(path)
        self._writer = Writer(self._write)

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Lock, create or migrate, and open it. Its folder is made when missing."""
        lock = await asyncio.to_thread(_prepare, path)
        store = cls(path, lock)
        try:
            async with store._write.connect():
                pass  # now, and not at the first fault: it sets room aside on the disk
            # What a writer diffs against must be true from its first job on.
            store._writer.start(await store._ask(reads.unfinished))
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Write what waits, close every connection, let the next process in."""
        await self._writer.close()
        await self._read.dispose()
        await self._write.dispose()  # last: SQLite folds the WAL into the file
        self._lock.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask(self, question: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        try:
            async with self._read.connect() as connection:
                return await question(connection)
        except sa.exc.SQLAlchemyError as e:
            raise explain(e, self.path) from e

    # What the judge needs.

    async def load(self) -> Saved:
        """What the last process left, as one snapshot."""

        async def question(connection: AsyncConnection) -> Saved:
            return Saved(
                incidents=tuple(await reads.unfinished(connection)),
                alerts=tuple(await reads.alerts(connection)),
                last_incident_id=await reads.last_incident_id(connection),
            )

        return await self._ask(question)

    async def save(self, changes: Changes) -> None:
        """Write all of it in one transaction, shared with others; returns after COMMIT."""
        if changes:
            await self._writer.save(changes)

    async def remembered(self, key: str) -> str | None:
        """A fact put there by ``remember``."""
        return await self._ask(partial(reads.meta, key=key))

    async def remember(self, key: str, value: str) -> None:
        """Keep one fact under a name, in place of the one before."""

        async def work(connection: AsyncConnection) -> None:
            insert = sqlite.insert(schema.meta).values(key=key, value=value)
            await connection.execute(
                insert.on_conflict_do_update(index_elements=["key"], set_={"value": value})
            )

        await self._writer.do(work)

    # What the outbox needs; see waiting.py.

    async def claim(self, ask: Ask) -> list[Notice]:
        """Take what is due, oldest first; each is then ``sending``, with one attempt more."""
        return await self._writer.do(partial(waiting.claim, ask=ask))

    async def peek(self, ask: Ask) -> list[Notice]:
        """What ``claim`` would take, without writing it down."""
        return await self._ask(partial(waiting.peek, ask=ask))

    async def mark_sent(self, sent: Mapping[int, datetime]) -> None:
        """The channel has confirmed these ids, at these instants."""
        await self._writer.do(partial(waiting.mark_sent, sent=sent))

    async def mark_failed(
        self, notice_id: int, error: str, next_try_at: datetime, *, aside: bool = False
    ) -> None:
        """Queue it again. ``aside``: refused for good, those behind it may pass."""
        await self._writer.do(
            partial(
                waiting.mark_failed,
                notice_id=notice_id,
                error=error,
                next_try_at=next_try_at,
                aside=aside,
            )
        )

    async def release(self) -> int:
        """At start and at the end: what was in a sender's hands is queued again; how many."""
        return await self._writer.do(waiting.release)

    async def hurry(self, channel: str) -> None:
        """Everything queued for the channel is due now."""
        await self._writer.do(partial(waiting.hurry, channel=channel))

    async def reroute(self, person: str, old: str, new: str) -> int:
        """Move what a person is owed from one channel to another; how many."""
        return await self._writer.do(partial(waiting.reroute, person=person, old=old, new=new))

    async def next_try_at(
        self, channel: str, *, busy: Collection[str] = (), done: Collection[int] = ()
    ) -> tuple[bool, datetime | None]:
        """(whether the channel owes anything it may send, when; None: at once)."""
        return await self._ask(partial(waiting.next_try_at, channel=channel, busy=busy, done=done))

    async def lines(self) -> list[tuple[str, str]]:
        """(person, channel) of everything unsent."""
        return await self._ask(waiting.lines)

    async def queues(self) -> dict[str, Queue]:
        """Per channel: how many are unsent, and since when the oldest is."""
        return await self._ask(waiting.queues)

    async def oldest_unsent(self) -> datetime | None:
        """When the oldest unsent notice was made; None when everything was told."""
        return min((queue.oldest_at for queue in (await self.queues()).values()), default=None)

    # What the pages need.

    async def incidents(
        self, states: Collection[State] = (), limit: int = 100, before_id: int | None = None
    ) -> list[Incident]:
        """Newest first; no states means all. ``before_id`` turns the page."""
        return await self._ask(
            partial(reads.incidents, states=states, limit=limit, before_id=before_id)
        )

    async def incident(self, incident_id: int) -> Incident | None:
        """One incident by its id."""
        return await self._ask(partial(reads.incident, incident_id=incident_id))

    async def by_number(self, number: int) -> Incident | None:
        """The newest incident of that number."""
        return await self._ask(partial(reads.by_number, number=number))

    async def events(self, incident_id: int) -> list[Event]:
        """Everything that happened to one incident, in order."""
        return await self._ask(partial(reads.events, incident_id=incident_id))

    async def notices(self, incident_id: int | None = None, limit: int = 200) -> list[Notice]:
        """Newest first; of one incident, or of all."""
        return await self._ask(partial(reads.notices, incident_id=incident_id, limit=limit))

    def room(self) -> tuple[int, ...]:
        """Bytes that this user may still write to the database's disk; () if it does not say."""
        try:
            return (shutil.disk_usage(self.path.parent).free,)
        except OSError:
            return ()

    async def integrity_problems(self) -> list[str]:
        """What SQLite's integrity and foreign key checks find; empty is well."""

        async def question(connection: AsyncConnection) -> list[str]:
            found = await connection.execute(sa.text("PRAGMA integrity_check"))
            problems = [row[0] for row in found if row[0] != "ok"]
            keys = await connection.execute(sa.text("PRAGMA foreign_key_check"))
            return problems + [f"{row[0]} row {row[1]} refers to nothing" for row in keys]

        return await self._ask(question)


def _prepare(path: Path) -> Lock:
    """Folder, lock, file, schema; in a thread."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as e:
        raise explain_os(path.parent, e) from e
    lock = Lock(path)
    try:
        engine.create_private(path)
        migrate.upgrade(path)
    except OSError as e:
        lock.release()
        raise explain_os(path, e) from e
    except BaseException:
        lock.release()
        raise
    return lock
