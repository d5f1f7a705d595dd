"""
Whether a host answers ICMP echo requests, how fast, and how many are lost.

The socket is connected to its one address: the kernel hands it no other host's
replies, and says at once what a router says (no route, host unreachable).
"""

import asyncio
import errno
import socket
import statistics
from dataclasses import dataclass, field

from icmplib import (
    AsyncSocket,
    ICMPLibError,
    ICMPRequest,
    ICMPv4Socket,
    ICMPv6Socket,
    SocketPermissionError,
    TimeoutExceeded,
)
from icmplib.utils import unique_identifier
from pydantic import Field

from exporters import _options
from exporters._address import check_host
from monitor.model.reading import Metric, Reading
from monitor.probe import Io, Probe, ProbeError
from monitor.probe import Options as ProbeOptions

METRICS = {
    "probe_icmp_duration_seconds": Metric(
        "gauge", "Duration of ICMP echo by phase: resolve, and rtt, the mean of the round trips"
    ),
    "probe_icmp_rtt_min_seconds": Metric("gauge", "Fastest round trip of the visit"),
    "probe_icmp_rtt_max_seconds": Metric("gauge", "Slowest round trip of the visit"),
    "probe_icmp_packet_loss_ratio": Metric(
        "gauge", "Share of the echo requests unanswered, 0 to 1"
    ),
}
REMEDY = (
    "this machine may not send ICMP; allow it with: setcap cap_net_raw+ep on the Python program, "
    "AmbientCapabilities=CAP_NET_RAW in the unit, or sysctl net.ipv4.ping_group_range"
)
MARGIN = 0.9  # of the time left goes to waiting, the rest to being woken up
RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""IP_RECVERR and IPV6_RECVERR, linux/in.h and linux/in6.h: not in Python's socket module."""


class Options(ProbeOptions):
    """How often is asked in one visit, and how much loss is a failure."""

    count: int = Field(default=3, ge=1, le=20)
    interval: _options.Seconds = Field(default=0.2, ge=0.01, le=5.0)
    size: int = Field(default=56, ge=0, le=1472)  # bytes of payload; 1472 fills an Ethernet frame
    max_loss: float = Field(default=0.7, ge=0.0, lt=1.0)  # one answer of three is still up


@dataclass(slots=True)
class Echoes:
    """What came of the echo requests of one visit: seconds, or why not."""

    trips: list[float] = field(default_factory=list)
    sent: int = 0
    problem: ProbeError | None = None


async def run(address: str, options: Options, io: Io) -> list[Reading]:
    """Ask ``options.count`` times, one after the other."""
    began = io.monotonic()
    literal = (await io.resolve(address))[0]
    resolve = io.monotonic() - began
    with AsyncSocket(open_socket(literal)) as sock:
        echoes = await ask(sock, literal, options, io)
    return judge(echoes, resolve, options)


def judge(echoes: Echoes, resolve: float, options: Options) -> list[Reading]:
    """Turn round trips into readings; ProbeError above the loss that is allowed."""
    loss = 1 - len(echoes.trips) / echoes.sent if echoes.sent else 1.0
    readings = [Reading("probe_icmp_packet_loss_ratio", loss)]
    if echoes.trips:
        mean = statistics.fmean(echoes.trips)
        readings += [
            Reading("probe_icmp_duration_seconds", resolve, {"phase": "resolve"}),
            Reading("probe_icmp_duration_seconds", mean, {"phase": "rtt"}),
            Reading("probe_icmp_rtt_min_seconds", min(echoes.trips)),
            Reading("probe_icmp_rtt_max_seconds", max(echoes.trips)),
        ]
    if loss <= options.max_loss:
        return readings
    if echoes.problem is not None:
        raise ProbeError(echoes.problem.reason, echoes.problem.detail, readings)
    answered = len(echoes.trips)
    detail = f"{answered} of {echoes.sent} echo requests answered" if answered else "no reply"
    raise ProbeError("timeout", detail, readings)


async def ask(sock: AsyncSocket, address: str, options: Options, io: Io) -> Echoes:
    """Send the requests; a request that goes wrong counts as lost."""
    echoes = Echoes()
    pauses = options.interval * (options.count - 1)
    wait = max(0.01, (io.remaining() * MARGIN - pauses) / options.count)
    ident = unique_identifier()
    for sequence in range(options.count):
        if sequence:
            await asyncio.sleep(options.interval)
        request = ICMPRequest(address, id=ident, sequence=sequence, payload_size=options.size)
        echoes.sent += 1
        began = io.monotonic()
        try:
            sock.send(request)
            (await sock.receive(request, wait)).raise_for_status()
        except TimeoutExceeded:
            continue
        except ICMPLibError as error:
            echoes.problem = problem(error)
            continue
        echoes.trips.append(io.monotonic() - began)
    return echoes


def open_socket(address: str) -> ICMPv4Socket | ICMPv6Socket:
    """Open a raw socket where that is allowed, the kernel's ping socket otherwise."""
    kind = ICMPv6Socket if ":" in address else ICMPv4Socket
    try:
        try:
            sock = kind(privileged=True)
        except SocketPermissionError:
            sock = kind(privileged=False)
    except SocketPermissionError:
        raise ProbeError("permission", REMEDY) from None
    except ICMPLibError as error:
        raise problem(error) from None
    try:
        level, option = RECVERR[sock.sock.family]
        sock.sock.setsockopt(level, option, 1)
        sock.sock.connect((address, 0))
    except OSError as error:
        sock.close()
        raise of_errno(error) from None
    return sock


def problem(error: ICMPLibError) -> ProbeError:
    """Find the system's word below icmplib's."""
    inner = error.__cause__ or error.__context__
    if isinstance(inner, OSError):
        return of_errno(inner)
    return ProbeError("unreachable", str(error))


def of_errno(error: OSError) -> ProbeError:
    """Give what the network or this machine said its reason."""
    if error.errno in {errno.EPERM, errno.EACCES}:
        return ProbeError("permission", "this machine's own rules forbid the packet (firewall)")
    return ProbeError("unreachable", (error.strerror or "unreachable").lower())


PROBE = Probe(Options, METRICS, run, check_host)
