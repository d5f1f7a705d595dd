"""The rules we ship: complete, in the words of the plan, and each with its cases."""

import re
from datetime import UTC, datetime

import pytest
from shared import ROOT

from monitor.alerting import files, machine, ruletest, testfile, thresholds
from monitor.alerting.samples import Samples
from monitor.model.alert import AlertState
from monitor.promql import reach
from monitor.promql.storage import STALE

RULE_FILES = sorted((ROOT / "rules").glob("*.yml"))
TEST_FILES = sorted((ROOT / "rules" / "tests").glob("*.yml"))
RULES = files.load(RULE_FILES)
ALERTS = [(g, r) for g, r in RULES.alerts()]
IDS = [f"{r.name}-{r.static['fault_class']}" for _, r in ALERTS]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
UNTIED = {"SnmpInsecure"}  # about no one device: its title is its summary
PLACEHOLDER = re.compile(r"\{\{.*?\}\}")


def read(path):
    reader = testfile.Reader(path)
    said = reader.read()
    assert reader.yaml.problems == []
    return said


CASES = {path: read(path) for path in TEST_FILES}


def test_every_theme_has_its_test_file():
    """
    A rule file without a test file of its name fails the suite.
    """
    assert {p.name for p in RULE_FILES} <= {p.name for p in TEST_FILES}
    assert len(ALERTS) >= 12
    for path, said in CASES.items():
        theme = path.stem.partition("-")[0]
        assert [p.resolve() for p in said.rule_files] == [ROOT / "rules" / f"{theme}.yml"]


@pytest.mark.parametrize(("group", "rule"), ALERTS, ids=IDS)
def test_every_alert_fires_and_is_silent_somewhere(group, rule):
    """
    Each shipped alert has at least one case in which it fires, and one in which it does not.
    """
    tests = [t for said in CASES.values() for c in said.cases for t in c.alerts]
    mine = [t for t in tests if t.alertname == rule.name]
    assert any(rule.owns(e.labels) for t in mine for e in t.expected), "no firing case"
    assert any(not t.expected for t in mine), "no silent case"


@pytest.mark.parametrize("path", TEST_FILES, ids=[p.stem for p in TEST_FILES])
def test_the_cases_pass(path):
    """
    Our own runner says so; promtool says it in tests/integration.
    """
    assert [str(f) for f in ruletest.run([path])] == []


@pytest.mark.parametrize(("group", "rule"), ALERTS, ids=IDS)
def test_texts(group, rule):
    """
    What people read is there, Chinese, short enough, and says no word we do not say.
    """
    texts = {name: t.source for name, t in rule.annotations.items()}
    texts.pop("zhiban_on_missing", None)
    if rule.name not in UNTIED:
        what = texts.pop("what")
        assert CHINESE.search(what)
        assert 2 <= len(PLACEHOLDER.sub("", what)) <= 12  # beside names and numbers
    assert set(texts) == {"summary", "next_step"}
    assert all(CHINESE.search(text) for text in texts.values())
    assert texts["summary"].endswith("。")
    for unsaid in ("升级", "接警", "静默", "维护窗口", "根因", "读数", "样本", "序列"):
        assert not any(unsaid in text for text in texts.values())


@pytest.mark.parametrize(("group", "rule"), ALERTS, ids=IDS)
def test_class_and_severity_stand_in_the_rule(group, rule):
    """
    No shipped rule leans on defaults, and a class-1 cause is never merely for information.
    """
    assert rule.static["fault_class"] in thresholds.OURS["fault_class"]
    assert (rule.static["fault_class"], rule.static["severity"]) != ("class1", "info")
    assert group.name == group.file.rsplit("/", 1)[1].removesuffix(".yml")


def test_every_limit_is_used_and_every_used_limit_is_there():
    """
    The table and the rules name the same limits.
    """
    table = {limit.name for limit in thresholds.load(ROOT / "rules/plan/thresholds.yml")}
    used = {
        m.value
        for _, rule in ALERTS
        for s in reach.selectors(rule.expr)
        for m in s.matchers
        if m.name == "name" and ("zhiban_threshold" in {x.value for x in s.matchers})
    }
    assert used == table


# What a device of each role may say when it does not answer: one alert, never two.
ROLES = {
    "core-switch": "CoreSwitchDown",
    "access-switch": "AccessSwitchDown",
    "server": "ServerDown",
    "web": "WebDown",
    "database": "DatabaseDown",
    "line-edge": "InsuranceEdgeDown",
    "line-far": "InsuranceFarDown",
    "terminal": "TerminalDown",
    "ups": "UpsSilent",
    "pacs": "PacsDown",
    "lis": "LisDown",
    "room": "RoomSilent",
    "san": "TargetDown",
    "": "TargetDown",
}


def pairs(name, labels):
    return tuple(sorted((k, v) for k, v in {"__name__": name, **labels}.items() if v))


class Room:
    """Samples every 15 seconds, judged as the daemon judges: resolved on evidence only."""

    def __init__(self):
        self.samples, self.alerts, self.at = Samples(), {}, 0

    def put(self, samples):
        for labels, value in samples:
            self.samples.put(labels, self.at, value)

    def judge(self):
        context = machine.Context(-7200.0, polled=True, known=None, grid=15.0)
        now = datetime.fromtimestamp(self.at, UTC)
        self.alerts = machine.turn(
            RULES, self.samples.until(self.at), now, self.alerts, context
        ).alerts
        self.at += 15

    def firing(self):
        return [a for a in self.alerts.values() if a.state is AlertState.FIRING]

    def names(self):
        return [a.alertname for a in self.firing()]


@pytest.mark.parametrize("level", ["1", "2", "3"])
@pytest.mark.parametrize(("role", "alertname"), ROLES.items(), ids=[r or "none" for r in ROLES])
def test_one_failure_is_one_alert(role, alertname, level):
    """
    A target that does not answer is said by exactly one rule, whatever its role and level,
    and its first good answer is evidence enough.
    """
    labels = {"instance": "x", "job": "tcp", "level": level, "title": "某设备", "role": role}
    success = pairs("probe_success", labels)
    info = pairs("zhiban_probe_failure_info", {**labels, "reason": "timeout"})
    room = Room()
    while room.at <= 660:
        room.put([(success, 0.0), (info, 1.0)])
        room.judge()
    assert room.names() == [alertname]
    room.put([(success, 1.0), (info, float(STALE))])
    room.judge()
    assert room.alerts == {}


FIRING = [
    (case, test)
    for said in CASES.values()
    if said.interval == 15
    for case in said.cases
    for test in case.alerts
    if test.expected and test.at < 600
]


@pytest.mark.parametrize(
    ("case", "test"), FIRING, ids=[f"{t.alertname}-{c.name}" for c, t in FIRING]
)
def test_silence_resolves_nothing(case, test):
    """
    When everything a shipped alert stands on falls silent, it stays, marked stale.
    """
    room = Room()
    every = int(case.interval)
    while room.at <= test.at:
        if room.at % every == 0:
            i = room.at // every
            room.put([(k, v[i]) for k, v in case.series if i < len(v)])
        room.judge()
    before = room.names()
    assert test.alertname in before
    room.put([(k, float(STALE)) for k, _ in case.series])
    room.judge()
    assert room.names() == before
    # A window still holds what was seen before, so its answer is no guess.
    windows = {r.name for _, r in ALERTS if r.window}
    assert all(a.stale for a in room.firing() if a.alertname not in windows)
