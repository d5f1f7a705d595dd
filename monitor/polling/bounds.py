"""
What may come back from one visit: rows, labels, names. Pure: no I/O and no clock.

A probe that breaks its own contract is a bug of ours (``broken``); a target that
sends too much is its own failed probe (``too_large``). Label values are people's
text and are mended instead: control characters out, cut at 1,024 characters.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from monitor.model.reading import Block, LabelPairs, Metric, Reading, Readings
from monitor.probe import Open, ProbeError

MAX_ROWS = 10_000  # series one target may bring per visit (reliability.md, section 4 rule 7)
MAX_LABELS = 64  # per series
MAX_VALUE = 1024  # characters of a label value
MAX_DETAIL = 240  # characters of a failure's detail: a phone shows about that much

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")  # Prometheus' data model, the ASCII form
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
HISTOGRAM = ("", "_bucket", "_sum", "_count")
SUMMARY = ("", "_sum", "_count")


class BrokenProbeError(Exception):
    """The probe broke its contract; the message is for us."""


def clean(text: str, most: int) -> str:
    """Return ``text`` on one line, without control or format characters, cut at ``most``."""
    if text.isascii() and text.isprintable() and len(text) <= most:
        return text
    shown = "".join(c if c.isprintable() else " " for c in text[: most + 1])
    shown = shown.encode(errors="replace").decode()
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def allowed_names(metrics: Mapping[str, Metric]) -> frozenset[str]:
    """Every sample name that the declared metrics may yield."""
    endings = {"histogram": HISTOGRAM, "summary": SUMMARY}
    return frozenset(n + e for n, m in metrics.items() for e in endings.get(m.type, ("",)))


class Bounds:
    """
    The bounds of one target.

    It remembers the newest label sets of each block, so that a table that did not
    change is not checked again and comes out as the same objects.
    """

    def __init__(self, metrics: Mapping[str, Metric] | Open) -> None:
        self._allowed = None if isinstance(metrics, Open) else allowed_names(metrics)
        self._known: dict[tuple[str, ...], tuple[tuple[LabelPairs, ...], tuple[LabelPairs, ...]]]
        self._known = {}

    def check(self, readings: Any) -> Readings:
        """Return the readings, mended; BrokenProbeError or ProbeError("too_large") otherwise."""
        if not isinstance(readings, Sequence) or isinstance(readings, str | bytes):
            raise BrokenProbeError(f"returned {type(readings).__name__}, not readings")
        rows = 0
        checked: list[Reading | Block] = []
        for one in readings:
            rows += len(one.names) * len(one.label_sets) if isinstance(one, Block) else 1
            if rows > MAX_ROWS:
                raise ProbeError("too_large", f"more than {MAX_ROWS} rows")
            checked.append(self._one(one))
        blocks = {one.names for one in checked if isinstance(one, Block)}
        self._known = {names: known for names, known in self._known.items() if names in blocks}
        return checked

    def _one(self, one: Any) -> Reading | Block:
        if isinstance(one, Reading):
            self._names((one.name,))
            labels = dict(mend(one.labels.items()))
            return Reading(one.name, number(one.value), labels)
        if isinstance(one, Block):
            return self._block(one)
        raise BrokenProbeError(f"returned a {type(one).__name__} among its readings")

    def _block(self, block: Block) -> Block:
        self._names(block.names)
        if len(block.values) != len(block.label_sets):
            raise BrokenProbeError("a block with another number of rows than label sets")
        columns = len(block.names)
        values = [[number(v) for v in row] for row in block.values]
        if any(len(row) != columns for row in values):
            raise BrokenProbeError("a block with a row that is shorter or longer than its names")
        return Block(block.names, self._label_sets(block), values, block.metrics)

    def _label_sets(self, block: Block) -> tuple[LabelPairs, ...]:
        raw = block.label_sets
        known = self._known.get(block.names)
        if known is not None and known[0] == raw:
            return known[1]
        mended = tuple(tuple(sorted(mend(pairs))) for pairs in raw)
        self._known[block.names] = (raw, mended)
        return mended

    def _names(self, names: tuple[str, ...]) -> None:
        for name in names:
            if self._allowed is not None and name not in self._allowed:
                raise BrokenProbeError(f"{name!r} is not among the probe's metrics")
            if not METRIC_NAME.fullmatch(name):
                raise BrokenProbeError(f"{name!r} is no metric name")


def number(value: Any) -> float:
    """Return the value as a float, bit for bit where it is one; BrokenProbeError otherwise."""
    if type(value) is float:
        return value
    try:
        return float(value) if not isinstance(value, str | bytes) else refuse(value)
    except (TypeError, ValueError, OverflowError):
        return refuse(value)


def refuse(value: Any) -> float:
    """Say that a value is no number."""
    raise BrokenProbeError(f"a value of type {type(value).__name__} is no number")


def mend(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return label pairs with valid names and bounded, printable values."""
    found = list(pairs)
    if len(found) > MAX_LABELS:
        raise ProbeError("too_large", f"a series with more than {MAX_LABELS} labels")
    return [(label_name(name), label_value(value)) for name, value in found]


def label_name(name: Any) -> str:
    """Return a valid label name; ``__name__`` is the store's."""
    if isinstance(name, str) and LABEL_NAME.fullmatch(name) and not name.startswith("__"):
        return name
    raise BrokenProbeError(f"{name!r} is no label name")


def label_value(value: Any) -> str:
    """Return a label value without control characters, cut at MAX_VALUE."""
    if not isinstance(value, str):
        raise BrokenProbeError(f"a label value of type {type(value).__name__}")
    return clean(value, MAX_VALUE)
