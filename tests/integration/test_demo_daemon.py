"""
The whole of it, as a newcomer sees it: the demo hospital, the daemon, the phone.

Everything is real but the hospital: PostgreSQL, sockets, processes, kill -9. One demo at
speed 60 serves all of this file, in order.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime
from pathlib import Path

import pytest
from real import free_port, need
from shared import ROOT

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
SIX = {"lis-app", "lis-web", "emr-app", "emr-web", "tijian-app", "tijian-web"}


def now():
    """A test's own patience goes by the wall clock, as the user's does."""
    return time.time()  # noqa: TID251 -- see above


def until(what, seconds, why):
    """Wait for something true; how long it took."""
    began = now()
    while not (found := what()):
        assert now() - began < seconds, f"{why}: not within {seconds} s"
        time.sleep(0.2)  # noqa: TID251 -- see above
    return found, now() - began


class Demo:
    """`zhiban demo --speed 60` and the terminal beside it."""

    def __init__(self, state):
        self.state = state
        self.env = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(state.parent)}
        self.out = state.parent / "out.txt"
        # Another demo of these tests may start at this moment and want 8600 as well.
        words = ["demo", "--no-browser", "--port", str(free_port())]
        words += ["--speed", "60", "--state", str(state)]
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "monitor", *words],
                env=self.env,
                cwd=state.parent,
                stdout=out,
                stderr=out,
            )
        until(lambda: "console" in self.said() or self.process.poll(), 60, "the demo starts")
        assert self.process.poll() is None, self.said()
        self.console = self.said().split("console")[1].split()[0]

    def said(self):
        return self.out.read_text()

    def tell(self, *words):
        done = subprocess.run(
            [sys.executable, "-m", "monitor", "demo", "--state", str(self.state), *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get(self, path):
        with urllib.request.urlopen(self.console + path, timeout=5) as answer:  # noqa: S310 -- our own loopback address
            return json.load(answer)

    def post(self, path, **body):
        request = urllib.request.Request(  # noqa: S310 -- our own loopback address
            self.console + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 -- likewise
            return json.load(answer)

    def running(self):
        return self.get("api/v1/incidents?state=open")["incidents"]

    def phone(self):
        """Every message that reached the pretend phones: (person, title, text)."""
        path = self.state / "phone.jsonl"
        if not path.exists():
            return []
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [(r["person"], r["title"], r["text"]) for r in rows]

    def daemon_pid(self):
        return int((self.state / "daemon.pid").read_text())

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        assert code in (0, -signal.SIGTERM), self.said()


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
    ((person, title, _),) = demo.phone()
    assert person == "张伟"
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
    (both,) = demo.running()
    assert both["id"] == one["id"]
    assert both["scope"] == "whole"
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
