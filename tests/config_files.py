"""A small whole configuration on disk, for tests that spoil it."""

import shutil

import pytest
from shared import ROOT

from monitor.config import ConfigError, load

GOOD = """\
daemon:
  state: state
  grid: 15s
  rules: [rules/*.yml]
  plan: plan.yml
  uplink: [core-1, core-2]
plan:
  watch: 10m
demo: false
defaults: {every: 30s, timeout: 5s, level: 2}
inventory:
  systems:
    - name: HIS
      title: 医院信息系统
      needs: [his-db]
  targets:
    - name: core-1
      title: 核心交换机1
      kind: icmp
      address: 10.1.0.1
    - name: core-2
      title: 核心交换机2
      kind: icmp
      address: 10.1.0.2
    - name: his-db
      title: HIS数据库
      kind: tcp
      address: 10.1.2.3:1521
      every: 15s
      timeout: 4s
      level: 1
      labels: {system: HIS, role: database}
      depends_on: [{any: [core-1, core-2]}]
      options: {tls: false}
people:
  - name: 张伟
    phone: "13800000001"
    roles: [on_duty]
    channels: [wecom, relay]
  - name: 王芳
    phone: "13800000002"
    roles: [director]
    channels: [wecom]
channels:
  wecom:
    kind: wecom_bot
    key: env:ZHIBAN_TEST_KEY
  relay:
    kind: webhook
    url: env:ZHIBAN_TEST_URL
    headers: {Authorization: env:ZHIBAN_TEST_TOKEN}
    timeout: 3s
store: {}
web:
  host: 127.0.0.1
  port: 8600
  allowed_hosts: [zhiban.hospital.example]
"""

RULES = """\
groups:
  - name: reach
    rules:
      - alert: Down
        expr: probe_success == 0
        for: 30s
        labels: {fault_class: class1, severity: critical}
        annotations: {what: 失联}
"""

SECRETS = {
    "ZHIBAN_TEST_KEY": "k-7777-7777",
    "ZHIBAN_TEST_URL": "http://10.9.9.9/relay?t=u-8888",
    "ZHIBAN_TEST_TOKEN": "Bearer t-9999",
}


class Folder:
    """A configuration folder: write files, load, or gather what is wrong."""

    def __init__(self, path):
        self.path = path
        (path / "rules").mkdir()
        self.write("rules/one.yml", RULES)
        self.write("zhiban.yml", GOOD)
        shutil.copy(ROOT / "rules/plan/plan.yml", path / "plan.yml")

    def write(self, name, text):
        (self.path / name).write_text(text, encoding="utf-8")

    def replace(self, old, new, name="zhiban.yml"):
        """Spoil one place; it must be there once."""
        text = (self.path / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def load(self):
        return load(self.path / "zhiban.yml")

    def wrong(self):
        """Every problem, as printed, with paths shortened to this folder."""
        with pytest.raises(ConfigError) as caught:
            self.load()
        return [str(p).replace(f"{self.path}/", "") for p in caught.value.problems]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return Folder(tmp_path)
