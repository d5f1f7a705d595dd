"""The hl7 probe: what it sends, which answers are life, and that no body comes out of it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import talking
from pydantic import ValidationError
from visiting import visit

from exporters import hl7
from monitor.probe import ProbeError

ID = "00c0ffee00c0ffee"
HEAD = b"MSH|^~\\&|LIS|LAB|ZHIBAN||20261122||ACK^N02|7|T|2.3.1\r"


def block(*segments):
    return b"\x0b" + b"".join(s + b"\r" for s in segments) + b"\x1c\r"


def test_message():
    options = hl7.Options(receiving_application="LIS", sending_facility="XX")
    assert hl7.message(options, ID) == (
        b"\x0bMSH|^~\\&|ZHIBAN|XX|LIS||||NMD^N02|00c0ffee00c0ffee|T|2.3.1|||AL\r\x1c\r"
    )


LIFE = {
    "AA": (block(HEAD[:-1], b"MSA|AA|" + ID.encode()), "AA"),
    "an error, with text": (block(HEAD[:-1], b"MSA|AE|" + ID.encode() + b"|no such event"), "AE"),
    "refused, not knowing our id": (block(HEAD[:-1], b"MSA|AR"), "AR"),
    "a commit": (block(HEAD[:-1], b"SFT|x", b"MSA|CA|" + ID.encode()), "CA"),
    "lines end in CR LF": (b"\x0b" + HEAD + b"\nMSA|AA|" + ID.encode() + b"\r\n\x1c\r", "AA"),
    "other delimiters": (block(b"MSH#^~\\&#LIS", b"MSA#AA#" + ID.encode()), "AA"),
    "GBK in the text": (block(HEAD[:-1], f"MSA|AR|{ID}|类型不支持".encode("gbk")), "AR"),
    "a line break before the block": (b"\r\n" + block(HEAD[:-1], b"MSA|AA"), "AA"),
}


@pytest.mark.parametrize(("answer", "code"), LIFE.values(), ids=LIFE)
def test_any_acknowledgement_is_life(answer, code):
    assert hl7.acknowledged(answer, ID) == code


NOT = {
    "another message's": (block(HEAD[:-1], b"MSA|AA|123"), "mismatch", "for another message"),
    "no MSA": (block(HEAD[:-1], b"PID|1||4711"), "protocol", "no acknowledgement"),
    "no MSH": (block(b"PID|1||4711"), "protocol", "does not begin with MSH"),
    "MSH alone": (b"\x0bMSH", "protocol", "does not begin with MSH"),
    "no block": (b"HTTP/1.1 400 Bad Request\r\n\x1c\r", "protocol", "no MLLP block"),
    "words before": (b"hello \x0bMSH|^~\\&|\x1c\r", "protocol", "no MLLP block"),
    "a code of its own": (block(HEAD[:-1], b"MSA|OK|" + ID.encode()), "protocol", "table 0008"),
    "no code": (block(HEAD[:-1], b"MSA"), "protocol", "table 0008"),
}


@pytest.mark.parametrize(("answer", "reason", "detail"), NOT.values(), ids=NOT)
def test_no_acknowledgement(answer, reason, detail):
    with pytest.raises(ProbeError) as caught:
        hl7.acknowledged(answer, ID)
    assert caught.value.reason == reason
    assert detail in caught.value.detail
    assert "4711" not in str(caught.value)


@given(st.binary(max_size=200))
def test_whatever_comes_back(data):
    """A code or a ProbeError, and nothing that was said in either."""
    for answer in (data, b"\x0bMSH|" + data, b"\x0bMSH|\rMSA|" + data):
        try:
            assert hl7.acknowledged(answer, ID) in hl7.CODES
        except ProbeError as error:
            assert error.detail.isascii()  # noqa: PT017  both ways out are right


def answering(*says):
    async def talk(reader, writer):
        await reader.readuntil(b"\x1c\r")
        for part in says:
            writer.write(part)

    return talking(talk)


async def test_connection_alone_sends_nothing():
    heard = []

    async def talk(reader, writer):
        heard.append(await reader.read(100))

    async with talking(talk) as port:
        seen, got = await visit("hl7", f"127.0.0.1:{port}")
        await asyncio.sleep(0.01)
    assert seen.up, seen
    assert heard == [b""]
    assert got["probe_hl7_duration_seconds", "connect"] > 0
    assert not [key for key in got if "ack" in key[0]]


async def test_answer_in_time():
    async with answering(block(HEAD[:-1], b"MSA|AR|")) as port:
        seen, got = await visit("hl7", f"127.0.0.1:{port}", message=True)
    assert seen.up, seen
    assert got["probe_hl7_ack_info", "AR"] == 1
    assert got["probe_hl7_duration_seconds", "answer"] > 0


STRANGERS = {
    "silence": ((), "timeout"),
    "a web server": ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "timeout"),
    "without an end": ((b"\x0b" + b"x" * 70_000,), "too_large"),
}


@pytest.mark.parametrize(("says", "reason"), STRANGERS.values(), ids=STRANGERS)
async def test_strangers(says, reason):
    async with answering(*says) as port:
        seen, _ = await visit("hl7", f"127.0.0.1:{port}", message=True, timeout=0.3)
    assert (seen.up, seen.reason) == (False, reason)


BAD = {
    "verify and ca_file mean nothing without tls: true": {"verify": False},
    "is no name for a message header": {"sending_application": "A|B"},
    "String should match pattern": {"version": "3"},
}


@pytest.mark.parametrize(("wrong", "options"), BAD.items(), ids=BAD)
def test_bad_options(wrong, options):
    with pytest.raises(ValidationError) as caught:
        hl7.Options.model_validate(options)
    assert wrong in str(caught.value)
