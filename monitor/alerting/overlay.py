"""
The samples of one turn: the storage as it stood, and what this turn has recorded since.

A recording rule's result is seen by the rules after it. Nothing below is changed.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Matcher
from monitor.promql.matchers import accepts
from monitor.promql.storage import NO_SAMPLE, STALE, Floats, Selection, Storage

SAME_INSTANT = 0.0005  # seconds; the engine rounds instants to milliseconds


class Overlay:
    """A Storage with one more column, at ``at`` (seconds since 1970)."""

    def __init__(self, below: Storage, at: float) -> None:
        self.below = below
        self.at = at
        self.recorded: dict[str, dict[LabelPairs, float]] = {}

    def record(self, name: str, rows: Mapping[LabelPairs, float]) -> None:
        """Add rows (without ``__name__``); a name recorded twice keeps both rules' rows."""
        self.recorded.setdefault(name, {}).update(rows)

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Every series that matches, with its samples in ``(start, end]``."""
        found = self.below.select(matchers, start, end)
        names = [n for n in self.recorded if _named(matchers, n)]
        if not names or not start < self.at <= end + SAME_INSTANT:
            return found
        fresh = {
            labels: value
            for name in names
            for pairs, value in self.recorded[name].items()
            if _match(labels := tuple(sorted((*pairs, ("__name__", name)))), matchers)
        }
        return self._merged(found, fresh, set(names))

    def _merged(
        self, found: Selection, fresh: dict[LabelPairs, float], names: set[str]
    ) -> Selection:
        times, values = self._with_column(found)
        for i, labels in enumerate(found.labels):
            if labels in fresh:
                values[i, -1] = fresh.pop(labels)
            elif dict(labels)["__name__"] in names:
                values[i, -1] = STALE
        below = np.full((len(fresh), len(times)), NO_SAMPLE)
        below[:, -1] = list(fresh.values())
        return Selection([*found.labels, *fresh], times, np.vstack([values, below]))

    def _with_column(self, found: Selection) -> tuple[Floats, Floats]:
        """Copy the matrix; its last column is this turn's."""
        if len(found.times) and found.times[-1] > self.at - SAME_INSTANT:
            return found.times, found.values.copy()
        column = np.full((len(found.labels), 1), NO_SAMPLE)
        return np.append(found.times, self.at), np.hstack([found.values, column])


def _named(matchers: Sequence[Matcher], name: str) -> bool:
    return all(accepts(m, name) for m in matchers if m.name == "__name__")


def _match(labels: LabelPairs, matchers: Sequence[Matcher]) -> bool:
    values = dict(labels)
    return all(accepts(m, values.get(m.name, "")) for m in matchers)
