"""The pending/firing machine: timelines, and what keeps an alert standing."""

import textwrap
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting import files, machine, overlay
from monitor.alerting.samples import Samples
from monitor.model.alert import AlertState
from monitor.promql.ast import Matcher
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


# Each row: at this second, these samples (None: the series ends), and exactly this stands or ends.
TIMELINES = {
    "fires after `for`, resolves on evidence": (RULES, [
        (0, {"up a": 1}, []),
        (15, {"up a": 0}, ["pending a"]),
        (30, {"up a": 0}, ["pending a"]),
        (45, {"up a": 0}, ["firing a"]),
        (60, {"up a": 1}, ["resolved a"]),
        (75, {"up a": 1}, []),
    ]),
    "a blip is dropped": (RULES, [
        (0, {"up a": 0}, ["pending a"]),
        (15, {"up a": 1}, ["dropped a"]),
        (30, {"up a": 0}, ["pending a"]),
        (45, {"up a": 0}, ["pending a"]),
        (60, {"up a": 0}, ["firing a"]),
    ]),
    "a series that ends does not resolve": (RULES, [
        (0, {"up a": 0}, ["pending a"]),
        (30, {"up a": 0}, ["firing a"]),
        (45, {"up a": None}, ["firing stale a"]),
        (6000, {}, ["firing stale a"]),
        (6015, {"up a": 0}, ["firing a"]),
        (6030, {"up a": 1}, ["resolved a"]),
    ]),
    "another target's health is no evidence": (RULES, [
        (0, {"up a": 0, "up b": 1}, ["pending a"]),
        (30, {"up a": 0, "up b": 1}, ["firing a"]),
        (45, {"up a": None, "up b": 1}, ["firing stale a"]),
        (60, {"up a": 1, "up b": 0}, ["pending b", "resolved a"]),
    ]),
    "a pending alert whose series ends is dropped": (RULES, [
        (0, {"up a": 0}, ["pending a"]),
        (15, {"up a": None}, ["dropped a"]),
    ]),
    "the rule may say that missing resolves": (MISSING, [
        (0, {"up a": 0}, ["pending a"]),
        (30, {"up a": 0}, ["firing a"]),
        (45, {"up a": None}, ["withdrawn a"]),
    ]),
    "keep_firing_for counts from the first quiet evaluation": (KEPT, [
        (0, {"up a": 0}, ["firing a"]),
        (15, {"up a": 1}, ["firing a"]),
        (30, {"up a": 1}, ["firing a"]),
        (45, {"up a": 1}, ["resolved a"]),
    ]),
    "keep_firing_for starts again": (KEPT, [
        (0, {"up a": 0}, ["firing a"]),
        (15, {"up a": 1}, ["firing a"]),
        (30, {"up a": 0}, ["firing a"]),
        (45, {"up a": 1}, ["firing a"]),
        (60, {"up a": 1}, ["firing a"]),
        (75, {"up a": 1}, ["resolved a"]),
    ]),
    "quiet without evidence does not count as quiet": (KEPT, [
        (0, {"up a": 0}, ["firing a"]),
        (15, {"up a": 1}, ["firing a"]),
        (30, {"up a": None}, ["firing stale a"]),
        (45, {"up a": 1}, ["firing a"]),
        (60, {"up a": 1}, ["firing a"]),
        (75, {"up a": 1}, ["resolved a"]),
    ]),
    "two hours without the daemon do not count towards `for`": (RULES, [
        (0, {"up a": 0}, ["pending a"]),
        (15, {"up a": 0}, ["pending a"]),
        (7215, {"up a": 0}, ["firing a"]),
    ]),
    "one evaluation before and one after a long gap are one interval": (RULES, [
        (0, {"up a": 0}, ["pending a"]),
        (7200, {"up a": 0}, ["pending a"]),
        (7215, {"up a": 0}, ["firing a"]),
    ]),
    "a beat that was skipped counts": (RULES, [
        (0, {"up a": 0}, ["pending a"]),
        (30, {"up a": 0}, ["firing a"]),
    ]),
    "nothing that the configuration does not know": (RULES, [
        (0, {"up nobody": 0, "up a": 0}, ["pending a"]),
        (30, {"up nobody": 0, "up a": 0}, ["firing a"]),
    ]),
    "the daemon's own series are always known": (RULES, [
        (0, {"up zhiban": 0}, ["pending zhiban"]),
        (30, {"up zhiban": 0}, ["firing zhiban"]),
    ]),
    "a clock that steps back fires nothing early": (RULES, [
        (0, {"up a": 0}, ["pending a"]),
        (-3600, {"up a": 0}, ["pending a"]),
        (-3585, {"up a": 0}, ["pending a"]),
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "rows"), TIMELINES.values(), ids=TIMELINES)
def test_timeline(tmp_path, rules, rows):
    world = World(load(tmp_path, rules))
    for at, samples, expected in rows:
        world.put(at, samples)
        assert world.said(at) == expected, f"second {at}"


def fired(tmp_path, rules=RULES, **more):
    world = World(load(tmp_path, rules), **more)
    for at in (0, 30):
        world.put(at, {"up a": 0})
        world.turn(at)
    return world


def test_what_an_alert_carries(tmp_path):
    """
    Identity, texts, and the four instants.
    """
    world = fired(tmp_path)
    ((key, alert),) = world.alerts.items()
    labels = (
        ("alertname", "Down"),
        ("fault_class", "class1"),
        ("instance", "a"),
        ("severity", "critical"),
    )
    assert key == alert.key == ("g", "Down", labels)
    assert alert.annotations == {"summary": "a失联0"}
    assert alert.own_labels == (("instance", "a"),)
    assert (alert.active_at, alert.fired_at) == (T0, T0 + timedelta(seconds=30))
    assert (alert.last_true_at, alert.value) == (T0 + timedelta(seconds=30), 0.0)


def test_a_restart_keeps_what_fires(tmp_path):
    """
    A new process, no sample yet, no target visited: alerts stand as they stood.
    """
    world = fired(tmp_path)
    pending = World(world.rules)
    pending.put(30, {"up b": 0})
    pending.turn(30)
    before = {**world.alerts, **pending.alerts}

    later = World(world.rules, polled=False)
    later.alerts = before
    later.context = replace(later.context, filled_since=None)
    assert later.turn(3600).alerts == before
    later.context = replace(later.context, filled_since=T0.timestamp() + 3600)
    assert later.said(3615) == ["firing stale a", "pending b"]
    later.put(3630, {"up a": 1, "up b": 0})
    later.context = replace(later.context, polled=True)
    assert later.said(3630) == ["pending b", "resolved a"]


def test_downtime_does_not_count_however_short(tmp_path):
    """
    A restart within two beats still hides what happened in between.
    """
    world = World(load(tmp_path, RULES))
    world.put(0, {"up a": 0})
    world.turn(0)
    world.context = replace(world.context, filled_since=T0.timestamp() + 30)
    for at, expected in ((30, "pending"), (45, "firing")):
        world.put(at, {"up a": 0})
        assert world.said(at) == [f"{expected} a"]


def test_withdrawn_with_its_target_its_rule_or_its_labels(tmp_path):
    """
    What the configuration no longer knows is withdrawn when firing, dropped when pending.
    """
    world = fired(tmp_path)
    standing = world.alerts
    world.context = replace(world.context, known=frozenset({"b"}))
    assert world.said(45) == ["withdrawn a"]

    world.alerts, world.context = standing, replace(world.context, known=frozenset({"a"}))
    gone = World(load(tmp_path, RULES.replace("Down", "Else")))
    gone.alerts = standing
    assert gone.said(45) == ["withdrawn a"]

    changed = World(load(tmp_path, RULES.replace("critical", "warning")))
    changed.alerts = standing
    changed.put(45, {"up a": 0})
    assert changed.said(45) == ["pending a", "withdrawn a"]

    titled = World(world.rules)
    pairs = (("__name__", "up"), ("instance", "a"), ("title", "旧名"))
    for at in (0, 30):
        titled.samples.put(pairs, T0.timestamp() + at, 0.0)
        titled.turn(at)
    titled.samples.put(pairs, T0.timestamp() + 45, float(STALE))
    titled.context = replace(titled.context, labels={"a": {"instance": "a", "title": "旧名"}})
    assert titled.said(45) == ["firing stale a"]
    titled.context = replace(titled.context, labels={"a": {"instance": "a", "title": "新名"}})
    assert titled.said(60) == ["withdrawn a"]

    young = World(world.rules)
    young.put(0, {"up a": 0})
    young.turn(0)
    young.context = replace(young.context, known=frozenset())
    assert young.said(15) == ["dropped a"]


def test_a_subject_is_known_too(tmp_path):
    """
    An alert about a system stands while the system is in the configuration.
    """
    text = RULES.replace("labels: {", "labels: {subject: HIS, ").replace("up == 0", "max(up) == 0")
    world = World(load(tmp_path, text), known=("HIS",))
    world.put(0, {"up a": 0})
    assert [a.label("subject") for a in world.turn(0).alerts.values()] == ["HIS"]
    world.context = replace(world.context, known=frozenset())
    world.put(15, {"up a": 0})
    assert world.said(15) == ["dropped "]


def test_a_rule_waits_for_its_window(tmp_path):
    """
    A window that this process has not filled yet says nothing, neither fault nor recovery.
    """
    text = RULES.replace("up == 0", "avg_over_time(up[1m]) < 1").replace("for: 30s", "for: 0s")
    world = World(load(tmp_path, text))
    world.context = replace(world.context, filled_since=T0.timestamp())
    said = []
    for at in range(0, 120, 15):
        world.put(at, {"up a": 0 if at < 60 else 1})
        said.append(world.said(at))
    assert said == [[]] * 4 + [["firing a"]] * 3 + [["resolved a"]]


def test_absence_waits_until_every_target_was_visited(tmp_path):
    """
    Right after a start nothing has answered yet, which is no fault.
    """
    text = RULES.replace("up == 0", 'absent(up{instance="a"})').replace("for: 30s", "for: 0s")
    world = World(load(tmp_path, text), polled=False)
    assert world.said(0) == []
    world.context = replace(world.context, polled=True)
    assert world.said(15) == ["firing a"]
    world.put(30, {"up a": 1})
    assert world.said(30) == ["resolved a"]


TWO = f"""
groups:
- name: g
  rules:
  - alert: Bad
    expr: x / x2
    labels: {CLASS}
  - alert: Down
    expr: up == 0
    labels: {CLASS}
"""


def test_an_error_in_one_rule_keeps_its_state_and_stops_no_other(tmp_path):
    """
    The other rule is judged; the broken one is named.
    """
    world = World(load(tmp_path, TWO))
    world.put(0, {"x a": 4, "x2 a": 2, "up b": 0})
    assert world.said(0) == ["firing a", "firing b"]
    for name in ("x", "x2"):
        pairs = (("__name__", name), ("instance", "a"), ("job", "twice"))
        world.samples.put(pairs, T0.timestamp() + 15, 1.0)
    world.rules = load(tmp_path, TWO.replace("x / x2", "x / on (instance) x2"))
    world.put(15, {"x a": 4, "x2 a": 2, "up b": 1})
    seen = world.turn(15)
    assert [(e.why, e.alert.alertname) for e in seen.ended] == [("resolved", "Down")]
    assert [a.alertname for a in seen.alerts.values()] == ["Bad"]
    ((group, rule, why),) = seen.problems
    assert (group, rule) == ("g", "Bad")
    assert why


def test_a_bug_is_a_problem_of_one_rule(tmp_path):
    """
    Whatever the engine raises, the other rules are judged and nothing ends.
    """

    class Broken:
        def __init__(self, below):
            self.below = below

        def select(self, matchers, start, end):
            if any(m.value == "up" for m in matchers):
                raise IndexError("out of range")
            return self.below.select(matchers, start, end)

    world = World(load(tmp_path, TWO.replace("x / x2", "x > 0")))
    world.put(0, {"up a": 0})
    world.turn(0)
    world.put(15, {"x b": 1})
    now = T0 + timedelta(seconds=15)
    storage = Broken(world.samples.until(now.timestamp()))
    seen = machine.turn(world.rules, storage, now, world.alerts, world.context)
    assert sorted(a.alertname for a in seen.alerts.values()) == ["Bad", "Down"]
    assert seen.ended == ()
    assert seen.problems == (("g", "Down", "is broken: IndexError: out of range"),)


def test_limit_keeps_state(tmp_path):
    """
    Above a group's limit Prometheus forgets; we keep what stands and say so.
    """
    text = RULES.replace("- name: g", "- name: g\n  limit: 1").replace("for: 30s", "for: 0s")
    world = World(load(tmp_path, text))
    world.put(0, {"up a": 0})
    assert world.said(0) == ["firing a"]
    world.put(15, {"up a": 0, "up b": 0})
    seen = world.turn(15)
    assert [a.label("instance") for a in seen.alerts.values()] == ["a"]
    assert seen.problems == (("g", "Down", "returns 2 results, and the group's limit is 1"),)


def test_one_label_set_twice_is_an_error(tmp_path):
    """
    Two samples that end in the same labels cannot be told apart.
    """
    text = RULES.replace("labels: {", "labels: {instance: x, ")
    world = World(load(tmp_path, text), known=("x",))
    world.put(0, {"up a": 0, "up b": 0})
    seen = world.turn(0)
    assert seen.alerts == {}
    assert seen.problems[0][2] == "returns the same label set twice after its labels are applied"


RECORDS = f"""
groups:
- name: first
  rules:
  - record: site:up:min
    expr: min(up)
    labels: {{site: north}}
  - record: site:up:min
    expr: max(up)
    labels: {{site: south}}
  - alert: Site
    expr: site:up:min == 0
    labels: {CLASS}
- name: second
  interval: 40s
  rules:
  - alert: Later
    expr: site:up:min{{site="north"}} == 0
    labels: {CLASS}
"""


def test_what_is_recorded_is_seen_by_the_rules_after_it(tmp_path):
    """
    In the same turn, in the same and in later groups; and handed on for the series.
    """
    world = World(load(tmp_path, RECORDS))
    world.put(0, {"up a": 0, "up b": 1})
    seen = world.turn(0)
    assert sorted(a.alertname for a in seen.alerts.values()) == ["Later", "Site"]
    assert seen.records == (
        ("site:up:min", (((("site", "north"),), 0.0), ((("site", "south"),), 1.0))),
    )


def test_a_group_has_its_own_beat(tmp_path):
    """
    40 seconds on a grid of 15 are judged every 45; a clock that stepped back judges at once.
    """
    world = World(load(tmp_path, RECORDS))
    judged = {}
    for at in (0, 15, 30, 45, 60, 75, 90, -600, -585):
        world.put(at, {"up a": 1})
        judged[at] = "second" in world.turn(at).judged
    assert [at for at, yes in judged.items() if yes] == [0, 45, 90, -600]


def test_overlay_leaves_history_alone():
    """
    One column is this turn's: new rows are added, rows not recorded again are ended.
    """
    below = Samples()
    for at in (10.0, 20.0):
        below.put((("__name__", "r"), ("x", "old")), at, 1.0)
        below.put((("__name__", "r"), ("x", "kept")), at, 2.0)
    seen = overlay.Overlay(below, 20.0)
    seen.record("r", {(("x", "kept"),): 7.0, (("x", "new"),): 8.0})
    name = Matcher("__name__", "=", "r")
    found = seen.select([name], 0.0, 20.0)
    assert found.times.tolist() == [10.0, 20.0]
    rows = {dict(k)["x"]: v.tolist() for k, v in zip(found.labels, found.values, strict=True)}
    assert rows["kept"] == [2.0, 7.0]
    assert rows["old"][0] == 1.0
    assert rows["old"][1] != rows["old"][1]
    assert rows["new"][1] == 8.0
    assert seen.select([name], 0.0, 15.0).values.tolist() == [[1.0], [2.0]]
    only = seen.select([name, Matcher("x", "=~", "n.*")], 0.0, 20.0)
    assert [dict(k)["x"] for k in only.labels] == ["new"]
    assert below.select([name], 0.0, 20.0).values.tolist() == [[1.0, 1.0], [2.0, 2.0]]


def test_alerts_as_series(tmp_path):
    """
    ALERTS and ALERTS_FOR_STATE are what Prometheus' would be.
    """
    world = fired(tmp_path)
    labels = next(iter(world.alerts.values())).labels
    (name, rows), (state, since) = machine.alerts_series(world.alerts.values())
    assert (name, state) == ("ALERTS", "ALERTS_FOR_STATE")
    assert rows == ((tuple(sorted((*labels, ("alertstate", "firing")))), 1.0),)
    assert since == ((labels, T0.timestamp()),)


def test_texts_are_bounded_and_clean(tmp_path):
    """
    A label of a scraped target may hold anything; a phone gets none of it.
    """
    text = RULES.replace("$labels.instance", "$labels.note").replace("for: 30s", "for: 0s")
    world = World(load(tmp_path, text))
    pairs = (("__name__", "up"), ("instance", "a"), ("note", "\x1b[31m\u202eevil" + "x" * 9000))
    world.samples.put(pairs, T0.timestamp(), 0.0)
    (alert,) = world.turn(0).alerts.values()
    assert alert.annotations["summary"].startswith("[31mevilxxx")
    assert len(alert.annotations["summary"]) == 2000


@given(st.lists(st.sampled_from("01_"), min_size=1, max_size=40), st.integers(0, 5))
def test_it_fires_exactly_when_true_for_long_enough(tmp_path_factory, states, steps):
    """
    Firing begins when the expression was true for `for` without a break, ends on the first
    sample that says otherwise, and the same turn twice changes nothing.
    """
    text = RULES.replace("for: 30s", f"for: {steps * 15}s")
    world = World(load(tmp_path_factory.getbasetemp(), text))
    run, standing = 0, False
    for i, state in enumerate(states):
        world.put(i * 15, {"up a": {"0": 0, "1": 1, "_": None}[state]})
        run = run + 1 if state == "0" else 0
        standing = run > steps or (standing and state != "1")
        seen = world.turn(i * 15)
        firing = [a for a in seen.alerts.values() if a.state is AlertState.FIRING]
        assert bool(firing) == standing
        world.context = replace(world.context, last_run={})
        again = world.turn(i * 15)
        assert (again.alerts, again.ended) == (seen.alerts, ())
