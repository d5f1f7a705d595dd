"""
What the evaluator reads from, and the three kinds of "no number" in a sample matrix.

An ordinary NaN is a value. STALE ends a series (Prometheus' staleness marker);
NO_SAMPLE means that the series had no sample in that slot. Both are told apart by
their bits: compare with ``is_stale`` and ``has_sample``, never with ``isnan``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Matcher

STALE_BITS = np.uint64(0x7FF0000000000002)  # prometheus/model/value/value.go, StaleNaN
NO_SAMPLE_BITS = np.uint64(0x7FF8000000000ABC)  # ours: a quiet NaN with a payload
STALE = np.array([STALE_BITS]).view(np.float64)[0]
NO_SAMPLE = np.array([NO_SAMPLE_BITS]).view(np.float64)[0]

Floats = NDArray[np.float64]


def is_stale(values: Floats) -> NDArray[np.bool_]:
    """Where the matrix holds a staleness marker."""
    stale: NDArray[np.bool_] = values.view(np.uint64) == STALE_BITS
    return stale


def has_sample(values: Floats) -> NDArray[np.bool_]:
    """Where the matrix holds a sample: a number, or an ordinary NaN."""
    bits = values.view(np.uint64)
    sample: NDArray[np.bool_] = (bits != STALE_BITS) & (bits != NO_SAMPLE_BITS)
    return sample


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of a selector: ``values[i]`` belongs to ``labels[i]``, columns to ``times``."""

    labels: Sequence[LabelPairs]  # with __name__, sorted by name
    times: Floats  # seconds since 1970, ascending
    values: Floats  # C-contiguous, rows x times


class Storage(Protocol):
    """A frozen view of the samples: it does not change while it is evaluated."""

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Every series that matches, with its samples in ``(start, end]``."""
        ...
