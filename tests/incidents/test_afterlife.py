"""What outlives what: merged, half mended, left over, released, restarted."""

from dataclasses import replace

from hospital import BOOK, Room, alert, minute, part_key, second

from monitor.incidents.lifecycle import apply
from monitor.incidents.merging import merge
from monitor.incidents.sight import Sight
from monitor.model.act import Act, ActKind
from monitor.model.incident import FaultClass, State

SIX = ("lis", "emr", "print")
PAIR = "core-1+core-2"
BEHIND = ("access-1", "access-3", "his-db", "his-web-2")


def full(name, at):
    return alert(name, at, "DiskFull", "hazard", severity="warning", what="磁盘将满")


def running(room):
    return {i.root.instance: i for i in room.incidents.values() if i.state in ("open", "watching")}


def what(room, number):
    return [e.what for e in room.events if e.incident_id == number]


def test_what_was_said_of_either_is_not_said_again_when_two_become_one():
    room = Room()
    room.fail(second(0), "lis", "emr")
    assert room.turn(second(1)) == ["told 张伟", "told 张伟"]
    room.incidents[2], _ = apply(room.incidents[2], Act(ActKind.ACK, 2, "张伟"), second(2))
    assert room.turn(second(3)) == ["director 王芳"]
    room.fail(second(4), "access-3")
    assert room.turn(second(20)) == []
    one = room.only()
    assert (one.number, one.acknowledged_by, one.told) == (1001, "张伟", ("张伟", "王芳"))
    assert room.turn(minute(6)) == []
    assert room.turn(minute(30)) == ["t30m 张伟", "t30m 王芳"]


def test_an_untold_keeper_does_not_tell_what_the_younger_has_told():
    room = Room()
    room.silent.add("access-1")
    room.fail(second(0), "his-web-1")
    assert room.turn(second(1)) == []
    room.fail(second(1), "his-web-2")
    room.change(settle_until=second(60))
    room.turn(second(2))
    first = room.only()
    told = replace(first, id=2, told=("张伟",), told_class="class1", settle_until=None)
    now, roots = {1: first, 2: told}, {1: "x", 2: "x"}
    merge(now, roots, second(3), [])
    assert (now[1].settle_until, now[1].told_class, now[2].merged_into) == (None, "class1", 1)


def test_a_merged_incident_keeps_the_gravest_of_all():
    room = Room()
    room.fail(second(0), "lis")
    room.turn(second(1))
    grave = room.only()
    mild = replace(
        grave, id=7, fault_class=FaultClass.HAZARD, severity="info", scope="single", told=("王芳",)
    )
    now, roots = {1: mild, 2: grave}, {1: "x", 2: "x"}
    merge(now, roots, second(3), [])
    assert (now[1].fault_class, now[1].severity, now[1].scope) == ("class1", "critical", "system")
    assert now[1].told_class == "class1"


def test_a_rise_is_owed_to_whoever_heard_of_the_lower_class_only():
    room = Room()
    room.fail(second(0), "lis")
    room.turn(second(1))
    grave = room.only()
    mild = replace(grave, id=7, told_class="hazard", told=("王芳",))
    now, roots = {1: mild, 2: grave}, {1: "x", 2: "x"}
    merge(now, roots, second(3), [])
    assert now[1].told_class == "hazard"


def test_one_core_comes_back_the_interruption_ends_and_a_hazard_is_left():
    """
    No threshold runs on for the lone core; when the second dies again, it is told.
    """
    room = Room()
    room.fail(second(0), "core-1", "core-2", *BEHIND)
    assert room.turn(second(1)) == ["told 张伟"]
    room.mend("core-2", *BEHIND)
    assert room.turn(minute(4)) == []
    assert room.only().state is State.WATCHING
    assert room.turn(minute(14)) == ["recovered 张伟", "told 张伟"]
    left = running(room)["core-1"]
    assert (left.number, left.fault_class, left.interrupted_at) == (1002, "hazard", None)
    assert room.incidents[1].state is State.RECOVERED
    assert all(p.ended_at for p in room.incidents[1].parts)
    assert room.turn(minute(50)) == ["director 王芳"]
    room.fail(minute(60), "core-2", *BEHIND)
    assert room.turn(minute(60)) == ["raised-class1 张伟", "raised-class1 王芳"]
    assert running(room)[PAIR].interrupted_at == minute(60)


def test_one_core_comes_back_and_goes_again_within_the_watch_is_one_incident():
    room = Room()
    room.fail(second(0), "core-1", "core-2", *BEHIND)
    room.turn(second(1))
    room.mend("core-2", *BEHIND)
    room.turn(minute(4))
    room.fail(minute(9), "core-2", *BEHIND)
    assert room.turn(minute(9)) == ["director 王芳"]
    assert room.only().state is State.OPEN
    assert room.turn(minute(30)) == ["t30m 张伟", "t30m 王芳"]


def test_a_full_disk_does_not_keep_the_clocks_of_a_mended_database_running():
    room = Room()
    room.fire(full("his-db", second(0)))
    room.turn(second(20))
    room.turn(minute(31))
    room.fail(minute(60), "his-db")
    assert room.turn(minute(60)) == ["raised-class1 张伟", "raised-class1 王芳"]
    room.failed.clear()
    room.alerts = {k: a for k, a in room.alerts.items() if a.alertname == "DiskFull"}
    assert room.turn(minute(65)) == []
    assert room.turn(minute(75)) == ["recovered 张伟", "recovered 王芳", "told 张伟"]
    assert running(room)["his-db"].root.title == "HIS数据库磁盘将满"
    assert running(room)["his-db"].fault_class == "hazard"


def test_an_alert_that_outlasts_the_failure_is_not_left_over_as_a_hazard():
    """
    The rule is judged at the next slot, or keeps firing on purpose: not over before it says so.
    """
    room = Room()
    room.fail(second(0), "access-3", "lis", "emr")
    room.turn(second(1))
    room.failed.clear()
    room.turn(second(8))
    assert room.only().state is State.OPEN
    assert [n for m in range(1, 29) for n in room.turn(minute(m))] == ["director 王芳"]
    assert len(room.incidents) == 1
    room.alerts.clear()
    room.turn(minute(29))
    assert room.turn(minute(39)) == ["recovered 张伟", "recovered 王芳"]


def test_a_server_that_stays_dead_after_its_switch_is_named_and_the_switch_may_fail_anew():
    room = Room()
    room.fail(second(0), "access-3")
    room.fail(second(1), *SIX)
    room.turn(second(10))
    room.mend("access-3", "emr", "print")
    room.turn(minute(2))
    assert room.only().root.instance == "access-3"
    assert room.turn(minute(12.1)) == ["director 王芳"]
    assert room.only().root.title == "LIS服务器失联"
    room.fail(minute(600), "access-3")
    room.fail(minute(600), "emr", "print")
    assert "told 张伟" in room.turn(minute(600.5))
    assert set(running(room)) == {"lis", "access-3"}


def test_a_silent_management_address_does_not_date_todays_interruption():
    room = Room()
    room.fail(minute(-1440), "access-3")
    room.turn(minute(-1439))
    room.fail(second(0), "lis")
    room.turn(second(1))
    one = room.only()
    assert one.root.instance == "access-3"
    assert one.interrupted_at == second(0)
    assert "interrupted" in what(room, 1)


def test_a_restart_does_not_make_yesterday_s_death_the_switch_s():
    """
    A new process knows only since when it has seen the failures; the alerts know more.
    """
    room = Room()
    room.fail(minute(-600), "lis")
    room.turn(minute(-599))
    room.fail(second(0), "access-3")
    room.fail(second(1), "emr", "print")
    room.turn(second(20))
    room.failed = dict.fromkeys(room.failed, minute(5))
    room.turn(minute(6))
    assert set(running(room)) == {"lis", "access-3"}


def test_a_full_disk_is_not_explained_by_the_switch():
    room = Room()
    room.fire(full("lis", minute(-600)))
    room.turn(minute(-599))
    room.turn(minute(-500))
    room.fail(second(0), "access-3")
    room.fail(second(1), *SIX)
    assert room.turn(second(20)) == ["told 张伟"]
    disk, switch = running(room)["lis"], running(room)["access-3"]
    assert (disk.fault_class, disk.interrupted_at, disk.systems) == ("hazard", None, ())
    assert (switch.number, switch.started_at) == (1002, second(0))


def test_a_slow_system_is_no_interruption_until_it_is_down():
    room = Room()
    slow = alert("his-db", minute(-60), "Slow", "hazard", what="很慢", subject="HIS")
    room.fire(slow)
    room.turn(minute(-59))
    assert running(room)["HIS"].interrupted_at is None
    room.fire(alert("his-db", second(0), "Dead", what="不通", subject="HIS"))
    assert "raised-class1 张伟" in room.turn(second(1))
    assert running(room)["HIS"].interrupted_at == second(0)
    one = running(room)["HIS"]
    assert (one.root.title, one.scope, one.systems) == ("HIS不通", "system", ("HIS",))
    assert one.state is State.OPEN


def test_an_alert_about_nothing_in_particular_is_named_by_its_sentence():
    room = Room()
    many = alert("backup", second(0), "ManyDown", what="过半不通")
    labels = tuple(pair for pair in many.labels if pair[0] != "instance")
    room.fire(
        replace(many, labels=labels, annotations={"what": "过半", "summary": "过半终端不通。"})
    )
    room.turn(second(1))
    assert room.only().root.title == "过半终端不通"


def test_the_rule_s_own_scope_counts():
    room = Room()
    room.fail(second(0), "access-3", scope="single")
    room.fail(second(1), *SIX)
    room.turn(second(20))
    assert room.only().scope == "single"


def test_the_end_of_an_alert_is_an_event_and_so_is_its_withdrawal():
    room = Room()
    disk, other = full("lis", second(0)), full("emr", second(0))
    room.fire(disk)
    room.fire(other)
    room.turn(second(1))
    room.clear(disk)
    room.clear(other)
    room.withdrawn = frozenset({part_key(other.key)})
    room.turn(minute(1))
    ends = {"left", "withdrawn"}
    assert sorted(e.what for e in room.events if e.what in ends) == ["left", "withdrawn"]


def test_a_thousand_flaps_leave_one_part():
    room = Room()
    for m in range(100):
        room.fail(minute(m), "his-db")
        room.turn(minute(m))
        room.mend("his-db")
        room.turn(minute(m + 0.5))
    one = room.only()
    assert len(one.parts) == 1
    assert one.started_at == second(0)


def test_nothing_recovers_while_the_daemon_is_blind_or_for_time_it_was_away():
    room = Room()
    room.fail(second(0), "his-db")
    room.turn(second(1))
    room.mend("his-db")
    room.turn(minute(1))
    assert room.turn(minute(40), blind=True) == []
    room.seen_from = minute(41)
    assert room.turn(minute(41)) == []
    assert room.turn(minute(50.9)) == []
    assert room.turn(minute(51)) == ["recovered 张伟"]


def test_a_wall_clock_that_steps_back_delays_nothing_by_an_hour():
    room = Room()
    room.silent.add("core-1")
    room.fail(minute(60), "access-3")
    assert room.turn(minute(60)) == []
    assert room.turn(second(5)) == ["told 张伟"]
    room.mend("access-3")
    room.turn(minute(30))
    room.turn(minute(1))
    assert room.only().watching_since == minute(1)


def test_a_target_that_is_asked_once_a_minute_does_not_hide_that_it_may_be_our_cable():
    room = Room(BOOK, uplink=("core-1", "core-2"))
    names = set(room.book.topology.targets) - {"print"}
    room.fail(second(0), *sorted(names))
    room.silent.add("print")
    room.turn(second(12))
    assert room.only().root.title == "核心交换机失联(或监控机网线)请立即核实"
    room = Room(BOOK, uplink=("core-1", "core-2"))
    room.fail(second(0), *sorted(names))
    room.turn(second(12))
    assert room.only().root.title == "核心交换机失联"


def test_nothing_fails_and_nothing_is_out():
    assert not Sight(second(0), Room().sight(second(0)).outage, uplink=("core-1",)).everything_out()
