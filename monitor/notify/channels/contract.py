"""What a channel is: one function that tells one person one thing, or says why not."""

from typing import Protocol

from monitor.model.incident import Notice
from monitor.model.person import Person


class SendError(Exception):
    """
    The channel did not take it. ``detail`` is shown to people: Chinese, short, no secret.

    ``permanent``: the same message will be refused again until a person changes
    something; it is tried on at the longest interval all the same. ``wait``: the channel
    asked for this many seconds of peace.
    """

    def __init__(self, detail: str, *, permanent: bool = False, wait: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent
        self.wait = wait


class Channel(Protocol):
    """A way to reach a person."""

    @property
    def timeout(self) -> float:
        """Seconds after which a send is given up."""
        ...

    async def send(self, notice: Notice, person: Person) -> None:
        """Return once the channel has confirmed it; else SendError."""
        ...
