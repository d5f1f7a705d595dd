"""
An HL7 v2 interface (LIS, an engine): whether its MLLP port takes connections, and answers.

The connection alone counts, unless the options say ``message: true``: no message of HL7
is without effect on every engine, so one is sent only where the vendor agreed to it. It
is NMD^N02 (application management data, HL7 v2.3.1 chapter 14) marked as training
(MSH-11 T), and carries no segment but its header: nothing about a patient. Of the answer
only the code in MSA-1 is kept; its body goes into no label, message or log.
"""

import secrets
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from exporters._address import check_host_port, split
from monitor.model.reading import Metric, Reading
from monitor.probe import CertificateError, Io, Probe, ProbeError, Stream
from monitor.probe import Options as ProbeOptions

START, END = b"\x0b", b"\x1c\r"  # MLLP release 1: block start; block end and carriage return
CODES = ("AA", "AE", "AR", "CA", "CE", "CR")
"""HL7 table 0008, acknowledgment codes: accepted, error, rejected; by application or commit."""
DELIMITERS = set("|^~\\&")
METRICS = {
    "probe_hl7_duration_seconds": Metric(
        "gauge", "Duration of an HL7 visit by phase: connect (name and TLS included), answer"
    ),
    "probe_hl7_ack_info": Metric(
        "gauge", "1 with the code of the acknowledgement: AA, AE, AR, CA, CE or CR"
    ),
    "probe_ssl_earliest_cert_expiry": Metric(
        "gauge", "Returns earliest SSL cert expiry date, seconds since 1970"
    ),
}


def checked_name(text: str) -> str:
    """Refuse what would end a field of the header."""
    if not text.isascii() or not text.isprintable() or DELIMITERS & set(text):
        raise ValueError(f"is no name for a message header: {text!r}; write ASCII without |^~\\&")
    return text


Name = Annotated[str, StringConstraints(max_length=180), AfterValidator(checked_name)]
"""Type HD of HL7: MSH-3 to MSH-6, at most 180 characters."""


class Options(ProbeOptions):
    """Nothing set: the connection alone counts."""

    tls: bool = False
    verify: bool = True
    ca_file: str | None = None
    message: bool = False  # send one and wait for any acknowledgement
    version: str = Field(default="2.3.1", pattern=r"^2\.[1-9](\.[0-9])?$")  # MSH-12
    sending_application: Name = "ZHIBAN"
    sending_facility: Name = ""
    receiving_application: Name = ""
    receiving_facility: Name = ""
    max_bytes: int = Field(default=65536, ge=64, le=1 << 20)  # of the answer

    @model_validator(mode="after")
    def _tls_options(self) -> "Options":
        if not self.tls and (self.ca_file or not self.verify):
            raise ValueError("verify and ca_file mean nothing without tls: true")
        return self


async def run(address: str, options: Options, io: Io) -> list[Reading]:
    """Connect; where it is agreed, send a message and read its acknowledgement."""
    host, port = split(address)
    began = io.monotonic()
    try:
        stream = await io.tcp(
            host, port, tls=options.tls, verify=options.verify, ca_file=options.ca_file
        )
    except CertificateError as error:
        raise ProbeError(error.reason, error.detail, expiry(error)) from None
    connected = io.monotonic()
    readings = [phase("connect", connected - began), *expiry(stream)]
    if not options.message:
        return readings
    control = secrets.token_hex(8)
    await stream.write(message(options, control))
    code = acknowledged(await stream.read_until(END, options.max_bytes), control)
    return [
        *readings,
        phase("answer", io.monotonic() - connected),
        Reading("probe_hl7_ack_info", 1.0, {"code": code}),
    ]


def message(options: Options, control: str) -> bytes:
    """NMD^N02 in its MLLP block; MSH-10 is ``control``, MSH-15 AL: always acknowledge."""
    sender = f"{options.sending_application}|{options.sending_facility}"
    receiver = f"{options.receiving_application}|{options.receiving_facility}"
    time = ""  # MSH-7: optional up to 2.3.1, and nobody needs it
    kind = f"NMD^N02|{control}|T|{options.version}"
    header = f"MSH|^~\\&|{sender}|{receiver}|{time}||{kind}|||AL"
    return START + header.encode("ascii") + b"\r" + END


def acknowledged(block: bytes, control: str) -> str:
    """
    Return the code of the acknowledgement in an MLLP block: any of CODES is life.

    ProbeError without a word of what the block says where it is none, or one of another message.
    """
    began, found, body = block.partition(START)
    if not found or began.strip():
        raise ProbeError("protocol", "the answer is no MLLP block")
    if not body.startswith(b"MSH") or len(body) <= len(b"MSH"):
        raise ProbeError("protocol", "the answer is no HL7 message: it does not begin with MSH")
    separator = body[3:4]
    for segment in body.removesuffix(END).replace(b"\n", b"\r").split(b"\r"):
        name, *fields = segment.split(separator)
        if name == b"MSA":
            return judged(fields, control)
    raise ProbeError("protocol", "the answer is an HL7 message, but no acknowledgement (no MSA)")


def judged(fields: list[bytes], control: str) -> str:
    """MSA-1 of an acknowledgement; MSA-2 is ours, or empty where the engine could not read us."""
    code = fields[0].strip().decode("ascii", "replace") if fields else ""
    if code not in CODES:
        raise ProbeError("protocol", "an acknowledgement without a code of HL7 table 0008")
    named = fields[1].strip().decode("ascii", "replace") if len(fields) > 1 else ""
    if named not in {"", control}:
        raise ProbeError("mismatch", "the acknowledgement is for another message")
    return code


def phase(name: str, seconds: float) -> Reading:
    """One phase of the visit."""
    return Reading("probe_hl7_duration_seconds", seconds, {"phase": name})


def expiry(shown: Stream | CertificateError) -> list[Reading]:
    """Return the expiry of what the peer showed, if it showed a certificate."""
    certificate = shown.certificate
    if certificate is None:
        return []
    return [Reading("probe_ssl_earliest_cert_expiry", certificate.not_after)]


PROBE = Probe(Options, METRICS, run, check_host_port)
