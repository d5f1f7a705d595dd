"""
Metric families and the Prometheus text format 0.0.4. Pure.

A label set stands once in a family: a page that says a thing twice is refused as a whole.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Family:
    """One metric: name, type, HELP, and its values by label set."""

    name: str
    type: Literal["counter", "gauge"]
    help: str
    samples: dict[Labels, float] = field(default_factory=dict)

    def put(self, value: float | None, **labels: str) -> None:
        """Add a value; None is no value. The first of two with the same labels stays."""
        if value is not None:
            self.samples.setdefault(tuple(labels.items()), float(value))


def single(name: str, kind: Literal["counter", "gauge"], text: str, value: float) -> Family:
    """Return a family of one value without labels."""
    return Family(name, kind, text, {(): float(value)})


def columns(
    names: Mapping[str, tuple[str, str]], rows: Iterable[tuple[Labels, object]]
) -> list[Family]:
    """
    One family per attribute of psutil's tuples: attribute to (name, HELP).

    Names that end in _total are counters. An attribute that this system lacks is left out.
    """
    found = {
        attribute: Family(name, "counter" if name.endswith("_total") else "gauge", text)
        for attribute, (name, text) in names.items()
    }
    for labels, row in rows:
        for attribute, family in found.items():
            family.put(getattr(row, attribute, None), **dict(labels))
    return [family for family in found.values() if family.samples]


def render(families: Iterable[Family]) -> bytes:
    """The page; bytes that a file name holds and UTF-8 does not are replaced."""
    text = "".join(line for family in families for line in lines(family))
    return text.encode("utf-8", "replace")


def lines(family: Family) -> Iterator[str]:
    """A family's lines, each with its end."""
    if not family.samples:
        return
    help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {family.name} {help_text}\n# TYPE {family.name} {family.type}\n"
    for labels, value in family.samples.items():
        inner = ",".join(f'{name}="{escaped(text)}"' for name, text in labels)
        yield (
            f"{family.name}{{{inner}}} {number(value)}\n"
            if inner
            else (f"{family.name} {number(value)}\n")
        )


def escaped(text: str) -> str:
    """A label value as the format wants it."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def number(value: float) -> str:
    """A value as Go's parser reads it, bit for bit."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
