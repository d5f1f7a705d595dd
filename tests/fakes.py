"""Stand-ins for the world. No mock library: each is a small honest object."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 10, 1, 19, 10, tzinfo=UTC)  # 03:10 on 2 October in Shanghai


class FakeClock:
    """Time stands still until a test moves it."""

    def __init__(self, start=START):
        self.start = start
        self.seconds = 0.0
        self._sleepers = []
        self._order = itertools.count()

    def now(self):
        return self.start + timedelta(seconds=self.seconds)

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds):
        woken = asyncio.get_running_loop().create_future()
        entry = (self.seconds + max(0.0, seconds), next(self._order), woken)
        heapq.heappush(self._sleepers, entry)
        await woken

    async def advance(self, seconds):
        """Move forward, waking each sleeper at its own instant and in order."""
        end = self.seconds + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.seconds, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await settle()
        self.seconds = end
        await settle()


async def settle(turns=20):
    """Let every task run until it waits again."""
    for _ in range(turns):
        await asyncio.sleep(0)
