"""One real visit to one target, as the poller makes it, without a poller."""

from datetime import timedelta

from exporters import PROBES
from monitor.clock import SystemClock
from monitor.model.reading import Block
from monitor.model.target import Target
from monitor.polling.io import Net
from monitor.polling.runner import Runner


def target(kind, address, *, timeout=5.0, name="t", every=60.0, **options):
    """Make a target whose options are validated as the configuration does it."""
    probe = PROBES[kind]
    wrong = probe.check_address(address)
    assert not wrong, wrong
    return Target(
        name=name,
        title=name,
        kind=kind,
        address=address,
        every=timedelta(seconds=every),
        timeout=timedelta(seconds=timeout),
        options=probe.options.model_validate(options),
    )


async def visit(kind, address, **more):
    """Visit once; the outcome with its readings as a dictionary."""
    clock = SystemClock()
    wanted = target(kind, address, **more)
    async with Net(clock) as net:
        outcome = await Runner(PROBES[kind], clock).visit(wanted, net.guard(wanted), None)
    return outcome.visit, values(outcome.readings)


def values(readings):
    """Index readings and cells of blocks by name and label values."""
    found = {}
    for one in readings:
        if isinstance(one, Block):
            for pairs, row in zip(one.label_sets, one.values, strict=True):
                for name, value in zip(one.names, row, strict=True):
                    found[(name, *(v for _, v in pairs))] = value
        else:
            found[(one.name, *(v for _, v in sorted(one.labels.items())))] = one.value
    return found
