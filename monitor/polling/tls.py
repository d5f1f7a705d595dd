"""
TLS contexts, and the certificate a peer showed, trusted or not.

``verify`` False is a choice of one target: its context also takes the old protocols
and short keys of UPS cards and controllers, since nothing about it is trusted anyway.
"""

import asyncio
import functools
import ssl
from pathlib import Path
from typing import Any

from monitor.polling.bounds import clean
from monitor.probe import Certificate, ProbeError

MAX_CHAIN = 10  # certificates of a chain that we look at
MAX_NAME = 256  # characters of a subject or an issuer


class Witness(ssl.SSLObject):
    """Notes on the loop's clock when the handshake began and ended, in seconds."""

    began: float | None = None
    ended: float | None = None

    def do_handshake(self) -> None:
        now = asyncio.get_running_loop().time
        self.began = self.began or now()
        super().do_handshake()
        self.ended = now()


def context(ca_file: str | None, *, verify: bool) -> ssl.SSLContext:
    """Return the context for these options; loading the authorities takes 20 ms, so it is kept."""
    try:
        changed = Path(ca_file).stat().st_mtime if ca_file else 0.0
        return _context(ca_file, changed, verify)
    except (OSError, ssl.SSLError) as error:
        raise ProbeError("tls", f"ca_file {ca_file} cannot be used: {error}") from None


@functools.lru_cache(maxsize=64)
def _context(ca_file: str | None, changed: float, verify: bool) -> ssl.SSLContext:  # noqa: ARG001, FBT001  a changed file is another context
    if verify:
        made = ssl.create_default_context(cafile=ca_file)
    else:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        made.set_ciphers("DEFAULT:@SECLEVEL=0")
        made.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)  # named from 3.12 on
    made.sslobject_class = Witness
    return made


def certificate_of(tls: ssl.SSLObject | None) -> Certificate | None:
    """Return what the peer showed; None without TLS, or where it cannot be parsed."""
    shown = chain(tls) if tls is not None else []
    parsed = [c for der in shown[:MAX_CHAIN] if (c := parse(der))]
    if not parsed:
        return None
    leaf = parsed[0]
    return Certificate(
        not_after=min(c.not_after for c in parsed),
        not_before=leaf.not_before,
        subject=leaf.subject,
        issuer=leaf.issuer,
    )


def chain(tls: ssl.SSLObject) -> list[bytes]:
    """Return the certificates as sent, leaf first, in DER."""
    public = getattr(tls, "get_unverified_chain", None)  # Python 3.13
    if public is not None:
        return list(public() or [])
    # 3.11 and 3.12 have it only below the public object.
    inner: Any = getattr(tls, "_sslobj", None)
    der_form = 2  # _ssl.ENCODING_DER
    try:
        return [c.public_bytes(der_form) for c in inner.get_unverified_chain() or []]
    except AttributeError:
        leaf = tls.getpeercert(binary_form=True)
        return [leaf] if leaf else []


def parse(der: bytes) -> Certificate | None:
    """Read one certificate; None where it is malformed, which is no reason to fail a visit."""
    from cryptography import x509  # noqa: PLC0415 -- 8 MB that a site without TLS does not need

    try:
        found = x509.load_der_x509_certificate(der)
        return Certificate(
            not_after=found.not_valid_after_utc.timestamp(),
            not_before=found.not_valid_before_utc.timestamp(),
            subject=clean(found.subject.rfc4514_string(), MAX_NAME),
            issuer=clean(found.issuer.rfc4514_string(), MAX_NAME),
        )
    except Exception:  # noqa: BLE001  a parser over a stranger's bytes
        return None


async def look(address: str, port: int, name: str) -> Certificate | None:
    """Connect once more without verification, only to read the certificate."""
    try:
        _, writer = await asyncio.open_connection(
            address, port, ssl=context(None, verify=False), server_hostname=name
        )
    except (OSError, ssl.SSLError):
        return None
    try:
        return certificate_of(writer.get_extra_info("ssl_object"))
    finally:
        writer.transport.abort()
