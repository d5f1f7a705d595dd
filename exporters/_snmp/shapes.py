"""
What stands in a module file: docs/snmp-modules.md describes each key.

Shapes check what one value can be by itself; modules.py checks what refers to what.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from exporters._snmp import oid

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
OURS = frozenset({"instance", "job", "level", "title", "le", "quantile"})  # written by Zhiban


def encoded(value: object) -> bytes:
    """Turn a dotted OID into its content bytes; ValueError with what would be right."""
    if not isinstance(value, str):
        raise ValueError(f"is no OID: {value!r}; write for example 1.3.6.1.2.1.1.3.0")  # noqa: TRY004 - pydantic turns ValueError into an error of the field
    return oid.encode(value)


def encoded_or_number(value: object) -> bytes | int:
    """Turn a key into what an agent answers: a number, or an OID's content bytes."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else encoded(text)


def metric_name(value: str) -> str:
    """Refuse what is no metric name of Prometheus."""
    if not _METRIC.fullmatch(value):
        raise ValueError(f"is no metric name: {value!r}")
    return value


def label_name(value: str) -> str:
    """Refuse what is no label name, or one that Zhiban writes itself."""
    if not _LABEL.fullmatch(value) or value in OURS:
        raise ValueError(f"is no label name, or one that Zhiban writes itself: {value!r}")
    return value


Oid = Annotated[bytes, BeforeValidator(encoded)]
OidOrNumber = Annotated[bytes | int, BeforeValidator(encoded_or_number)]
MetricName = Annotated[str, AfterValidator(metric_name)]
LabelName = Annotated[str, AfterValidator(label_name)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Invalid = tuple[int, ...]
Enum = dict[int, Text]
Show = Literal["value", "info", "states", "bits"]


class Shape(BaseModel):
    """Frozen, no unknown keys, no silent change of a type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Number(Shape):
    """How an answered number becomes a value; applied in this order."""

    unsigned: bool = False  # a negative Integer32 is one that has outgrown 31 bits
    invalid: Invalid | None = None  # means "not known"
    valid: tuple[int, int] | None = None  # from, to; all else is unknown
    map: dict[int, float] | None = None  # other numbers are unknown
    scale: float = 1.0  # to the unit of the metric


class Power(Shape):
    """A power of ten that stands in another column (ENTITY-SENSOR-MIB)."""

    column: Text
    map: dict[int, int] | None = None  # from what is answered to the exponent
    factor: Literal[-1, 1] = 1


class Label(Shape):
    """A label whose value another column has."""

    name: LabelName
    oid: Oid
    type: Literal["text", "integer", "oid", "hex", "mac", "ipv4"] = "text"
    enum: Enum | None = None
    by: str = ""  # label or column whose value is the other table's index
    otherwise: str = ""  # the label whose value stands in when there is none


class IndexPart(Shape):
    """One part of a table's index, as a label (RFC 2578, section 7.7)."""

    label: LabelName
    type: Literal["integer", "string", "oid", "ipv4", "mac"] = "integer"
    implied: bool = False  # IMPLIED: no length stands before it
    length: Annotated[int | None, Field(ge=1, le=128)] = None  # a string of fixed length


class Column(Shape):
    """A column that is asked for and not exported: for ``when``, ``times``, ``power``, ``by``."""

    name: Text
    oid: Oid


class Metric(Number):
    """One number, or one state, of a scalar or of each row."""

    name: MetricName
    oid: Oid
    type: Literal["gauge", "counter"] = "gauge"
    help: Text
    show: Show = "value"
    enum: Enum | None = None
    only: tuple[Oid, ...] = ()  # sysObjectID begins with one of these


class TableMetric(Metric):
    """A metric of each row of a table."""

    when: dict[str, tuple[int, ...]] = {}  # column: what it has to be
    times: str = ""  # column that it is multiplied by
    power: tuple[Power, ...] = ()
    instead_of: str = ""  # metric whose column the device does not have


class Flags(Shape):
    """
    A table that lists what is the matter, row by row: for each known value 1 while a row
    has it, 0 while the table is known to lack it.
    """

    metric: MetricName
    help: Text
    label: LabelName
    oid: Oid  # the column that says what is the matter
    count: str = ""  # scalar with the number of rows: an empty table is known to be empty
    names: dict[OidOrNumber, Text]  # what is answered, to the label's value


class Table(Shape):
    """Columns that share an index."""

    name: Text
    index: Annotated[tuple[IndexPart, ...], Field(min_length=1)]
    invalid: Invalid = ()
    columns: tuple[Column, ...] = ()
    labels: tuple[Label, ...] = ()
    metrics: tuple[TableMetric, ...] = ()
    flags: Flags | None = None
    only: tuple[Oid, ...] = ()


class Info(Shape):
    """Texts of a device as labels of one metric whose value is 1."""

    name: MetricName
    help: Text
    labels: Annotated[tuple[Label, ...], Field(min_length=1)]


class Source(Number):
    """Where a derived metric may have its value from."""

    of: Text  # scalar, metric of a table, or value of a flag
    reduce: Literal["", "max", "min", "sum"] = ""  # over a table's rows
    value: float | None = None  # what a known number stands for
    when: dict[str, tuple[int, ...]] = {}  # scalar: what it has to be


class Derived(Shape):
    """One number of the whole device, from the first source that knows it."""

    name: MetricName
    type: Literal["gauge", "counter"] = "gauge"
    help: Text
    first: Annotated[tuple[Source, ...], Field(min_length=1)]


class ModuleFile(Shape):
    """A whole file."""

    module: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
    mib: Text
    missing: Text  # what is said of a device that has none of it
    only: tuple[Oid, ...] = ()
    invalid: Invalid = ()
    infos: tuple[Info, ...] = ()
    scalars: tuple[Metric, ...] = ()
    tables: tuple[Table, ...] = ()
    derived: tuple[Derived, ...] = ()
