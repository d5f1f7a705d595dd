"""Words and facts: every value of the model has its Chinese, every time its form."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
import web_desk
from hypothesis import given
from hypothesis import strategies as st
from web_desk import BEGAN, HAZARD, NOW, incident, notice

from monitor.model.alert import AlertState
from monitor.model.board import Board
from monitor.model.incident import (
    ClockState,
    FaultClass,
    NoticeState,
    RootKind,
    Scope,
    Severity,
    State,
)
from monitor.model.target import Needs, System, Visit
from monitor.probe import REASONS
from monitor.web import facts, shapes, words

NEVER = ("读数", "样本", "序列", "静默", "升级", "接警", "根因", "维护窗口", "回执")


def test_every_value_has_a_word():
    tables = {
        FaultClass: words.CLASSES,
        Scope: words.SCOPES,
        Severity: words.SEVERITIES,
        State: words.STATES,
        AlertState: words.ALERT_STATES,
        ClockState: words.CLOCK_STATES,
    }
    for kind, table in tables.items():
        assert set(table) == set(kind), kind
    assert set(words.REASONS) == set(REASONS)


def test_words_that_hospitals_do_not_use_are_nowhere_on_the_screen():
    root = files("monitor.web")
    texts = [p.read_text("utf-8") for p in root.joinpath("templates").iterdir()]
    texts += [root.joinpath("static/console.js").read_text("utf-8")]
    texts += [str(vars(words)), root.joinpath("pages.py").read_text("utf-8")]
    for text in texts:
        assert not [w for w in NEVER if w in text]


@pytest.mark.parametrize(
    ("shape", "field", "kind"),
    [
        (shapes.IncidentOut, "fault_class", FaultClass),
        (shapes.IncidentOut, "scope", Scope),
        (shapes.IncidentOut, "severity", Severity),
        (shapes.IncidentOut, "state", State),
        (shapes.RootOut, "kind", RootKind),
        (shapes.StepOut, "state", ClockState),
        (shapes.NoticeOut, "state", NoticeState),
        (shapes.AlertOut, "state", AlertState),
    ],
)
def test_the_api_knows_every_value_of_the_model(shape, field, kind):
    assert shape.model_json_schema()["properties"][field]["enum"] == [v.value for v in kind]


BADGES = {
    "before anybody confirmed": (FaultClass.CLASS1, False, "拟一类故障"),
    "confirmed": (FaultClass.CLASS1, True, "一类故障"),
    "other": (FaultClass.OTHER, False, "拟其它故障"),
    "a hazard is no fault": (FaultClass.HAZARD, False, "隐患"),
}


@pytest.mark.parametrize(("fault_class", "confirmed", "text"), BADGES.values(), ids=BADGES)
def test_badge(fault_class, confirmed, text):
    assert words.badge(fault_class, confirmed=confirmed) == text


SPANS = {
    0: "00:00",
    -5: "00:00",
    59.9: "00:59",
    754: "12:34",
    7800: "2:10:00",
    90061: "1天 01:01:01",
}


@pytest.mark.parametrize(("seconds", "text"), SPANS.items())
def test_span(seconds, text):
    assert words.span(seconds) == text


def test_times_are_shanghais_and_dated_when_not_today():
    assert words.clock_time(BEGAN, NOW) == "03:10:00"
    assert words.clock_time(BEGAN - timedelta(hours=4), NOW) == "10月1日 23:10:00"
    assert words.stamp(BEGAN) == "2026-10-02 03:10:00"


DELIVERIES = {
    "fresh": ({}, "待发"),
    "being sent": ({"state": NoticeState.SENDING}, "发送中"),
    "refused": ({"attempts": 2, "last_error": "errcode 93000"}, "被拒绝，将重发"),
    "interrupted by a restart": ({"attempts": 1}, "待发"),
    "tried again": (
        {"state": NoticeState.SENDING, "attempts": 2, "last_error": "errcode 93000"},
        "发送中",
    ),
    "there": ({"state": NoticeState.SENT, "attempts": 2}, "已送达"),
}


@pytest.mark.parametrize(("changes", "word"), DELIVERIES.values(), ids=DELIVERIES)
def test_delivery(changes, word):
    assert words.delivery(notice(1, **changes)) == word


def test_steps_say_the_plans_titles():
    assert words.step("t30m", {"t30m": "30分钟"}) == "满30分钟"
    assert words.step("raised-class1") == "上调为一类故障"
    assert words.step("supplier") == "supplier", "an unknown step is shown, never dropped"


ADDRESSES = {
    "10.1.3.7:9100": "10.1.3.7:9100",
    "http://emr:secret@10.1.3.9/x?y#z": "http://10.1.3.9/x?y#z",
    "http://a@b@host/": "http://host/",
    "user:pass@host:5432/db": "host:5432/db",
    "http://[::1]:80/": "http://[::1]:80/",
}


@pytest.mark.parametrize(("address", "shown"), ADDRESSES.items())
def test_addresses_show_no_secret(address, shown):
    assert facts.shown_address(address) == shown


@given(st.text())
def test_an_address_never_shows_what_stands_before_an_at(text):
    assert "sécret" not in facts.shown_address(f"http://u:sécret@{text.replace('sécret', '')}")


PAIR: Needs = (("a",), ("b", "c"))
SYSTEMS = {
    "all up": ("uuu", False, "up"),
    "one of a pair down": ("udu", False, "up"),
    "one of a pair unknown": ("u?u", False, "up"),
    "a pair of which nothing is known": ("u??", False, "unknown"),
    "one down, its pair unknown": ("ud?", False, "unknown"),
    "the judge says down": ("udd", True, "down"),
}


@pytest.mark.parametrize(("states", "down", "expected"), SYSTEMS.values(), ids=SYSTEMS)
def test_system_standing(states, down, expected):
    targets = {n: web_desk.target(n, n, "server") for n in "abc"}
    visits = {
        n: Visit(n, NOW, NOW, up=s == "u", failing_since=None if s == "u" else BEGAN)
        for n, s in zip("abc", states, strict=True)
        if s != "?"
    }
    board = Board(now=NOW, visits=visits, systems_down=frozenset({"s"} if down else ()))
    standing = facts.system_standing(System("s", "S", PAIR), targets, board, NOW)
    assert standing.state == expected
    assert (standing.since == BEGAN) is down


def test_the_next_step_is_the_first_that_is_due():
    one = incident()
    assert facts.next_step(one).step == "t30m"
    assert facts.next_step(one, frozenset({"t6h"})).step == "t6h"
    assert facts.next_step(HAZARD) is None
    gone = tuple(replace(c, state=ClockState.CANCELLED) for c in one.clocks)
    assert facts.next_step(replace(one, clocks=gone)) is None


def test_elapsed_counts_from_the_cut_and_never_below_zero():
    one = incident(started_at=BEGAN - timedelta(minutes=5))
    assert facts.elapsed(one, NOW) == NOW - BEGAN
    assert facts.elapsed(one, datetime(2020, 1, 1, tzinfo=UTC)) == timedelta(0)
