"""
The outbox: a lane per channel, and the books over all of them.

Rows are written by the judge's transactions; this only delivers them. A crash anywhere
is at-least-once: what a dead process had in hand is queued again at start.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import ClientSession

from monitor.clock import Clock
from monitor.model.person import Person
from monitor.notify import channels as kinds
from monitor.notify.channels import Channel, http
from monitor.notify.delivery import STORE_AGAIN, Lane, Means
from monitor.store import Queue, Store, StoreError

BOOKS_EVERY = 1.0  # seconds between two looks at the whole queue, however much is going on
log = logging.getLogger(__name__)

Build = Callable[[Any, ClientSession], Channel]


def _nothing(channel: str, ok: bool) -> None:  # noqa: FBT001 - the hook's own signature
    del channel, ok


class Outbox:
    """
    Delivers what is owed. ``channels`` are configurations by name; a lane is kept over a
    reload while its configuration stays the same.

    ``on_change(channel, ok)`` is called after every try. ``queues`` is what each channel
    owes, at most a second old while anything moves.
    """

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Any],
        people: Iterable[Person],
        clock: Clock,
        *,
        on_change: Callable[[str, bool], None] = _nothing,
        build: Build = kinds.build,
    ) -> None:
        self.queues: Mapping[str, Queue] = {}
        self._store = store
        self._channels = dict(channels)
        self._people = {person.name: person for person in people}
        self._clock = clock
        self._build = build
        self._on_change = on_change
        self._means = Means(store, clock, self._person, self._tried)
        self._lanes: dict[str, tuple[Any, Lane]] = {}
        self._tasks: dict[asyncio.Task[None], Lane] = {}  # those that are retiring too
        self._stirred = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stranded: set[tuple[str, str]] = set()
        self._books: asyncio.Task[None] | None = None
        self._hire: Callable[[str, Any], Lane] | None = None  # while running

    @property
    def oldest_at(self) -> datetime | None:
        """When the oldest notice still owed was made; None when everything was told."""
        return min((queue.oldest_at for queue in self.queues.values()), default=None)

    def wake(self) -> None:
        """New rows were committed."""
        self._stirred.set()
        for _, lane in self._lanes.values():
            lane.wake()

    def swap(self, channels: Mapping[str, Any], people: Iterable[Person]) -> None:
        """Take a new configuration at once; what is in hand is finished as it began."""
        self._channels = dict(channels)
        self._people = {person.name: person for person in people}
        self._stranded.clear()
        for _, lane in self._lanes.values():
            lane.forget_strangers()
        self._man_lanes()
        self.wake()

    async def run(self) -> None:
        """Until ``stop`` has ended every lane, or until cancelled."""
        while not self._stopping.is_set():
            try:
                await self._store.release()
                break
            except StoreError as e:
                log.error("the outbox cannot start yet: %s", e)  # noqa: TRY400 - one line says it
                await self._clock.sleep(STORE_AGAIN)
        if self._stopping.is_set():
            return
        async with http.session() as session, asyncio.TaskGroup() as group:
            # A lane that dies of a bug ends the daemon; the service manager restarts it.
            self._hire = partial(self._start_lane, session, group)
            self._books = group.create_task(self._keep_books(), name="outbox-books")
            self._man_lanes()
        self._hire = None

    async def stop(self, grace: float) -> None:
        """Finish what is in hand within ``grace`` seconds, or give it up; rows stay owed."""
        self._stopping.set()
        self._hire = None
        if self._books is not None:
            self._books.cancel()
        lanes, tasks = set(self._tasks.values()), set(self._tasks)
        for lane in lanes:
            lane.retire()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for lane in lanes:
            await lane.settle()
        with suppress(StoreError):  # at the next start it is done in any case
            await self._store.release()

    def _man_lanes(self) -> None:
        """A lane for every channel there is, none for the others."""
        for name, (config, lane) in list(self._lanes.items()):
            if self._channels.get(name) != config:
                lane.retire()
                del self._lanes[name]
        for name, config in self._channels.items():
            if name not in self._lanes and self._hire is not None:
                self._lanes[name] = (config, self._hire(name, config))

    def _start_lane(
        self, session: ClientSession, group: asyncio.TaskGroup, name: str, config: Any
    ) -> Lane:
        lane = Lane(name, self._build(config, session), self._means)
        task = group.create_task(lane.run(), name=f"lane-{name}")
        self._tasks[task] = lane
        task.add_done_callback(self._left)
        return lane

    def _person(self, name: str) -> Person | None:
        return self._people.get(name)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self.wake()  # a lane that took this one's place may go on with its lines

    def _tried(self, channel: str, ok: bool) -> None:  # noqa: FBT001 - as on_change
        self._stirred.set()
        self._on_change(channel, ok)

    async def _keep_books(self) -> None:
        """Look over the whole queue whenever something moved."""
        while True:
            self._stirred.clear()
            try:
                await self._reroute()
                self.queues = await self._store.queues()
            except StoreError as e:
                log.error("the outbox cannot read the store: %s", e)  # noqa: TRY400 - one line says it
            await self._clock.sleep(BOOKS_EVERY)
            await self._stirred.wait()

    async def _reroute(self) -> None:
        """What a channel that is gone still owes goes to the person's first one."""
        for person, old in await self._store.lines():
            if old in self._channels:
                continue
            known = self._people.get(person)
            mine = known.channels if known else ()
            new = next((name for name in mine if name in self._channels), None)
            if new is not None:
                count = await self._store.reroute(person, old, new)
                log.warning(
                    "%d notices moved from channel %s, which is gone, to %s", count, old, new
                )
                self.wake()
            elif (person, old) not in self._stranded:
                self._stranded.add((person, old))
                log.warning("a notice waits: its channel %s and its person are gone", old)
