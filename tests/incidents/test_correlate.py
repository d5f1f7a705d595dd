"""One root cause, one incident."""

import pytest
from hospital import Room, alert, minute, second

from monitor.model.incident import State

SIX = ("lis", "emr", "print")


def settle(room, at=11):
    """Past the settling, whatever has answered."""
    return room.turn(second(at))


def test_a_switch_and_what_is_behind_it_are_one_incident():
    room = Room()
    room.fail(second(0), "access-3")
    room.fail(second(1), *SIX)
    told = room.turn(second(10))
    one = room.only()
    assert one.root.instance == "access-3"
    assert one.root.title == "3号楼接入交换机失联"
    assert one.impact == ("lis", "emr", "print")
    assert one.systems == ("LIS", "EMR")
    assert (one.fault_class, one.scope) == ("class1", "local")
    assert one.started_at == one.interrupted_at == second(0)
    assert told == ["told 张伟"]


def test_victims_that_are_seen_first_wait_for_their_cause():
    """
    Nothing is said until the switch has answered; then one message names it.
    """
    room = Room()
    room.silent.add("access-3")
    room.fail(second(0), *SIX)
    assert room.turn(second(2)) == []
    assert len(room.incidents) == 3
    room.silent.clear()
    room.fail(second(3), "access-3")
    assert room.turn(second(5)) == ["told 张伟"]
    one = room.only()
    assert (one.number, one.root.instance) == (1001, "access-3")
    assert [i.merged_into for i in room.incidents.values()] == [None, 1, 1]
    assert room.turn(second(6)) == []


def test_a_cause_found_after_the_message_tells_nobody_again():
    room = Room()
    room.fail(second(0), "lis")
    assert room.turn(second(1)) == ["told 张伟"]
    room.fail(second(4), "access-3")
    assert room.turn(second(20)) == []
    one = room.only()
    assert one.number == 1001
    assert one.root.instance == "access-3"
    assert [e.what for e in room.events].count("reparented") == 1


def test_the_root_may_fail_before_its_own_alert_fires():
    room = Room()
    room.fail(second(0), "access-3", rule=False)
    room.fail(second(0), *SIX)
    assert room.turn(second(1)) == []
    assert room.only().root.title == "3号楼接入交换机失联"
    assert settle(room) == ["told 张伟"]


def test_one_core_is_a_hazard_and_isolates_nothing():
    room = Room()
    room.fail(second(0), "core-1")
    assert room.turn(second(1)) == ["told 张伟"]
    one = room.only()
    assert one.fault_class == "hazard"
    assert one.impact == one.systems == ()
    assert one.interrupted_at is None
    assert [c.step for c in one.clocks] == ["told", "director"]


def test_both_cores_at_once_are_one_class_1_incident():
    room = Room()
    room.fail(second(0), "core-1", "core-2")
    room.fail(second(1), "access-1", "access-3", *SIX, "his-db", "his-web-2")
    assert room.turn(second(2)) == ["told 张伟"]
    one = room.only()
    assert one.root.instance == "core-1+core-2"
    assert one.root.title == "核心交换机失联"
    assert (one.fault_class, one.scope) == ("class1", "whole")


def test_the_second_core_raises_the_hazard_of_the_first():
    """
    The 30 minutes count from the interruption, not from the day the first one died.
    """
    room = Room()
    room.fail(second(0), "core-1")
    room.turn(second(1))
    assert room.turn(minute(30.5)) == ["director 王芳"]
    room.fail(minute(240), "core-2")
    room.fail(minute(240), "access-1", "his-db", "his-web-2")
    told = room.turn(minute(240))
    one = room.only()
    assert told == ["raised-class1 张伟", "raised-class1 王芳"]
    assert one.number == 1001
    assert one.fault_class == "class1"
    assert one.interrupted_at == minute(240)
    due = {c.step: c.due_at for c in one.clocks}
    assert due["t30m"] == minute(270)
    assert due["t6h"] == minute(600)


def test_a_rise_is_told_once_it_is_known_how_far_it_reaches():
    """
    The second core dies: nothing is said until what hangs on the pair has answered.
    """
    room = Room()
    room.fail(second(0), "core-1")
    room.turn(second(1))
    room.silent |= {"access-1", "access-3", "his-db", "his-web-2", "backup", "yibao-edge"}
    room.fail(second(300), "core-2")
    room.fail(second(300), "his-db")
    assert room.turn(second(301)) == []
    assert room.only().fault_class == "class1"
    room.silent.clear()
    room.fail(second(303), "access-1", "access-3", *SIX, "his-web-2")
    assert room.turn(second(304)) == ["raised-class1 张伟"]
    assert room.only().scope == "whole"
    assert {c.step: c.due_at for c in room.only().clocks}["t30m"] == second(300 + 1800)
    (told,) = room.notices
    assert "HIS等3个系统" in told.text
    assert room.turn(second(320)) == []


def test_everything_at_once_may_be_our_own_cable():
    room = Room(uplink=("core-1", "core-2"))
    room.fail(second(0), *room.book.topology.targets)
    room.turn(second(1))
    assert room.only().root.title == "核心交换机失联(或监控机网线)请立即核实"


def test_separate_causes_stay_separate():
    room = Room()
    room.fail(minute(-60), "backup")
    room.turn(second(0))
    room.fail(second(0), "access-3")
    room.fail(second(1), *SIX)
    room.turn(second(20))
    roots = {i.root.instance for i in room.incidents.values()}
    assert roots == {"backup", "access-3"}


def test_a_server_that_died_yesterday_is_not_the_switch_s_victim():
    room = Room()
    room.fail(minute(-600), "lis")
    room.turn(minute(-599))
    room.fail(second(0), "access-3")
    room.fail(second(1), "emr", "print")
    room.turn(second(20))
    by_root = {i.root.instance: i for i in room.incidents.values()}
    assert set(by_root) == {"lis", "access-3"}
    assert by_root["access-3"].impact == ("emr", "print")


def test_alerts_of_one_subject_join_one_incident():
    room = Room()
    full = alert("his-db", second(0), "DiskFull", "hazard", severity="warning", what="磁盘将满")
    room.fire(full)
    settle(room, 20)
    assert room.only().root.title == "HIS数据库磁盘将满"
    room.fail(minute(9), "his-db")
    assert room.turn(minute(10)) == ["raised-class1 张伟"]
    one = room.only()
    assert len(one.parts) == 2
    assert one.root.title == "HIS数据库失联"
    assert one.interrupted_at == minute(9)


CLASSES = {
    "a server nobody needs": ("backup", None, "hazard", "single"),
    "a web server with a twin": ("his-web-1", None, "hazard", "single"),
    "the database of a system": ("his-db", None, "class1", "system"),
    "a terminal": ("print", "class2", "class2", "single"),
    "the insurance's far end": ("yibao-center", None, "other", "system"),
}


@pytest.mark.parametrize(("name", "said", "expected", "scope"), CLASSES.values(), ids=CLASSES)
def test_class_and_scope_of_a_single_target(name, said, expected, scope):
    room = Room()
    room.fail(second(0), name, fault_class=said)
    settle(room, 20)
    assert (room.only().fault_class, room.only().scope) == (expected, scope)


def test_a_system_cut_before_by_something_else_is_not_cut_earlier():
    """
    The switch took HIS's web at 0 s; its database dies by itself at 60 s.
    """
    room = Room()
    room.fail(second(0), "access-1")
    room.fail(second(0), "his-web-1", "his-web-2")
    room.turn(second(20))
    room.fail(second(60), "his-db")
    room.turn(second(80))
    (database,) = [i for i in room.incidents.values() if i.root.instance == "his-db"]
    assert database.started_at == database.interrupted_at == second(60)


def test_a_class_is_never_lowered():
    room = Room()
    room.fail(second(0), "access-3")
    room.fail(second(1), *SIX)
    room.turn(second(10))
    room.mend(*SIX)
    room.turn(second(30))
    one = room.only()
    assert (one.fault_class, one.scope) == ("class1", "local")
    assert one.impact == SIX


def test_what_is_left_after_the_cause_belongs_to_it():
    room = Room()
    room.fail(second(0), "access-3")
    room.fail(second(1), *SIX)
    room.turn(second(10))
    room.mend("access-3", "emr", "print")
    room.turn(second(60))
    one = room.only()
    assert one.root.instance == "access-3"
    assert one.state is State.OPEN


def test_a_cause_that_turns_out_innocent_gives_the_incident_back():
    """
    The switch missed one probe as the server died: its own alert never fired.
    """
    room = Room()
    room.fail(second(0), "access-3", rule=False)
    room.fail(second(0), "lis")
    room.turn(second(1))
    assert room.only().root.instance == "access-3"
    room.mend("access-3")
    room.fail(second(0), "lis")
    room.turn(second(12))
    assert room.only().root.instance == "lis"
