"""One small machine room of samples, five slots of 15 s: what our own tables look at."""

import math

from promql.memory import Memory

from monitor.promql.storage import STALE

NAN = math.nan
GRID = 15.0


def samples(*values, start=0.0):
    """One value a slot; None where there is none."""
    return [(start + i * GRID, v) for i, v in enumerate(values) if v is not None]


def labels(name, /, **pairs):
    return {"__name__": name} | pairs


ROOM = Memory(
    [
        (labels("up", instance="his-1", job="tcp"), samples(1, 1, 1, 0, 0)),
        (labels("up", instance="his-2", job="tcp"), samples(1, 1, 1, 1, 1)),
        (labels("up", instance="ups-1", job="snmp"), samples(1, 1, STALE)),
        (labels("bytes_total", instance="his-1"), samples(0, 150, 300, 450, 600)),
        (labels("bytes_total", instance="his-2"), samples(100, 250, 10, 160, 310)),
        (labels("gaps", instance="his-1"), samples(1, None, 3, None, 5)),
        (labels("odd", instance="a"), samples(1, NAN, 3, NAN, 2)),
        (labels("limit", name="slow"), samples(2, 2, 2, 2, 2)),
        (labels("size", instance="his-1", disk="c"), samples(10, 10, 10, 10, 10)),
        (labels("size", instance="his-1", disk="d"), samples(30, 30, 30, 30, 30)),
        (labels("Total", Area="east"), samples(7, 7, 7, 7, 7)),
    ]
)
