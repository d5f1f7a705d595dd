"""
Functions of a window that are about change per time: rate, increase, delta, deriv ...

Source: Prometheus' promql/functions.go (3.x): extrapolatedRate, instantValue,
linearRegression.
"""

import numpy as np

from monitor.promql import kahan
from monitor.promql.over_time import Scalars
from monitor.promql.rows import Windows
from monitor.promql.storage import Floats

# A gap to the window's edge of up to 1.1 sampling intervals counts as "sampled to the
# edge"; beyond it half an interval is added (extrapolationThreshold).
EDGE = 1.1


def delta(w: Windows, _: Scalars) -> Floats:
    """Last minus first, extrapolated to the window's edges. For gauges."""
    difference = w.from_end(0)[1] - w.values[:, 0]
    return difference * _stretch(w, *_to_edges(w))


def increase(w: Windows, _: Scalars) -> Floats:
    """How much a counter grew, over its resets, extrapolated to the edges."""
    first = w.values[:, 0]
    before, after = w.values[:, :-1], w.values[:, 1:]
    fallen = np.where(after < before, before, 0.0).sum(axis=1)
    grown = w.from_end(0)[1] - first + fallen
    to_start, to_end = _to_edges(w)
    # A counter was not below zero: go no further back than where it would have been zero.
    from_zero = _sampled(w) * (first / grown)
    clipped = np.where((grown > 0) & (first >= 0), np.fmin(from_zero, to_start), to_start)
    return np.asarray(grown * _stretch(w, clipped, to_end))


def rate(w: Windows, scalars: Scalars) -> Floats:
    """The increase per second of the window's length."""
    return increase(w, scalars) / (w.end - w.start)


def idelta(w: Windows, _: Scalars) -> Floats:
    """The difference of the last two samples."""
    return w.from_end(0)[1] - w.from_end(1)[1]


def irate(w: Windows, _: Scalars) -> Floats:
    """The increase per second between the last two samples; a reset starts from zero."""
    (last_at, last), (before_at, before) = w.from_end(0), w.from_end(1)
    return np.where(last < before, last, last - before) / (last_at - before_at)


def deriv(w: Windows, _: Scalars) -> Floats:
    """The slope per second of the least-squares line."""
    return _line(w, np.broadcast_to(w.times, w.values.shape)[:, 0])[0]


def predict_linear(w: Windows, scalars: Scalars) -> Floats:
    """The least-squares line, so many seconds after the instant of the evaluation."""
    slope, intercept = _line(w, np.full(len(w.counts), w.now))
    return slope * scalars[0] + intercept


def _sampled(w: Windows) -> Floats:
    """Seconds from each row's first sample to its last."""
    return w.from_end(0)[0] - w.times[:, 0]


def _to_edges(w: Windows) -> tuple[Floats, Floats]:
    """Seconds to extrapolate before the first sample and after the last one."""
    interval = _sampled(w) / (w.counts - 1)
    to_start = w.times[:, 0] - w.start
    to_end = w.end - w.from_end(0)[0]
    return (
        np.where(to_start >= interval * EDGE, interval / 2, to_start),
        np.where(to_end >= interval * EDGE, interval / 2, to_end),
    )


def _stretch(w: Windows, to_start: Floats, to_end: Floats) -> Floats:
    sampled = _sampled(w)
    return (sampled + to_start + to_end) / sampled


def _line(w: Windows, origin: Floats) -> tuple[Floats, Floats]:
    """Slope and value at `origin` (seconds since 1970, one a row) of the least-squares line."""
    valid = w.valid()
    x = np.where(valid, w.times - origin[:, None], 0.0)
    y = np.where(valid, w.values, 0.0)
    n, terms = w.counts, np.concatenate([x, y, x * y, x * x])  # one pass for the four sums
    sums = kahan.total(np.ascontiguousarray(terms.T), len(terms))
    sum_x, sum_y, sum_xy, sum_xx = sums.reshape(4, -1)
    covariance = sum_xy - sum_x * sum_y / n
    slope = covariance / (sum_xx - sum_x * sum_x / n)
    intercept = sum_y / n - slope * sum_x / n
    # Equal values give an exact line, and infinite ones give none.
    first = w.values[:, 0]
    level = ((w.values == first[:, None]) | ~valid).all(axis=1)
    flat = np.where(np.isinf(first), np.nan, 0.0)
    return np.where(level, flat, slope), np.where(level, flat + first, intercept)
