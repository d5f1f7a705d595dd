"""
The lines of one family: their order and their text up to the value, made once.

Only the values change from scrape to scrape. The cache is good until a row of one of
the family's matrices is taken or given back (``Matrix.version``).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.model.reading import LabelPairs
from monitor.promql.storage import has_sample
from monitor.series.index import Rows
from monitor.series.matrix import Matrix
from monitor.series.own import OWN

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_RANK = {"_bucket": 0, "_count": 1, "_sum": 2}  # within one histogram: the usual order


@dataclass(frozen=True, slots=True)
class Lines:
    """``prefixes[i]`` is the line of cell ``cells[i]`` of all current values in a row."""

    versions: tuple[int, ...]
    cells: Rows
    prefixes: list[str]

    def text(self, members: Sequence[Matrix]) -> str:
        """All lines that have a value now."""
        values = np.concatenate([m.current for m in members])[self.cells]
        live = has_sample(values)
        prefixes: Sequence[str] = self.prefixes
        if not live.all():
            kept = np.flatnonzero(live).tolist()
            values, prefixes = values[live], [prefixes[i] for i in kept]
        return "".join(
            [f"{p}{number(v)}\n" for p, v in zip(prefixes, values.tolist(), strict=True)]
        )


def number(value: float) -> str:
    """The shortest text that reads back as the same float, as Go writes its edges."""
    if math.isfinite(value):
        return repr(value).removesuffix(".0")
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def lines(members: Sequence[Matrix]) -> Lines:
    """The family's lines, from the cache where that is still good."""
    versions = tuple(m.version for m in members)
    cached = members[0].lines
    if isinstance(cached, Lines) and cached.versions == versions:
        return cached
    entries = sorted(_entries(members))
    cells = np.fromiter((cell for *_, cell, _ in entries), np.int64, len(entries))
    made = Lines(versions, cells, [prefix for *_, prefix in entries])
    members[0].lines = made
    return made


def _entries(members: Sequence[Matrix]) -> Iterator[tuple[LabelPairs, int, float, int, str]]:
    """Sort keys first: label set without le and quantile, kind of sample, le, cell."""
    base = 0
    compound = len(members) > 1 or members[0].name.endswith("_bucket")
    for matrix in members:
        rank = _RANK.get(matrix.name[matrix.name.rfind("_") :], 0) if compound else 0
        for labels, row in matrix.rows.items():
            if matrix.owners[row] != OWN:
                group, edge = _split(labels) if compound else (labels, 0.0)
                yield group, rank, edge, base + row, prefix(labels)
        base += len(matrix.current)


def _split(labels: LabelPairs) -> tuple[LabelPairs, float]:
    edge = next((v for name, v in labels if name in {"le", "quantile"}), "0")
    rest = tuple(pair for pair in labels if pair[0] not in {"le", "quantile", "__name__"})
    try:
        return rest, float(edge)
    except ValueError:
        return rest, math.inf


def prefix(labels: LabelPairs) -> str:
    """``name{a="b",c="d"} `` with values escaped as both formats want it."""
    name = ""
    pairs = []
    for label, value in labels:
        if label == "__name__":
            name = value
        else:
            pairs.append(f'{label}="{value.translate(_ESCAPES)}"')
    return f"{name}{{{','.join(pairs)}}} " if pairs else f"{name} "
