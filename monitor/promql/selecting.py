"""
From the storage to vectors and windows.

Windows and look-back are open on the left, ``(t - r, t]`` (Prometheus 3). A
staleness marker ends a series for an instant selector; range functions do not see it.
"""

import numpy as np

from monitor.promql.ast import Selector, Subquery
from monitor.promql.rows import NOTHING, Rows, Windows
from monitor.promql.storage import NO_SAMPLE_BITS, Floats, Selection, Storage, has_sample

LOOKBACK = 300.0  # seconds; Prometheus' --query.lookback-delta


def milliseconds(instant: float) -> float:
    """The instant on Prometheus' grid, so that edges of windows compare exactly."""
    return round(instant * 1000.0) / 1000.0


def anchor(node: Selector | Subquery, now: float) -> float:
    """The instant a selector looks back from: @ first, then offset."""
    return milliseconds((now if node.at is None else node.at) - node.offset)


def one_name(node: Selector) -> bool:
    """Whether the selector can only return rows of one __name__."""
    return any(m.name == "__name__" and m.op == "=" and m.value for m in node.matchers)


def instant(node: Selector, storage: Storage, now: float) -> Rows:
    """Each series' newest sample within the look-back, unless it has ended."""
    return newest(node, storage, now)[0]


def newest(node: Selector, storage: Storage, now: float) -> tuple[Rows, Floats]:
    """As ``instant``, with the samples' own times."""
    end = anchor(node, now)
    found = storage.select(node.matchers, milliseconds(end - LOOKBACK), end)
    if not len(found.times) or not len(found.labels):
        return NOTHING, np.empty(0)
    written = found.values.view(np.uint64) != NO_SAMPLE_BITS
    last = len(found.times) - 1 - np.argmax(written[:, ::-1], axis=1)
    values = found.values[np.arange(len(found.labels)), last]
    alive = has_sample(values)
    rows = Rows(found.labels, values, one_name=one_name(node)).keep(alive)
    return rows, found.times[last[alive]]


def windows(node: Selector, storage: Storage, now: float) -> Windows:
    """Each series' samples in ``(end - range, end]``; series without any are left out."""
    end = anchor(node, now)
    start = milliseconds(end - (node.range or 0.0))
    found = storage.select(node.matchers, start, end)
    return pack(found, (start, end), now, one_name=one_name(node))


def pack(found: Selection, edges: tuple[float, float], now: float, *, one_name: bool) -> Windows:
    """The matrix with every row's samples moved to the left, in order of time."""
    mask = has_sample(found.values)
    counts = np.count_nonzero(mask, axis=1)
    if mask.all() and mask.shape[1]:
        times, values, labels = found.times[None, :], found.values, found.labels
    else:
        index = np.flatnonzero(counts)
        mask, counts = mask[index], counts[index]
        labels = [found.labels[i] for i in index.tolist()]
        order = np.argsort(~mask, axis=1, kind="stable")[:, : counts.max(initial=0)]
        values = np.where(mask, found.values[index], np.nan)
        values = np.take_along_axis(values, order, axis=1)
        times = found.times[order]
    return Windows(labels, times, values, counts, *edges, now, one_name)
