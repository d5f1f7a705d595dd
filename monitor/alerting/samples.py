"""
Samples written down by hand: the storage of rule tests.

``put`` adds, ``until`` is the view an evaluation gets: nothing later than its instant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Matcher
from monitor.promql.matchers import accepts
from monitor.promql.storage import NO_SAMPLE, Selection


class Samples:
    """Series by their labels (``__name__`` included), each sample by its instant."""

    def __init__(self) -> None:
        self.series: dict[LabelPairs, dict[float, float]] = {}

    def put(self, labels: LabelPairs, at: float, value: float) -> None:
        """Write one sample; ``at`` in seconds since 1970, ``labels`` sorted by name."""
        self.series.setdefault(labels, {})[at] = value

    def until(self, at: float) -> "View":
        """Return what could be seen at that instant."""
        return View(self, at)

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Every series that matches, with its samples in ``(start, end]``."""
        found = {
            labels: {t: v for t, v in points.items() if start < t <= end}
            for labels, points in self.series.items()
            if all(accepts(m, dict(labels).get(m.name, "")) for m in matchers)
        }
        times = sorted({t for points in found.values() for t in points})
        columns = {t: i for i, t in enumerate(times)}
        values = np.full((len(found), len(times)), NO_SAMPLE)
        for row, points in enumerate(found.values()):
            for t, value in points.items():
                values[row, columns[t]] = value
        return Selection(list(found), np.array(times, dtype=np.float64), values)


@dataclass(frozen=True, slots=True)
class View:
    """Samples as they stood at an instant."""

    samples: Samples
    at: float

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Every series that matches, with its samples in ``(start, end]``."""
        return self.samples.select(matchers, start, min(end, self.at))
