"""
A device that speaks SNMP: switch, UPS, PDU, server, room sensor.

What is asked stands in modules (exporters/modules/*.yml, docs/snmp-modules.md), not here.
The module ``system`` is asked of every device. All of it, or a ProbeError.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

from exporters import _options
from exporters._address import check_host, split
from exporters._snmp import oid
from exporters._snmp.cells import Cells, cells_of
from exporters._snmp.compile import Plan, place_of
from exporters._snmp.gathered import Gathered, gather
from exporters._snmp.labels import Keep
from exporters._snmp.modules import Module, module
from exporters._snmp.options import Options, credentials, protocol, weakness
from exporters._snmp.session import Session
from exporters._snmp.tables import Found, TablePlan, all_rows
from monitor.model.reading import Block, LabelPairs, Metric
from monitor.probe import OPEN, Io, Probe, ProbeError

PORT = 161
SYS_OBJECT_ID = oid.encode("1.3.6.1.2.1.1.2.0")
METRICS: Mapping[str, Metric] = {
    "zhiban_insecure_info": Metric(
        "gauge", "1 while a target is asked in a way that others may read or forge"
    ),
    "zhiban_snmp_module_present": Metric(
        "gauge", "Whether the device has anything of a module that it is asked for"
    ),
}
"""Beside what the modules yield."""


async def run(address: str, options: Options, io: Io) -> Sequence[Block]:
    """Ask for single values, then table by table."""
    host, port = place(address)
    session = Session(await io.snmp(host, port, credentials(options)), options.max_repetitions)
    wanted = [m for m in options.modules if m.name != "system"]
    modules = [module("system"), *wanted]
    plans = [m.plan(said) for said in [await kind_of(session, modules)] for m in modules]
    answers = await singles(session, [plan for plan in plans if plan])
    keep = keeper(tuple(sorted(options.keep.items())))
    found = [await gathered(session, plan, answers, keep) for plan in plans]
    present = {m.name: g.present for m, g in zip(modules, found, strict=True)}
    judge(wanted or modules, present)
    return [*beside(options, present), *(block for g in found for block in g.blocks)]


async def kind_of(session: Session, modules: Sequence[Module]) -> bytes:
    """Ask for sysObjectID, if there is a module that tells devices apart."""
    if not any(m.selective for m in modules):
        return b""
    found = await session.get([SYS_OBJECT_ID])
    said = found[SYS_OBJECT_ID][2] if SYS_OBJECT_ID in found else None
    return said if isinstance(said, bytes) else b""


async def singles(session: Session, plans: Sequence[Plan]) -> dict[bytes, object]:
    """Ask for every single value of the modules at once."""
    oids = dict.fromkeys(one for plan in plans for one in plan.gets)
    found = await session.get(list(oids))
    return {name: varbind[2] for name, varbind in found.items()}


async def gathered(
    session: Session, plan: Plan | None, answers: Mapping[bytes, object], keep: Keep
) -> Gathered:
    """Walk a module's tables; nothing for a module that is for other devices."""
    if plan is None:
        return Gathered((), present=False)
    tables = [await walked(session, table, answers, keep) for table in plan.tables]
    return gather(plan, answers, tables)


async def walked(
    session: Session, table: TablePlan, answers: Mapping[bytes, object], keep: Keep
) -> Found:
    """Walk one table, then what stands in for columns it lacks, then labels from elsewhere."""
    count = answers.get(table.count) if table.count else None
    if table.known_empty(count):
        return table.read(Cells(), count)
    cells = cells_of(table.walked, await session.walk(table.walked))
    if spare := table.spare(cells):
        cells.add(spare, await session.walk(spare))
    for label in table.lookups:
        asked = table.instances(label, cells)
        got = await session.get([name for name in dict.fromkeys(asked) if name is not None])
        cells.columns[place_of(label)] = [
            got[name][2] if name is not None and name in got else None for name in asked
        ]
    return table.read(cells, count, keep)


def judge(wanted: Sequence[Module], present: Mapping[str, bool]) -> None:
    """ProbeError where a device has nothing at all of what it is asked for."""
    if not any(present[m.name] for m in wanted):
        raise ProbeError("mismatch", ", ".join(m.missing for m in wanted))


def beside(options: Options, present: Mapping[str, bool]) -> list[Block]:
    """What is said of the visit itself."""
    sets: tuple[LabelPairs, ...] = tuple((("module", name),) for name in present)
    values = [(float(is_there),) for is_there in present.values()]
    blocks = [Block(("zhiban_snmp_module_present",), sets, values, METRICS)]
    if weakness(options):
        spoken: tuple[LabelPairs, ...] = ((("protocol", protocol(options)),),)
        blocks.append(Block(("zhiban_insecure_info",), spoken, [(1.0,)], METRICS))
    return blocks


@functools.lru_cache(maxsize=256)
def keeper(patterns: tuple[tuple[str, str], ...]) -> Keep:
    """Whether a row's labels match; a row without such a label is kept."""
    if not patterns:
        return all_rows
    wanted: dict[str, Callable[[str], object]] = {
        name: _options.compiled(pattern).fullmatch for name, pattern in patterns
    }

    def keep(pairs: LabelPairs) -> bool:
        return all(wanted[name](value) for name, value in pairs if name in wanted)

    return keep


def place(address: str) -> tuple[str, int]:
    """Cut ``host`` or ``host:port``; the port is 161. ValueError with what would be right."""
    if not check_host(address):
        return address, PORT
    if address.startswith("[") and address.endswith("]") and not check_host(address[1:-1]):
        return address[1:-1], PORT
    if ":" not in address:
        raise ValueError(check_host(address))
    return split(address)


def check_address(text: str) -> str:
    """Return "" for ``host`` or ``host:port``, else what is wrong with it."""
    try:
        place(text)
    except ValueError as error:
        return str(error)
    return ""


PROBE = Probe(Options, OPEN, run, check_address)
