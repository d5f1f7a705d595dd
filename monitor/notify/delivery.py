"""
One channel's loop: claim, send, mark, rest until the next is due.

A notice is marked sent only after the channel's own confirmation. Whatever fails,
including the database, a notice stays owed; the worst that happens is that it is told
twice.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from monitor.clock import Clock
from monitor.model.incident import Notice
from monitor.model.person import Person
from monitor.notify.channels.contract import Channel, SendError
from monitor.notify.limits import CLOSED, LONGEST, Breaker, backoff
from monitor.notify.turns import Turns
from monitor.store import Ask, StoreError
from monitor.store.waiting import LONGEST_WAIT

AT_ONCE = 4  # people whom one channel tells at the same time
STORE_AGAIN = 5.0  # seconds between tries to reach a database that cannot
LONGEST_REST = 60.0  # seconds; a wall clock that was set forward is noticed after this
_MARGIN = 2.0  # seconds past its own deadline after which a channel is cut off
log = logging.getLogger(__name__)


class Owed(Protocol):
    """What a lane needs of the store; see monitor.store."""

    async def claim(self, ask: Ask) -> list[Notice]: ...
    async def peek(self, ask: Ask) -> list[Notice]: ...
    async def mark_sent(self, sent: Mapping[int, datetime]) -> None: ...
    async def mark_failed(
        self, notice_id: int, error: str, next_try_at: datetime, *, aside: bool = False
    ) -> None: ...
    async def hurry(self, channel: str) -> None: ...
    async def next_try_at(
        self, channel: str, *, busy: Collection[str] = (), done: Collection[int] = ()
    ) -> tuple[bool, datetime | None]: ...


@dataclass(frozen=True)
class Means:
    """What every lane is given."""

    store: Owed
    clock: Clock
    person: Callable[[str], Person | None]
    tried: Callable[[str, bool], None]  # channel, whether it was confirmed
    chance: Callable[[], float] = field(default=random.random)


class Lane:
    """
    Sends what one channel owes: one notice of a person at a time, and one after the other
    while the channel answers quickly; AT_ONCE people at once where it does not.

    Lanes share nothing but the store, so a channel that is dead or hangs delays no other.
    """

    def __init__(self, name: str, channel: Channel, means: Means) -> None:
        self.name = name
        self._channel = channel
        self._means = means
        self._breaker: Breaker = CLOSED
        self._busy: set[str] = set()  # people with a message in hand
        self._strangers: set[str] = set()  # people who are not in the configuration
        self._done: dict[int, datetime] = {}  # sent, and the database does not know yet
        self._turns = Turns(means.clock)
        self._woken = asyncio.Event()
        self._retired = False

    def wake(self) -> None:
        """Something may be due; strangers may have become known."""
        self._woken.set()

    def forget_strangers(self) -> None:
        """The list of people is new."""
        self._strangers.clear()
        self.wake()

    def retire(self) -> None:
        """Take nothing more; ``run`` ends when what is in hand is done."""
        self._retired = True
        self.wake()

    async def run(self) -> None:
        """Until retired or cancelled."""
        async with asyncio.TaskGroup() as hands:
            while not self._retired or self._busy or self._done:
                self._woken.clear()
                try:
                    await self._round(hands)
                    rest = await self._rest_for()
                except StoreError as e:
                    log.error("the outbox cannot read the store: %s", e)  # noqa: TRY400 - one line says it
                    rest = STORE_AGAIN
                await self._rest(rest)

    async def settle(self) -> None:
        """Tell the database what was confirmed; what it cannot take stays for the next time."""
        with suppress(StoreError):
            await self._mark_late()

    async def _round(self, hands: asyncio.TaskGroup) -> None:
        await self.settle()
        for notice in await self._take():
            self._busy.add(notice.person)
            hands.create_task(self._deliver(notice), name=f"send-{notice.id}")

    # What to take, and when.

    def _free(self) -> int:
        if self._retired:
            return 0
        if self._breaker.trial_at is not None:
            ripe = self._breaker.trial_at <= self._means.clock.monotonic()
            return 1 if ripe and not self._busy else 0
        return AT_ONCE - len(self._busy)

    async def _take(self) -> list[Notice]:
        free = self._free()
        if not free:
            return []
        now = self._means.clock.now()
        ask = Ask(
            self.name,
            now,
            free,
            # While the channel is down its trials set the pace, not each notice's own wait.
            due_by=now + LONGEST_WAIT if self._breaker.is_open else None,
            busy=self._busy | self._strangers,
            done=frozenset(self._done),
        )
        try:
            return await self._means.store.claim(ask)
        except StoreError as e:
            if e.kind == "closed":
                raise
            log.warning("sending from memory, the store cannot write: %s", e)
            return await self._means.store.peek(ask)

    async def _rest_for(self) -> float | None:
        """Seconds until there is something to do; None: until woken."""
        late = STORE_AGAIN if self._done else None
        if self._retired or (self._busy and self._breaker.is_open):
            return late
        if len(self._busy) >= AT_ONCE:
            return late
        owes, at = await self._means.store.next_try_at(
            self.name, busy=self._busy | self._strangers, done=frozenset(self._done)
        )
        if not owes:
            return late
        return min(self._due_in(at), late or LONGEST_REST, LONGEST_REST)

    def _due_in(self, at: datetime | None) -> float:
        clock = self._means.clock
        if self._breaker.trial_at is not None:
            return self._breaker.trial_at - clock.monotonic()
        wait = timedelta(0) if at is None else at - clock.now()
        return 0.0 if wait > LONGEST_WAIT else wait.total_seconds()

    async def _rest(self, seconds: float | None) -> None:
        if seconds is not None and seconds <= 0:
            return
        waits: set[asyncio.Task[object]] = {asyncio.create_task(self._woken.wait())}
        if seconds is not None:
            waits.add(asyncio.create_task(self._sleep(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _sleep(self, seconds: float) -> None:
        await self._means.clock.sleep(seconds)

    # One notice.

    async def _deliver(self, notice: Notice) -> None:
        try:
            person = self._means.person(notice.person)
            if person is None:
                await self._leave(notice)
            else:
                await self._send(notice, person)
        finally:
            self._busy.discard(notice.person)
            self.wake()

    async def _leave(self, notice: Notice) -> None:
        """The person left the configuration: it stays queued, to be seen by people."""
        self._strangers.add(notice.person)
        log.warning("notice %d waits: its person is not in the configuration", notice.id)
        await self._try_to_mark(notice, SendError("配置里没有此人", wait=LONGEST))

    async def _send(self, notice: Notice, person: Person) -> None:
        attempts = notice.attempts
        while True:
            error = await self._once(notice, person)
            if error is None:
                self._means.tried(self.name, True)  # noqa: FBT003 - as the hook has it
                return
            log.warning("notice %d by %s failed: %s", notice.id, self.name, error.detail)
            wait = await self._try_to_mark(notice, error, attempts)
            self._means.tried(self.name, False)  # noqa: FBT003 - as the hook has it
            if wait is None or self._retired:
                return
            # The database cannot be told that it failed, so it is tried on from here.
            await self._means.clock.sleep(wait)
            attempts += 1

    async def _once(self, notice: Notice, person: Person) -> SendError | None:
        """Send it once and keep book; what went wrong, or None."""
        async with self._turns.one():
            error = await self._ask_channel(notice, person)
            if error is None:
                await self._sent(notice)
            else:
                now = self._means.clock.monotonic()
                self._breaker = self._breaker.failed(now, error.wait)
        return error

    async def _sent(self, notice: Notice) -> None:
        """The channel has confirmed it: tell the database before the next one goes."""
        back, self._breaker = self._breaker.is_open, CLOSED
        self._done[notice.id] = self._means.clock.now()
        try:
            await self._mark_late()
            if back:
                await self._means.store.hurry(self.name)
        except StoreError as e:
            log.warning("notice %d was sent, the store cannot be told yet: %s", notice.id, e)

    async def _ask_channel(self, notice: Notice, person: Person) -> SendError | None:
        try:
            async with asyncio.timeout(self._channel.timeout + _MARGIN):
                await self._channel.send(notice, person)
        except SendError as e:
            return e
        except TimeoutError:
            return SendError(f"{self._channel.timeout:g}秒内没有应答")
        except Exception as e:  # noqa: BLE001 - see below
            # A bug in a channel must not silence it: it shows, and is tried again. No
            # traceback: its frames' words could hold the address.
            log.error("channel %s is broken: %s", self.name, type(e).__name__)  # noqa: TRY400
            return SendError(f"通道程序出错（{type(e).__name__}）")
        return None

    async def _try_to_mark(
        self, notice: Notice, error: SendError, attempts: int = 0
    ) -> float | None:
        """Queue it again; where the database cannot, the seconds to wait instead."""
        wait = error.wait
        if wait is None:
            wait = LONGEST if error.permanent else backoff(attempts, self._means.chance())
        at = self._means.clock.now() + timedelta(seconds=wait)
        try:
            await self._means.store.mark_failed(notice.id, error.detail, at, aside=error.permanent)
        except StoreError as e:
            log.warning("notice %d failed, the store cannot be told: %s", notice.id, e)
            return wait
        return None

    async def _mark_late(self) -> None:
        if told := dict(self._done):
            await self._means.store.mark_sent(told)
            for notice_id in told:
                self._done.pop(notice_id, None)
