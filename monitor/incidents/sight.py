"""What one turn of the judge sees, as frozen values. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from monitor.incidents.topology import Outage
from monitor.model.alert import Alert, AlertKey
from monitor.model.incident import FaultClass, Part, Scope, Severity

RULE = "rule:"  # before the rule's name, where an alert names no target and no system
SELF = "zhiban"  # the instance of our own metrics


def part_key(key: AlertKey) -> str:
    """An alert's identity as one line of text, for rows that outlive the alert."""
    group, name, labels = key
    return json.dumps([group, name, *labels], ensure_ascii=False, separators=(",", ":"))


def subject(alert: Alert) -> str:
    """What the alert is about: `subject`, else `instance`, else the rule itself."""
    labels = dict(alert.labels)
    return labels.get("subject") or labels.get("instance") or f"{RULE}{alert.alertname}"


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
    seen_from: datetime | None = None  # since when this process sees; None: long enough

    @cached_property
    def live(self) -> Mapping[str, Part]:
        """Part key -> part, for every firing alert."""
        return {p.key: p for p in map(part_of, self.firing)}

    @cached_property
    def scopes(self) -> Mapping[str, Scope]:
        """Part key -> 影响范围, for the firing alerts whose rule says one."""
        said = ((part_key(a.key), a.label("scope")) for a in self.firing)
        return {key: Scope(scope) for key, scope in said if scope}

    def everything_out(self) -> bool:
        """
        The first hop fails, something else too, and nothing has answered since.

        It may be our own cable. What is asked once a minute has not failed by the time
        the first word is due: that it has not answered either is all there is to know.
        """
        failed, targets = self.outage.failed, self.outage.topology.targets
        since = max((failed[n] for n in self.uplink if n in failed), default=None)
        if since is None or any(n not in failed for n in self.uplink):
            return False
        others = [n for n in targets if n not in self.uplink]
        answered = (n for n in others if n not in failed and self._answered(n, since))
        return any(n in failed for n in others) and not any(True for _ in answered)

    def _answered(self, name: str, since: datetime) -> bool:
        at = self.answered.get(name)
        return at is not None and at >= since
