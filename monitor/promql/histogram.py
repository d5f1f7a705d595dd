"""
histogram_quantile over classic buckets (`le`).

Source: Prometheus' promql/quantile.go (3.x): BucketQuantile, coalesceBuckets,
ensureMonotonicAndIgnoreSmallDeltas.
"""

import bisect
import math
from collections import defaultdict

import numpy as np

from monitor.model.reading import LabelPairs
from monitor.promql.rows import NAME, Rows

SMALL_DELTA = 1e-12  # relative; smaller differences of neighbours are rounding errors
Bucket = tuple[float, float]  # upper bound, cumulative count


def histogram_quantile(rows: Rows, q: float) -> Rows:
    """One row for each label set without `le`; rows without a usable `le` are passed over."""
    groups: dict[LabelPairs, list[Bucket]] = defaultdict(list)
    for pairs, value in zip(rows.labels, rows.values.tolist(), strict=True):
        bound = _bound(dict(pairs).get("le", ""))
        if bound is not None:
            rest = tuple(pair for pair in pairs if pair[0] not in (NAME, "le"))
            groups[rest].append((bound, value))
    values = np.array([_quantile(q, buckets) for buckets in groups.values()], dtype=np.float64)
    return Rows(list(groups), values, one_name=True)


def _bound(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _quantile(q: float, found: list[Bucket]) -> float:
    if math.isnan(q) or not 0 <= q <= 1:
        return math.nan if math.isnan(q) else math.copysign(math.inf, q)
    bounds, counts = _cumulative(found)
    if bounds[-1] != math.inf or len(bounds) < 2 or counts[-1] == 0:  # noqa: PLR2004 - +Inf and one more
        return math.nan
    rank = q * counts[-1]
    b = bisect.bisect_left(counts, rank, hi=len(counts) - 1)
    if b == len(bounds) - 1:
        return bounds[-2]
    if b == 0 and bounds[0] <= 0:
        return bounds[0]
    start, below = (bounds[b - 1], counts[b - 1]) if b else (0.0, 0.0)
    share = np.float64(rank - below) / np.float64(counts[b] - below)
    return start + (bounds[b] - start) * float(share)


def _cumulative(found: list[Bucket]) -> tuple[list[float], list[float]]:
    """Bounds ascending, equal ones added up, counts made monotonic."""
    merged: dict[float, float] = {}
    for bound, count in sorted(found, key=lambda bucket: bucket[0]):
        merged[bound] = merged.get(bound, 0.0) + count
    counts: list[float] = []
    for count in merged.values():
        below = counts[-1] if counts else count
        close = math.isclose(count, below, rel_tol=SMALL_DELTA, abs_tol=0.0)
        counts.append(below if close or count < below else count)
    return list(merged), counts
