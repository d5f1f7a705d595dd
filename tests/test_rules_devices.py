"""The device rules through the whole of judging: a UPS whose card falls silent on battery."""

from datetime import UTC, datetime, timedelta

from test_rules_shipped import Room, pairs

from monitor.incidents import lifecycle
from monitor.incidents.correlate import correlate
from monitor.incidents.sight import Sight
from monitor.incidents.topology import Outage, Topology
from monitor.model.incident import FaultClass, Severity, State
from monitor.model.plan import PlanSettings
from monitor.model.target import Target
from monitor.promql.storage import STALE

LABELS = {"instance": "ups-1", "job": "snmp", "level": "1", "title": "UPS1", "role": "ups"}
SUCCESS = pairs("probe_success", LABELS)
FAILURE = pairs("zhiban_probe_failure_info", {**LABELS, "reason": "timeout"})
METRICS = (
    "ups_on_battery",
    "ups_self_test",
    "ups_charge_ratio",
    "ups_runtime_seconds",
    "ups_communication_lost",
)
LIMITS = {"ups_runtime_shutdown_seconds": 900.0, "ups_runtime_last_seconds": 300.0}
TEN = timedelta(seconds=10)


class Ward:
    """One UPS, judged every 15 seconds, and the incidents that come of it."""

    def __init__(self):
        self.room, self.incidents, self.events = Room(), {}, []
        self.failing_since = None
        ups = Target("ups-1", "UPS1", "snmp", "a:161", TEN, TEN / 2, labels={"role": "ups"})
        self.topology = Topology(
            {"ups-1": ups, "other": Target("other", "", "tcp", "", TEN, TEN)}, {}
        )

    def slot(self, **ups):
        """One slot: the card's numbers, or none of them when it says nothing."""
        now = datetime.fromtimestamp(self.room.at, UTC)
        self.room.put(
            (pairs("zhiban_threshold", {"instance": "zhiban", "name": n}), v)
            for n, v in LIMITS.items()
        )
        up = bool(ups)
        self.failing_since = None if up else (self.failing_since or now)
        self.room.put([(SUCCESS, float(up)), (FAILURE, float(STALE) if up else 1.0)])
        self.room.put((pairs(n, LABELS), ups.get(n, float(STALE))) for n in METRICS)
        self.room.judge()
        failed = {"ups-1": self.failing_since} if self.failing_since else {}
        sight = Sight(now, Outage(self.topology, failed), tuple(self.room.firing()))
        last = max(self.incidents, default=0)
        self.incidents, _ = correlate(self.incidents, sight, PlanSettings(), last)
        for i, incident in self.incidents.items():
            self.incidents[i], events = lifecycle.observe(incident, sight, PlanSettings())
            self.events += [e.what for e in events]

    def slots(self, count, **ups):
        for _ in range(count):
            self.slot(**ups)

    def battery(self, count, charge, minutes=30.0):
        for n in range(count):
            self.slot(
                ups_on_battery=1.0,
                ups_self_test=0.0,
                ups_charge_ratio=charge - n * 0.01,
                ups_runtime_seconds=minutes * 60 - n * 15,
            )

    def mains(self, count, **more):
        self.slots(
            count,
            ups_on_battery=0.0,
            ups_self_test=0.0,
            ups_charge_ratio=0.8,
            ups_runtime_seconds=1800.0,
            **more,
        )

    @property
    def incident(self):
        (one,) = self.incidents.values()
        return one


def test_a_card_that_falls_silent_on_battery_ends_nothing():
    """
    Communication lost is unknown and never recovered: one incident, open, its alert stale.
    """
    ward = Ward()
    ward.mains(8)
    ward.battery(8, 1.0)
    assert ward.room.names() == ["UpsOnBattery"]
    assert (ward.incident.state, ward.incident.fault_class) == (State.OPEN, FaultClass.HAZARD)
    assert ward.incident.severity is Severity.CRITICAL
    assert ward.incident.interrupted_at is None
    title = ward.incident.root.title
    assert title.startswith("UPS1市电断,电池供电,约撑")

    ward.slots(60)  # fifteen minutes of silence
    stale = {a.alertname: a.stale for a in ward.room.firing()}
    assert stale == {"UpsOnBattery": True, "UpsSilent": False}
    assert ward.incident.state is State.OPEN
    assert ward.incident.root.title == title
    assert "watching" not in ward.events

    ward.battery(4, 0.4, minutes=20)  # it talks again: still on battery
    assert {a.alertname: a.stale for a in ward.room.firing()} == {"UpsOnBattery": False}
    assert ward.incident.state is State.OPEN

    ward.mains(3)  # and now it says that mains is back
    assert ward.room.names() == []
    assert ward.incident.state is State.WATCHING
    assert ward.events == ["watching"]


def test_a_card_that_lost_its_ups_ends_nothing():
    """
    upsAlarmCommunicationsLost: the card answers with what it last knew, or with nothing real.
    """
    ward = Ward()
    ward.mains(8)
    ward.battery(8, 1.0)
    assert ward.room.names() == ["UpsOnBattery"]
    ward.mains(40, ups_communication_lost=1.0)
    stale = {a.alertname: a.stale for a in ward.room.firing()}
    assert stale == {"UpsOnBattery": True, "UpsCommunicationLost": False}
    assert ward.incident.state is State.OPEN
    ward.mains(3, ups_communication_lost=0.0)
    assert ward.room.names() == []
    assert ward.incident.state is State.WATCHING


def test_a_short_drop_while_on_generator_is_no_new_incident():
    """
    Two 20 s drops after mains came back: nothing fires (hospital-practice 4 B, 19:47).
    """
    ward = Ward()
    ward.mains(8)
    for _ in range(2):
        ward.battery(1, 0.42, minutes=12)
        ward.mains(2)
    assert ward.incidents == {}


def test_a_worn_battery_is_told_by_what_is_measured():
    """
    The card says half an hour; the charge falls by 1 % in 15 s: 25 minutes at most from full.
    """
    ward = Ward()
    ward.battery(70, 1.0, minutes=60)  # 70 slots: 30 % left, 7.5 minutes
    assert set(ward.room.names()) == {"UpsOnBattery", "UpsRuntimeShort"}
    short = next(a for a in ward.room.firing() if a.alertname == "UpsRuntimeShort")
    assert 7.0 < short.value < 9.5
    ward.battery(15, 0.3, minutes=60)
    assert "UpsRuntimeLast" in ward.room.names()
    ward.mains(10)
    assert ward.room.names() == []
