"""
Modbus registers as an operator writes them down, and their numbers. Pure.

A register map is data: function code, address (counted from 0, as on the wire), type,
order of words and bytes, scale. Neighbours are read in one request, and nothing between
them: some sensors refuse a range with a hole. A number that the map calls invalid, or
that is none (NaN), is left out: unknown, never zero.
Source: MODBUS Application Protocol V1.1b3.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from monitor.model.reading import LabelPairs
from monitor.probe import Options

FORMATS: Mapping[str, str] = {
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "float32": "f",
    "int64": "q",
    "uint64": "Q",
    "float64": "d",
}
"""Type to its letter in module struct."""
BITS = (1, 2)  # function codes that read single bits: coils and discrete inputs
COILS, DISCRETE, HOLDING, INPUT = 1, 2, 3, 4
MOST = {COILS: 2000, DISCRETE: 2000, HOLDING: 125, INPUT: 125}  # of one request, section 6
MAX_REGISTERS = 500  # of one target
LAST = 65535  # the highest address
WORD = 2  # bytes of a register

Metric = Annotated[str, StringConstraints(pattern=r"^(hw|ups)_[a-z0-9_]{1,100}$")]
LabelName = Annotated[
    str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_]*$|^_[a-zA-Z0-9][a-zA-Z0-9_]*$")
]
LabelValue = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Register(Options):
    """One number of the map: ``value = raw * scale + offset``."""

    metric: Metric
    address: int = Field(ge=0, le=LAST)  # from 0; what manuals call 40001 is 0 by function 3
    function: Literal[1, 2, 3, 4] = 3
    type: Literal[
        "bool", "int16", "uint16", "int32", "uint32", "float32", "int64", "uint64", "float64"
    ] = "int16"
    word_order: Literal["big", "little"] = "big"  # of values of more than one register
    byte_order: Literal["big", "little"] = "big"  # within a register
    bit: int | None = Field(default=None, ge=0, le=15)  # 0 is the least significant
    scale: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    invalid: tuple[float, ...] = ()  # raw numbers, before scale
    labels: Mapping[LabelName, LabelValue] = {}
    help: str = Field(default="", max_length=200)

    @model_validator(mode="before")
    @classmethod
    def _bits(cls, values: object) -> object:
        """Functions 1 and 2, and a bit of a register, are bool without being told."""
        if isinstance(values, dict) and "type" not in values:
            if values.get("function") in BITS:
                return {**values, "type": "bool"}
            if values.get("bit") is not None:
                return {**values, "type": "bool"}
        return values

    @model_validator(mode="after")
    def _fits(self) -> "Register":
        single = self.function in BITS
        if single and (self.type != "bool" or self.bit is not None):
            raise ValueError("function 1 and 2 read single bits: no bit, and no type but bool")
        if not single and (self.type == "bool") != (self.bit is not None):
            raise ValueError("type bool goes with bit, where function is 3 or 4")
        if self.address + self.count - 1 > LAST:
            raise ValueError(f"reaches beyond address {LAST}")
        return self

    @property
    def count(self) -> int:
        """How many registers, or bits, it takes."""
        return 1 if self.type == "bool" else struct.calcsize(FORMATS[self.type]) // WORD

    @property
    def pairs(self) -> LabelPairs:
        """Its label set."""
        return tuple(sorted(self.labels.items()))


@dataclass(frozen=True, slots=True)
class Request:
    """One range to read: ``count`` registers or bits from ``address`` on."""

    function: int
    address: int
    count: int


def plan(registers: Sequence[Register]) -> list[Request]:
    """Return the fewest requests that read all registers and no others."""
    found: list[Request] = []
    for one in sorted(registers, key=lambda r: (r.function, r.address, r.count)):
        last = found[-1] if found else None
        if last and last.function == one.function and one.address <= last.address + last.count:
            end = max(last.address + last.count, one.address + one.count)
            if end - last.address <= MOST[one.function]:
                found[-1] = Request(one.function, last.address, end - last.address)
                continue
        found.append(Request(one.function, one.address, one.count))
    return found


Answers = Mapping[Request, Sequence[int]]
"""Registers (0 to 65535) or bits (0 or 1), as many as the request asked for."""


def values(registers: Sequence[Register], answers: Answers) -> Iterator[tuple[Register, float]]:
    """Every register that has a number, with it."""
    for one in registers:
        raw = decoded(one, words(one, answers))
        if math.isfinite(raw) and raw not in one.invalid:
            yield one, raw * one.scale + one.offset


def words(one: Register, answers: Answers) -> Sequence[int]:
    """Cut a register's own words out of the range it was read with."""
    for request, found in answers.items():
        at = one.address - request.address
        if request.function == one.function and at >= 0 and at + one.count <= request.count:
            return found[at : at + one.count]
    raise LookupError(f"address {one.address} was not read")


def decoded(one: Register, found: Sequence[int]) -> float:
    """The raw number of some words, as its type and orders say."""
    if one.function in BITS:
        return float(bool(found[0]))
    ordered = found if one.word_order == "big" else found[::-1]
    data = b"".join(word.to_bytes(WORD, one.byte_order) for word in ordered)
    if one.bit is not None:
        return float(int.from_bytes(data, "big") >> one.bit & 1)
    (number,) = struct.unpack(">" + FORMATS[one.type], data)
    return float(number)
