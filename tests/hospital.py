"""A small hospital for tests of incidents: two cores, an access switch, servers, systems."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.incidents.sight import Sight, part_key
from monitor.incidents.topology import Outage, Topology
from monitor.judge.decide import Book, decide
from monitor.model.alert import Alert, AlertState
from monitor.model.incident import FaultClass, Scope
from monitor.model.person import DIRECTOR, ON_DUTY, STANDBY, Person
from monitor.model.plan import ChainStep, ClassPlan, Department, Plan, PlanSettings, Threshold
from monitor.model.target import System, Target

T0 = datetime(2026, 10, 1, 19, 10, tzinfo=UTC)  # 03:10 in Shanghai
CORES = ("core-1", "core-2")


def second(s):
    return T0 + timedelta(seconds=s)


def minute(m):
    return T0 + timedelta(minutes=m)


def _target(name, title, *needs, **labels):
    return Target(
        name=name,
        title=title,
        kind="tcp",
        address="127.0.0.1:1",
        every=timedelta(seconds=5),
        timeout=timedelta(seconds=2),
        labels=labels,
        depends_on=needs,
    )


TARGETS = {
    t.name: t
    for t in (
        _target("core-1", "核心交换机1", role="core-switch"),
        _target("core-2", "核心交换机2", role="core-switch"),
        _target("access-1", "1号楼接入交换机", CORES, role="access-switch"),
        _target("access-3", "3号楼接入交换机", CORES, role="access-switch"),
        _target("his-db", "HIS数据库", CORES, role="database", system="HIS"),
        _target("his-web-1", "HIS应用1", ("access-1",), role="web", system="HIS"),
        _target("his-web-2", "HIS应用2", CORES, role="web", system="HIS"),
        _target("lis", "LIS服务器", ("access-3",), role="server", system="LIS"),
        _target("emr", "电子病历服务器", ("access-3",), role="server", system="EMR"),
        _target("print", "打印服务器", ("access-3",), role="server"),
        _target("backup", "备份服务器", CORES, role="server"),
        _target("yibao-edge", "医保前置机", CORES, role="line-edge", system="YIBAO"),
        _target("yibao-center", "医保中心端", ("yibao-edge",), role="line-far", system="YIBAO"),
    )
}
SYSTEMS = {
    s.name: s
    for s in (
        System("HIS", "HIS", (("his-db",), ("his-web-1", "his-web-2"))),
        System("LIS", "LIS", (("lis",),)),
        System("EMR", "电子病历", (("emr",),)),
        System("YIBAO", "医保", (("yibao-edge",), ("yibao-center",))),
    )
}
TOLD = ChainStep("told", (ON_DUTY,), timedelta(0))


def _class(fault_class, director, *, on_ack=False, thresholds=False):
    chain = [TOLD]
    if director:
        chain.append(ChainStep("director", (DIRECTOR,), timedelta(minutes=director), on_ack))
    return ClassPlan(fault_class, fault_class, (), tuple(chain), thresholds, "test")


def _threshold(name, title, **after):
    return Threshold(
        name,
        timedelta(**after),
        title,
        (ON_DUTY, DIRECTOR),
        {Scope.WHOLE: ("cashier", "lab"), Scope.LOCAL: ("cashier", "lab")},
        "test",
        by_need=frozenset({Scope.LOCAL}),
    )


PLAN = Plan(
    classes={
        FaultClass.CLASS1: _class(FaultClass.CLASS1, 5, on_ack=True, thresholds=True),
        FaultClass.CLASS2: _class(FaultClass.CLASS2, 30),
        FaultClass.CLASS3: _class(FaultClass.CLASS3, 0),
        FaultClass.OTHER: _class(FaultClass.OTHER, 30),
        FaultClass.HAZARD: _class(FaultClass.HAZARD, 30),
    },
    thresholds=(
        _threshold("t30m", "30分钟", minutes=30),
        _threshold("t6h", "6小时", hours=6),
        _threshold("t24h", "24小时", hours=24),
    ),
    departments={
        "cashier": Department("cashier", "门诊收费", ("HIS",)),
        "lab": Department("lab", "检验科", ("LIS",)),
    },
    settings=PlanSettings(),
)
PEOPLE = (
    Person("张伟", "1", (ON_DUTY,), ("phone",)),
    Person("李强", "2", (STANDBY,), ("phone",)),
    Person("王芳", "3", (DIRECTOR,), ("phone",)),
)
TOPOLOGY = Topology(TARGETS, SYSTEMS)
BOOK = Book(TOPOLOGY, PLAN, PEOPLE)
CLASSES = {"core-switch": "class1", "access-switch": "class1", "line-far": "other"}


def alert(name, since, rule="Down", fault_class=None, **labels):
    """A firing alert about one subject."""
    role = TARGETS[name].labels.get("role", "") if name in TARGETS else ""
    severity = labels.pop("severity", "critical")
    what = labels.pop("what", "失联")
    named = {
        "alertname": rule,
        "fault_class": fault_class or CLASSES.get(role, "class1"),
        "instance": name,
        "severity": severity,
        **labels,
    }
    return Alert(
        group="test",
        alertname=rule,
        labels=tuple(sorted(named.items())),
        annotations={"what": what, "summary": f"{name} {rule}"},
        state=AlertState.FIRING,
        active_at=since,
        fired_at=since,
        value=0.0,
        last_true_at=since,
    )


class Room:
    """
    A judge without its shell: what fails and fires is set, turns are taken, notices heard.

    ``failed`` is what probes say; ``fire`` adds an alert; ``turn(at)`` decides.
    """

    def __init__(self, book=BOOK, uplink=()):
        self.book = book
        self.uplink = uplink
        self.incidents = {}
        self.events = []
        self.failed = {}
        self.alerts = {}
        self.silent = set()  # targets that have not answered since
        self.withdrawn = frozenset()
        self.seen_from = None

    def fail(self, at, *names, rule=True, **options):
        for name in names:
            self.failed[name] = at
            if rule:
                one = alert(name, at, **options)
                self.alerts[one.key] = one

    def mend(self, *names):
        for name in names:
            self.failed.pop(name, None)
            self.alerts = {k: a for k, a in self.alerts.items() if a.label("instance") != name}

    def fire(self, one):
        self.alerts[one.key] = one

    def clear(self, one):
        del self.alerts[one.key]

    def sight(self, at):
        answered = {n: at for n in TARGETS if n not in self.silent}
        return Sight(
            now=at,
            outage=Outage(self.book.topology, dict(self.failed)),
            firing=tuple(self.alerts.values()),
            withdrawn=self.withdrawn,
            answered=answered,
            uplink=self.uplink,
            seen_from=self.seen_from,
        )

    def turn(self, at, *, blind=False):
        """One turn; the notices it wrote as "step person", in order."""
        last = max(self.incidents, default=0)
        decision = decide(self.incidents, last, self.sight(at), self.book, blind=blind)
        self.incidents = dict(decision.incidents)
        self.events += decision.events
        self.notices = decision.notices
        return [f"{n.step} {n.person}" for n in decision.notices]

    def only(self):
        """The one incident that is not merged."""
        (one,) = [i for i in self.incidents.values() if i.state != "merged"]
        return one

    def change(self, **what):
        one = self.only()
        self.incidents[one.id] = replace(one, **what)


__all__ = ["Room", "alert", "minute", "part_key", "second"]
