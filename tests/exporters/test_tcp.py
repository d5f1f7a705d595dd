"""The tcp probe against small servers of our own; TLS is in tests/integration."""

import asyncio
import contextlib

import pytest
from loopback import talking
from pydantic import ValidationError
from visiting import visit

from exporters import tcp


@contextlib.asynccontextmanager
async def serving(*says, echo=False):
    """Serve on loopback: say each part, or echo one line."""

    async def talk(reader, writer):
        for part in says:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        if echo:
            writer.write(b"you said " + await reader.readline())

    async with talking(talk) as port:
        yield f"127.0.0.1:{port}"


async def test_connects():
    async with serving() as address:
        seen, got = await visit("tcp", address)
    assert seen.up, seen
    assert got["probe_tcp_duration_seconds", "connect"] > 0
    assert ("probe_failed_due_to_regex",) not in got


EXPECT = {
    "a banner": ((b"220 mail ESMTP",), {"expect": "^220 "}),
    "in two packets": ((b"22", b"0 mail"), {"expect": "220 mail"}),
    "an answer to what was sent": ((), {"send": "ping\n", "expect": "you said ping"}),
    "Chinese": (("欢迎光临".encode(),), {"expect": "欢迎"}),
}


@pytest.mark.parametrize(("says", "options"), EXPECT.values(), ids=EXPECT)
async def test_expect(says, options):
    async with serving(*says, echo="send" in options) as address:
        seen, got = await visit("tcp", address, **options)
    assert seen.up, seen
    assert got["probe_failed_due_to_regex",] == 0
    assert got["probe_tcp_duration_seconds", "answer"] > 0


async def test_expects_in_vain():
    """
    The bound ends the search; what was said is in no message.
    """
    async with serving(b"secret 4711 " * 100) as address:
        seen, got = await visit("tcp", address, expect="ready", max_bytes=256)
    assert (seen.reason, seen.detail) == (
        "mismatch", "nothing that matches 'ready' in the answer",
    )  # fmt: skip
    assert got["probe_failed_due_to_regex",] == 1
    assert got["probe_tcp_duration_seconds", "connect"] > 0


async def test_expects_and_hears_nothing():
    async with serving() as address:
        seen, _ = await visit("tcp", address, expect="ready", timeout=0.2)
    assert (seen.reason, seen.detail) == ("timeout", "no answer within 0.2 s")


ADDRESSES = {
    "10.1.2.3:443": "",
    "his-db:5432": "",
    "[::1]:22": "",
    "::1:22": "is an IPv6 address without brackets; write [::1]:22",
    "10.1.2.3": "has no port from 1 to 65535; write for example 10.1.2.3:443",
    "10.1.2.3:0": "has no port from 1 to 65535; write for example 10.1.2.3:443",
    "10.1.2.3:99999": "has no port from 1 to 65535; write for example 10.1.2.3:443",
    "a b:80": "is no host name or IP address: 'a b'; write for example 10.1.2.3 or his-db-1",
}


@pytest.mark.parametrize(("address", "wrong"), ADDRESSES.items(), ids=ADDRESSES)
def test_address(address, wrong):
    assert tcp.PROBE.check_address(address) == wrong


BAD = {
    "is no RE2 pattern: missing ): (": {"expect": "("},
    "is no RE2 pattern: invalid perl operator: (?=": {"expect": "(?=x)"},
    "verify and ca_file mean nothing without tls: true": {"verify": False},
}


@pytest.mark.parametrize(("wrong", "options"), BAD.items(), ids=BAD)
def test_bad_options(wrong, options):
    with pytest.raises(ValidationError) as caught:
        tcp.Options.model_validate(options)
    assert wrong in str(caught.value)
