"""A rule that is pending or firing for one label set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from monitor.model.reading import LabelPairs

AlertKey = tuple[str, str, LabelPairs]
"""(group, alertname, labels): what makes two alerts the same alert."""


class AlertState(StrEnum):
    """Where an alert is on its way."""

    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Alert:
    """
    Identity is ``(group, alertname, labels)``; labels include alertname,
    fault_class and severity, and never the value.
    """

    group: str
    alertname: str
    labels: LabelPairs
    annotations: Mapping[str, str]
    state: AlertState
    active_at: datetime  # first evaluation that returned it, carried over restarts
    fired_at: datetime | None
    value: float
    last_true_at: datetime  # last evaluation that returned it
    stale: bool = False  # firing without evidence that it still is, or is not
    absent_since: datetime | None = None  # for keep_firing_for
    own_labels: LabelPairs = field(default=())  # the sample's labels, without the rule's

    @property
    def key(self) -> AlertKey:
        """What makes two alerts the same alert."""
        return (self.group, self.alertname, self.labels)

    def label(self, name: str, default: str = "") -> str:
        """One label's value."""
        return dict(self.labels).get(name, default)
