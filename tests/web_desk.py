"""A desk with a night's faults on it: what the web is tested and looked at with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.model.act import Act, ActKind, IllegalActError
from monitor.model.alert import Alert, AlertState
from monitor.model.board import Board
from monitor.model.incident import (
    ClockState,
    Event,
    FaultClass,
    Incident,
    Notice,
    NoticeState,
    Part,
    Root,
    RootKind,
    Scope,
    Severity,
    State,
    StepClock,
)
from monitor.model.person import Person
from monitor.model.plan import Department, Plan, PlanSettings, Threshold
from monitor.model.target import System, Target, Visit
from monitor.store.waiting import Queue
from monitor.web.desk import Desk

NOW = datetime(2026, 10, 1, 19, 22, 34, tzinfo=UTC)  # 03:22:34 in Shanghai
BEGAN = datetime(2026, 10, 1, 19, 10, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

PEOPLE = (
    Person("张伟", "13800000001", ("on_duty",), ("sms",)),
    Person("王芳", "13800000002", ("director",), ("sms",)),
    Person("李强", "13800000003", ("standby",), ("sms",)),
)
PLAN = Plan(
    classes={},
    thresholds=tuple(
        Threshold(name, after, title, ("on_duty", "director"), {}, "004")
        for name, after, title in (
            ("t30m", 30 * MINUTE, "30分钟"),
            ("t6h", 6 * HOUR, "6小时"),
            ("t24h", 24 * HOUR, "24小时"),
        )
    ),
    departments={
        name: Department(name, title, needs)
        for name, title, needs in (
            ("jianyan", "检验科", ("lis",)),
            ("fangshe", "放射科", ("pacs",)),
            ("jizhen", "急诊医生", ("his", "emr", "lis")),
        )
    },
    settings=PlanSettings(),
)


def target(name, title, role, system="", level=2, *, address="10.1.3.7:9100", kind="tcp"):
    labels = {"role": role} | ({"system": system} if system else {})
    return Target(name, title, kind, address, 5 * SECOND, 2 * SECOND, level, labels)


TARGETS = {
    t.name: t
    for t in (
        target("core-switch-1", "核心交换机1", "core-switch", level=1),
        target("core-switch-2", "核心交换机2", "core-switch", level=1),
        target("access-switch-1", "1号楼接入交换机", "access-switch"),
        target("access-switch-2", "2号楼接入交换机", "access-switch"),
        target("access-switch-3", "3号楼接入交换机", "access-switch"),
        target("his-db", "HIS数据库", "database", "his", 1, kind="postgresql"),
        target("his-web-1", "HIS应用1", "web", "his", 1, kind="http"),
        target("his-web-2", "HIS应用2", "web", "his", 1, kind="http"),
        target("emr-web", "电子病历应用", "web", "emr", 1, address="http://emr:secret@10.1.3.9/"),
        target("emr-node", "电子病历服务器", "server", "emr"),
        target("lis-web", "检验应用", "web", "lis"),
        target("lis-node", "检验服务器", "server", "lis"),
        target("tijian-web", "体检应用", "web", "tijian"),
        target("tijian-node", "体检服务器", "server", "tijian"),
        target("pacs-web", "影像应用", "web", "pacs", 1),
        target("yibao-edge", "本院医保前置机", "line-edge", "yibao", 1),
        target("yibao-center", "医保中心端", "line-far", "yibao", 1),
        target("terminal-er-1", "急诊收费窗口终端", "terminal", level=3),
    )
}
SYSTEMS = {
    s.name: s
    for s in (
        System("his", "HIS", (("his-db",), ("his-web-1", "his-web-2"))),
        System("emr", "电子病历", (("emr-web",), ("emr-node",))),
        System("lis", "检验(LIS)", (("lis-web",), ("lis-node",))),
        System("pacs", "影像(PACS)", (("pacs-web",),)),
        System("yibao", "医保", (("yibao-edge",), ("yibao-center",))),
        System("tijian", "体检", (("tijian-web",), ("tijian-node",))),
    )
}
CUT = ("emr-web", "emr-node", "lis-web", "lis-node", "tijian-web", "tijian-node")


class Site:
    targets = TARGETS
    systems = SYSTEMS
    people = PEOPLE
    plan = PLAN


def clocks(incident_id, began, *, fired=("told", "director"), director=5 * MINUTE):
    due = {"told": 10 * SECOND, "director": director}
    due |= {t.name: t.after for t in PLAN.thresholds}
    return tuple(
        StepClock(
            incident_id,
            step,
            began + after,
            ClockState.FIRED if step in fired else ClockState.DUE,
            began + after if step in fired else None,
        )
        for step, after in due.items()
    )


def incident(incident_id=7, **changes):
    """The one that the exact JSON is stated for: access switch 3, class 1, not answered."""
    one = Incident(
        id=incident_id,
        number=4120 + incident_id,
        state=State.OPEN,
        root=Root("access-switch-3", "AccessSwitchDown", RootKind.RULE, "3号楼接入交换机失联"),
        fault_class=FaultClass.CLASS1,
        scope=Scope.LOCAL,
        severity=Severity.CRITICAL,
        started_at=BEGAN,
        opened_at=BEGAN + 12 * SECOND,
        settle_until=None,
        interrupted_at=BEGAN,
        parts=(
            Part(
                "k1",
                "access-switch-3",
                "AccessSwitchDown",
                BEGAN,
                FaultClass.CLASS1,
                Severity.CRITICAL,
                "失联",
                "3号楼接入交换机失联，下联设备全部不通。",
            ),
            Part(
                "k2",
                "lis-web",
                "WebDown",
                BEGAN + 4 * SECOND,
                FaultClass.CLASS1,
                Severity.CRITICAL,
                "打不开",
                "检验应用打不开。",
            ),
        ),
        impact=CUT,
        systems=("emr", "lis", "tijian"),
        clocks=clocks(incident_id, BEGAN),
        told=("张伟",),
    )
    return replace(one, **changes)


HAZARD = incident(
    8,
    root=Root("core-switch-1", "CoreSwitchDown", RootKind.RULE, "核心交换机1失联，冗余已失"),
    fault_class=FaultClass.HAZARD,
    severity=Severity.WARNING,
    scope=Scope.SINGLE,
    started_at=BEGAN - 2 * HOUR,
    opened_at=BEGAN - 2 * HOUR,
    interrupted_at=None,
    acknowledged_by="张伟",
    acknowledged_at=BEGAN - 2 * HOUR + 94 * SECOND,
    parts=(),
    impact=(),
    systems=(),
    clocks=(),
)
WATCHED = incident(
    6,
    root=Root("yibao-center", "YibaoCenterDown", RootKind.RULE, "医保中心端不通"),
    fault_class=FaultClass.OTHER,
    severity=Severity.WARNING,
    scope=Scope.SYSTEM,
    state=State.WATCHING,
    started_at=BEGAN - 40 * MINUTE,
    opened_at=BEGAN - 40 * MINUTE,
    interrupted_at=BEGAN - 40 * MINUTE,
    acknowledged_by="李强",
    acknowledged_at=BEGAN - 35 * MINUTE,
    watching_since=NOW - 190 * SECOND,
    parts=(),
    impact=(),
    systems=(),
    clocks=(),
)
RECOVERED = incident(
    5,
    root=Root("his-db", "PostgresDown", RootKind.RULE, "HIS数据库连不上"),
    state=State.RECOVERED,
    started_at=BEGAN - 9 * HOUR,
    opened_at=BEGAN - 9 * HOUR,
    interrupted_at=BEGAN - 9 * HOUR,
    acknowledged_by="张伟",
    acknowledged_at=BEGAN - 9 * HOUR + 71 * SECOND,
    recovered_at=BEGAN - 8 * HOUR,
    impact=(),
    systems=("his",),
    clocks=(),
)
CLOSED = tuple(
    incident(
        n,
        root=Root("lis-node", "DiskFull", RootKind.RULE, title),
        state=State.CLOSED,
        fault_class=fault_class,
        class_confirmed=n == 3,
        started_at=BEGAN - n * 26 * HOUR,
        interrupted_at=None,
        recovered_at=BEGAN - n * 26 * HOUR + 23 * MINUTE,
        closed_at=BEGAN - n * 26 * HOUR + 90 * MINUTE,
        closed_by="王芳",
        impact=(),
        systems=(),
        clocks=(),
    )
    for n, title, fault_class in (
        (3, "检验服务器磁盘将满", FaultClass.CLASS2),
        (2, "急诊收费窗口终端不通", FaultClass.CLASS3),
        (1, "影像应用证书将到期", FaultClass.HAZARD),
    )
)


def visits(now=NOW, down=(*CUT, "access-switch-3", "core-switch-1")):
    found = {}
    for name in TARGETS:
        bad = name in down
        since = BEGAN - 2 * HOUR if name == "core-switch-1" else BEGAN
        found[name] = Visit(
            name,
            now - 3 * SECOND,
            now - 2 * SECOND,
            up=not bad,
            reason="timeout" if bad else "",
            detail="no answer within 2 s" if bad else "",
            failing_since=since if bad else None,
        )
    return found


def notice(notice_id, incident_id=7, **changes):
    one = Notice(
        key=f"{incident_id}:told:{notice_id}",
        incident_id=incident_id,
        step="told",
        person="张伟",
        channel="sms",
        title="【拟一类】03:10 3号楼接入交换机失联",
        text="电子病历等3个系统、6台设备不通。03:40满30分钟。请接报:事件4127",
        created_at=BEGAN + 12 * SECOND,
        id=notice_id,
        facts={"number": "4127"},
    )
    return replace(one, **changes)


NOTICES = (
    notice(
        2,
        step="director",
        person="王芳",
        created_at=BEGAN + 5 * MINUTE,
        attempts=3,
        last_error="errcode 45009: api freq out of limit",
        next_try_at=NOW + 20 * SECOND,
    ),
    notice(1, state=NoticeState.SENT, attempts=1, sent_at=BEGAN + 14 * SECOND),
)
EVENTS = (
    Event(7, BEGAN + 12 * SECOND, "zhiban", "opened", "", "open", "access-switch-3"),
    Event(7, BEGAN + 12 * SECOND, "zhiban", "joined", "", "WebDown", "lis-web 检验应用打不开。"),
    Event(7, BEGAN + 13 * SECOND, "zhiban", "scope_changed", "single", "local"),
    Event(7, BEGAN + 13 * SECOND, "zhiban", "step", "", "told", "张伟"),
    Event(7, BEGAN + 9 * MINUTE, "张伟", "note", detail="已出发，预计三分钟到3号楼弱电间"),
)
ALERTS = (
    Alert(
        "reachability",
        "AccessSwitchDown",
        (("alertname", "AccessSwitchDown"), ("instance", "access-switch-3")),
        {"what": "失联", "next_step": "到弱电间看电源、上联光口。"},
        AlertState.FIRING,
        BEGAN,
        BEGAN + 10 * SECOND,
        float("nan"),
        NOW,
    ),
)


class Records:
    """The store's queries over lists; keeps the acts that were submitted."""

    def __init__(self, incidents=(), events=EVENTS, notices=NOTICES):
        self.rows = {one.id: one for one in incidents}
        self.event_rows = list(events)
        self.notice_rows = list(notices)
        self.broken = None  # an exception that every query raises

    async def incidents(self, states, limit, before_id=None):
        self._check()
        found = (i for i in self.rows.values() if i.state in states)
        kept = [i for i in found if before_id is None or i.id < before_id]
        return sorted(kept, key=lambda i: -i.id)[:limit]

    async def incident(self, incident_id):
        self._check()
        return self.rows.get(incident_id)

    async def events(self, incident_id):
        self._check()
        return [e for e in self.event_rows if e.incident_id == incident_id]

    async def notices(self, incident_id=None, limit=200):
        self._check()
        found = (n for n in self.notice_rows if incident_id in (None, n.incident_id))
        return list(found)[:limit]

    async def queues(self):
        self._check()
        found = {}
        for n in self.notice_rows:
            if n.state is not NoticeState.SENT:
                old = found.get(n.channel, Queue(0, n.created_at))
                found[n.channel] = Queue(old.count + 1, min(old.oldest_at, n.created_at))
        return found

    def _check(self):
        if self.broken:
            raise self.broken


class _Through:
    """The house's store, whichever it has now."""

    def __init__(self, house):
        self._house = house

    def __getattr__(self, name):
        return getattr(self._house.store, name)


class House:
    """Everything behind a desk: a tiny judge over one dict of incidents."""

    def __init__(self, clock, incidents=None, **board):
        self.clock = clock
        standing = incidents if incidents is not None else (incident(), HAZARD, WATCHED, RECOVERED)
        self.live = {one.id: one for one in standing}
        self.store = Records((*standing, *CLOSED))
        self.site = Site()
        self.board_values = {"now": NOW - 2 * SECOND, "visits": visits(), "alerts": ALERTS} | board
        self.board_values.setdefault("systems_down", frozenset({"emr", "lis", "tijian"}))
        self.acts = []
        self.problems = ()
        self.reloaded_by = []
        self.why_not = ""
        self.trouble = ()
        self.metrics = (b"zhiban_up 1\n", "text/plain; version=0.0.4; charset=utf-8")
        self.fails = None

    def board(self):
        return Board(incidents=tuple(self.live.values()), **self.board_values)

    async def submit(self, act: Act):
        if self.fails:
            raise self.fails
        one = self.live[act.incident_id]
        if act.kind is ActKind.ACK and one.acknowledged_by:
            raise IllegalActError(f"#{one.number} 已由{one.acknowledged_by}接报")
        if act.kind is ActKind.CLOSE and one.state is not State.RECOVERED:
            raise IllegalActError(f"#{one.number} 还没有恢复,不能关闭")
        self.acts.append(act)
        if act.kind is ActKind.ACK:
            one = replace(one, acknowledged_by=act.by, acknowledged_at=self.clock.now())
        elif act.kind is ActKind.CLOSE:
            one = replace(one, state=State.CLOSED, closed_by=act.by, closed_at=self.clock.now())
        else:
            self.store.event_rows.append(
                Event(one.id, self.clock.now(), act.by, "note", detail=act.text)
            )
        self.store.rows[one.id] = self.live[one.id] = one
        if one.state is State.CLOSED:
            del self.live[one.id]
        return one

    async def reload(self, by):
        self.reloaded_by.append(by)
        return self.problems

    def desk(self, **changes):
        return Desk(
            submit=self.submit,
            board=self.board,
            site=lambda: self.site,
            store=_Through(self),
            metrics=lambda accept: self.metrics,
            reload=self.reload,
            ready=lambda: self.why_not,
            clock=self.clock,
            trouble=lambda: self.trouble,
            **changes,
        )
