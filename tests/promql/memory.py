"""An in-memory Storage for tests: series as (labels, {time: value})."""

import numpy as np

from monitor.promql.matchers import accepts
from monitor.promql.storage import NO_SAMPLE, Selection


class Memory:
    """Samples by series; times are whole milliseconds inside, seconds outside."""

    def __init__(self, series=()):
        self.series = {}  # labels -> {milliseconds: value}
        for labels, samples in series:
            for at, value in samples:
                self.add(labels, at, value)

    def add(self, labels, at, value):
        """One sample; `labels` is a dict with __name__, `at` in seconds."""
        key = tuple(sorted((n, v) for n, v in labels.items() if v))
        self.series.setdefault(key, {})[round(at * 1000)] = value

    def select(self, matchers, start, end):
        start_ms, end_ms = round(start * 1000), round(end * 1000)
        rows = []
        for key, samples in self.series.items():
            labels = dict(key)
            if all(accepts(m, labels.get(m.name, "")) for m in matchers):
                rows.append((key, {t: v for t, v in samples.items() if start_ms < t <= end_ms}))
        axis = sorted({t for _, samples in rows for t in samples})
        column = {t: i for i, t in enumerate(axis)}
        values = np.full((len(rows), len(axis)), NO_SAMPLE)
        for i, (_, samples) in enumerate(rows):
            for t, value in samples.items():
                values[i, column[t]] = value
        times = np.array(axis, dtype=np.float64) / 1000
        return Selection([key for key, _ in rows], times, values)
