"""
What one virtual server's node_exporter says, in node_exporter's own names (1.x).

CPU, load, network and uptime are this machine's, read by psutil; disk and memory are the
virtual server's own, so that a full laptop does not fill a hospital's disks.
"""

import zlib
from collections.abc import Iterator
from datetime import datetime

GIB = 1 << 30
DISK = 500 * GIB
MEMORY = 64 * GIB

Row = tuple[str, str, float]  # name, labels as written, value

_KINDS = {
    "node_boot_time_seconds": ("gauge", "Node boot time, in unixtime."),
    "node_cpu_seconds_total": ("counter", "Seconds the CPUs spent in each mode."),
    "node_filesystem_avail_bytes": ("gauge", "Filesystem space available to non-root users."),
    "node_filesystem_free_bytes": ("gauge", "Filesystem free space in bytes."),
    "node_filesystem_readonly": ("gauge", "Filesystem read-only status."),
    "node_filesystem_size_bytes": ("gauge", "Filesystem size in bytes."),
    "node_load1": ("gauge", "1m load average."),
    "node_load5": ("gauge", "5m load average."),
    "node_load15": ("gauge", "15m load average."),
    "node_memory_MemAvailable_bytes": ("gauge", "Memory information field MemAvailable_bytes."),
    "node_memory_MemTotal_bytes": ("gauge", "Memory information field MemTotal_bytes."),
    "node_network_receive_bytes_total": ("counter", "Network device statistic receive_bytes."),
    "node_network_transmit_bytes_total": ("counter", "Network device statistic transmit_bytes."),
    "node_time_seconds": ("gauge", "System time in seconds since epoch (1970)."),
    "node_timex_offset_seconds": ("gauge", "Time offset between local and reference clock."),
    "node_timex_sync_status": ("gauge", "1 when the clock is synchronised to a reliable server."),
    "node_uname_info": ("gauge", "Labeled system information as provided by the uname call."),
}


def exposition(name: str, now: datetime) -> str:
    """Text format 0.0.4, grouped by name."""
    rows: dict[str, list[Row]] = {}
    for row in (*_own(name, now), *_borrowed()):
        rows.setdefault(row[0], []).append(row)
    lines = []
    for metric, (kind, text) in _KINDS.items():
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} {kind}"]
        lines += [f"{metric}{labels} {value!r}" for _, labels, value in rows.get(metric, ())]
    return "\n".join(lines) + "\n"


def _own(name: str, now: datetime) -> Iterator[Row]:
    """Yield what differs from server to server: a share of 30 to 59 % used, fixed by the name."""
    used = 0.30 + zlib.crc32(name.encode()) % 30 / 100
    disk = '{device="/dev/sda1",fstype="xfs",mountpoint="/"}'
    free = float(round(DISK * (1 - used)))
    yield "node_filesystem_size_bytes", disk, float(DISK)
    yield "node_filesystem_free_bytes", disk, free
    yield "node_filesystem_avail_bytes", disk, free
    yield "node_filesystem_readonly", disk, 0.0
    yield "node_memory_MemTotal_bytes", "", float(MEMORY)
    yield "node_memory_MemAvailable_bytes", "", float(round(MEMORY * (1 - used)))
    yield "node_time_seconds", "", now.timestamp()
    yield "node_timex_offset_seconds", "", 0.0
    yield "node_timex_sync_status", "", 1.0
    yield "node_uname_info", f'{{nodename="{name}",sysname="Linux"}}', 1.0


def _borrowed() -> Iterator[Row]:
    """Yield what psutil reads from the machine that plays the hospital."""
    import psutil  # noqa: PLC0415  only the demo and the agent need it

    yield "node_boot_time_seconds", "", float(psutil.boot_time())
    for minutes, load in zip((1, 5, 15), psutil.getloadavg(), strict=True):
        yield f"node_load{minutes}", "", float(load)
    for number, cpu in enumerate(psutil.cpu_times(percpu=True)):
        for mode in ("user", "system", "idle"):
            yield (
                "node_cpu_seconds_total",
                f'{{cpu="{number}",mode="{mode}"}}',
                float(getattr(cpu, mode)),
            )
    for device, count in psutil.net_io_counters(pernic=True).items():
        labels = f'{{device="{device}"}}'
        yield "node_network_receive_bytes_total", labels, float(count.bytes_recv)
        yield "node_network_transmit_bytes_total", labels, float(count.bytes_sent)
