"""The words of every notice, as the phone shows them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hospital import BOOK, PLAN, TOPOLOGY, Room, alert, minute, second

from monitor.incidents.lifecycle import apply
from monitor.model.act import Act, ActKind
from monitor.model.incident import FaultClass, Severity
from monitor.notify.message import badge, clock_time, compose, facts, span

SMS = 70  # characters


def story(kind):
    room = Room(BOOK, uplink=("core-1", "core-2"))
    match kind:
        case "access":
            room.fail(second(0), "access-3")
            room.fail(second(1), "lis", "emr", "print")
        case "core":
            room.fail(second(0), *TOPOLOGY.targets)
        case "hazard":
            room.fail(second(0), "core-1")
        case "database":
            room.fail(second(0), "his-db", what="连不上")
        case "far end":
            room.fail(second(0), "yibao-center", what="不通,本院前置机正常")
        case "disk":
            full = alert(
                "lis", second(0), "DiskFull", "hazard", severity="warning", what="磁盘将满"
            )
            room.fire(full)
    room.turn(second(12))
    return room


TOLD = {
    "access": (
        "【拟一类】03:10 3号楼接入交换机失联",
        "LIS等2个系统、3台设备不通,检验科受影响。03:40满30分钟。请接报1001。",
    ),
    "core": (
        "【拟一类】03:10核心交换机失联(或监控机网线)请立即核实",
        "HIS等4个系统不通,2个科室受影响。03:40满30分钟。请接报1001。",
    ),
    "hazard": ("【隐患·紧急】03:10核心交换机1失联", "业务未见中断。请接报1001。"),
    "database": (
        "【拟一类·单系统】03:10 HIS数据库连不上",
        "HIS不通,门诊收费受影响。03:40满30分钟。请接报1001。",
    ),
    "far end": (
        "【拟其它】03:10医保中心端不通,本院前置机正常",
        "医保不通。请接报1001。",
    ),
    "disk": ("【隐患】03:10 LIS服务器磁盘将满", "业务未见中断。请接报1001。"),
}


@pytest.mark.parametrize(("kind", "expected"), TOLD.items(), ids=TOLD)
def test_first_word(kind, expected):
    (notice,) = story(kind).notices
    assert (notice.title, notice.text) == expected
    assert len(notice.title + notice.text) <= SMS


def later(kind, at, step):
    room = story(kind)
    return compose(step, room.only(), TOPOLOGY, PLAN, minute(at))


def test_report_to_the_director_says_whether_somebody_answered():
    silent = later("access", 5, "director")
    assert silent.title == "【拟一类·上报】03:10 3号楼接入交换机失联"
    assert silent.body.startswith("LIS等2个系统不通,检验科受影响。值班尚未接报。")
    room = story("access")
    known, _ = apply(room.only(), Act(ActKind.ACK, 1, "张伟"), minute(4))
    assert (
        "张伟03:14已接报。03:40满30分钟。"
        in compose("director", known, TOPOLOGY, PLAN, minute(4)).body
    )


def test_threshold_names_what_the_plan_names_and_orders_nobody():
    text = later("access", 30, "t30m")
    assert text.title == "【拟一类】1001已断30分钟(03:10起)"
    assert text.body.startswith(
        "3号楼接入交换机失联,未恢复。预案此时限:检验科转手工,由信息科核实后通知。"
    )


def test_whole_failure_names_the_documents_lists():
    assert "门诊收费等2个科室转手工,由信息科核实后通知" in later("core", 30, "t30m").body


def test_raised_says_since_when_service_is_cut():
    room = story("hazard")
    room.fail(minute(240), "core-2")
    room.fail(minute(240), "his-db", "his-web-2")
    room.turn(minute(240))
    (raised,) = [n for n in room.notices if n.step == "raised-class1"]
    title, body = raised.title, raised.text
    assert title.startswith("【拟一类")
    assert "由隐患变为拟一类" in body
    assert "07:10起业务中断" in body


def test_recovered_goes_by_the_instant_it_went_green():
    room = story("access")
    room.turn(minute(31))
    room.mend("access-3", "lis", "emr", "print")
    room.turn(minute(42))
    room.turn(minute(52))
    notices = {n.person: n for n in room.notices if n.step == "recovered"}
    assert list(notices) == ["张伟", "王芳"]
    text = notices["张伟"]
    assert text.title == "【已恢复】3号楼接入交换机失联(事件1001)"
    assert text.text == (
        "03:10起,03:52恢复,中断42分钟。已观察10分钟未再出现。请到控制台关闭并补记经过。"
    )


def test_confirmed_class_loses_its_mark():
    one = story("access").only()
    assert badge(replace(one, class_confirmed=True)) == "一类"
    assert badge(replace(one, fault_class=FaultClass.HAZARD, severity=Severity.INFO)) == "隐患"


def test_times_of_another_day_say_the_day():
    assert clock_time(second(0), second(60)) == "03:10"
    assert clock_time(second(0), second(86400)) == "10月2日03:10"


SPANS = {45: "45秒", 60: "1分钟", 3600: "1小时", 7800: "2小时10分钟", -3: "0秒"}


@pytest.mark.parametrize(("seconds", "said"), SPANS.items())
def test_spans_read_aloud(seconds, said):
    assert span(timedelta(seconds=seconds)) == said


def test_facts_hold_no_address():
    said = facts(story("access").only(), "told")
    assert said["number"] == "1001"
    assert not any("127.0.0.1" in v for v in said.values())


def test_raised_from_other_than_a_hazard_says_from_what():
    room = story("far end")
    room.fail(minute(3), "yibao-edge", what="不通")
    room.failed["yibao-center"] = minute(3)
    one = replace(room.only(), fault_class=FaultClass.CLASS1)
    text = compose("raised-class1", one, TOPOLOGY, PLAN, minute(4), was="other")
    assert "由拟其它变为拟一类·单系统,03:10起业务中断" in text.body


def test_what_came_and_went_before_it_could_be_told_says_so():
    room = Room(BOOK)
    room.silent.add("core-1")
    room.fail(second(0), "access-3")
    room.fail(second(0), "lis", "emr")
    room.turn(second(1))
    room.mend("access-3", "lis", "emr")
    room.turn(second(3))
    assert room.notices == ()
    room.turn(second(12))
    (told,) = room.notices
    assert told.title == "【拟一类】03:10 3号楼接入交换机失联"
    assert told.text == (
        "曾LIS等2个系统、2台设备不通,检验科受影响。03:10起已通,观察期内。请接报1001。"
    )
    assert len(told.title + told.text) <= SMS


def test_the_title_tells_the_instant_the_clock_runs_from():
    """
    Not the day on which the first core died.
    """
    room = story("hazard")
    room.fail(minute(2880), "core-2")
    room.fail(minute(2880), "his-db", "his-web-2")
    room.turn(minute(2880))
    raised = next(n for n in room.notices if n.step == "raised-class1")
    assert raised.title == "【拟一类】03:10核心交换机失联"


def test_recovered_days_later_is_still_one_message():
    room = story("access")
    room.turn(minute(1500))
    room.mend("access-3", "lis", "emr", "print")
    room.turn(minute(1501))
    room.turn(minute(1511))
    notice = next(n for n in room.notices if n.step == "recovered")
    assert notice.text.startswith("10月2日03:10起,04:11恢复,中断25小时1分钟。")
    assert len(notice.title + notice.text) <= SMS


def test_what_left_the_configuration_is_not_called_recovered():
    room = story("disk")
    room.withdrawn = frozenset(p.key for p in room.only().parts)
    room.alerts.clear()
    room.turn(minute(1))
    room.turn(minute(11))
    (notice,) = room.notices
    assert notice.title == "【不再监控】LIS服务器磁盘将满(事件1001)"
    assert notice.text == "对象或规则已从配置中移除,不等于恢复。请到控制台核对后关闭。"
