"""The outbox against a real store, a fake clock and channels that misbehave."""

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from monitor.model.incident import (
    Changes,
    FaultClass,
    Incident,
    Notice,
    NoticeState,
    Root,
    RootKind,
    Scope,
    Severity,
    State,
)
from monitor.model.person import Person
from monitor.notify import delivery
from monitor.notify.channels import SendError
from monitor.notify.limits import CLOSED, DEAD_AFTER, TRIAL_EVERY, backoff
from monitor.notify.outbox import Outbox
from monitor.store import Store, StoreError

T0 = datetime(2026, 10, 1, 19, 10, tzinfo=UTC)
PEOPLE = tuple(
    Person(name, "1", ("on_duty",), ("wecom", "sms")) for name in ("张工", "李主任", "王工")
)


class Phone:
    """A channel: takes what it is given, unless ``mood`` objects."""

    timeout = 5.0

    def __init__(self, clock):
        self.clock = clock
        self.took = []  # (second, key) of what was confirmed
        self.tries = []  # (second, key) of everything
        self.mood = lambda notice: None

    async def send(self, notice, person):
        assert notice.person == person.name
        now = round(self.clock.seconds)
        self.tries.append((now, notice.key))
        answer = self.mood(notice)
        if asyncio.isfuture(answer):
            await answer
        elif answer is not None:
            raise answer
        self.took.append((now, notice.key))

    @property
    def keys(self):
        return [key for _, key in self.took]


class Sick:
    """
    The store, seen through: how many questions it is answering, and a disk that may be
    full, so that reads go on and writes do not.
    """

    def __init__(self, store):
        self._store = store
        self.full = False
        self.answering = 0

    def __getattr__(self, name):
        call = getattr(self._store, name)

        async def guarded(*args, **more):
            if self.full and name in ("claim", "mark_sent", "mark_failed", "hurry", "release"):
                raise StoreError("full", "database or disk is full")
            self.answering += 1
            try:
                return await call(*args, **more)
            finally:
                self.answering -= 1

        return guarded


def incident(number):
    root = Root("core-1", "CoreDown", RootKind.RULE, "核心交换机失联")
    plain = (FaultClass.CLASS1, Scope.WHOLE, Severity.CRITICAL)
    return Incident(number, number, State.OPEN, root, *plain, T0, T0, None)


def notice(number, person="张工", channel="wecom", step="told"):
    key = f"{number}:{step}:{person}"
    return Notice(key, number, step, person, channel, "拟一类", "正文", T0)


async def owe(store, *notices):
    numbers = sorted({n.incident_id for n in notices})
    await store.save(Changes(tuple(map(incident, numbers)), notices=notices))


async def quiet(outbox):
    """Until the running outbox asks the store nothing any more, five looks in a row."""
    still = 0
    for _ in range(5000):
        await asyncio.sleep(0.001)
        still = still + 1 if outbox._tasks and not outbox._store.answering else 0
        if still == 5:
            return
    pytest.fail("the outbox does not come to rest")


async def tried(phone, outbox):
    """Until the phone has a message in its hands."""
    for _ in range(2000):
        outbox.wake()
        await asyncio.sleep(0.001)
        if phone.tries:
            return
    pytest.fail("nothing was tried")


async def pass_time(clock, outbox, seconds):
    for _ in range(seconds):
        await clock.advance(1)
        await quiet(outbox)


@pytest.fixture
async def store(tmp_path):
    async with await Store.open(tmp_path / "zhiban.db") as store:
        yield store


@asynccontextmanager
async def running(outbox):
    task = asyncio.create_task(outbox.run())
    try:
        await quiet(outbox)
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def make(store, clock, channels, people=PEOPLE, **more):
    seen = store if isinstance(store, Sick) else Sick(store)
    return Outbox(seen, channels, people, clock, build=lambda phone, _: phone, **more)


@pytest.fixture
def phone(clock):
    return Phone(clock)


async def states(store):
    return {n.key: n.state for n in await store.notices()}


async def test_sent_and_marked(store, clock, phone):
    """
    What is owed is sent at once and marked after the channel's confirmation.
    """
    tries = []
    outbox = make(store, clock, {"wecom": phone}, on_change=lambda *a: tries.append(a))
    async with running(outbox):
        await owe(store, notice(1), notice(2))
        outbox.wake()
        await quiet(outbox)
        rows = await store.notices()
    assert phone.keys == ["1:told:张工", "2:told:张工"]
    assert [(n.state, n.attempts, n.sent_at) for n in rows] == [(NoticeState.SENT, 1, T0)] * 2
    assert tries == [("wecom", True)] * 2


async def test_order_is_kept_per_person(store, clock, phone):
    """
    While a person's first message is refused the later ones wait; nobody else does.
    """
    phone.mood = lambda n: SendError("忙") if n.key == "1:told:张工" and clock.seconds < 5 else None
    outbox = make(store, clock, {"wecom": phone})
    await owe(store, notice(1), notice(2), notice(2, "李主任"))
    async with running(outbox):
        assert phone.keys == ["2:told:李主任"]
        await pass_time(clock, outbox, 12)
    assert phone.keys == ["2:told:李主任", "1:told:张工", "2:told:张工"]


async def test_a_poisoned_message_stands_aside(store, clock, phone):
    """
    A message refused for good silences nobody: those behind it pass, it is tried on.
    """
    phone.mood = lambda n: SendError("HTTP 413", permanent=True) if n.incident_id == 1 else None
    outbox = make(store, clock, {"wecom": phone})
    await owe(store, notice(1), notice(2), notice(3))
    async with running(outbox):
        assert phone.keys == ["2:told:张工", "3:told:张工"]
        await pass_time(clock, outbox, 125)
        tried = [second for second, key in phone.tries if key.startswith("1:")]
        assert tried == [0, 60, 120]
        (row,) = await store.notices(1)
        assert (row.state, row.last_error) == (NoticeState.QUEUED, "HTTP 413")
        phone.mood = lambda n: None
        await pass_time(clock, outbox, 60)
    assert set((await states(store)).values()) == {NoticeState.SENT}


async def test_a_dead_channel(store, clock):
    """
    Ten minutes of a dead channel: few tries, no delay for the other one, everything is
    told when it is back (what ended meanwhile too), each person's in order.
    """
    dead, well = Phone(clock), Phone(clock)
    dead.mood = lambda n: SendError("连不上")
    outbox = make(store, clock, {"wecom": dead, "sms": well})
    owed = [
        notice(i, p.name, step=step)
        for i in range(1, 9)
        for step in ("told", "recovered")
        for p in PEOPLE
    ]
    await owe(store, *owed)
    async with running(outbox):
        await pass_time(clock, outbox, 300)
        await owe(store, notice(9, channel="sms"))
        outbox.wake()
        await quiet(outbox)
        assert well.took == [(300, "9:told:张工")]
        await pass_time(clock, outbox, 300)
        assert len(dead.tries) <= 3 * DEAD_AFTER + 600 / TRIAL_EVERY
        assert outbox.queues["wecom"].count == len(owed)
        dead.mood = lambda n: None
        await pass_time(clock, outbox, 32)
        assert (outbox.queues, outbox.oldest_at) == ({}, None)
    for person in PEOPLE:
        assert [k for k in dead.keys if k.endswith(person.name)] == [
            n.key for n in owed if n.person == person.name
        ]
    assert len(dead.keys) == len(owed)


async def test_a_channel_that_asks_for_peace(store, clock, phone):
    """
    A rate limit stops the whole channel for as long as it asks, then all goes on.
    """
    phone.mood = lambda n: SendError("发送过频", wait=60) if clock.seconds < 60 else None
    outbox = make(store, clock, {"wecom": phone})
    async with running(outbox):
        await owe(store, notice(1))
        outbox.wake()
        await quiet(outbox)
        await owe(store, notice(2, "李主任"))
        outbox.wake()
        await pass_time(clock, outbox, 59)
        assert len(phone.tries) == 1
        await pass_time(clock, outbox, 2)
    assert phone.keys == ["1:told:张工", "2:told:李主任"]


async def test_a_channel_that_hangs_is_cut(store, clock, phone, monkeypatch):
    """
    A send that never ends is given up at the deadline, kept, and tried again.
    """
    monkeypatch.setattr(delivery, "_MARGIN", 0.0)
    phone.timeout = 0.05
    phone.mood = lambda n: asyncio.get_running_loop().create_future() if clock.seconds < 1 else None
    outbox = make(store, clock, {"wecom": phone})
    await owe(store, notice(1))
    async with running(outbox):
        await asyncio.sleep(0.1)
        await quiet(outbox)
        assert (await store.notices())[0].last_error == "0.05秒内没有应答"
        await pass_time(clock, outbox, 3)
    assert phone.keys == ["1:told:张工"]


async def test_a_bug_in_a_channel(store, clock, phone, caplog):
    """
    A channel that raises anything is a failed try; its words, maybe secret, go nowhere.
    """
    phone.mood = lambda n: ValueError("key=hunter2") if clock.seconds < 1 else None
    outbox = make(store, clock, {"wecom": phone})
    await owe(store, notice(1))
    async with running(outbox):
        row = (await store.notices())[0]
        assert (row.state, row.last_error) == (NoticeState.QUEUED, "通道程序出错（ValueError）")
        await pass_time(clock, outbox, 3)
    assert phone.keys == ["1:told:张工"]
    assert "hunter2" not in caplog.text


async def test_a_full_disk_stops_no_message(store, clock, phone):
    """
    While nothing can be written messages still go out, once each; what is refused is
    tried on; the rows are right when the disk has space again.
    """
    sick = Sick(store)
    outbox = make(sick, clock, {"wecom": phone})
    phone.mood = lambda n: (
        SendError("忙") if n.key == "3:told:李主任" and clock.seconds < 3 else None
    )
    async with running(outbox):
        await owe(store, notice(1), notice(2), notice(3, "李主任"))
        sick.full = True
        outbox.wake()
        await pass_time(clock, outbox, 20)
        assert sorted(phone.keys) == ["1:told:张工", "2:told:张工", "3:told:李主任"]
        assert NoticeState.SENT not in (await states(store)).values()
        sick.full = False
        await pass_time(clock, outbox, 10)
        assert set((await states(store)).values()) == {NoticeState.SENT}
    assert len(phone.keys) == 3


async def test_a_channel_that_left_the_configuration(store, clock):
    """
    What it still owed goes to the person's first channel, at once after the reload.
    """
    old, sms = Phone(clock), Phone(clock)
    old.mood = lambda n: SendError("连不上")
    outbox = make(store, clock, {"wecom": old, "sms": sms})
    await owe(store, notice(1), notice(2))
    async with running(outbox):
        await pass_time(clock, outbox, 2)
        outbox.swap({"sms": sms}, [Person("张工", "1", ("on_duty",), ("sms",))])
        await pass_time(clock, outbox, 3)
    assert sms.keys == ["1:told:张工", "2:told:张工"]


async def test_a_person_who_left_the_configuration(store, clock, phone, caplog):
    """
    The row stays queued, the log says so once; back in the configuration they are told.
    """
    outbox = make(store, clock, {"wecom": phone}, people=())
    await owe(store, notice(1), notice(2), notice(2, "李主任"))
    with caplog.at_level(logging.WARNING):
        async with running(outbox):
            await pass_time(clock, outbox, 300)
            assert phone.tries == []
            assert set((await states(store)).values()) == {NoticeState.QUEUED}
            assert caplog.text.count("not in the configuration") == 2
            outbox.swap({"wecom": phone}, PEOPLE)
            await pass_time(clock, outbox, 61)
    assert phone.keys.index("1:told:张工") < phone.keys.index("2:told:张工")
    assert len(phone.keys) == 3


async def test_reload_in_the_middle_of_a_send(store, clock):
    """
    A changed channel takes over only when the old one's message in hand is finished.
    """
    old, new = Phone(clock), Phone(clock)
    held = asyncio.get_running_loop().create_future()
    old.mood = lambda n: held
    outbox = make(store, clock, {"wecom": old})
    async with running(outbox):
        await owe(store, notice(1), notice(2))
        outbox.wake()
        await tried(old, outbox)
        outbox.swap({"wecom": new}, PEOPLE)
        await quiet(outbox)
        assert new.tries == []
        held.set_result(None)
        await quiet(outbox)
        await pass_time(clock, outbox, 1)
    assert (old.keys, new.keys) == (["1:told:张工"], ["2:told:张工"])


async def test_the_wall_clock_is_set_back(store, clock, phone):
    """
    A try put off to 03:11 is not waited for when the clock jumps back to yesterday.
    """
    phone.mood = lambda n: SendError("忙") if clock.seconds < 1 else None
    outbox = make(store, clock, {"wecom": phone})
    await owe(store, notice(1))
    async with running(outbox):
        clock.start -= timedelta(days=1)
        await pass_time(clock, outbox, 3)
    assert phone.keys == ["1:told:张工"]


@pytest.mark.parametrize("hangs", [False, True], ids=["in time", "given up"])
async def test_stop(store, clock, phone, hangs):
    """
    At SIGTERM what is in hand is finished in time or given up; every row stays claimable.
    """
    held = asyncio.get_running_loop().create_future()
    phone.mood = lambda n: held
    outbox = make(store, clock, {"wecom": phone})
    task = asyncio.create_task(outbox.run())
    await owe(store, notice(1), notice(2))
    await tried(phone, outbox)
    if not hangs:
        asyncio.get_running_loop().call_later(0.02, held.set_result, None)
    await outbox.stop(0.2)
    await asyncio.wait_for(task, 1)
    first = NoticeState.QUEUED if hangs else NoticeState.SENT
    assert await states(store) == {"1:told:张工": first, "2:told:张工": NoticeState.QUEUED}


async def test_a_dead_process_had_it_in_hand(store, clock, phone):
    """
    What was claimed and never marked is sent again at the next start.
    """
    await owe(store, notice(1))
    from monitor.store import Ask  # noqa: PLC0415 - only this test claims by hand

    assert [n.attempts for n in await store.claim(Ask("wecom", T0, 5))] == [1]
    assert await store.claim(Ask("wecom", T0, 5)) == []
    outbox = make(store, clock, {"wecom": phone})
    async with running(outbox):
        await quiet(outbox)
    assert phone.keys == ["1:told:张工"]


def test_backoff():
    """
    1 s, doubling to 60 s, spread downwards by at most a half, for any number of tries.
    """
    assert [backoff(n, 1.0) for n in (1, 2, 3, 6, 7, 8, 10**6)] == [1, 2, 4, 32, 60, 60, 60]
    assert backoff(7, 0.0) == 30


def test_breaker():
    """
    It opens after five failures in a row, tries every 30 s, and one success closes it.
    """
    breaker = CLOSED
    for _ in range(DEAD_AFTER - 1):
        breaker = breaker.failed(100.0)
    assert not breaker.is_open
    assert breaker.failed(100.0).trial_at == 100.0 + TRIAL_EVERY
    assert CLOSED.failed(100.0, peace=60.0).trial_at == 160.0
