"""`zhiban demo` as a process, and what its user does at a second terminal."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

from real import free_port
from shared import ROOT


def now():
    """A test's own patience goes by the wall clock, as the user's does."""
    return time.time()  # noqa: TID251 -- see above


def until(what, seconds, why):
    """Wait for something true; what it was, and how long it took."""
    began = now()
    while not (found := what()):
        assert now() - began < seconds, f"{why}: not within {seconds} s"
        time.sleep(0.2)  # noqa: TID251 -- see above
    return found, now() - began


class Demo:
    """`zhiban demo` and the terminal beside it."""

    def __init__(self, state, speed=60):
        self.state = state
        self.env = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(state.parent)}
        self.out = state.parent / "out.txt"
        # Another demo of these tests may start at this moment and want 8600 as well.
        words = ["demo", "--no-browser", "--port", str(free_port())]
        words += ["--speed", str(speed), "--state", str(state)]
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
