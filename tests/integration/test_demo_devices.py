"""
The devices of the demo through the whole daemon: what each break is, and what is said of it.

Nothing is pretended but the hospital: SNMPv3, DICOM, HL7 and Modbus on real sockets, the
daemon a process. One demo serves all of this file; every test leaves it well.
"""

import contextlib
import re
import tempfile
from pathlib import Path

import pytest
from demo_process import Demo, until
from real import need

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
NUMBER = re.compile(r"\d+")


@pytest.fixture(scope="module")
def demo():
    need("postgres")
    # PostgreSQL runs as another user when we are root, and must get at its folder.
    with tempfile.TemporaryDirectory(prefix="zhiban-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        demo = Demo(Path(folder) / "demo", speed=10)
        until(
            lambda: all(t["state"] == "up" for t in demo.get("api/v1/targets")["targets"]),
            40,
            "every device answers",
        )
        try:
            yield demo
        finally:
            with contextlib.suppress(ProcessLookupError):
                demo.end()


def roots(demo):
    return {i["root"]["instance"]: i for i in demo.running()}


def told(demo, person, *words):
    return [m for m in demo.phone() if m[0] == person and all(w in m[1] for w in words)]


def alert(demo, name):
    return next((a for a in demo.get("api/v1/alerts")["alerts"] if a["alertname"] == name), None)


def firing(demo, name):
    found = alert(demo, name)
    return found if found and found["state"] == "firing" else None


@contextlib.contextmanager
def broken(demo, *names):
    """Break, and whatever comes of it mend again and wait until nothing is open."""
    demo.tell("break", *names)
    try:
        yield
    finally:
        demo.tell("mend", *names)
    until(lambda: all(i["state"] == "watching" for i in demo.running()), 75, "观察期")


# what is broken -> class, severity, scope, title, how the message begins, a word of its text
BREAKS = {
    "core-switch-1": (
        "hazard",
        "critical",
        "single",
        "核心交换机1失联",
        "【隐患·紧急】",
        "未见中断",
    ),
    "pacs": ("class1", "critical", "system", "PACS影像归档连不上", "【拟一类·单系统】", "放射科"),
    "lis": ("class1", "critical", "system", "LIS接口连不上", "【拟一类·单系统】", "检验科"),
}
SWITCH_3 = ("class1", "critical", "local", "3号楼接入交换机失联", "【拟一类】", "6台设备不通")


def expect(demo, name, row):
    """One incident of its class, told once to 张伟, in its words."""
    fault_class, severity, scope, title, begins, text = row
    until(lambda: told(demo, "张伟", title), 60, f"the message of {name}")
    one = roots(demo)[name]
    assert (one["fault_class"], one["severity"], one["scope"]) == (fault_class, severity, scope)
    assert one["root"]["title"] == title
    assert one["class_confirmed"] is False
    ((_, heading, body),) = told(demo, "张伟", title)
    assert heading.startswith(begins)
    assert text in body


def test_breaks_are_incidents_of_their_class_and_words(demo):
    """
    One core of two, PACS, LIS: three causes at once, three incidents, three messages.
    """
    with broken(demo, *BREAKS):
        for name, row in BREAKS.items():
            expect(demo, name, row)
        assert len(demo.running()) == len(BREAKS)


def test_ups_on_battery_its_card_silent_and_back(demo):
    """
    隐患·紧急 with minutes, no department clock; a silent card ends nothing; mains ends it.
    """
    with broken(demo, "ups-1"):
        _, took = until(lambda: told(demo, "张伟", "UPS1市电断"), 60, "the message")
        print(f"\nups-1: broken to message {took:.1f} s")
        one = roots(demo)["ups-1"]
        assert (one["fault_class"], one["severity"]) == ("hazard", "critical")
        assert (one["scope"], one["impact"]) == ("single", [])
        ((_, heading, body),) = told(demo, "张伟", "UPS1市电断")
        assert heading.startswith("【隐患·紧急】")
        minutes = int(NUMBER.findall(heading.split("约撑")[1])[0])
        assert 25 <= minutes <= 38  # the card's own estimate: nothing is measured yet
        assert "业务未见中断" in body
        steps = {s["step"] for s in demo.get(f"api/v1/incidents/{one['id']}")["steps"]}
        assert not steps & {"t30m", "t6h", "t24h"}

        demo.tell("break", "ups-1-card", "access-switch-3")
        until(lambda: firing(demo, "UpsSilent"), 45, "状态未知")
        until(lambda: firing(demo, "UpsOnBattery")["stale"], 15, "stale")
        now = roots(demo)["ups-1"]
        assert (now["state"], now["id"]) == ("open", one["id"])
        expect(demo, "access-switch-3", SWITCH_3)

        demo.tell("mend", "ups-1-card", "access-switch-3")  # both start again: boots, uptime
        until(lambda: not alert(demo, "UpsSilent"), 45, "the card answers")
        until(lambda: not firing(demo, "UpsOnBattery")["stale"], 15, "no longer stale")
        assert roots(demo)["ups-1"]["state"] == "open"
        assert not told(demo, "张伟", "已恢复", "UPS1")


def test_a_port_the_room_and_a_battery(demo):
    """
    Three small things at once: three incidents, each in its own words.
    """
    port = "机房接入交换机2上联口GigabitEthernet0/0/7断"
    with broken(demo, "uplink-access-2", "room", "ups-2-battery", "ups-2"):
        for title in (port, "机房环境温度过高", "UPS2"):
            until(lambda title=title: told(demo, "张伟", "隐患", title), 75, title)
        found = roots(demo)
        assert found["access-switch-2"]["fault_class"] == "hazard"  # the other uplink carries on
        assert found["room"]["severity"] == "warning"
        # One subject, one incident: the battery and the mains of one UPS are told together.
        until(
            lambda: firing(demo, "UpsOnBattery") and firing(demo, "UpsReplaceBattery"), 45, "both"
        )
        until(lambda: roots(demo)["ups-2"]["severity"] == "critical", 15, "the graver one counts")
        assert len(told(demo, "张伟", "UPS2")) == 1
