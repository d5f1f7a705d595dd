"""The daemon as a process: start, reload, refuse, stop. Loopback only."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from real import free_port
from shared import ROOT

SITE = """
daemon:
  {{state: state, rules: [rules.yml, zhiban.yml.rules], grid: 1s, log: {{format: text}}}}
inventory:
  systems: [{{name: HIS, title: HIS, needs: [his-db]}}]
  targets:
    - {{name: his-db, title: HIS数据库, kind: tcp, address: "127.0.0.1:{target}",
       every: 1s, timeout: 500ms, labels: {{system: HIS, role: database}}}}
{more}
people:
  - {{name: 张伟, phone: "13800000001", roles: [on_duty], channels: [phone]}}
  - {{name: 王芳, phone: "13800000002", roles: [director], channels: [phone]}}
channels: {{phone: {{kind: webhook, url: "env:TEST_PHONE"}}}}
web: {{port: {port}}}
"""
RULES = """
groups:
  - name: test
    rules:
      - alert: Down
        expr: probe_success == 0
        labels: {fault_class: class1, severity: critical}
        annotations: {what: 连不上}
"""
MORE = """
    - {name: lis, title: LIS, kind: tcp, address: "127.0.0.1:1", every: 1s, timeout: 500ms}
"""


def now():
    return time.monotonic()  # noqa: TID251 -- a test's own patience


def until(what, seconds=15):
    began = now()
    while not (found := what()):
        assert now() - began < seconds, "never came true"
        time.sleep(0.1)  # noqa: TID251 -- a test's own patience
    return found


class Daemon:
    """One daemon process in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.target = self.listener.getsockname()[1]
        self.process = None
        self.program = ["-m", "monitor"]
        (folder / "rules.yml").write_text(RULES, encoding="utf-8")
        shipped = (ROOT / "rules" / "zhiban.yml").read_text(encoding="utf-8")
        own = re.sub(r"for: \d+[sm]", "for: 0s", shipped)
        (folder / "zhiban.yml.rules").write_text(own, encoding="utf-8")
        self.write()

    def write(self, more=""):
        text = SITE.format(target=self.target, port=self.port, more=more)
        (self.folder / "zhiban.yml").write_text(text, encoding="utf-8")

    def words(self, *words):
        return [sys.executable, *self.program, *words]

    @property
    def env(self):
        return {**os.environ, "PYTHONPATH": str(ROOT), "TEST_PHONE": "http://127.0.0.1:1/"}

    def start(self, *, wait=True):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.words("run", "--config", str(self.folder / "zhiban.yml")),
                env=self.env,
                cwd=self.folder,
                stderr=log,
                stdout=log,
            )
        if wait:
            until(lambda: self.ready() or self.process.poll() is not None)
            assert self.process.poll() is None, self.log()

    def ready(self):
        try:
            return self.get("readyz", text=True).strip() == "ready"
        except OSError:
            return False

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8")

    def get(self, path, *, text=False):
        url = f"http://127.0.0.1:{self.port}/{path}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            body = answer.read().decode()
        return body if text else json.loads(body)

    def post(self, path, **body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 -- likewise
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            with e:
                return e.code, json.load(e)

    def metric(self, name):
        found = re.search(
            rf"^{name}(?:{{.*}})? (\S+)$", self.get("metrics", text=True), re.MULTILINE
        )
        return float(found.group(1))

    def open_titles(self):
        return {i["title"] for i in self.get("api/v1/incidents?state=open")["incidents"]}

    def stop(self):
        """SIGTERM; seconds until it was out."""
        began = now()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        return now() - began


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.listener.close()
    if daemon.process and daemon.process.poll() is None:
        daemon.process.kill()
        daemon.process.wait(10)


def test_reload_takes_over_a_whole_configuration_or_none_of_it(daemon):
    """
    A bad file keeps the old one in use and says so: answer, log, metric, incident; a good
    one is taken over by SIGHUP and ends the incident.
    """
    daemon.start()
    assert daemon.metric("zhiban_config_last_reload_successful") == 1
    daemon.write("    - {name: lis, tittle: LIS, kind: tcp}\n    - {name: his-db}\n")
    status, answer = daemon.post("api/v1/reload", by="张伟")
    assert status == 422
    said = json.dumps(answer, ensure_ascii=False)
    assert "tittle" in said
    assert "zhiban.yml" in said
    assert len(daemon.get("api/v1/targets")["targets"]) == 1
    assert daemon.metric("zhiban_config_last_reload_successful") == 0
    assert "tittle" in daemon.log()
    until(lambda: [t for t in daemon.open_titles() if "配置" in t])

    daemon.write(MORE)
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: len(daemon.get("api/v1/targets")["targets"]) == 2)
    assert daemon.metric("zhiban_config_last_reload_successful") == 1
    until(lambda: "LIS连不上" in daemon.open_titles())
    watching = lambda: {  # noqa: E731 -- one question, asked until it is true
        i["state"]
        for i in daemon.get("api/v1/incidents?state=all")["incidents"]
        if "配置" in i["title"]
    }
    until(lambda: watching() == {"watching"})

    daemon.write()
    assert daemon.post("api/v1/reload", by="张伟")[0] == 200
    until(lambda: "LIS" not in daemon.get("metrics", text=True))


def test_what_cannot_change_is_refused_by_name(daemon):
    daemon.start()
    daemon.port, old = free_port(), daemon.port
    daemon.write()
    daemon.port = old
    status, answer = daemon.post("api/v1/reload", by="张伟")
    assert status == 422
    assert "restart it" in json.dumps(answer)


def test_a_port_in_use_is_one_clear_line(daemon):
    with socket.create_server(("127.0.0.1", daemon.port)):
        daemon.start(wait=False)
        assert daemon.process.wait(15) == 1
    assert daemon.log().splitlines() == [
        f"zhiban: port {daemon.port} is in use by another program; set web.port in zhiban.yml"
    ]


def test_a_second_daemon_on_one_database_is_one_clear_line(daemon):
    daemon.start()
    first, daemon.port = daemon.process, free_port()
    (daemon.folder / "log").unlink()
    daemon.write()
    daemon.start(wait=False)
    assert daemon.process.wait(15) == 1
    (line,) = daemon.log().splitlines()
    assert line.startswith("zhiban: ")
    daemon.process = first


def test_an_incident_outlives_kill_9(daemon):
    daemon.start()
    daemon.listener.close()
    until(lambda: daemon.open_titles() == {"HIS数据库连不上"})
    before = daemon.get("api/v1/incidents/1")
    daemon.process.kill()
    daemon.process.wait(10)
    daemon.start()
    after = daemon.get("api/v1/incidents/1")
    for key in ("number", "started_at", "steps", "fault_class"):
        assert after[key] == before[key]
    assert len(after["notices"]) == len(before["notices"]) == 1


def test_sigterm_is_out_in_time_with_a_driver_s_thread_hung(daemon):
    daemon.program = [str(ROOT / "tests" / "hung_daemon.py")]
    daemon.write(
        "    - {name: dead, title: 旧库, kind: hang, address: x, every: 1s, timeout: 500ms}\n"
    )
    daemon.start()
    until(lambda: daemon.metric("zhiban_probes_given_up") >= 1)
    assert daemon.metric("probe_success") == 0
    took = daemon.stop()
    print(f"\nSIGTERM to out with a hung thread: {took:.1f} s")
    assert took < 5
    assert daemon.process.returncode == 0
    assert "stopped" in daemon.log()


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_wrong_configuration_is_exit_2_and_no_traceback(daemon, command):
    daemon.write("    - {name: lis, titel: LIS, kind: tcp, address: x}\n")
    done = subprocess.run(
        daemon.words(command, "--config", str(daemon.folder / "zhiban.yml")),
        env=daemon.env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert re.search(r"zhiban\.yml:\d+: inventory\.targets\[1\]\.titel: unknown key", done.stderr)
    assert done.stderr.strip().endswith("problems")
