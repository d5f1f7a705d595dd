"""``zhiban probe TARGET``: one visit as the daemon would make it, shown in full."""

import math
from collections.abc import Callable, Iterator

from exporters import PROBES
from monitor.clock import SystemClock
from monitor.model.reading import Block, Readings
from monitor.model.target import Target
from monitor.polling.io import Net
from monitor.polling.runner import Runner

Say = Callable[[str], None]


async def ask(target: Target, say: Say) -> bool:
    """Visit once; say what came back, a line each. Whether the target is up."""
    clock = SystemClock()
    async with Net(clock) as net:
        outcome = await Runner(PROBES[target.kind], clock).visit(target, net.guard(target), None)
    visit = outcome.visit
    took = (visit.ended_at - visit.started_at).total_seconds()
    state = "up" if visit.up else f"failed: {visit.reason}: {visit.detail}"
    say(f"{target.name} ({target.title}), {target.kind} {target.address}: {state}, {took:.3f} s")
    for line in lines(outcome.readings):
        say(line)
    return visit.up


def lines(readings: Readings) -> Iterator[str]:
    """Every reading as an exposition line without the target's labels."""
    for reading in readings:
        if isinstance(reading, Block):
            for pairs, row in zip(reading.label_sets, reading.values, strict=True):
                for name, value in zip(reading.names, row, strict=True):
                    if not math.isnan(value):
                        yield _line(name, dict(pairs), value)
        else:
            yield _line(reading.name, dict(reading.labels), reading.value)


def _line(name: str, labels: dict[str, str], value: float) -> str:
    inner = ",".join(f'{k}="{v}"' for k, v in labels.items())
    return f"  {name}{{{inner}}} {value:g}" if inner else f"  {name} {value:g}"
