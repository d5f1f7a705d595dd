"""
The grid: when the next column of samples is due. Pure arithmetic over wall time.

Slots are multiples of the grid. Wall time that jumps ahead is followed; when it steps
back by more than a slot the samples start anew (``stepped_back``), because a time axis
cannot run backwards.
"""

import math
from dataclasses import dataclass


@dataclass
class Slots:
    """The newest slot taken, in seconds since 1970; 0 before the first."""

    grid: float
    last: float = 0.0

    def wait(self, wall: float) -> float:
        """Seconds until a slot is due."""
        ahead = (math.floor(wall / self.grid) + 1) * self.grid
        if self.last and not self.stepped_back(wall):
            ahead = max(ahead, self.last + self.grid)
        return max(0.0, ahead - wall)

    def due(self, wall: float) -> float | None:
        """The slot to take now: the newest one passed, missed ones skipped; None if none is."""
        newest = math.floor(wall / self.grid) * self.grid
        return newest if newest > self.last else None

    def stepped_back(self, wall: float) -> bool:
        """Whether the wall clock has gone back by more than a slot."""
        return bool(self.last) and wall < self.last - self.grid
