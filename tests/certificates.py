"""A certificate authority of our own, and certificates good and bad."""

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)  # noqa: TID251  OpenSSL compares with the real clock


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key():
    return ec.generate_private_key(ec.SECP256R1())


def sign(subject, public, issuer, by, *, start, end, ca=False, host="127.0.0.1"):
    """Make one certificate."""
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(host))]
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(by, hashes.SHA256())
    )


def pem(*things):
    out = b""
    for thing in things:
        if isinstance(thing, x509.Certificate):
            out += thing.public_bytes(serialization.Encoding.PEM)
        else:
            out += thing.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
    return out


def write(folder):
    """Write ca.pem, and NAME.pem with key and certificate; returns the expiry of each."""
    year, day = timedelta(days=365), timedelta(days=1)
    authority = key()
    root = sign(
        "Zhiban Test CA", authority.public_key(), "Zhiban Test CA", authority,
        start=NOW - day, end=NOW + 10 * year, ca=True,
    )  # fmt: skip
    (folder / "ca.pem").write_bytes(pem(root))
    rows = {
        "good": {"start": NOW - day, "end": NOW + 30 * day},
        "expired": {"start": NOW - year, "end": NOW - 10 * day},
        "future": {"start": NOW + day, "end": NOW + year},
        "other-name": {"start": NOW - day, "end": NOW + year, "host": "192.0.2.1"},
        "self-signed": {"start": NOW - day, "end": NOW + 20 * day},
    }
    for title, row in rows.items():
        own = key()
        alone = title == "self-signed"
        issuer = title if alone else "Zhiban Test CA"
        made = sign(title, own.public_key(), issuer, own if alone else authority, **row)
        (folder / f"{title}.pem").write_bytes(pem(own, made))
    return {title: row["end"].replace(microsecond=0).timestamp() for title, row in rows.items()}
