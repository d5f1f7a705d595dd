"""
A module file's shape turned into what a visit asks and reads. Pure.

A compiled module is made once per file, and once per group of devices where the file says
``only``; it compares by identity, so that an unchanged file is an unchanged module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporters._snmp import oid
from exporters._snmp.columns import Column, column_of, help_of
from exporters._snmp.derived import DerivedPlan, derived_plan
from exporters._snmp.flags import flag_column
from exporters._snmp.labels import Labels
from exporters._snmp.shapes import Info, Label, ModuleFile, Table
from exporters._snmp.tables import TablePlan
from monitor.model.reading import Metric


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """A module as one kind of device is asked it."""

    name: str
    missing: str
    infos: tuple[Info, ...]
    scalars: tuple[Column, ...]
    tables: tuple[TablePlan, ...]
    derived: tuple[DerivedPlan, ...]
    metrics: Mapping[str, Metric]
    gets: tuple[bytes, ...]  # single values to ask for


def plan_of(file: ModuleFile) -> Plan:
    """Compile a checked file."""
    metrics = metrics_of(file)
    scalars = tuple(column_of(s, file.invalid) for s in file.scalars)
    texts = [label.oid for info in file.infos for label in info.labels]
    return Plan(
        name=file.module,
        missing=file.missing,
        infos=file.infos,
        scalars=scalars,
        tables=tuple(table_plan(t, file, metrics) for t in file.tables),
        derived=tuple(derived_plan(d) for d in file.derived),
        metrics=metrics,
        gets=tuple(dict.fromkeys([*(s.oid for s in scalars), *texts])),
    )


def metrics_of(file: ModuleFile) -> dict[str, Metric]:
    """Type and help of everything the module may yield."""
    found: dict[str, Metric] = {}
    for shape in (*file.scalars, *(m for table in file.tables for m in table.metrics)):
        found.setdefault(shape.name, help_of(shape, oid.text(shape.oid)))
    for flags in (table.flags for table in file.tables if table.flags):
        text = f"{flags.help} - {oid.text(flags.oid)}"
        found[flags.metric] = Metric("gauge", text)
    found |= {info.name: Metric("gauge", info.help) for info in file.infos}
    return found | {own.name: Metric(own.type, own.help) for own in file.derived}


def table_plan(table: Table, file: ModuleFile, metrics: Mapping[str, Metric]) -> TablePlan:
    """Compile one table of a file."""
    columns = metric_columns(table, table.invalid or file.invalid)
    counts = {s.name: s.oid for s in file.scalars}
    own = tuple(label for label in table.labels if not label.by)
    lookups = tuple(label for label in table.labels if label.by)
    walked = [c.oid for c in columns if not c.instead_of]
    walked += [c.oid for c in table.columns] + [label.oid for label in own]
    if table.flags:
        walked.append(table.flags.oid)
    return TablePlan(
        name=table.name,
        walked=tuple(dict.fromkeys(walked)),
        values=tuple(c for c in columns if c.show == "value"),
        others=tuple(c for c in columns if c.show != "value"),
        places=places_of(table),
        labels=Labels(table.index, table.labels),
        lookups=lookups,
        flags=flag_column(table.flags, metrics) if table.flags else None,
        count=counts.get(table.flags.count, b"") if table.flags else b"",
        metrics=metrics,
    )


def metric_columns(table: Table, invalid: Sequence[int]) -> list[Column]:
    """Compile a table's metrics; what stands in under the same name hangs on the one it helps."""
    first = {m.name: m.oid for m in reversed(table.metrics) if m.instead_of != m.name}
    spares = {
        m.name: column_of(m, invalid, first[m.name])
        for m in table.metrics
        if m.instead_of == m.name
    }
    return [
        column_of(m, invalid, first.get(m.instead_of, b""), spares.get(m.name))
        for m in table.metrics
        if m.instead_of != m.name
    ]


def places_of(table: Table) -> dict[str, bytes]:
    """Where each name's answers are; a label out of another table has a place of its own."""
    found = {m.name: m.oid for m in reversed(table.metrics)}
    found |= {c.name: c.oid for c in table.columns}
    return found | {label.name: place_of(label) for label in table.labels}


def place_of(label: Label) -> bytes:
    """The column of a label: its own, or one that stands for the instances got."""
    return b"\x00" + label.name.encode() if label.by else label.oid


def narrowed(file: ModuleFile, said: bytes) -> ModuleFile | None:
    """Leave out what is for other devices; None when all of it is. ``said``: sysObjectID."""
    if not fits(file.only, said):
        return None
    tables = tuple(
        t.model_copy(update={"metrics": tuple(m for m in t.metrics if fits(m.only, said))})
        for t in file.tables
        if fits(t.only, said)
    )
    scalars = tuple(s for s in file.scalars if fits(s.only, said))
    return file.model_copy(update={"tables": tables, "scalars": scalars})


def fits(only: Sequence[bytes], said: bytes) -> bool:
    """Whether a sysObjectID is under one of the prefixes; no prefix takes all."""
    return not only or said.startswith(tuple(only))


def prefixes(file: ModuleFile) -> tuple[bytes, ...]:
    """Every prefix that the file tells devices apart by."""
    every = [*file.only]
    for table in file.tables:
        every += [*table.only, *(p for m in table.metrics for p in m.only)]
    every += [p for s in file.scalars for p in s.only]
    return tuple(dict.fromkeys(every))
