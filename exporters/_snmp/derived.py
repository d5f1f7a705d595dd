"""
Our own metrics in base units, out of what the MIB's say. Pure.

Each is one number of the whole device, from the first of its sources that knows: cards
leave out much of what their MIB has, and not the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporters._snmp.shapes import Derived, Source
from exporters._snmp.values import Convert, converter
from monitor.model.reading import ABSENT

REDUCE: Mapping[str, Callable[[list[float]], float]] = {
    "": lambda values: values[0], "max": max, "min": min, "sum": sum,
}  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class SourcePlan:
    """A source as it is read."""

    of: str
    convert: Convert
    reduce: Callable[[list[float]], float]
    value: float | None
    when: tuple[tuple[str, frozenset[int]], ...]

    def read(self, raws: Mapping[str, Sequence[object]]) -> float:
        """The value, or ABSENT where this source does not know."""
        for name, accepted in self.when:
            if not any(raw in accepted for raw in raws.get(name, ())):
                return ABSENT
        values = [v for v in self.convert(raws.get(self.of, ())) if v - v == 0]
        if not values:
            return ABSENT
        return self.reduce(values) if self.value is None else self.value


@dataclass(frozen=True, eq=False, slots=True)
class DerivedPlan:
    """A derived metric as it is read."""

    name: str
    first: tuple[SourcePlan, ...]

    def read(self, raws: Mapping[str, Sequence[object]]) -> float:
        """The value of the first source that knows, or ABSENT."""
        for source in self.first:
            value = source.read(raws)
            if value - value == 0:
                return value
        return ABSENT


def derived_plan(shape: Derived) -> DerivedPlan:
    """Compile."""
    return DerivedPlan(shape.name, tuple(source_plan(source) for source in shape.first))


def source_plan(shape: Source) -> SourcePlan:
    """Compile one source."""
    when = tuple((name, frozenset(accepted)) for name, accepted in shape.when.items())
    return SourcePlan(shape.of, converter(shape), REDUCE[shape.reduce], shape.value, when)
