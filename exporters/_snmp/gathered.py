"""
What one visit gathered for one module, turned into blocks. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporters._snmp.columns import spread
from exporters._snmp.compile import Plan
from exporters._snmp.labels import said
from exporters._snmp.shapes import Info
from exporters._snmp.tables import Found
from monitor.model.reading import ABSENT, Block, LabelPairs

Answers = Mapping[bytes, object]
"""Single values by OID: a number, bytes, or None; what the device lacks is not in it."""

NO_LABELS: tuple[LabelPairs, ...] = ((),)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Blocks of one module, and whether the device has anything of it."""

    blocks: Sequence[Block]
    present: bool


def gather(plan: Plan, answers: Answers, tables: Sequence[Found]) -> Gathered:
    """Put a module's single values, tables and derived metrics together."""
    raws: dict[str, Sequence[object]] = {s.name: (answers.get(s.oid),) for s in plan.scalars}
    blocks = [block for table in tables for block in table.blocks]
    for table in tables:
        raws |= table.raws
    known = any(raw is not None for s in plan.scalars for raw in raws[s.name])
    if not blocks and not known:
        return Gathered((), present=False)
    if singles := single(plan, raws):
        blocks.append(singles)
    blocks += [
        spread(s, raws[s.name], NO_LABELS, plan.metrics)
        for s in plan.scalars
        if s.show != "value" and raws[s.name][0] is not None
    ]
    blocks += [told for info in plan.infos if (told := info_block(plan, info, answers))]
    return Gathered(blocks, present=True)


def single(plan: Plan, raws: Mapping[str, Sequence[object]]) -> Block | None:
    """Make one block of everything that has no labels; ABSENT where nothing is known."""
    values = {s.name: s.convert(raws[s.name])[0] for s in plan.scalars if s.show == "value"}
    values |= {own.name: own.read(raws) for own in plan.derived}
    if all(value is ABSENT for value in values.values()):
        return None
    return Block(tuple(values), NO_LABELS, [tuple(values.values())], plan.metrics)


def info_block(plan: Plan, info: Info, answers: Answers) -> Block | None:
    """Make a one with texts as labels; None where the device says none of them."""
    pairs = ((label.name, said(label, answers.get(label.oid))) for label in info.labels)
    told = tuple(sorted((name, text) for name, text in pairs if text))
    return Block((info.name,), (told,), [(1.0,)], plan.metrics) if told else None
