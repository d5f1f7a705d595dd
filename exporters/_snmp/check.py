"""
What a module file refers to within itself. Pure.

Everything wrong is noted at its line; nothing is raised.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from exporters._snmp.shapes import ModuleFile, Table, TableMetric
from exporters._snmp.yamllines import Lines, Where

MOST_BITS = 512


def check(file: ModuleFile, found: Lines) -> None:
    """Note every name that refers to nothing, and every one that stands twice."""
    scalars = {s.name for s in file.scalars}
    _names(file, found)
    for i, table in enumerate(file.tables):
        _table(table, ("tables", i), scalars, found)
    _derived(file, scalars, found)
    for i, scalar in enumerate(file.scalars):
        _states(scalar.show, scalar.enum, ("scalars", i), found)


def _names(file: ModuleFile, found: Lines) -> None:
    seen: dict[str, Where] = {}
    places: list[tuple[str, Where]] = [(s.name, ("scalars", i)) for i, s in enumerate(file.scalars)]
    places += [(own.name, ("infos", i)) for i, own in enumerate(file.infos)]
    for i, table in enumerate(file.tables):
        places += [
            (m.name, ("tables", i, "metrics", j))
            for j, m in enumerate(table.metrics)
            if m.instead_of != m.name
        ]
        if table.flags:
            places.append((table.flags.metric, ("tables", i, "flags")))
    places += [(d.name, ("derived", i)) for i, d in enumerate(file.derived)]
    for name, where in places:
        if name in seen:
            first = found.lines.get(seen[name], 0)
            found.wrong(where, f"metric {name} stands here a second time, first on line {first}")
        seen.setdefault(name, where)


def _table(table: Table, at: Where, scalars: set[str], found: Lines) -> None:
    index = {part.label for part in table.index}
    labels = {label.name for label in table.labels}
    metrics = {m.name for m in table.metrics if m.instead_of != m.name}
    columns = {*(c.name for c in table.columns), *metrics, *labels}
    if len(index) < len(table.index) or len(labels) < len(table.labels) or index & labels:
        found.wrong((*at, "labels"), "a label stands twice")
    for i, label in enumerate(table.labels):
        here = (*at, "labels", i)
        if label.by:
            _refers(label.by, index | columns - {label.name}, (*here, "by"), found)
        if label.otherwise:
            _refers(label.otherwise, index | labels - {label.name}, (*here, "otherwise"), found)
    for i, metric in enumerate(table.metrics):
        here = (*at, "metrics", i)
        _metric(metric, columns, here, found)
        if metric.instead_of:
            _refers(metric.instead_of, metrics, (*here, "instead_of"), found)
    if table.flags and table.flags.count:
        _refers(table.flags.count, scalars, (*at, "flags", "count"), found)


def _metric(metric: TableMetric, columns: set[str], at: Where, found: Lines) -> None:
    for name in metric.when:
        _refers(name, columns, (*at, "when", name), found)
    if metric.times:
        _refers(metric.times, columns, (*at, "times"), found)
    for j, power in enumerate(metric.power):
        _refers(power.column, columns, (*at, "power", j, "column"), found)
    _states(metric.show, metric.enum, at, found)


def _derived(file: ModuleFile, scalars: set[str], found: Lines) -> None:
    rows = {m.name for t in file.tables for m in t.metrics if m.show == "value"}
    flags = {n for t in file.tables if t.flags for n in t.flags.names.values()}
    for i, own in enumerate(file.derived):
        for j, source in enumerate(own.first):
            here = ("derived", i, "first", j)
            _refers(source.of, scalars | rows | flags, (*here, "of"), found)
            if source.of in rows and not source.reduce:
                found.wrong(here, f"{source.of} has many rows", "write reduce: max, min or sum")
            for name in source.when:
                _refers(name, scalars | flags, (*here, "when", name), found)


def _states(show: str, enum: Mapping[int, str] | None, at: Where, found: Lines) -> None:
    if show in {"states", "bits"} and not enum:
        found.wrong((*at, "show"), f"{show} needs names", "write enum: {0: name, ...}")
    if show == "bits" and any(not 0 <= n < MOST_BITS for n in enum or ()):
        found.wrong((*at, "enum"), f"a bit is numbered from 0 to {MOST_BITS - 1}")


def _refers(name: str, known: Iterable[str], at: Where, found: Lines) -> None:
    names = sorted(known)
    if name in names:
        return
    near = get_close_matches(name, names, n=1)
    found.wrong(at, f'"{name}" is not among {", ".join(names) or "anything named here"}',
                f'did you mean "{near[0]}"?' if near else "")  # fmt: skip
