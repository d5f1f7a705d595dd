"""What goes into the store comes out the same, and one transaction is all or nothing."""

import asyncio
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.model.alert import Alert, AlertState
from monitor.model.incident import (
    Changes,
    ClockState,
    Event,
    FaultClass,
    Incident,
    Notice,
    Part,
    Root,
    RootKind,
    Scope,
    Severity,
    State,
    StepClock,
)
from monitor.store import Store, StoreError, migrate
from monitor.store.writes import merge

T0 = datetime(2026, 10, 1, 19, 10, tzinfo=UTC)
STEPS = ("t30m", "t6h", "t24h")

instants = st.integers(0, 10**17).map(
    lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)
perhaps = st.none() | instants
texts = st.text(max_size=12)
names = st.lists(texts, max_size=4).map(tuple)
labels = st.dictionaries(texts, texts, max_size=4).map(lambda d: tuple(sorted(d.items())))
parts = st.builds(
    Part,
    key=texts,
    instance=texts,
    alertname=texts,
    since=instants,
    fault_class=st.sampled_from(FaultClass),
    severity=st.sampled_from(Severity),
    what=texts,
    summary=texts,
    ended_at=perhaps,
    withdrawn=st.booleans(),
)


@st.composite
def incidents(draw):
    number = draw(st.integers(1, 5))
    steps = draw(st.lists(st.sampled_from([*STEPS, "told", "主任"]), unique=True))
    return Incident(
        id=number,
        number=number,
        state=draw(st.sampled_from(State)),
        root=Root(draw(texts), draw(texts), draw(st.sampled_from(RootKind)), draw(texts)),
        fault_class=draw(st.sampled_from(FaultClass)),
        scope=draw(st.sampled_from(Scope)),
        severity=draw(st.sampled_from(Severity)),
        started_at=draw(instants),
        opened_at=draw(instants),
        settle_until=draw(perhaps),
        interrupted_at=draw(perhaps),
        class_confirmed=draw(st.booleans()),
        drill=draw(st.booleans()),
        acknowledged_by=draw(texts),
        acknowledged_at=draw(perhaps),
        watching_since=draw(perhaps),
        recovered_at=draw(perhaps),
        closed_at=draw(perhaps),
        closed_by=draw(texts),
        merged_into=draw(st.none() | st.integers(1, 5)),
        parts=draw(st.lists(parts, max_size=4).map(tuple)),
        impact=draw(names),
        systems=draw(names),
        clocks=tuple(
            StepClock(
                number, step, draw(instants), draw(st.sampled_from(ClockState)), draw(perhaps)
            )
            for step in steps
        ),
        told=draw(names),
        told_class=draw(texts),
    )


alerts = st.builds(
    Alert,
    group=st.sampled_from(["room", "hosts"]),
    alertname=st.sampled_from(["Down", "Slow"]),
    labels=labels,
    annotations=st.dictionaries(texts, texts, max_size=3),
    state=st.sampled_from(AlertState),
    active_at=instants,
    fired_at=perhaps,
    value=st.floats(allow_nan=False),
    last_true_at=instants,
    stale=st.booleans(),
    absent_since=perhaps,
    own_labels=labels,
)
turns = st.builds(
    Changes,
    incidents=st.lists(incidents(), max_size=3).map(tuple),
    alerts_put=st.lists(alerts, max_size=3).map(tuple),
    alerts_gone=st.lists(alerts.map(lambda a: a.key), max_size=2).map(tuple),
)


def opened(id_, **more):
    incident = Incident(
        id=id_,
        number=id_,
        state=State.OPEN,
        root=Root("core-1", "CoreDown", RootKind.RULE, "核心交换机失联"),
        fault_class=FaultClass.CLASS1,
        scope=Scope.WHOLE,
        severity=Severity.CRITICAL,
        started_at=T0,
        opened_at=T0,
        settle_until=None,
        clocks=tuple(StepClock(id_, step, T0 + timedelta(hours=1)) for step in STEPS),
    )
    return replace(incident, **more)


def notice(number, person="张工", step="told"):
    return Notice(f"{number}:{step}:{person}", number, step, person, "wecom", "标题", "正文", T0)


@pytest.fixture
async def store(tmp_path):
    async with await Store.open(tmp_path / "zhiban.db") as store:
        yield store


@pytest.fixture(scope="module")
def new_database(tmp_path_factory):
    """The bytes of an empty database, so that forty examples migrate once."""
    path = tmp_path_factory.mktemp("new") / "zhiban.db"
    migrate.upgrade(path)
    return path.read_bytes()


def apply(changes, held, ringing):
    """What the store promises, in four lines: the model it is tested against."""
    held.update((i.id, i) for i in changes.incidents)
    for key in changes.alerts_gone:
        ringing.pop(key, None)
    ringing.update((a.key, a) for a in changes.alerts_put)


@settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(turns, min_size=1, max_size=6), st.booleans())
def test_round_trip(tmp_path_factory, new_database, changes, together):
    """
    After any sequence of changes, one by one or in a shared commit, and a restart, the
    database holds the last word on every incident and alert, exactly.
    """
    path = tmp_path_factory.mktemp("store") / "zhiban.db"
    path.write_bytes(new_database)
    held, ringing = {}, {}
    for turn in changes:
        apply(turn, held, ringing)

    async def run():
        async with await Store.open(path) as store:
            if together:
                await asyncio.gather(*(store.save(turn) for turn in changes))
            else:
                for turn in changes:
                    await store.save(turn)
        async with await Store.open(path) as store:
            saved = await store.load()
            whole = [await store.incident(number) for number in sorted(held)]
            return saved, whole, await store.integrity_problems()

    saved, whole, problems = asyncio.run(run())
    over = (State.CLOSED, State.MERGED)
    assert whole == [held[number] for number in sorted(held)]
    assert saved.incidents == tuple(i for i in whole if i.state not in over)
    assert {a.key: a for a in saved.alerts} == ringing
    assert saved.last_incident_id == max(held, default=0)
    assert problems == []


@settings(max_examples=40, deadline=None)
@given(st.lists(turns, max_size=5))
def test_merge_is_the_sequence(sets):
    """
    Several change sets written as one leave what they leave one after the other.
    """
    held, ringing = {}, {}
    for changes in sets:
        apply(changes, held, ringing)
    got_held, got_ringing = {}, {}
    apply(merge(sets), got_held, got_ringing)
    assert (got_held, got_ringing) == (held, ringing)


async def test_not_a_number(store):
    """
    A rule may yield NaN, which SQLite does not know; it comes back as NaN.
    """
    alert = Alert("g", "A", (), {}, AlertState.FIRING, T0, T0, math.nan, T0)
    await store.save(Changes(alerts_put=(alert,)))
    (back,) = (await store.load()).alerts
    assert math.isnan(back.value)
    assert replace(back, value=0.0) == replace(alert, value=0.0)


async def test_hostile_text_is_storable(store):
    """
    A lone surrogate out of somebody's JSON does not make an incident unwritable.
    """
    await store.save(Changes((opened(1, impact=("a\ud800b",), acknowledged_by="\udfff"),)))
    back = await store.incident(1)
    assert (back.impact, back.acknowledged_by) == (("a?b",), "?")


async def test_only_what_changed_is_written(store):
    """
    Of an incident with 2,000 parts, a turn that ends one of them writes one part.
    """
    many = tuple(
        Part(str(i), f"s{i}", "Down", T0, FaultClass.CLASS1, Severity.CRITICAL) for i in range(2000)
    )
    await store.save(Changes((opened(1, parts=many),)))
    written = []

    def changed(connection):
        total = connection.connection.driver_connection._conn.total_changes
        written.append(total)

    async with store._write.connect() as connection:
        await connection.run_sync(changed)
    ended = (replace(many[0], ended_at=T0), *many[1:])
    await store.save(Changes((opened(1, parts=ended),)))
    async with store._write.connect() as connection:
        await connection.run_sync(changed)
    assert written[1] - written[0] == 1
    assert (await store.incident(1)).parts == ended


async def test_fewer_parts_and_clocks(store):
    """
    What an incident no longer has is gone from the database too, closed ones included.
    """
    part = Part("k", "a", "b", T0, FaultClass.OTHER, Severity.INFO)
    for state in (State.OPEN, State.CLOSED):
        full = opened(1, state=state, parts=(part, part))
        less = replace(full, parts=(part,), clocks=full.clocks[1:])
        await store.save(Changes((full,)))
        await store.save(Changes((less,)))
        assert await store.incident(1) == less


BAD = {
    "an event of no incident": Changes(events=(Event(99, T0, "zhiban", "opened"),)),
    "a notice of no incident": Changes(notices=(notice(99),)),
    "a clock of another incident": Changes(
        (opened(7, clocks=(StepClock(8, "t30m", T0),)),), (Event(7, T0, "zhiban", "opened"),)
    ),
    "one step twice": Changes((opened(7, clocks=(StepClock(7, "a", T0), StepClock(7, "a", T0))),)),
    "an instant without a zone": Changes(
        (opened(7, started_at=datetime(2026, 1, 1)),)  # noqa: DTZ001 - the mistake under test
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_bad_change_fails_alone(store, bad):
    """
    In a shared commit the bad one is refused whole, the good ones are written.
    """
    good = [Changes((opened(i),), (Event(i, T0, "zhiban", "opened"),)) for i in (1, 2, 3)]
    sets = [good[0], bad, *good[1:]]
    answers = await asyncio.gather(*map(store.save, sets), return_exceptions=True)
    assert [type(a) for a in answers] == [type(None), StoreError, type(None), type(None)]
    assert answers[1].kind == "refused"
    assert [i.id for i in (await store.load()).incidents] == [1, 2, 3]
    assert [len(await store.events(i)) for i in (1, 2, 3, 7)] == [1, 1, 1, 0]


async def test_shared_commit(store):
    """
    A hundred who ask at once wait for two commits, not for a hundred.
    """
    commits = []
    from sqlalchemy import event  # noqa: PLC0415 - only this test listens to the driver

    event.listen(store._write.sync_engine, "commit", commits.append)
    await asyncio.gather(*(store.save(Changes((opened(i),))) for i in range(1, 101)))
    assert len(commits) == 2
    assert len((await store.load()).incidents) == 100


async def test_notice_key_is_unique_for_ever(store):
    """
    The same step owes the same person one message, however often it is asked.
    """
    await store.save(Changes((opened(1),), notices=(notice(1),)))
    await store.save(Changes(notices=(replace(notice(1), text="again"), notice(1, step="t30m"))))
    assert [(n.step, n.text) for n in await store.notices(1)] == [
        ("t30m", "正文"),
        ("told", "正文"),
    ]


async def test_events_are_never_edited(store):
    """
    The database itself refuses to change or remove an event.
    """
    import sqlite3  # noqa: PLC0415 - a second hand on the file, as a person with a shell

    event = Event(1, T0, "张工", "acknowledged", "", "张工", "到场")
    await store.save(Changes((opened(1),), (event,)))
    with sqlite3.connect(store.path) as shell:
        for sql in ("UPDATE events SET who = 'x'", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="added, never edited"):
                shell.execute(sql)
    shell.close()
    assert await store.events(1) == [event]


async def test_pages(store):
    """
    Newest first, by state, turning pages; a number means its newest incident.
    """
    await store.save(Changes(tuple(opened(i, number=i % 3) for i in range(1, 8))))
    await store.save(Changes((opened(6, number=0, state=State.CLOSED),)))
    ids = lambda found: [i.id for i in found]  # noqa: E731 - read three times below
    assert ids(await store.incidents(limit=3)) == [7, 6, 5]
    assert ids(await store.incidents((State.OPEN,), limit=3, before_id=7)) == [5, 4, 3]
    assert ids(await store.incidents((State.CLOSED, State.MERGED))) == [6]
    assert (await store.by_number(1)).id == 7
    assert await store.by_number(9) is None
    assert await store.incident(99) is None


async def test_remembered(store):
    """
    One fact under a name, replaced by the next.
    """
    assert await store.remembered("slot") is None
    await store.remember("slot", "1")
    await store.remember("slot", "2")
    assert await store.remembered("slot") == "2"
