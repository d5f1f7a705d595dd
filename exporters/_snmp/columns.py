"""One column of a table, or one scalar: its answers turned into values. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporters._snmp.shapes import Metric as MetricShape
from exporters._snmp.shapes import Power, Show, TableMetric
from exporters._snmp.values import Convert, bit, converter, number, text, word
from monitor.model.reading import ABSENT, Block, LabelPairs, Metric

MOST_EXPONENT = 30  # ENTITY-SENSOR-MIB goes to 24, and its precision to 9


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """A metric as it is read."""

    name: str
    oid: bytes
    show: Show
    convert: Convert
    enum: Mapping[int, str]
    when: tuple[tuple[str, frozenset[int]], ...] = ()
    times: str = ""
    power: tuple[Power, ...] = ()
    instead_of: bytes = b""  # column that it stands in for, row by row
    spare: "Column | None" = None  # stands in for this one, under the same name


def column_of(
    shape: MetricShape,
    invalid: Sequence[int],
    instead_of: bytes = b"",
    spare: Column | None = None,
) -> Column:
    """Compile one metric; ``invalid`` are its table's or module's unknown numbers."""
    more = shape if isinstance(shape, TableMetric) else None
    return Column(
        name=shape.name,
        oid=shape.oid,
        show=shape.show,
        convert=converter(shape, invalid if shape.type == "gauge" else ()),
        enum=shape.enum or {},
        when=tuple((k, frozenset(v)) for k, v in more.when.items()) if more else (),
        times=more.times if more else "",
        power=more.power if more else (),
        instead_of=instead_of,
        spare=spare,
    )


def help_of(shape: MetricShape, dotted: str) -> Metric:
    """Type and help, with OID and states, as snmp_exporter writes it."""
    states = ", ".join(f"{n} {said}" for n, said in sorted((shape.enum or {}).items()))
    told = f" ({states})" if states else ""
    return Metric(shape.type, f"{shape.help} - {dotted}{told}")


def numbers(
    column: Column, answers: Sequence[object], raws: Callable[[str], Sequence[object]]
) -> list[float]:
    """Values of a column; ``raws`` gives the answers of the columns it depends on."""
    values = column.convert(answers)
    for name, accepted in column.when:
        values = [
            v if raw in accepted else ABSENT for v, raw in zip(values, raws(name), strict=True)
        ]
    if column.times:
        factors = map(number, raws(column.times))
        values = [
            ABSENT if factor is None else v * factor
            for v, factor in zip(values, factors, strict=True)
        ]
    for power in column.power:
        values = [shifted(v, raw, power) for v, raw in zip(values, raws(power.column), strict=True)]
    return values


def shifted(value: float, raw: object, power: Power) -> float:
    """Multiply by the power of ten that ``raw`` stands for; unknown when it is unknown."""
    exponent = raw
    if power.map is not None:
        exponent = power.map.get(raw) if isinstance(raw, int) else None
    if not isinstance(exponent, int) or abs(exponent) > MOST_EXPONENT:
        return ABSENT
    exponent *= power.factor
    ten = float(10 ** abs(exponent))
    return value * ten if exponent >= 0 else value / ten


def spread(
    column: Column,
    answers: Sequence[object],
    sets: Sequence[LabelPairs],
    metrics: Mapping[str, Metric],
) -> Block:
    """A block of a column whose answers are states, bits or texts, not numbers."""
    if column.show == "info":
        return told(column, answers, sets, metrics)
    rows = [
        (tuple(sorted((*pairs, (label(column), said)))), (state(column, raw, at),))
        for raw, pairs in zip(answers, sets, strict=True)
        for at, said in column.enum.items()
    ]
    labels, values = zip(*rows, strict=True) if rows else ((), ())
    return Block((column.name,), labels, values, metrics)


def told(
    column: Column,
    answers: Sequence[object],
    sets: Sequence[LabelPairs],
    metrics: Mapping[str, Metric],
) -> Block:
    """A block of ones, with what was answered as a label."""
    texts = [word(raw, column.enum) if column.enum else text(raw) for raw in answers]
    labels = tuple(
        tuple(sorted((*pairs, (label(column), said))))
        for said, pairs in zip(texts, sets, strict=True)
    )
    values = [(ABSENT if raw is None else 1.0,) for raw in answers]
    return Block((column.name,), labels, values, metrics)


def label(column: Column) -> str:
    """The label that holds the state: the metric's name, as in snmp_exporter."""
    return column.name.removesuffix("_info")


def state(column: Column, raw: object, at: int) -> float:
    """1 in this state, or with this bit, 0 otherwise."""
    if column.show == "bits":
        return bit(raw, at)
    found = number(raw)
    return ABSENT if found is None else float(found == at)
