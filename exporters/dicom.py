"""
A DICOM node (PACS, worklist, workstation): whether it takes an association and answers C-ECHO.

Nothing but Verification is asked (PS3.4 annex A): no query, so no patient's data. pynetdicom
blocks and waits for ever in places, so it runs in a thread over a socket of ours: what it
reads is bounded, and whoever gives the visit up cuts the line, which ends every thread behind it.
"""

import contextlib
import itertools
import logging
import socket
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints

from exporters._address import check_host_port, split
from monitor.model.reading import Metric, Reading
from monitor.probe import Io, Probe, ProbeError
from monitor.probe import Options as ProbeOptions

METRICS = {
    "probe_dicom_duration_seconds": Metric(
        "gauge", "Duration of a DICOM visit by phase: connect, associate, echo"
    ),
    "probe_dicom_status": Metric("gauge", "Status of the C-ECHO response, 0 is success"),
}
MAX_RECEIVED = 1 << 16  # bytes of one visit; an association and an echo take some hundreds
GOODBYE = 0.5  # seconds at most for a polite release
SUCCESS = 0
NONSENSE = ("protocol", "does not speak DICOM")

REJECTED: Mapping[tuple[int, int], str] = {
    (1, 2): "it does not know the application context",
    (1, 3): "it does not know our AE title (calling_ae)",
    (1, 7): "it has another AE title (called_ae)",
    (2, 2): "it does not know this protocol version",
    (3, 1): "it is congested for the moment",
    (3, 2): "it has as many associations as it may have",
}
"""(source, reason) of an A-ASSOCIATE-RJ, PS3.8 table 9-21."""
STATUSES: Mapping[int, str] = {
    0x0122: "SOP class not supported",
    0x0210: "duplicate invocation",
    0x0211: "unrecognized operation",
    0x0212: "mistyped argument",
}
"""Failures of C-ECHO, PS3.7 section 9.1.5.1.4."""


def checked_title(text: str) -> str:
    """Refuse what is no AE title (VR AE, PS3.5 section 6.2)."""
    if not text.isascii() or not text.isprintable() or "\\" in text or not text.strip():
        raise ValueError(f"is no AE title: {text!r}; write 1 to 16 ASCII characters")
    return text


Title = Annotated[
    str, StringConstraints(min_length=1, max_length=16), AfterValidator(checked_title)
]


class Options(ProbeOptions):
    """The two AE titles; a node may refuse one that it does not know."""

    called_ae: Title = "ANY-SCP"
    calling_ae: Title = "ZHIBAN"


@dataclass(slots=True)
class Line:
    """The connection of one visit: what came over it, and the knife."""

    connected: bool = False
    received: int = 0  # bytes
    pdus: list[Any] = field(default_factory=list)  # as pynetdicom decodes them
    status: int | None = None  # of the C-ECHO response
    marks: dict[str, float] = field(default_factory=dict)  # monotonic seconds, at the end of each
    sock: socket.socket | None = None
    is_cut: bool = False
    broken: bool = False  # a thread of the driver has died of what it read

    def took(self, sock: socket.socket) -> None:
        """Remember the connected socket; one that nobody waits for any more is cut at once."""
        self.connected = True
        self.sock = sock
        if self.is_cut:
            self.cut()

    def cut(self) -> None:
        """Shut the connection: whatever blocks on it returns."""
        self.is_cut = True
        if self.sock is not None:
            with contextlib.suppress(OSError):  # it is closed already
                self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Free the socket, once nothing blocks on it: the driver does not after an error."""
        if self.sock is not None:
            self.sock.close()


async def run(address: str, options: Options, io: Io) -> list[Reading]:
    """Associate, echo, release."""
    host, port = split(address)
    addresses = await io.resolve(host)
    line = Line(marks={"begin": io.monotonic()})
    try:
        await io.thread(talk, addresses, port, options, line, Pace(io.remaining(), io.monotonic))
    except ProbeError as error:
        told = NONSENSE if line.broken else (error.reason, error.detail)
        raise ProbeError(*told, readings(line)) from None
    finally:
        line.cut()
    if not line.connected:
        await io.tcp(addresses[0], port)  # raises why: the driver does not say
        raise ProbeError("refused", "the connection was not taken at first, a moment later it was")
    if line.status == SUCCESS:
        return readings(line)
    problem = failure(line)
    raise ProbeError(problem.reason, problem.detail, readings(line))


def readings(line: Line) -> list[Reading]:
    """Each phase that came to its end, and the status if there is one."""
    marks = list(line.marks.items())
    found = [
        Reading("probe_dicom_duration_seconds", at - before, {"phase": phase})
        for (_, before), (phase, at) in itertools.pairwise(marks)
    ]
    if line.status is not None:
        found.append(Reading("probe_dicom_status", float(line.status)))
    return found


def failure(line: Line) -> ProbeError:
    """Tell apart why a node that took the connection did not echo."""
    kinds = {type(pdu).__name__: pdu for pdu in line.pdus}
    if line.status is not None:
        said = STATUSES.get(line.status, "a failure")
        return ProbeError("status", f"C-ECHO answered with status 0x{line.status:04X}: {said}")
    if rejection := kinds.get("A_ASSOCIATE_RJ"):
        why = REJECTED.get((rejection.source, rejection.reason_diagnostic), "it does not say why")
        return ProbeError("status", f"the association was rejected: {why}")
    if abort := kinds.get("A_ABORT_RQ"):
        by = "the DICOM service" if abort.source == 0 else "the DICOM software itself"  # PS3.8 9-26
        hint = "" if "A_ASSOCIATE_AC" in kinds else "; some do so where an AE title is unknown"
        return ProbeError("status", f"the association was aborted by {by}{hint}")
    if "A_ASSOCIATE_AC" in kinds and "P_DATA_TF" not in kinds and "echo" not in line.marks:
        return ProbeError("status", "the association was accepted, but without Verification")
    if line.broken or (line.received and not line.pdus):
        return ProbeError(*NONSENSE)
    return ProbeError("protocol", "connection closed by the other side")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the thread may take, and its clock."""

    seconds: float
    monotonic: Callable[[], float]


def talk(addresses: Sequence[str], port: int, options: Options, line: Line, pace: Pace) -> None:
    """In the thread: everything that is seen goes into ``line``, before any error."""
    try:
        for address in addresses:
            associated(address, port, options, line, pace)
            if line.connected or line.is_cut:
                return
    finally:
        line.close()


def associated(address: str, port: int, options: Options, line: Line, pace: Pace) -> None:
    """One association: negotiate, echo, release."""
    from pynetdicom import evt  # noqa: PLC0415  heavy, and only for who watches DICOM

    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # what it says we say better
    warnings.filterwarnings("ignore", module=r"pydicom\.")  # likewise
    entity = entity_over(line, pace)
    entity.ae_title = options.calling_ae
    entity.connection_timeout = pace.seconds
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = pace.seconds + GOODBYE
    entity.add_requested_context("1.2.840.10008.1.1")  # Verification, PS3.4 annex A.4
    association = entity.associate(
        address,
        port,
        ae_title=options.called_ae,
        evt_handlers=[(evt.EVT_PDU_RECV, lambda event: line.pdus.append(event.pdu))],
    )
    if not association.is_established:
        return
    line.marks["associate"] = pace.monotonic()
    try:
        answer = association.send_c_echo()
        if "Status" in answer:
            line.status = int(answer.Status)
            line.marks["echo"] = pace.monotonic()
        association.acse_timeout = GOODBYE
        association.release()
    except (RuntimeError, ValueError):  # the other side ended it meanwhile, or answered nonsense
        return


def entity_over(line: Line, pace: Pace) -> Any:
    """Make an application entity whose connections are bounded, and end when the line is cut."""
    from pynetdicom import AE  # noqa: PLC0415  as above
    from pynetdicom.transport import AssociationSocket  # noqa: PLC0415  as above

    class BoundedSocket(AssociationSocket):
        def connect(self, primitive: Any) -> None:
            made = self.socket
            super().connect(primitive)
            if self.socket is not None:
                line.marks["connect"] = pace.monotonic()
                line.took(self.socket)
            elif made is not None:
                made.close()  # it could not connect, and the driver forgets it

        def recv(self, nr_bytes: int) -> bytearray:
            if line.received + nr_bytes > MAX_RECEIVED:
                raise OSError("more than an association and an echo take")
            found: bytearray = super().recv(nr_bytes)
            line.received += len(found)
            return found

    class Entity(AE):
        def _create_socket(self, assoc: Any, address: Any, tls_args: Any) -> AssociationSocket:
            assoc.dul.daemon = True  # a thread that nobody waits for may not hold up the exit
            assoc.dul.run = contained(assoc.dul.run, line)
            assoc.run = contained(assoc.run, line)
            made = BoundedSocket(assoc, address=address)
            made.tls_args = tls_args
            return made

    return Entity()


def contained(run: Callable[[], None], line: Line) -> Callable[[], None]:
    """Keep what kills a thread of the driver in that thread: it cannot take every PDU there is."""

    def held() -> None:
        try:
            run()
        except Exception:  # noqa: BLE001  whatever it was, the other side sent it
            line.broken = True

    return held


PROBE = Probe(Options, METRICS, run, check_host_port)
