"""How long to wait: between two tries of a notice, and for a channel that is dead. Pure."""

from dataclasses import dataclass

FIRST_WAIT = 1.0  # seconds before the second try
LONGEST = 60.0  # seconds; waits double up to here, and no number of tries is the last
TRIAL_EVERY = 30.0  # seconds between two trials of a channel that is down
DEAD_AFTER = 5  # failures in a row after which a channel counts as down
_DOUBLINGS = 6  # 2**6 s is already past LONGEST


def backoff(attempts: int, chance: float) -> float:
    """Seconds until the next try after ``attempts`` of them; ``chance`` in [0, 1) spreads."""
    whole = min(LONGEST, FIRST_WAIT * 2.0 ** min(max(attempts - 1, 0), _DOUBLINGS))
    return whole * (0.5 + chance / 2)


@dataclass(frozen=True, slots=True)
class Breaker:
    """
    What a channel's last answers say of it.

    closed --DEAD_AFTER failures, or it asks for peace--> open: one trial at ``trial_at``
    open --trial fails--> open, later      open --trial works--> closed
    """

    failures: int = 0
    trial_at: float | None = None  # monotonic seconds; None while closed

    @property
    def is_open(self) -> bool:
        """Whether only trials may be sent."""
        return self.trial_at is not None

    def failed(self, now: float, peace: float | None = None) -> "Breaker":
        """One more failure in a row; ``peace`` is what the channel asked for, in seconds."""
        count = self.failures + 1
        if peace is not None:
            return Breaker(count, now + peace)
        if count >= DEAD_AFTER or self.is_open:
            return Breaker(count, now + TRIAL_EVERY)
        return Breaker(count)


CLOSED = Breaker()
