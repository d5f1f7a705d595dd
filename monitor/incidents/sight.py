"""What one turn of the judge sees, as frozen values. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from monitor.incidents.topology import Outage
from monitor.model.alert import Alert, AlertKey
from monitor.model.incident import FaultClass, Part, Severity

SELF = "zhiban"  # the instance of our own metrics


def part_key(key: AlertKey) -> str:
    """An alert's identity as one line of text, for rows that outlive the alert."""
    group, name, labels = key
    return json.dumps([group, name, *labels], ensure_ascii=False, separators=(",", ":"))


def subject(alert: Alert) -> str:
    """What the alert is about: `subject`, else `instance`, else the rule itself."""
    labels = dict(alert.labels)
    return labels.get("subject") or labels.get("instance") or f"rule:{alert.alertname}"


def part_of(alert: Alert) -> Part:
    """The alert as a part of an incident."""
    return Part(
        key=part_key(alert.key),
        instance=subject(alert),
        alertname=alert.alertname,
        since=alert.active_at,
        fault_class=FaultClass(alert.label("fault_class", FaultClass.HAZARD)),
        severity=Severity(alert.label("severity", Severity.WARNING)),
        what=alert.annotations.get("what", ""),
        summary=alert.annotations.get("summary", ""),
    )


@dataclass(frozen=True)
class Sight:
    """One turn: the instant, what fails, what fires, what ended and why, who answered when."""

    now: datetime
    outage: Outage
    firing: tuple[Alert, ...] = ()
    withdrawn: frozenset[str] = frozenset()  # part keys that ended by withdrawal
    answered: Mapping[str, datetime] = field(default_factory=dict)  # target -> newest visit's end
    uplink: tuple[str, ...] = ()

    @cached_property
    def live(self) -> Mapping[str, Part]:
        """Part key -> part, for every firing alert."""
        return {p.key: p for p in map(part_of, self.firing)}

    def everything_out(self) -> bool:
        """The first hop and every single target fail: it may be our own cable."""
        outage = self.outage
        hop = bool(self.uplink) and all(name in outage.failed for name in self.uplink)
        return hop and len(outage.failed) >= len(outage.topology.targets) > len(self.uplink)
