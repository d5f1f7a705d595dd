"""What the system's and TLS' errors mean in the words of ``monitor.probe.REASONS``. Pure."""

import errno
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from monitor.probe import Certificate, CertificateError, ProbeError

REFUSED = {errno.ECONNREFUSED: "connection refused"}
BROKE = {
    errno.ECONNRESET: "connection reset by the other side",
    errno.EPIPE: "connection closed by the other side",
    errno.ECONNABORTED: "connection aborted",
}
UNREACHABLE = {
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network is unreachable",
    errno.EHOSTDOWN: "host is down",
    errno.ENETDOWN: "network is down",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}
PERMISSION = {errno.EPERM: "not permitted", errno.EACCES: "permission denied"}
TIMEOUT = {errno.ETIMEDOUT: "no answer: connection timed out"}

TABLE: Mapping[int, tuple[str, str]] = {
    code: (reason, text)
    for reason, table in (
        ("refused", REFUSED),
        ("protocol", BROKE),
        ("unreachable", UNREACHABLE),
        ("permission", PERMISSION),
        ("timeout", TIMEOUT),
    )
    for code, text in table.items()
}

# X.509 verify codes, openssl/x509_vfy.h
EXPIRED, NOT_YET, SELF_SIGNED, SELF_SIGNED_CHAIN, NO_ISSUER = 10, 9, 18, 19, 20
WRONG_NAME, WRONG_ADDRESS = 62, 64


def of_os(error: OSError) -> ProbeError:
    """Give an operating system's error its reason; what is not in the table is ours."""
    reason, text = TABLE.get(error.errno or 0, ("", ""))
    if reason:
        return ProbeError(reason, text)
    if isinstance(error, ConnectionError):
        return ProbeError("protocol", "connection closed by the other side")
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return ProbeError("broken", f"{name}: {error.strerror or 'system error'}")


def of_tls(error: ssl.SSLError, certificate: Certificate | None) -> ProbeError:
    """Say what is wrong with a handshake; the certificate seen goes with it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError(verify_text(error, certificate), certificate)
    said = (error.reason or type(error).__name__).replace("_", " ").lower()
    return CertificateError(f"TLS handshake failed: {said}", certificate)


def verify_text(error: ssl.SSLCertVerificationError, certificate: Certificate | None) -> str:
    """Say why a certificate is not trusted."""
    texts: Mapping[int, Callable[[], str]] = {
        EXPIRED: lambda: f"certificate expired on {day(certificate, 'not_after')}",
        NOT_YET: lambda: f"certificate is not valid before {day(certificate, 'not_before')}",
        SELF_SIGNED: lambda: "certificate is self-signed",
        SELF_SIGNED_CHAIN: lambda: "certificate comes from an unknown authority (self-signed root)",
        NO_ISSUER: lambda: "certificate comes from an unknown authority",
        WRONG_NAME: lambda: "certificate is for another name",
        WRONG_ADDRESS: lambda: "certificate is for another address",
    }
    text = texts.get(error.verify_code)
    return text() if text else f"certificate not accepted: {error.verify_message}"


def day(certificate: Certificate | None, field: str) -> str:
    """Return the UTC day of an instant of a certificate."""
    if certificate is None:
        return "a day unknown"
    return f"{datetime.fromtimestamp(getattr(certificate, field), UTC):%Y-%m-%d}"
