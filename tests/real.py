"""Real servers of Debian's: where they are, and what it means that one is missing."""

import os
import shutil
import socket
from pathlib import Path

import pytest

NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "node_exporter": ("prometheus-node-exporter",),
    "nginx": ("nginx",),
    "chromium": ("chromium",),
    "ip": ("ip",),
    "victoria-metrics": ("victoria-metrics",),
    "upsd": ("/lib/nut/upsd",),  # the one in /sbin is a wrapper that wants /etc/nut
    "dummy-ups": ("/lib/nut/dummy-ups",),
    "snmp-ups": ("/lib/nut/snmp-ups",),
    "orthanc": ("Orthanc",),
    "dcmqrscp": ("dcmqrscp",),
    "storescp": ("storescp",),
    "snmpd": ("snmpd",),
    "snmpset": ("snmpset",),
}


def need(name):
    """The program's path. Missing: a skip here, a failure in CI."""
    if name == "postgres":
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        path = str(found[-1]) if found else None
    else:
        path = next((p for n in NAMES[name] if (p := shutil.which(n))), None)
        path = path or next(
            (str(p) for n in NAMES[name] if (p := Path("/usr/sbin") / n).exists()), None
        )
    if path is None:
        missing(f"{name} is not installed (make test installs it)")
    return path


def missing(why):
    """Skip, saying so; in CI fail."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def free_port(host="127.0.0.1"):
    """A TCP port that is free now."""
    with socket.socket() as s:
        s.bind((host, 0))
        return s.getsockname()[1]
