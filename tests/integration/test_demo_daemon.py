"""
The whole of it, as a newcomer sees it: the demo hospital, the daemon, the phone.

Everything is real but the hospital: PostgreSQL, sockets, processes, kill -9. One demo at
speed 60 serves all of this file, in order.
"""

import contextlib
import os
import signal
import tempfile
from datetime import datetime
from pathlib import Path

import pytest
from demo_process import Demo, now, until
from real import need

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
SIX = {"lis-app", "lis-web", "emr-app", "emr-web", "tijian-app", "tijian-web"}


@pytest.fixture(scope="module")
def demo():
    need("postgres")
    # PostgreSQL runs as another user when we are root, and must get at its folder.
    with tempfile.TemporaryDirectory(prefix="zhiban-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        demo = Demo(Path(folder) / "demo")
        try:
            yield demo
        finally:
            with contextlib.suppress(ProcessLookupError):
                demo.end()


def instant(text):
    return datetime.fromisoformat(text).timestamp()


def clocks(demo, number):
    (one,) = [i for i in demo.running() if i["id"] == number]
    whole = demo.get(f"api/v1/incidents/{one['id']}")
    return {s["step"]: s for s in whole["steps"]}


def test_a_switch_six_servers_one_message_three_steps_and_a_kill(demo):
    """
    Break, one message; acknowledge, kill -9, start again: every step on time, once.
    """
    until(lambda: demo.get("api/v1/targets")["targets"][0]["state"] != "unknown", 30, "first round")
    demo.tell("break", "access-switch-3")
    _, took = until(demo.phone, 40, "the message")
    print(f"\nbroken to message: {took:.1f} s")
    (one,) = demo.running()
    assert one["root"]["instance"] == "access-switch-3"
    assert {i["instance"] for i in one["impact"]} == SIX
    assert (one["fault_class"], one["class_confirmed"], one["scope"]) == ("class1", False, "local")
    # A silent switch takes its time-out to be seen; at this speed 主任 may be due by then.
    ((_, title, _),) = [m for m in demo.phone() if m[0] == "张伟"]
    assert {m[0] for m in demo.phone()} <= {"张伟", "王芳"}
    assert title.startswith("【拟一类】")
    assert "3号楼接入交换机失联" in title

    before = clocks(demo, one["id"])
    demo.post(f"api/v1/incidents/{one['id']}/ack", by="张伟")
    until(lambda: [m for m in demo.phone() if m[0] == "王芳"], 10, "主任 hears of the 接报")
    after = clocks(demo, one["id"])
    for step in ("t30m", "t6h", "t24h"):
        assert before[step]["due_at"] == after[step]["due_at"], "an acknowledgement moved a step"

    os.kill(demo.daemon_pid(), signal.SIGKILL)
    until(lambda: "ended" in demo.said() or "killed" in demo.said(), 10, "the demo says so")
    demo.tell("restart-daemon")
    due = instant(after["t30m"]["due_at"])
    said, _ = until(lambda: [m for m in demo.phone() if "已断30分钟" in m[1]], 40, "the 30 minutes")
    late = now() - due
    print(f"t30m after kill -9: {late:+.1f} s")
    assert late < 5
    until(lambda: len([m for m in demo.phone() if "已断30分钟" in m[1]]) >= 2, 5, "both")
    messages = demo.phone()
    assert {m[0] for m in messages if "已断30分钟" in m[1]} == {"张伟", "王芳"}
    assert len(messages) - len(set(messages)) <= 1, "more than one double for one kill"
    assert said


def test_mended_is_watched_then_told_once_to_those_who_were_told(demo):
    demo.tell("mend", "access-switch-3")
    until(lambda: demo.running()[0]["state"] == "watching", 30, "观察期")
    assert not [m for m in demo.phone() if "已恢复" in m[1]]
    until(lambda: not demo.running(), 30, "recovered")
    until(lambda: len([m for m in demo.phone() if "已恢复" in m[1]]) == 2, 10, "both are told")
    assert {m[0] for m in demo.phone() if "已恢复" in m[1]} == {"张伟", "王芳"}
    (one,) = demo.get("api/v1/incidents?state=recovered")["incidents"]
    demo.post(f"api/v1/incidents/{one['id']}/close", by="王芳", text="换了光模块")
    assert demo.get("api/v1/incidents?state=recovered")["incidents"] == []


def test_one_core_is_a_hazard_both_are_one_class_1(demo):
    demo.tell("break", "core-switch-1")
    (one,), _ = until(demo.running, 40, "the hazard")
    assert (one["fault_class"], one["impact"]) == ("hazard", [])
    until(
        lambda: [m for m in demo.phone() if m[1].startswith("【隐患")], 15, "the message says 隐患"
    )
    demo.tell("break", "core-switch-2")
    until(lambda: demo.running()[0]["fault_class"] == "class1", 40, "the class rises")
    until(lambda: demo.running()[0]["scope"] == "whole", 20, "the last system is seen to fail")
    (both,) = demo.running()
    assert both["id"] == one["id"]
    until(lambda: [m for m in demo.phone() if "核心交换机失联" in m[1]], 15, "the message")
    demo.tell("mend", "core-switch-1", "core-switch-2")
    until(lambda: not demo.running(), 60, "recovered")


def test_sigterm_is_out_in_five_seconds(demo):
    pid = demo.daemon_pid()
    os.kill(pid, signal.SIGTERM)

    def gone():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return "ended" in demo.said().rsplit("daemon", 1)[-1]

    _, took = until(gone, 5, "out")
    print(f"\nSIGTERM to out: {took:.1f} s")
