"""
The tables of operators on numbers. Source: Prometheus' promql/engine.go, scalarBinop.

Go's math.Mod is C's fmod: the sign is the dividend's.
"""

from collections.abc import Callable, Mapping

import numpy as np

from monitor.promql.rows import Mask
from monitor.promql.storage import Floats

Operand = Floats | float

ARITHMETIC: Mapping[str, Callable[[Operand, Operand], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.float_power,
    "atan2": np.arctan2,
}
COMPARISONS: Mapping[str, Callable[[Operand, Operand], Mask]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
