"""
The kernel's own account of its clock, under node_exporter's names: adjtimex(2), read only.

64-bit Linux; elsewhere the collector raises and is missing.
"""

import ctypes
import sys

from monitor.agent.families import Family, single

SIZE = 208  # bytes of struct timex on 64-bit Linux, include/uapi/linux/timex.h
TIME_ERROR = 5  # what adjtimex returns while the clock is not synchronised
STA_NANO = 0x2000  # offset is in nanoseconds, else microseconds


class Timex(ctypes.Structure):
    """The head of struct timex; the rest is room for the kernel to write."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # microseconds, as esterror
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * SIZE),
    )


def timex() -> list[Family]:
    """Offset, bounds of the error, and whether anything keeps the clock."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_long) != ctypes.sizeof(ctypes.c_int64):
        raise NotImplementedError("adjtimex is read on 64-bit Linux only")
    told = Timex(modes=0)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
    if state < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    unit = 1e9 if told.status & STA_NANO else 1e6
    offset, error, worst = told.offset / unit, told.esterror / 1e6, told.maxerror / 1e6
    return [
        single("node_timex_offset_seconds", "gauge", "Time offset to the reference", offset),
        single("node_timex_estimated_error_seconds", "gauge", "Estimated error in seconds", error),
        single("node_timex_maxerror_seconds", "gauge", "Maximum error in seconds", worst),
        single(
            "node_timex_sync_status",
            "gauge",
            "Is clock synchronized to a reliable server (1 = yes, 0 = no)",
            state != TIME_ERROR,
        ),
    ]
