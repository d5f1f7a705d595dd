"""The pending/firing machine: timelines, restarts, and its one property."""

from dataclasses import replace
from datetime import timedelta

import pytest
from alert_world import KEPT, MISSING, RULES, T0, World, fired, load
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting import machine
from monitor.model.alert import AlertState

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


def test_what_fires_goes_on_firing(tmp_path):
    """
    The instant of firing stays; a longer `for` in a new rule file takes nothing back.
    """
    world = fired(tmp_path)
    world.rules = load(tmp_path, RULES.replace("for: 30s", "for: 1h"))
    world.put(45, {"up a": 0})
    (alert,) = world.turn(45).alerts.values()
    assert alert.state is AlertState.FIRING
    assert (alert.active_at, alert.fired_at) == (T0, T0 + timedelta(seconds=30))
    assert alert.last_true_at == T0 + timedelta(seconds=45)


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


def test_missing_resolves_nothing_before_every_target_was_visited(tmp_path):
    """
    Right after a start everything is missing, whatever the rule says about that.
    """
    world = fired(tmp_path, MISSING)
    world.put(45, {"up a": None})
    world.context = replace(world.context, polled=False)
    assert world.said(45) == ["firing stale a"]
    world.context = replace(world.context, polled=True)
    assert world.said(60) == ["withdrawn a"]


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
