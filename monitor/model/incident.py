"""An incident: one root cause, its alerts, its clock, and everything that was said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from monitor.model.alert import Alert, AlertKey


class FaultClass(StrEnum):
    """故障分级. ``hazard`` (隐患) is no fault yet and has no department clock."""

    CLASS1 = "class1"
    CLASS2 = "class2"
    CLASS3 = "class3"
    OTHER = "other"
    HAZARD = "hazard"


class Scope(StrEnum):
    """影响范围: it chooses which departments a threshold proposes."""

    WHOLE = "whole"
    SYSTEM = "system"
    LOCAL = "local"
    SINGLE = "single"


class Severity(StrEnum):
    """事件级别."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class State(StrEnum):
    """The incident's state; ``incidents.lifecycle`` owns the transitions."""

    OPEN = "open"
    WATCHING = "watching"
    RECOVERED = "recovered"
    CLOSED = "closed"
    MERGED = "merged"


class RootKind(StrEnum):
    """What the first sight of the fault was."""

    RULE = "rule"
    TRAP = "trap"
    PHONE = "phone"
    QUORUM = "quorum"
    SELF = "self"


class ClockState(StrEnum):
    """A step's row: still due, told, swallowed by a higher step, or called off."""

    DUE = "due"
    FIRED = "fired"
    COLLAPSED = "collapsed"
    CANCELLED = "cancelled"


class NoticeState(StrEnum):
    """The outbox: queued, in a sender's hands, confirmed by the channel."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"


def number_of(incident_id: int) -> int:
    """The short id of four digits that people say: 1001, 1002 ... 9999, 1000, ..."""
    return 1000 + incident_id % 9000


@dataclass(frozen=True, slots=True)
class Root:
    """故障点: the subject that explains the rest."""

    instance: str  # a target's or a system's name
    alertname: str  # "" while its own alert has not fired yet
    kind: RootKind
    title: str  # 「核心交换机失联」


@dataclass(frozen=True, slots=True)
class Part:
    """One alert's part in an incident. It outlives the alert: ended_at."""

    key: str  # stable text form of Alert.key
    instance: str
    alertname: str
    since: datetime
    fault_class: FaultClass
    severity: Severity
    what: str = ""  # the annotation `what`: 失联, 连不上 ...
    summary: str = ""
    ended_at: datetime | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class StepClock:
    """One step of one incident. ``due_at`` is a UTC instant, never a countdown."""

    incident_id: int
    step: str  # told, t30m, t6h, t24h, or a chain step's name from the plan
    due_at: datetime
    state: ClockState = ClockState.DUE
    fired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """
    One root cause and all alerts explained by it.

    ``started_at`` is the earliest joined instant; ``interrupted_at`` is when
    service was first cut, from which thresholds count (None: nothing is cut).
    """

    id: int
    number: int  # four digits, the short id people say
    state: State
    root: Root
    fault_class: FaultClass
    scope: Scope
    severity: Severity
    started_at: datetime
    opened_at: datetime
    settle_until: datetime | None  # notices wait; None once settled
    interrupted_at: datetime | None = None
    class_confirmed: bool = False
    drill: bool = False
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    watching_since: datetime | None = None
    recovered_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str = ""
    merged_into: int | None = None
    parts: tuple[Part, ...] = ()
    impact: tuple[str, ...] = ()  # names of cut targets, root excluded
    systems: tuple[str, ...] = ()  # names of systems that are down because of it
    clocks: tuple[StepClock, ...] = ()
    told: tuple[str, ...] = ()  # names of everybody who was owed a notice
    told_class: str = ""  # the fault class the last notice named; "" before the first


@dataclass(frozen=True, slots=True)
class Event:
    """Who did what, when; before and after. Rows are added, never edited."""

    incident_id: int
    at: datetime
    who: str  # a person's name, or "zhiban"
    what: str  # opened, acknowledged, class_raised, reparented, step, watching ...
    before: str = ""
    after: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message owed to one person by one step. ``key`` is unique for ever."""

    key: str  # incident:step:person
    incident_id: int
    step: str
    person: str
    channel: str
    title: str
    text: str
    created_at: datetime
    id: int = 0  # given by the store
    state: NoticeState = NoticeState.QUEUED
    attempts: int = 0
    next_try_at: datetime | None = None
    last_error: str = ""
    sent_at: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # number, fault_class ... for webhooks


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything one turn of the judge wrote: one transaction, all or nothing."""

    incidents: tuple[Incident, ...] = ()
    events: tuple[Event, ...] = ()
    notices: tuple[Notice, ...] = ()
    alerts_put: tuple[Alert, ...] = ()
    alerts_gone: tuple[AlertKey, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return any((self.incidents, self.events, self.notices, self.alerts_put, self.alerts_gone))
