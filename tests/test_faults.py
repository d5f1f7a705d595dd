"""What the system's errors mean in our words."""

import errno
import os
import ssl

import pytest

from monitor import faults
from monitor.probe import REASONS, Certificate

SYSTEM = {
    errno.ECONNREFUSED: ("refused", "connection refused"),
    errno.EHOSTUNREACH: ("unreachable", "no route to host"),
    errno.ENETUNREACH: ("unreachable", "network is unreachable"),
    errno.ETIMEDOUT: ("timeout", "no answer: connection timed out"),
    errno.EACCES: ("permission", "permission denied"),
    errno.ECONNRESET: ("protocol", "connection reset by the other side"),
    errno.EMFILE: ("broken", "EMFILE: Too many open files"),
}


@pytest.mark.parametrize(("code", "expected"), SYSTEM.items(), ids=errno.errorcode.get)
def test_of_os(code, expected):
    error = faults.of_os(OSError(code, os.strerror(code)))
    assert (error.reason, error.detail) == expected


def test_every_reason_is_known():
    assert {reason for reason, _ in faults.TABLE.values()} <= set(REASONS)


def test_closed_without_a_number():
    assert faults.of_os(ConnectionError("gone")).reason == "protocol"


def verify_error(code):
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "some message"
    return error


CERTIFICATE = Certificate(1_767_312_000.0, 0.0, "CN=his", "CN=ca")  # ends 2026-01-02
VERIFY = {
    faults.EXPIRED: "certificate expired on 2026-01-02",
    faults.NOT_YET: "certificate is not valid before 1970-01-01",
    faults.SELF_SIGNED: "certificate is self-signed",
    faults.WRONG_NAME: "certificate is for another name",
    99: "certificate not accepted: some message",
}


@pytest.mark.parametrize(("code", "expected"), VERIFY.items())
def test_of_tls(code, expected):
    error = faults.of_tls(verify_error(code), CERTIFICATE)
    assert (error.reason, error.detail, error.certificate) == ("tls", expected, CERTIFICATE)


def test_expired_and_unreadable():
    assert faults.of_tls(verify_error(faults.EXPIRED), None).detail.endswith("on a day unknown")
