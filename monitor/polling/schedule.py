"""
When each target is visited: its own task, its own phase, never twice at once.

The only state is the beat's next instant, on the monotonic clock.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable

from monitor.clock import Clock


def phase(name: str, every: float) -> float:
    """Give a steady offset in [0, every) seconds: a restart neither bunches nor reshuffles."""
    return zlib.crc32(name.encode()) / 2**32 * every


def next_beat(due: float, every: float, now: float) -> tuple[float, int]:
    """Return the beat after ``due`` that is not past, and how many were missed on the way."""
    missed = int(max(0.0, now - due) // every)
    return due + every * (1 + missed), missed


async def sleep_until(due: float, clock: Clock, soon: asyncio.Event) -> bool:
    """Wait for the beat (True), or for somebody who wants a visit before it (False)."""
    asleep = asyncio.ensure_future(clock.sleep(max(0.0, due - clock.monotonic())))
    called = asyncio.ensure_future(soon.wait())
    try:
        await asyncio.wait({asleep, called}, return_when=asyncio.FIRST_COMPLETED)
        return asleep.done()
    finally:
        asleep.cancel()
        called.cancel()


class Beat:
    """
    The steady beat of one target.

    Missed beats are skipped, not chased. ``soon`` asks for one visit outside the
    beat; the beat itself does not move. ``every`` may change between two visits.
    """

    def __init__(self, name: str, every: float, clock: Clock) -> None:
        self.name = name
        self.every = every
        self.missed = 0  # beats, since the start
        self.lateness = 0.0  # seconds the newest visit on the beat began after its instant
        self._clock = clock
        self._soon = asyncio.Event()

    def soon(self) -> None:
        """Visit now, or right after the visit that is under way."""
        self._soon.set()

    async def run(self, visit: Callable[[], Awaitable[None]]) -> None:
        """Visit on the beat until cancelled."""
        every = self.every
        due = self._clock.monotonic() + phase(self.name, every)
        while True:
            on_beat = await sleep_until(due, self._clock, self._soon)
            self._soon.clear()
            if on_beat:
                self.lateness = max(0.0, self._clock.monotonic() - due)
            await visit()
            now = self._clock.monotonic()
            if self.every != every:
                every = self.every
                due = now + phase(self.name, every)
            elif on_beat:
                due, missed = next_beat(due, every, now)
                self.missed += missed
