"""Who is told what, and when: the table is the specification."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hospital import BOOK, PLAN, Room, minute, second
from hypothesis import given
from hypothesis import strategies as st

from monitor.incidents.escalation import advance, arm, next_due
from monitor.incidents.lifecycle import apply
from monitor.model.act import Act, ActKind, IllegalActError
from monitor.model.incident import ClockState, State

# Each row: at this minute, this happens, and exactly these are told.
TIMELINES = {
    "a class 1 that nobody answers": [
        (0, "cut", ["told 张伟"]),
        (4, "tick", []),
        (5.1, "tick", ["director 王芳"]),
        (29.9, "tick", []),
        (30, "tick", ["t30m 张伟", "t30m 王芳"]),
        (359.9, "tick", []),
        (360, "tick", ["t6h 张伟", "t6h 王芳"]),
        (1439, "tick", []),
        (1440, "tick", ["t24h 张伟", "t24h 王芳"]),
        (9999, "tick", []),
    ],
    "an acknowledgement tells the director and moves no threshold": [
        (0, "cut", ["told 张伟"]),
        (3, "ack", ["director 王芳"]),
        (5.1, "tick", []),
        (29.9, "tick", []),
        (30, "tick", ["t30m 张伟", "t30m 王芳"]),
        (360, "tick", ["t6h 张伟", "t6h 王芳"]),
    ],
    "it recovers: 观察期, then the same people once": [
        (0, "cut", ["told 张伟"]),
        (2, "mend", []),
        (11.9, "tick", []),
        (12.1, "tick", ["recovered 张伟"]),
        (40, "tick", []),
    ],
    "it recovers after the director was told": [
        (0, "cut", ["told 张伟"]),
        (6, "tick", ["director 王芳"]),
        (20, "mend", []),
        (30.1, "tick", ["recovered 张伟", "recovered 王芳"]),
    ],
    "it comes back in 观察期: same incident, nobody is told, the clock was never moved": [
        (0, "cut", ["told 张伟"]),
        (6, "tick", ["director 王芳"]),
        (20, "mend", []),
        (25, "cut", []),
        (30, "tick", ["t30m 张伟", "t30m 王芳"]),
        (31, "mend", []),
        (41.1, "tick", ["recovered 张伟", "recovered 王芳"]),
    ],
    "a threshold that falls into 观察期 is held, and told if it comes back": [
        (0, "cut", ["told 张伟"]),
        (6, "tick", ["director 王芳"]),
        (25, "mend", []),
        (31, "tick", []),
        (34, "cut", ["t30m 张伟", "t30m 王芳"]),
    ],
    "the daemon was away over two thresholds: the highest, once": [
        (0, "cut", ["told 张伟"]),
        (400, "tick", ["t6h 张伟", "t6h 王芳"]),
        (401, "tick", []),
        (1440, "tick", ["t24h 张伟", "t24h 王芳"]),
    ],
    "away from the first minute: one message, never a ladder": [
        (0, "cut unseen", []),
        (36, "tick", ["t30m 张伟", "t30m 王芳"]),
        (37, "tick", []),
    ],
    "a hazard has no department clock": [
        (0, "hazard", ["told 张伟"]),
        (5.1, "tick", []),
        (30.2, "tick", ["director 王芳"]),
        (400, "tick", []),
    ],
    "gone before it settled is still told": [
        (0, "cut unseen", []),
        (0.05, "mend", []),
        (0.2, "tick", ["told 张伟"]),
        (10.1, "tick", ["recovered 张伟"]),
    ],
}


def happen(room, what, at):
    match what:
        case "cut":
            room.fail(at, "access-3")
            room.fail(at, "lis", "emr")
        case "cut unseen":
            room.silent.add("core-1")
            room.fail(at, "access-3")
            room.fail(at, "lis", "emr")
        case "hazard":
            room.fail(at, "core-1")
        case "mend":
            room.mend("access-3", "lis", "emr", "core-1")
        case "ack":
            one, _ = apply(room.only(), Act(ActKind.ACK, 1, "张伟"), at)
            room.incidents[1] = one


@pytest.mark.parametrize("rows", TIMELINES.values(), ids=TIMELINES)
def test_timeline(rows):
    room = Room()
    for at, what, expected in rows:
        happen(room, what, minute(at))
        assert room.turn(minute(at)) == expected, f"minute {at}"


def cut():
    """An incident of class 1 that has been told."""
    room = Room()
    happen(room, "cut", second(0))
    room.turn(second(0))
    return room.only()


@given(st.lists(st.integers(0, 2000), max_size=30).map(sorted))
def test_next_due_is_exact(minutes):
    """
    Nothing is said before next_due, something always is at it, and a second call at
    the same instant is silent.
    """
    incident = cut()
    for m in minutes:
        due = next_due(incident, PLAN)
        incident, fired = advance(incident, PLAN, minute(m))
        assert bool(fired) == (due is not None and due <= minute(m))
        assert advance(incident, PLAN, minute(m)) == (incident, [])


ACTS = st.sampled_from(["ack", "note", "flap", "tick", "restart"])


@given(st.lists(st.tuples(st.integers(0, 1500), ACTS), max_size=25).map(sorted))
def test_nothing_moves_a_threshold(moves):
    """
    Acknowledgement, notes, flapping and blind turns after a restart leave every
    threshold's instant where it was, and fire each at most once.
    """
    room = Room()
    happen(room, "cut", second(0))
    room.turn(second(0))
    names = {t.name for t in PLAN.thresholds}
    due = {c.step: c.due_at for c in room.only().clocks if c.step in names}
    told = []
    for m, what in moves:
        if room.only().state not in (State.OPEN, State.WATCHING):
            break
        if what == "ack" and not room.only().acknowledged_by:
            happen(room, "ack", minute(m))
        if what == "flap":
            happen(room, "mend", minute(m))
            told += room.turn(minute(m))
            happen(room, "cut", minute(m))
        told += room.turn(minute(m), blind=what == "restart")
        rows = {c.step: c.due_at for c in room.only().clocks if c.step in names}
        assert rows == due
    assert len(told) == len(set(told))


def test_collapsed_steps_are_on_record():
    incident = cut()
    incident, fired = advance(incident, PLAN, minute(2000))
    assert [f.step for f in fired] == ["t24h"]
    states = {c.step: c.state for c in incident.clocks}
    assert states["t30m"] is states["t6h"] is states["director"] is ClockState.COLLAPSED


def test_speed_divides_the_plan_s_durations_only():
    plan = replace(PLAN, settings=replace(PLAN.settings, speed=60.0))
    room = Room(replace(BOOK, plan=plan))
    happen(room, "cut", second(0))
    room.turn(second(0))
    due = {c.step: c.due_at for c in room.only().clocks}
    assert due["t30m"] == second(30)
    assert due["t6h"] == minute(6)
    assert room.only().interrupted_at == second(0)


def test_arm_is_idempotent():
    incident = cut()
    assert arm(incident, PLAN, minute(7)) == incident


ILLEGAL = {
    "twice": ("ack ack", "#1001 已由张伟接报"),
    "closing what still fails": ("close", "#1001 还没有恢复,不能关闭"),
    "an empty note": ("note", "记录不能为空"),
    "answering what is over": ("recover ack", "#1001 已恢复,不再需要接报"),
    "closing twice": ("recover close close", "#1001 已由王芳关闭"),
    "acting on what was merged": ("merge ack", "#1001 已并入另一事件,请到那一事件上操作"),
}


@pytest.mark.parametrize(("acts", "sentence"), ILLEGAL.values(), ids=ILLEGAL)
def test_illegal_acts_say_why(acts, sentence):
    incident = cut()
    *before, last = acts.split()
    for what in before:
        match what:
            case "recover":
                incident = replace(incident, state=State.RECOVERED)
            case "merge":
                incident = replace(incident, state=State.MERGED)
            case "ack":
                incident, _ = apply(incident, Act(ActKind.ACK, 1, "张伟"), second(60))
            case "close":
                incident, _ = apply(incident, Act(ActKind.CLOSE, 1, "王芳"), second(60))
    with pytest.raises(IllegalActError) as e:
        apply(incident, Act(ActKind(last), 1, "王芳"), second(90))
    assert str(e.value) == sentence


def test_a_note_is_an_event_and_changes_nothing():
    incident = cut()
    same, (row,) = apply(incident, Act(ActKind.NOTE, 1, "张伟", "换电源" * 400), second(60))
    assert same == incident
    assert (row.who, row.what, len(row.detail)) == ("张伟", "note", 500)


def test_watching_is_over_after_the_plan_s_time_only():
    room = Room()
    happen(room, "cut", second(0))
    room.turn(second(0))
    happen(room, "mend", minute(1))
    room.turn(minute(1))
    assert room.only().state is State.WATCHING
    assert next_due(room.only(), PLAN) == minute(1) + timedelta(minutes=10)
    room.turn(minute(10.9))
    assert room.only().state is State.WATCHING
    room.turn(minute(11))
    one = room.only()
    assert one.state is State.RECOVERED
    assert {c.state for c in one.clocks if c.step.startswith("t") and c.step != "told"} == {
        ClockState.CANCELLED
    }
    assert next_due(one, PLAN) is None
