"""
What a probe is, and what it is given. See exporters/ for the probes.

``run(address, options, io)`` returns everything it saw or raises ProbeError, never
half of each. It keeps no state, reads no clock, opens no socket but through ``io``
(or through a driver, under ``io.remaining()``), and is cancelled at its deadline.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from monitor.model.reading import Metric, Readings

REASONS = (
    "timeout",  # no answer before the deadline
    "refused",  # the other side said no to the connection
    "unreachable",  # no route, host or network down
    "dns",
    "tls",  # handshake or certificate
    "protocol",  # an answer, but not one of this protocol
    "status",  # an answer that says "not well": HTTP 500, login failed
    "mismatch",  # an answer without what the options require
    "too_large",  # over the byte, row, label or inflation bound
    "permission",  # this machine may not do it (raw sockets)
    "broken",  # a bug of ours
)
"""The words ``probe_success 0`` may give as its reason."""

T = TypeVar("T")


class ProbeError(Exception):
    """
    The target could not be read. ``reason`` is one of REASONS; ``detail`` is shown
    to whoever is told, so it holds no secret and no patient data.

    ``readings`` is what may still be exported of a failed visit (a status code, a
    certificate's expiry): only for metrics that describe the failure itself.
    """

    def __init__(self, reason: str, detail: str = "", readings: Readings = ()) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.readings = readings


class Options(BaseModel):
    """Base of every probe's options: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a TLS peer showed: instants in seconds since 1970 (RFC 5280 validity)."""

    not_after: float  # earliest of the chain we saw
    not_before: float
    subject: str
    issuer: str


class CertificateError(ProbeError):
    """TLS said no; ``certificate`` is what the peer showed, if it showed one."""

    def __init__(
        self, detail: str, certificate: Certificate | None = None, readings: Readings = ()
    ) -> None:
        super().__init__("tls", detail, readings)
        self.certificate = certificate


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole, bounded HTTP answer, after inflation."""

    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes
    url: str  # after redirects
    redirects: int
    certificate: Certificate | None  # the one that ends earliest, over all redirects
    seconds: float
    phases: Mapping[str, float] = field(default_factory=dict)
    """Seconds by phase, summed over redirects: resolve, connect, tls, processing, transfer."""
    version: str = "1.1"  # HTTP's own
    received: int = 0  # bytes of the body before inflation


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to ask. ``verify`` False is a choice of one target, never a global."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    verify: bool = True
    ca_file: str | None = None
    follow: int = 3  # redirects at most
    max_bytes: int = 1 << 20  # after inflation


class Stream(Protocol):
    """A bounded TCP (or TLS) connection."""

    certificate: Certificate | None

    async def read(self, most: int) -> bytes:
        """Up to ``most`` bytes; b"" at the end. Counts against the visit's byte bound."""
        ...

    async def read_until(self, mark: bytes, most: int) -> bytes:
        """Bytes up to and with ``mark``; ProbeError("too_large") past ``most``."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all of it."""
        ...


class Io(Protocol):
    """The one guarded layer: deadline, bytes, inflation, redirects. Built by polling."""

    def monotonic(self) -> float:
        """Seconds; for durations inside a probe."""
        ...

    def remaining(self) -> float:
        """Seconds until this visit's deadline, never below 0."""
        ...

    async def http(self, request: HttpRequest, session: str = "") -> HttpAnswer:
        """One exchange. Requests of one visit with the same ``session`` share cookies."""
        ...

    async def tcp(
        self,
        host: str,
        port: int,
        *,
        tls: bool = False,
        verify: bool = True,
        ca_file: str | None = None,
    ) -> Stream:
        """Connect; the connection is closed when the visit ends."""
        ...

    async def snmp(self, host: str, port: int, credentials: Any) -> Any:
        """
        Return an SNMP agent to ask until the visit ends.

        Takes ``exporters._snmp.credentials``, gives an ``exporters._snmp.session.Agent``: this
        module stands below both. Nothing is sent yet.
        """
        ...

    async def resolve(self, host: str) -> Sequence[str]:
        """Addresses of a name, for drivers that open their own sockets; never empty."""
        ...

    async def thread(self, call: Callable[..., T], *args: Any) -> T:
        """Run a blocking call in a thread that is given up at the deadline."""
        ...


@dataclass(frozen=True, slots=True)
class Open:
    """Marks a probe whose metric names are not known beforehand (scrape, YAML modules)."""


OPEN = Open()

Run = Callable[[str, Any, Io], Awaitable[Readings]]


@dataclass(frozen=True, slots=True)
class Probe:
    """One kind of probe: its options, every metric it may yield, and how to run it."""

    options: type[Options]
    metrics: Mapping[str, Metric] | Open
    run: Run
    check_address: Callable[[str], str] = field(default=lambda _: "")
    """Offline check of an address: "" or what is wrong and what would be right."""
