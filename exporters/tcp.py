"""
Whether a TCP port takes connections, and, if asked, speaks TLS or says what it should.

What the other side says is matched and dropped: it becomes no label and no log line.
"""

from pydantic import Field, model_validator

from exporters import _options
from exporters._address import check_host_port, split
from monitor.model.reading import Metric, Reading
from monitor.probe import CertificateError, Io, Probe, ProbeError, Stream
from monitor.probe import Options as ProbeOptions

METRICS = {
    "probe_tcp_duration_seconds": Metric(
        "gauge", "Duration of a TCP visit by phase: connect (name and TLS included), answer"
    ),
    "probe_failed_due_to_regex": Metric("gauge", "Indicates if probe failed due to regex"),
    "probe_ssl_earliest_cert_expiry": Metric(
        "gauge", "Returns earliest SSL cert expiry date, seconds since 1970"
    ),
}


class Options(ProbeOptions):
    """Nothing set: the connection alone counts."""

    tls: bool = False
    verify: bool = True
    ca_file: str | None = None
    send: str | None = None  # sent as UTF-8 once connected
    expect: _options.Pattern | None = None  # RE2, searched in what comes back
    max_bytes: int = Field(default=4096, ge=1, le=1 << 20)  # read at most while expecting

    @model_validator(mode="after")
    def _tls_options(self) -> "Options":
        if not self.tls and (self.ca_file or not self.verify):
            raise ValueError("verify and ca_file mean nothing without tls: true")
        return self


async def run(address: str, options: Options, io: Io) -> list[Reading]:
    """Connect, send, expect: each only as far as the options say."""
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
    if options.send is not None:
        await stream.write(options.send.encode())
    if options.expect is not None:
        if not await heard(stream, options.expect, options.max_bytes):
            failed = Reading("probe_failed_due_to_regex", 1.0)
            detail = f"nothing that matches {options.expect!r} in the answer"
            raise ProbeError("mismatch", detail, [*readings, failed])
        readings += [
            Reading("probe_failed_due_to_regex", 0.0),
            phase("answer", io.monotonic() - connected),
        ]
    return readings


async def heard(stream: Stream, pattern: str, most: int) -> bool:
    """Read until the pattern is found, the other side closes, or the bound is reached."""
    wanted = _options.compiled(pattern)
    seen = b""
    while len(seen) < most:
        more = await stream.read(most - len(seen))
        if not more:
            return False
        seen += more
        if wanted.search(seen.decode(errors="replace")):
            return True
    return False


def phase(name: str, seconds: float) -> Reading:
    """One phase of the visit."""
    return Reading("probe_tcp_duration_seconds", seconds, {"phase": name})


def expiry(shown: Stream | CertificateError) -> list[Reading]:
    """Return the expiry of what the peer showed, if it showed a certificate."""
    certificate = shown.certificate
    if certificate is None:
        return []
    return [Reading("probe_ssl_earliest_cert_expiry", certificate.not_after)]


PROBE = Probe(Options, METRICS, run, check_host_port)
