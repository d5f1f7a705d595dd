"""What a probe brings back: readings, blocks of readings, and what a metric is."""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

MetricType = Literal["gauge", "counter", "histogram", "summary", "unknown"]
LabelPairs = tuple[tuple[str, str], ...]
"""Sorted (name, value) pairs: the hashable form of a label set."""

ABSENT = math.nan
"""In a block: this label set has no value under this name."""

NAN: float = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000001))[0]
"""A NaN that is a value, in a block too (Prometheus' NormalNaN, model/value/value.go)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """The Prometheus type of a metric and its HELP text."""

    type: MetricType
    help: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One number: a name, a value, labels of its own. No time, no target."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """
    A table of readings: ``values[row][column]`` belongs to ``label_sets[row]``
    and ``names[column]``; NaN with no payload means "no such cell".

    The store looks a row up once per label set, so a probe that keeps its label
    sets the same from visit to visit costs arithmetic, not objects. ``metrics``
    is for OPEN probes: type and help as the target itself declares them.
    """

    names: tuple[str, ...]
    label_sets: tuple[LabelPairs, ...]
    values: Sequence[Sequence[float]]
    metrics: Mapping[str, Metric] = field(default_factory=dict)


Readings = Sequence[Reading | Block]
