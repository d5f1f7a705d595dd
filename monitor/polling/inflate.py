"""
A body as it was meant, inflated step by step under two bounds. Pure: no I/O.

Never more than STEP bytes are made at once, so a bomb is seen before it goes off.
"""

import zlib

from monitor.probe import ProbeError

STEP = 1 << 16
FREE = 1 << 16  # bytes that may come out before the ratio counts
MAX_RATIO = 100  # out : in (reliability.md, section 4 rule 7)
MAX_MEMBERS = 1000  # of a gzip body; each costs a decompressor, however small it is
GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
RAW = -zlib.MAX_WBITS  # what some servers call deflate, against RFC 9110 section 8.4.1.2


class Body:
    """Collects a body; ``feed`` in order, then ``end``."""

    def __init__(self, coding: str, most: int) -> None:
        """``coding`` is the answer's Content-Encoding, ``most`` the bound in bytes."""
        self.received = 0  # bytes, before inflation
        self._coding = coding.strip().lower()
        if self._coding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise ProbeError("protocol", "a content encoding that was not asked for")
        self._most = most
        self._out = bytearray()
        self._inflate: zlib._Decompress | None = None
        self._members = 0
        self._between = True  # between two gzip members, or before the first byte

    def feed(self, data: bytes) -> None:
        """Take the next bytes; ProbeError("too_large") or ProbeError("protocol")."""
        self.received += len(data)
        if self._coding in {"", "identity"}:
            self._put(data)
            return
        try:
            self._feed(data)
        except zlib.error:
            raise ProbeError("protocol", f"not valid {self._coding}") from None

    def end(self) -> bytes:
        """Return the whole body; ProbeError("protocol") where the end is missing."""
        if self._inflate is not None and not self._between:
            raise ProbeError("protocol", f"{self._coding} ends early")
        return bytes(self._out)

    def _feed(self, data: bytes) -> None:
        more = bool(data)
        while more:
            if self._inflate is None or self._between:
                self._inflate = self._member(data)
                self._between = False
            made = self._inflate.decompress(data, STEP)
            self._put(made)
            if self._inflate.eof:
                data, self._between = self._inflate.unused_data, True
                more = bool(data) and self._coding != "deflate"
            else:
                data = self._inflate.unconsumed_tail
                more = bool(data) or len(made) == STEP

    def _member(self, data: bytes) -> "zlib._Decompress":
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise ProbeError("too_large", f"more than {MAX_MEMBERS} gzip members")
        zlib_header = data[0] & 0x0F == zlib.DEFLATED
        raw = self._coding == "deflate" and not zlib_header
        return zlib.decompressobj(RAW if raw else GZIP_OR_ZLIB)

    def _put(self, made: bytes) -> None:
        self._out += made
        if len(self._out) > self._most:
            raise ProbeError("too_large", f"answer is larger than {self._most} bytes")
        if len(self._out) > FREE and len(self._out) > MAX_RATIO * self.received:
            raise ProbeError("too_large", f"inflates to more than {MAX_RATIO} times its size")
