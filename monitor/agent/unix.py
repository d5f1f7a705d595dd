"""
What a Unix server says of itself, under node_exporter's names (1.5 and later).

Each collector asks once and returns families; what fails raises, and only it is missing.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import psutil

from monitor.agent.families import Family, Labels, columns, single

MEMINFO = Path("/proc/meminfo")
PARTITION = re.compile(r"(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")
"""node_exporter's default of --collector.diskstats.device-exclude."""
MS = 1000.0

DISK = {
    "read_count": ("node_disk_reads_completed_total", "Reads completed successfully"),
    "write_count": ("node_disk_writes_completed_total", "Writes completed"),
    "read_bytes": ("node_disk_read_bytes_total", "Bytes read"),
    "write_bytes": ("node_disk_written_bytes_total", "Bytes written"),
    "read_merged_count": ("node_disk_reads_merged_total", "Reads merged"),
    "write_merged_count": ("node_disk_writes_merged_total", "Writes merged"),
}
DISK_TIMES = {
    "read_time": ("node_disk_read_time_seconds_total", "Seconds spent by all reads"),
    "write_time": ("node_disk_write_time_seconds_total", "Seconds spent by all writes"),
    "busy_time": ("node_disk_io_time_seconds_total", "Seconds spent doing I/Os"),
}
NETWORK = {
    "bytes_recv": ("node_network_receive_bytes_total", "Bytes received"),
    "bytes_sent": ("node_network_transmit_bytes_total", "Bytes sent"),
    "packets_recv": ("node_network_receive_packets_total", "Packets received"),
    "packets_sent": ("node_network_transmit_packets_total", "Packets sent"),
    "errin": ("node_network_receive_errs_total", "Errors while receiving"),
    "errout": ("node_network_transmit_errs_total", "Errors while sending"),
    "dropin": ("node_network_receive_drop_total", "Incoming packets dropped"),
    "dropout": ("node_network_transmit_drop_total", "Outgoing packets dropped"),
}


def cpu() -> list[Family]:
    """Seconds by mode; what runs in guests is in user already."""
    family = Family("node_cpu_seconds_total", "counter", "Seconds the CPUs spent in each mode")
    for index, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode in times._fields:
            if not mode.startswith("guest"):
                family.put(getattr(times, mode), cpu=str(index), mode=mode)
    stats = psutil.cpu_stats()
    return [
        family,
        single("node_context_switches_total", "counter", "Context switches", stats.ctx_switches),
        single("node_intr_total", "counter", "Interrupts serviced", stats.interrupts),
    ]


def memory() -> list[Family]:
    """Everything of /proc/meminfo; elsewhere what psutil knows."""
    if MEMINFO.exists():
        return meminfo(MEMINFO.read_text(encoding="ascii", errors="replace"))
    found = psutil.virtual_memory()
    amounts = {"MemTotal": found.total, "MemAvailable": found.available, "MemFree": found.free}
    return [of_memory(key, float(value), "bytes") for key, value in amounts.items()]


def meminfo(text: str) -> list[Family]:
    """Read ``Key: number kB`` lines as node_exporter does. Pure."""
    families = []
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        value, *unit = rest.split() or [""]
        if value.isdigit():
            factor, ending = (1024, "bytes") if unit == ["kB"] else (1, "")
            families.append(of_memory(key, float(value) * factor, ending))
    return families


def of_memory(key: str, value: float, ending: str) -> Family:
    """One figure of the memory: ``Active(anon)`` is node_memory_Active_anon_bytes."""
    name = "_".join(filter(None, ["node_memory", *re.split(r"[^A-Za-z0-9]+", key), ending]))
    return single(name, "gauge", f"Memory information field {key}", value)


def filesystem() -> list[Family]:
    """Local filesystems: those of a network would hang us when their server does."""
    names = {
        "size": ("node_filesystem_size_bytes", "Filesystem size in bytes"),
        "free": ("node_filesystem_free_bytes", "Filesystem free space in bytes"),
        "avail": ("node_filesystem_avail_bytes", "Space available to non-root users in bytes"),
        "files": ("node_filesystem_files", "Filesystem total file nodes"),
        "files_free": ("node_filesystem_files_free", "Filesystem total free file nodes"),
        "readonly": ("node_filesystem_readonly", "Filesystem read-only status"),
        "error": ("node_filesystem_device_error", "Whether the device gave an error"),
    }
    found = {key: Family(name, "gauge", text) for key, (name, text) in names.items()}
    for part in psutil.disk_partitions(all=False):
        labels = {"device": part.device, "fstype": part.fstype, "mountpoint": part.mountpoint}
        found["readonly"].put("ro" in part.opts.split(","), **labels)
        try:
            stat = os.statvfs(part.mountpoint)
        except OSError:
            found["error"].put(1, **labels)
            continue
        found["error"].put(0, **labels)
        for key, value in sizes(stat).items():
            found[key].put(value, **labels)
    return list(found.values())


def sizes(stat: os.statvfs_result) -> dict[str, float]:
    """Bytes and file nodes of one filesystem."""
    return {
        "size": stat.f_blocks * stat.f_frsize,
        "free": stat.f_bfree * stat.f_frsize,
        "avail": stat.f_bavail * stat.f_frsize,
        "files": stat.f_files,
        "files_free": stat.f_ffree,
    }


def disk() -> list[Family]:
    """Whole disks: their partitions would count everything twice."""
    counters = psutil.disk_io_counters(perdisk=True) or {}
    rows = [
        ((("device", name),), row)
        for name, row in sorted(counters.items())
        if not PARTITION.fullmatch(name)
    ]
    times = columns(DISK_TIMES, rows)
    for family in times:
        family.samples = {labels: value / MS for labels, value in family.samples.items()}
    return [*columns(DISK, rows), *times]


def network() -> list[Family]:
    """Counters, state and speed of every interface."""
    counters = psutil.net_io_counters(pernic=True)
    up = Family("node_network_up", "gauge", "1 if the interface is up")
    speed = Family("node_network_speed_bytes", "gauge", "Speed of the interface, bytes per second")
    mtu = Family("node_network_mtu_bytes", "gauge", "Largest packet of the interface")
    for device, stats in sorted(psutil.net_if_stats().items()):
        up.put(stats.isup, device=device)
        mtu.put(stats.mtu, device=device)
        speed.put(stats.speed * 1_000_000 / 8 if stats.speed else None, device=device)
    rows: Iterable[tuple[Labels, object]] = [
        ((("device", device),), row) for device, row in sorted(counters.items())
    ]
    return [*columns(NETWORK, rows), up, mtu, speed]


def load() -> list[Family]:
    """The load averages."""
    return [
        single(f"node_load{minutes}", "gauge", f"{minutes}m load average", value)
        for minutes, value in zip((1, 5, 15), os.getloadavg(), strict=True)
    ]


def system() -> list[Family]:
    """When it was started, and what it is."""
    uname = os.uname()
    info = Family("node_uname_info", "gauge", "Labeled system information as by uname")
    info.put(
        1,
        sysname=uname.sysname,
        release=uname.release,
        version=uname.version,
        machine=uname.machine,
        nodename=uname.nodename,
        domainname="(none)",  # as node_exporter has it where there is none
    )
    booted = psutil.boot_time()
    return [
        single("node_boot_time_seconds", "gauge", "Boot time, seconds since 1970", booted),
        info,
    ]
