"""A small world for the alert machine: rules, samples, and a beat of 15 seconds."""

import textwrap
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.alerting import files, machine
from monitor.alerting.samples import Samples
from monitor.promql.storage import STALE

T0 = datetime(2026, 10, 1, 19, 10, tzinfo=UTC)
CLASS = "{fault_class: class1, severity: critical}"
RULES = f"""
groups:
- name: g
  rules:
  - alert: Down
    expr: up == 0
    for: 30s
    labels: {CLASS}
    annotations: {{summary: '{{{{ $labels.instance }}}}失联{{{{ $value }}}}'}}
"""
KEPT = RULES.replace("for: 30s", "keep_firing_for: 30s")
MISSING = RULES.replace("{summary:", "{zhiban_on_missing: resolve, summary:")


def load(tmp_path, text):
    path = tmp_path / "rules.yml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return files.load([path])


class World:
    """Rules, samples and alerts, on a grid of 15 seconds."""

    def __init__(self, rules, known=("a", "b"), *, polled=True):
        self.rules = rules
        self.samples = Samples()
        self.alerts = {}
        self.context = machine.Context(0.0, polled, frozenset(known), 15.0)

    def put(self, at, values):
        for text, value in values.items():
            name, _, instance = text.partition(" ")
            labels = {"__name__": name, "instance": instance}
            pairs = tuple(sorted((k, v) for k, v in labels.items() if v))
            seconds = (T0 + timedelta(seconds=at)).timestamp()
            self.samples.put(pairs, seconds, float(STALE) if value is None else value)

    def turn(self, at):
        now = T0 + timedelta(seconds=at)
        storage = self.samples.until(now.timestamp())
        seen = machine.turn(self.rules, storage, now, self.alerts, self.context)
        self.alerts = seen.alerts
        self.context = replace(self.context, last_run=seen.last_run)
        return seen

    def said(self, at):
        seen = self.turn(at)
        name = [
            f"{a.state}{' stale' * a.stale} {a.label('instance')}" for a in seen.alerts.values()
        ]
        return sorted(name + [f"{e.why} {e.alert.label('instance')}" for e in seen.ended])


def fired(tmp_path, rules=RULES, **more):
    world = World(load(tmp_path, rules), **more)
    for at in (0, 30):
        world.put(at, {"up a": 0})
        world.turn(at)
    return world
