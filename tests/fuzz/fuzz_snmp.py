"""
Coverage-guided fuzzing of the SNMP decoder with atheris, which is no dependency of ours.

    python -m venv V && V/bin/pip install atheris --requirement requirements/run.lock
    PYTHONPATH=. V/bin/python tests/fuzz/fuzz_snmp.py -max_total_time=600 -max_len=4096 CORPUS

CORPUS is a folder; real messages are written into it first. The key is known to the
harness, so that what lies behind MAC and cipher is reached as well.
"""

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["exporters._snmp"]):
    from exporters._snmp import ber, community, oid, pdu, usm, v3, v3message

EXPECTED = (ber.BerError, v3.RefusedError)
ENGINE_ID = bytes.fromhex("8000000001020304")
USER = b"fuzz"
MASTERS = usm.masters("sha256", b"authpass123", "aes128", b"privpass123")
KEYS = usm.localized(MASTERS, ENGINE_ID)
NAME = oid.encode("1.3.6.1.2.1.31.1.1.1.6.513")
MSG_ID = 7


def engine():
    """One that waits for the answer to message 7 and knows its agent."""
    waiting = v3.Engine(USER, MASTERS)
    waiting.engine_id, waiting._keys = ENGINE_ID, KEYS
    waiting._outstanding[MSG_ID] = ENGINE_ID
    return waiting


def signed(flags, scoped):
    """What the agent would send with these bytes as its scoped PDU."""
    salt = bytes(8) if flags & v3message.PRIV else b""
    head = v3message.Outgoing(MSG_ID, flags, ENGINE_ID, 1, 2, USER, salt)
    return v3message.build(head, scoped, KEYS)


def read(data):
    """Every way into the decoder."""
    for decoder in (community.decode, community.peek, pdu.decode, v3message.decode_scoped):
        with contextlib.suppress(EXPECTED):
            decoder(data)
    with contextlib.suppress(EXPECTED):
        oid.text(data)
    for message in (data, signed(1, data), signed(3, data)):
        with contextlib.suppress(EXPECTED):
            engine().incoming(message, 5.0)


def seed(folder):
    """Real messages to begin with."""
    values = [
        (NAME, pdu.COUNTER64, (1 << 64) - 1),
        (NAME, pdu.INTEGER, -5),
        (NAME, pdu.OCTET_STRING, b"uplink"),
        (NAME, pdu.OID, NAME),
        (NAME, pdu.END_OF_MIB_VIEW, None),
        (NAME, pdu.TIMETICKS, 4711),
    ]
    answer = pdu.Pdu(pdu.RESPONSE, 1, 0, 0, values)
    scoped = v3message.encode_scoped(ENGINE_ID, b"", answer)
    report = pdu.Pdu(pdu.REPORT, 1, 0, 0, [(oid.encode("1.3.6.1.6.3.15.1.1.2.0"), 65, 3)])
    for number, message in enumerate(
        (
            community.encode(0, b"public", answer),
            community.encode(1, b"public", pdu.ask(pdu.GETBULK, 1, [NAME], (0, 7))),
            pdu.encode(answer),
            scoped,
            signed(0, v3message.encode_scoped(ENGINE_ID, b"", report)),
            signed(3, scoped),
            NAME,
        )
    ):
        (folder / f"seed{number}").write_bytes(message)


if __name__ == "__main__":
    corpus = Path(sys.argv[-1])
    corpus.mkdir(parents=True, exist_ok=True)
    seed(corpus)
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
