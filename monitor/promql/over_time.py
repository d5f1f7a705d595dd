"""
Functions of a window that summarise its samples: *_over_time, changes, resets.

Each takes Windows and its scalar arguments and gives one number a row. Sources:
Prometheus' promql/functions.go and promql/quantile.go (3.x).
"""

from collections.abc import Sequence

import numpy as np

from monitor.promql import kahan
from monitor.promql.rows import Windows
from monitor.promql.storage import Floats

Scalars = Sequence[float]


def count(w: Windows, _: Scalars) -> Floats:
    """How many samples there are."""
    return w.counts.astype(np.float64)


def present(w: Windows, _: Scalars) -> Floats:
    """1 wherever there is a sample."""
    return np.ones(len(w.counts))


def last(w: Windows, _: Scalars) -> Floats:
    """The newest sample."""
    return w.from_end(0)[1]


def least(w: Windows, _: Scalars) -> Floats:
    """The smallest; NaN only where there is nothing else."""
    values: Floats = np.fmin.reduce(w.values, axis=1)
    return values


def greatest(w: Windows, _: Scalars) -> Floats:
    """The largest; NaN only where there is nothing else."""
    values: Floats = np.fmax.reduce(w.values, axis=1)
    return values


def total(w: Windows, _: Scalars) -> Floats:
    """The compensated sum."""
    return kahan.total(_columns(w), len(w.counts))


def mean(w: Windows, scalars: Scalars) -> Floats:
    """The mean; where the sum overflows though no sample is infinite, of scaled samples."""
    values = total(w, scalars) / w.counts
    lost = ~np.isfinite(values)
    if lost.any():
        overflown = lost & (np.isfinite(w.values) | ~w.valid()).all(axis=1)
        scaled = np.where(w.valid(), w.values, 0.0) / w.counts[:, None]
        values = np.where(overflown, kahan.total(scaled.T, len(values)), values)
    return values


def variance(w: Windows, _: Scalars) -> Floats:
    """The population variance, by Welford's method with compensated terms."""
    mean, squares = kahan.Running(len(w.counts)), kahan.Running(len(w.counts))
    for n, column in enumerate(np.ascontiguousarray(w.values.T), start=1):
        here = n <= w.counts
        delta = np.where(here, column - mean.total, 0.0)
        mean.add(delta / n)
        squares.add(np.where(here, delta * (column - mean.total), 0.0))
    return squares.total / w.counts


def deviation(w: Windows, scalars: Scalars) -> Floats:
    """The population standard deviation."""
    return np.sqrt(variance(w, scalars))


def quantile(w: Windows, scalars: Scalars) -> Floats:
    """The quantile, interpolated between neighbours; NaN counts as the smallest."""
    (q,) = scalars
    if np.isnan(q) or not 0 <= q <= 1:
        edge = np.nan if np.isnan(q) else np.copysign(np.inf, q)
        return np.full(len(w.counts), edge)
    # Ascending with NaN first and the padding last.
    padded = np.where(w.valid(), -w.values, -np.inf)
    ordered = -np.sort(padded, axis=1)[:, ::-1]
    rank = q * (w.counts - 1.0)
    low = np.floor(rank)
    weight = rank - low
    rows, lower = np.arange(len(rank)), low.astype(np.intp)
    upper = np.minimum(lower + 1, w.counts - 1)
    return np.asarray(ordered[rows, lower] * (1 - weight) + ordered[rows, upper] * weight)


def changes(w: Windows, _: Scalars) -> Floats:
    """How often the value changed; NaN after NaN is no change."""
    before, after = w.values[:, :-1], w.values[:, 1:]
    differs = (before != after) & ~(np.isnan(before) & np.isnan(after)) & w.valid()[:, 1:]
    return np.asarray(np.count_nonzero(differs, axis=1), dtype=np.float64)


def resets(w: Windows, _: Scalars) -> Floats:
    """How often the value fell."""
    fell = w.values[:, 1:] < w.values[:, :-1]
    return np.asarray(np.count_nonzero(fell, axis=1), dtype=np.float64)


def _columns(w: Windows) -> Floats:
    """One row for each column, with 0 where there is no sample."""
    full = bool((w.counts == w.values.shape[1]).all())
    values = w.values if full else np.where(w.valid(), w.values, 0.0)
    return np.ascontiguousarray(values.T)
