"""Bodies: inflated whole and right, or refused before they go off."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.polling.inflate import Body
from monitor.probe import ProbeError


def raw(data):
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(data) + deflate.flush()


WAYS = {
    "": lambda d: d,
    "identity": lambda d: d,
    "gzip": gzip.compress,
    "x-gzip": lambda d: gzip.compress(d[:5]) + gzip.compress(d[5:]),
    "deflate": zlib.compress,
    "Deflate": raw,
}


@pytest.mark.parametrize("coding", WAYS)
@given(data=st.binary(max_size=300_000), cut=st.integers(1, 70_000))
def test_comes_out_as_it_went_in(coding, data, cut):
    """
    However a body is cut into pieces, what comes out is what went in.
    """
    sent = WAYS[coding](data)
    if len(data) > 60_000 and len(data) > 90 * len(sent):
        return  # hypothesis found a bomb; the table below has them
    body = Body(coding, 1 << 20)
    for start in range(0, len(sent), cut):
        body.feed(sent[start : start + cut])
    assert body.end() == data
    assert body.received == len(sent)


ZEROS = bytes(8 << 20)
REFUSED = {
    "a bomb": ("gzip", gzip.compress(ZEROS), "too_large", "inflates to more than 100 times"),
    "a zlib bomb": ("deflate", zlib.compress(ZEROS), "too_large", "more than 100 times"),
    "a raw bomb": ("deflate", raw(ZEROS), "too_large", "more than 100 times"),
    "too large": ("", bytes(9 << 20), "too_large", "answer is larger than 8388608 bytes"),
    "many members": ("gzip", gzip.compress(b"x") * 1001, "too_large", "1000 gzip members"),
    "cut": ("gzip", gzip.compress(b"x" * 99)[:-1], "protocol", "gzip ends early"),
    "garbage": ("gzip", b"garbage", "protocol", "not valid gzip"),
    "garbage deflate": ("deflate", b"\xff" * 9, "protocol", "not valid deflate"),
    "wrong sum": ("gzip", gzip.compress(b"x")[:-8] + bytes(8), "protocol", "not valid gzip"),
    "unknown": ("br", b"x", "protocol", "not asked for"),
    "two at once": ("gzip, gzip", b"x", "protocol", "not asked for"),
}


@pytest.mark.parametrize(("coding", "sent", "reason", "detail"), REFUSED.values(), ids=REFUSED)
def test_refused(coding, sent, reason, detail):
    with pytest.raises(ProbeError, match=detail) as caught:
        whole(coding, sent)
    assert caught.value.reason == reason


def whole(coding, sent):
    body = Body(coding, 8 << 20)
    body.feed(sent)
    body.end()
