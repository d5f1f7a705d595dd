"""The dicom probe: answers told apart, and hostile nodes that would hold pynetdicom for ever."""

import asyncio
import contextlib
import random
import struct
import threading

import pytest
from loopback import talking
from pydantic import ValidationError
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, Verification
from visiting import visit

from exporters import dicom


@contextlib.contextmanager
def node(*handlers, title="PACS", sop=Verification, callers=(), strict=False):
    """Serve as pynetdicom's own SCP; yields the port."""
    entity = AE(ae_title=title)
    entity.require_called_aet = strict
    entity.require_calling_aet = list(callers)
    entity.add_supported_context(sop)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers))
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


async def test_echoes():
    with node() as port:
        seen, got = await visit("dicom", f"127.0.0.1:{port}")
    assert seen.up, seen
    assert got["probe_dicom_status",] == 0
    assert {k[1] for k in got if k[0] == "probe_dicom_duration_seconds"} == {
        "connect",
        "associate",
        "echo",
    }


APART = {
    "another AE title": (
        {"title": "OTHER", "strict": True},
        {"called_ae": "PACS"},
        "the association was rejected: it has another AE title (called_ae)",
    ),
    "an unknown caller": (
        {"callers": ["WS1"]},
        {},
        "the association was rejected: it does not know our AE title (calling_ae)",
    ),
    "no Verification": (
        {"sop": CTImageStorage},
        {},
        "the association was accepted, but without Verification",
    ),
}


@pytest.mark.parametrize(("server", "options", "detail"), APART.values(), ids=APART)
async def test_told_apart(server, options, detail):
    with node(**server) as port:
        seen, _ = await visit("dicom", f"127.0.0.1:{port}", **options)
    assert (seen.up, seen.reason, seen.detail) == (False, "status", detail)


async def test_a_status():
    """
    A node that is up and says it is not well.
    """
    with node((evt.EVT_C_ECHO, lambda _: 0x0122)) as port:
        seen, got = await visit("dicom", f"127.0.0.1:{port}")
    assert (seen.up, seen.reason) == (False, "status")
    assert seen.detail == "C-ECHO answered with status 0x0122: SOP class not supported"
    assert got["probe_dicom_status",] == 0x0122


def abort(event):
    event.assoc.abort()
    return 0x0000


async def test_aborted_within():
    with node((evt.EVT_C_ECHO, abort)) as port:
        seen, _ = await visit("dicom", f"127.0.0.1:{port}")
    assert (seen.up, seen.reason) == (False, "status")
    assert seen.detail == "the association was aborted by the DICOM service"


async def test_refused():
    async with talking(lambda r, w: asyncio.sleep(0)) as port:
        pass
    await asyncio.sleep(0)
    seen, _ = await visit("dicom", f"127.0.0.1:{port}")
    assert (seen.reason, seen.detail) == ("refused", "connection refused")


REJECT = b"\3\0\0\0\0\4\0\1\1\7"
ABORT = b"\7\0\0\0\0\4\0\0\2\0"


def saying(*parts, every=0.0, close=False):
    async def talk(reader, writer):
        await reader.read(1024)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(every)
        if close:
            writer.close()

    return talking(talk)


STRANGERS = {
    "silence": ([], {}, "timeout", "no answer"),
    "hangs up": ([], {"close": True}, "protocol", "closed by the other side"),
    "a web server": ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], {}, "protocol", "does not speak DICOM"),
    "rejects": ([REJECT], {}, "status", "another AE title"),
    "aborts": ([ABORT], {}, "status", "aborted by the DICOM software itself"),
    "half a header": ([b"\2\0\0"], {}, "timeout", "no answer"),
    "drips": (
        [b"\2", b"\0\0\0\x40", b"\0", *[b"x"] * 100],
        {"every": 0.02},
        "timeout",
        "no answer",
    ),
    "half a PDU": ([b"\2\0\0\0\1\0" + b"x" * 100], {}, "timeout", "no answer"),
    "4 GB": ([b"\2\0\xff\xff\xff\xff" + bytes(1 << 20)], {}, "protocol", "does not speak DICOM"),
    "an empty acceptance": ([b"\2\0\0\0\0\0"], {}, "protocol", "does not speak DICOM"),
    "release instead": ([b"\5\0\0\0\0\4\0\0\0\0"], {}, "protocol", ""),
    "data instead": ([b"\4\0\0\0\0\6\0\0\0\2\1\3"], {}, "protocol", ""),
    "an association back": ([b"\1\0" + struct.pack(">I", 68) + bytes(68)], {}, "protocol", ""),
}


@pytest.mark.parametrize(("says", "how", "reason", "detail"), STRANGERS.values(), ids=STRANGERS)
async def test_strangers(says, how, reason, detail):
    """
    The visit ends in time, and soon after it so does every thread it started.
    """
    before = threading.active_count()
    async with saying(*says, **how) as port:
        seen, _ = await visit("dicom", f"127.0.0.1:{port}", timeout=0.6)
        for _ in range(100):
            if threading.active_count() <= before:
                break
            await asyncio.sleep(0.02)
        left = [t.name for t in threading.enumerate()]
    assert (seen.up, seen.reason) == (False, reason), seen
    assert detail in seen.detail
    assert len(left) <= before, left


async def test_mutations():
    """
    Bytes changed and cut: no exception is left in a thread, and no thread.
    """
    sent, draw = [], random.Random(7)
    with node((evt.EVT_DATA_SENT, lambda event: sent.append(event.data))) as port:
        seen, _ = await visit("dicom", f"127.0.0.1:{port}")
    assert seen.up
    before = threading.active_count()

    async def one():
        parts = [bytearray(data) for data in sent]
        for _ in range(draw.choice([1, 2, 4, 20])):
            part = draw.choice(parts)
            part[draw.randrange(len(part))] = draw.randrange(256)
        if draw.random() < 0.3:
            del parts[0][draw.randrange(len(parts[0])) :]

        async def talk(reader, writer):
            for part in parts:
                if not await reader.read(4096):
                    break
                writer.write(bytes(part))

        async with talking(talk) as port:
            seen, _ = await visit("dicom", f"127.0.0.1:{port}", timeout=0.5)
        assert seen.up or seen.reason in {"timeout", "protocol", "status"}, seen

    for _ in range(3):
        await asyncio.gather(*(one() for _ in range(8)))
    for _ in range(100):
        if threading.active_count() <= before:
            break
        await asyncio.sleep(0.02)
    assert threading.active_count() <= before


async def test_a_flood():
    """
    Small PDUs without end: what is read is bounded, and the visit over before its deadline.
    """

    async def talk(reader, writer):
        await reader.read(1024)
        while not writer.is_closing():
            writer.write(b"\4\0\0\0\0\6\0\0\0\2\1\3" * 1000)
            await writer.drain()

    async with talking(talk) as port:
        seen, _ = await visit("dicom", f"127.0.0.1:{port}", timeout=3)
    assert (seen.up, seen.reason) == (False, "protocol"), seen


BAD = {
    "": "at least 1 character",
    " ": "is no AE title",
    "A\\B": "is no AE title",
    "影像": "AE title",
}


@pytest.mark.parametrize(("title", "wrong"), BAD.items(), ids=BAD)
def test_bad_options(title, wrong):
    with pytest.raises(ValidationError, match=wrong):
        dicom.Options.model_validate({"called_ae": title})
    with pytest.raises(ValidationError, match="at most 16"):
        dicom.Options.model_validate({"calling_ae": "A" * 17})
