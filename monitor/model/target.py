"""Targets, the systems that stand on them, and what one visit found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

Needs = tuple[tuple[str, ...], ...]
"""All entries must hold; an entry holds while any of its names is up.
``a, {any: [b, c]}`` is written ``(("a",), ("b", "c"))``."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is watched: an address, a probe kind, labels."""

    name: str
    title: str  # Chinese, for people
    kind: str  # key of exporters.PROBES
    address: str
    every: timedelta
    timeout: timedelta  # less than every: the configuration guarantees it
    level: int = 2  # 1 is the highest importance
    labels: Mapping[str, str] = field(default_factory=dict)
    depends_on: Needs = ()
    options: object = None  # an instance of the probe's Options

    def carried(self) -> dict[str, str]:
        """The labels that every series of the target carries."""
        own = {"instance": self.name, "job": self.kind, "level": str(self.level)}
        return {**self.labels, **own, "title": self.title}


@dataclass(frozen=True, slots=True)
class System:
    """A hospital system (HIS, LIS ...): up while its needs hold."""

    name: str
    title: str
    needs: Needs
    level: int = 1


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of one visit to one target."""

    target: str
    started_at: datetime
    ended_at: datetime
    up: bool
    reason: str = ""  # a word from monitor.probe.REASONS, "" when up
    detail: str = ""  # for people; bounded and free of control characters
    failing_since: datetime | None = None  # start of the first failed visit in a row
