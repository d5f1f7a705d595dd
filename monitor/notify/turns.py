"""
One send at a time in a lane, so that a crash doubles one message and no more.

A channel that takes its time must not hold everybody else up: a send that has waited
PATIENCE for its answer lets the next one begin beside it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from monitor.clock import Clock

PATIENCE = 1.0  # seconds; an answer usually takes a tenth of one


class Turns:
    """The lane's turns, taken in the order they were asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for the turn and hold it, at most PATIENCE."""
        await self._lock.acquire()
        passing = asyncio.ensure_future(self._clock.sleep(PATIENCE))
        passed = False

        def on(_: object = None) -> None:
            nonlocal passed
            if not passed:
                passed = True
                self._lock.release()

        passing.add_done_callback(on)
        try:
            yield
        finally:
            on()
            passing.cancel()
