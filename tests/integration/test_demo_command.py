"""`zhiban demo` as a process of its own, with a stand-in for the daemon: start to end."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from real import free_port, missing
from shared import ROOT

pytestmark = pytest.mark.real

FAKE = ROOT / "tests" / "fake_daemon.py"
START = """
import asyncio, sys
from pathlib import Path
from monitor.clock import SystemClock
from monitor.demo import run
fake = tuple(sys.argv[3:])
options = run.Options(Path(sys.argv[1]), 60.0, int(sys.argv[2]) or None, False, "zhiban", fake)
try:
    sys.exit(asyncio.run(run.serve(options, SystemClock())))
except run.DemoError as e:
    sys.exit(str(e))
"""


class Demo:
    """One demo process and the terminal beside it."""

    def __init__(self, state, *, port=0, more=()):
        self.state = state
        self.out = state.parent / f"out-{id(self)}.txt"
        self.env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HOME": str(state.parent),
            "XDG_RUNTIME_DIR": str(state.parent),
        }
        words = [sys.executable, "-c", START, state, str(port), sys.executable, FAKE, *more]
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                words, env=self.env, cwd=state.parent, stdout=out, stderr=out
            )

    def said(self):
        return self.out.read_text()

    def until(self, word, seconds=30):
        deadline = time.monotonic() + seconds  # noqa: TID251  a test's own patience
        while word not in self.said():
            assert time.monotonic() < deadline, self.said()  # noqa: TID251  likewise
            time.sleep(0.05)  # noqa: TID251  likewise

    def ask(self, *words):
        """One `zhiban demo` command; its exit code and what it said."""
        line = "import sys; from monitor.cli import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-c", line, "demo", *words],
            env=self.env,
            cwd=self.state.parent,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def conditions(self):
        code, said = self.ask("status", "--json")
        assert code == 0, said
        return {d["name"]: d["condition"] for d in json.loads(said)["devices"]}

    def children(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number=signal.SIGTERM, seconds=5):
        self.process.send_signal(number)
        return self.process.wait(seconds)


def runs(pid):
    """Whether it runs; a zombie that nobody has reaped yet does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture(scope="module")
def kept():
    """One state folder for most tests: its cluster is made once, as a user's is."""
    with folder() as state:
        yield state


@contextlib.contextmanager
def folder():
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        missing("postgres is not installed (make test installs it)")
    with tempfile.TemporaryDirectory(prefix="zhiban-demo-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name) / "state"


@pytest.fixture
def start(kept):
    """Start demos; whatever still runs when the test is over is ended."""
    started = []

    def one(state=kept, **words):
        state.mkdir(mode=0o711, exist_ok=True)
        started.append(Demo(state, **words))
        return started[-1]

    yield one
    for demo in started:
        if demo.process.poll() is None:
            demo.end(seconds=10)


def test_a_whole_evening(start, kept):
    """
    Start, break and mend from another terminal, kill the daemon, start it again, end.
    """
    state = kept
    demo = start()
    demo.until("Ctrl-C ends it")
    second = start()
    assert second.process.wait(30) == 1
    assert second.said() == f"a demo runs in {state} already; give another folder with --state\n"
    note = json.loads((state / "demo.json").read_text())
    assert note["pid"] == demo.process.pid
    assert note["console"] in demo.said()
    daemon = note["daemon_pid"]
    assert f"pid {daemon}" in demo.said()
    assert str(state) in demo.said()

    assert demo.ask("break", "access-switch-3")[0] == 0
    assert list(demo.conditions().values()).count("isolated") == 6
    code, said = demo.ask("break", "core-switch-1", "no-such")
    assert (code, "no-such" in said) == (2, True)
    assert demo.conditions()["core-switch-1"] == "well"  # all of the names or none
    assert demo.ask("mend", "access-switch-3")[0] == 0
    assert demo.ask("break", "his-db")[1] == "his-db (HIS数据库) is stopped\n"
    assert demo.ask("mend", "his-db")[0] == 0
    assert demo.ask("phone") == (0, "no messages yet\n")

    os.kill(daemon, signal.SIGKILL)
    demo.until("the daemon was killed by SIGKILL")
    assert demo.process.poll() is None
    assert "not running" in demo.ask("status")[1]
    code, said = demo.ask("restart-daemon")
    assert code == 0
    again = int(said.split("pid ")[1])
    assert runs(again)
    assert json.loads((state / "demo.json").read_text())["daemon_pid"] == again
    assert "runs already" in demo.ask("restart-daemon")[1]

    postmaster = int((state / "postgres/data/postmaster.pid").read_text().split()[0])
    family = [*demo.children(), psutil.Process(postmaster)]
    assert demo.end() == 0
    assert "ended; state is kept" in demo.said()
    assert [p for p in family if runs(p.pid)] == []
    assert not (state / "demo.json").exists()
    assert not (state / "control.sock").exists()
    assert not (state / "postgres/data/postmaster.pid").exists()


def test_a_killed_demo_leaves_nothing_in_the_way(start, kept):
    """
    After kill -9 its daemon and PostgreSQL live on; the next start ends both first.
    """
    first = start()
    first.until("Ctrl-C ends it")
    left = json.loads((kept / "demo.json").read_text())["daemon_pid"]
    first.process.kill()
    first.process.wait()
    second = start()
    second.until("Ctrl-C ends it")
    assert f"left behind (pid {left})" in second.said()
    assert not runs(left)
    assert second.ask("status")[0] == 0
    assert second.end(signal.SIGINT) == 0


def test_a_daemon_that_does_not_start_says_why(start):
    demo = start(more=("--die",))
    assert demo.process.wait(30) == 1
    assert "the daemon ended with exit code 1 at start" in demo.said()
    assert "zhiban.yml:7: people: something is wrong" in demo.said()
    assert "Traceback" not in demo.said()


def test_a_port_in_use_is_one_line(start):
    import socket  # noqa: PLC0415  for this test only

    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        port = other.getsockname()[1]
        demo = start(port=port)
        assert demo.process.wait(30) == 1
    assert demo.said() == (f"port {port} is in use by another program; give another with --port\n")


def test_sigterm_during_the_start_ends_it_cleanly(start):
    with folder() as fresh:
        demo = start(fresh)
        deadline = time.monotonic() + 10  # noqa: TID251  a test's own patience
        while not (fresh / "postgres").exists():
            assert time.monotonic() < deadline  # noqa: TID251  likewise
            time.sleep(0.01)  # noqa: TID251  likewise
        family = demo.children()
        assert demo.end() == 0
    psutil.wait_procs(family, timeout=1)
    assert [p for p in family if runs(p.pid)] == []
