"""
What a Windows server says of itself, under windows_exporter's names (0.31), where psutil knows.

Each collector asks once and returns families; what fails raises, and only it is missing.
"""

import platform
from typing import Any

import psutil

from monitor.agent.families import Family, columns, single

MODES = {
    "idle": "idle",
    "user": "user",
    "system": "privileged",
    "interrupt": "interrupt",
    "dpc": "dpc",
}
"""psutil's names to windows_exporter's."""
NETWORK = {
    "bytes_recv": ("windows_net_bytes_received_total", "Bytes received"),
    "bytes_sent": ("windows_net_bytes_sent_total", "Bytes sent"),
    "packets_recv": ("windows_net_packets_received_total", "Packets received"),
    "packets_sent": ("windows_net_packets_sent_total", "Packets sent"),
    "errin": ("windows_net_packets_received_errors_total", "Packets received with errors"),
    "errout": ("windows_net_packets_outbound_errors_total", "Packets not sent, for errors"),
    "dropin": ("windows_net_packets_received_discarded_total", "Incoming packets discarded"),
    "dropout": ("windows_net_packets_outbound_discarded_total", "Outgoing packets discarded"),
}
DISK = {
    "read_count": ("windows_physical_disk_reads_total", "Reads"),
    "write_count": ("windows_physical_disk_writes_total", "Writes"),
    "read_bytes": ("windows_physical_disk_read_bytes_total", "Bytes read"),
    "write_bytes": ("windows_physical_disk_write_bytes_total", "Bytes written"),
}
STATES = (
    "continue pending",
    "pause pending",
    "paused",
    "running",
    "start pending",
    "stop pending",
    "stopped",
)
"""windows_exporter's words of a service's state; psutil's have underscores."""


def cpu() -> list[Family]:
    """Seconds by mode and core, in processor group 0."""
    family = Family("windows_cpu_time_total", "counter", "Time spent in each mode, in seconds")
    for index, times in enumerate(psutil.cpu_times(percpu=True)):
        for ours, theirs in MODES.items():
            family.put(getattr(times, ours, None), core=f"0,{index}", mode=theirs)
    return [family]


def memory() -> list[Family]:
    """Physical memory and the commit charge's limit."""
    found, swap = psutil.virtual_memory(), psutil.swap_memory()
    named = {
        "windows_memory_physical_total_bytes": ("Physical memory", found.total),
        "windows_memory_physical_free_bytes": ("Physical memory not in use", found.free),
        "windows_memory_available_bytes": ("Memory available to processes", found.available),
        "windows_pagefile_limit_bytes": ("Size of all page files", swap.total),
        "windows_pagefile_free_bytes": ("Free space of all page files", swap.free),
    }
    return [single(name, "gauge", text, value) for name, (text, value) in named.items()]


def logical_disk() -> list[Family]:
    """Local volumes; those of a network would hang us when their server does."""
    size = Family("windows_logical_disk_size_bytes", "gauge", "Total space in bytes")
    free = Family("windows_logical_disk_free_bytes", "gauge", "Free space in bytes")
    for part in psutil.disk_partitions(all=False):
        if "cdrom" in part.opts or not part.fstype:
            continue
        usage = psutil.disk_usage(part.mountpoint)
        volume = part.device.rstrip("\\")
        size.put(usage.total, volume=volume)
        free.put(usage.free, volume=volume)
    return [size, free]


def physical_disk() -> list[Family]:
    """Whole disks, by number."""
    counters = psutil.disk_io_counters(perdisk=True) or {}
    rows = [
        ((("disk", name.removeprefix("PhysicalDrive")),), row)
        for name, row in sorted(counters.items())
    ]
    return columns(DISK, rows)


def net() -> list[Family]:
    """Counters of every interface."""
    counters = psutil.net_io_counters(pernic=True)
    return columns(NETWORK, [((("nic", name),), row) for name, row in sorted(counters.items())])


def service() -> list[Family]:
    """Every service and its state, as 1 and 0."""
    family = Family("windows_service_state", "gauge", "The state of the service")
    for one in services():
        state = str(one.status()).replace("_", " ")
        for known in STATES:
            family.put(state == known, name=one.name().lower(), state=known)
    return [family]


def services() -> Any:
    """Psutil's own list; it is there on Windows only."""
    return psutil.win_service_iter()  # type: ignore[attr-defined, unused-ignore]  # as said


def system() -> list[Family]:
    """When it was started, and what it is."""
    major, minor, build = (*platform.version().split("."), "", "", "")[:3]
    info = Family("windows_os_info", "gauge", "Product and version of the system")
    info.put(
        1,
        product=f"Microsoft Windows {platform.release()}",
        major_version=major,
        minor_version=minor,
        build_number=build,
    )
    booted = psutil.boot_time()
    text = "Boot time, seconds since 1970"
    return [single("windows_system_boot_time_timestamp", "gauge", text, booted), info]
