"""What the judge knows at this moment, in one frozen piece: for pages, API and gauges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.model.alert import Alert
from monitor.model.incident import Incident
from monitor.model.target import Visit


@dataclass(frozen=True, slots=True)
class Board:
    """
    Incidents, alerts and visits as of one instant.

    ``now`` is the instant of the slot that the judge finished last (None before the
    first): everything here was true then. A reader compares it with the clock and says
    so when it is older than three ``grid``.
    """

    now: datetime | None
    incidents: tuple[Incident, ...] = ()  # open, watching, and recovered not yet closed
    alerts: tuple[Alert, ...] = ()  # pending and firing
    visits: Mapping[str, Visit] = field(default_factory=dict)  # newest per target
    systems_down: frozenset[str] = frozenset()  # names
    grid: timedelta = timedelta(seconds=15)
