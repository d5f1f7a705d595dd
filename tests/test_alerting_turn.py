"""One turn: what is withdrawn, what waits, what an error leaves alone, what is recorded."""

from dataclasses import replace
from datetime import timedelta

from alert_world import CLASS, RULES, T0, World, fired, load

from monitor.alerting import machine, overlay
from monitor.alerting.samples import Samples
from monitor.promql.ast import Matcher
from monitor.promql.storage import STALE


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


def test_a_bug_met_half_way_ends_nothing(tmp_path):
    """
    One alert had ended when the search for the other's evidence broke: both stand.
    """

    class Broken:
        def __init__(self, below):
            self.below = below

        def select(self, matchers, start, end):
            if any(m.value == "b" for m in matchers):
                raise IndexError("out of range")
            return self.below.select(matchers, start, end)

    world = World(load(tmp_path, RULES))
    for at in (0, 30):
        world.put(at, {"up a": 0, "up b": 0})
        world.turn(at)
    world.put(45, {"up a": 1, "up b": 1})
    now = T0 + timedelta(seconds=45)
    storage = Broken(world.samples.until(now.timestamp()))
    seen = machine.turn(world.rules, storage, now, world.alerts, world.context)
    assert seen.alerts == world.alerts
    assert seen.ended == ()


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


def test_a_label_that_comes_out_empty_is_none(tmp_path):
    """
    As in Prometheus: an empty label and a missing one are the same.
    """
    text = RULES.replace("labels: {", "labels: {floor: '{{ $labels.floor }}', ")
    world = World(load(tmp_path, text))
    world.put(0, {"up a": 0})
    (alert,) = world.turn(0).alerts.values()
    assert "floor" not in dict(alert.labels)


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


def test_between_its_beats_a_group_keeps_its_alerts(tmp_path):
    """
    What is not judged at this slot stands as it stood.
    """
    world = World(load(tmp_path, RECORDS))
    world.put(0, {"up a": 0})
    before = world.turn(0).alerts
    world.put(15, {"up a": 1})
    seen = world.turn(15)
    later = next(a for a in before.values() if a.alertname == "Later")
    assert list(seen.alerts.values()) == [later]
    world.put(45, {"up a": 1})
    assert world.turn(45).alerts == {}


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
    # A slot that comes a little early is still that slot.
    assert "second" not in world.turn(-600 + 37).judged
    assert "second" in world.turn(-600 + 38).judged


class Frozen:
    """A storage that hands out its own matrix."""

    def __init__(self, selection):
        self.selection = selection

    def select(self, matchers, start, end):
        return self.selection


def test_overlay_leaves_history_alone():
    """
    One column is this turn's: new rows are added, rows not recorded again are ended.
    """
    below = Samples()
    for at in (10.0, 20.0):
        below.put((("__name__", "r"), ("x", "old")), at, 1.0)
        below.put((("__name__", "r"), ("x", "kept")), at, 2.0)
    frozen = Frozen(below.select([Matcher("__name__", "=", "r")], 0.0, 20.0))
    thawed = overlay.Overlay(frozen, 20.0)
    thawed.record("r", {(("x", "kept"),): 9.0})
    thawed.select([], 0.0, 20.0)
    assert frozen.selection.values.tolist() == [[1.0, 1.0], [2.0, 2.0]]
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
