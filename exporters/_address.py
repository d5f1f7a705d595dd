"""Addresses as people write them: ``host``, ``host:port``, ``[2001:db8::1]:port``. Pure."""

import ipaddress
import re

HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
MAX_NAME = 253  # characters, RFC 1035 section 2.3.4
MAX_PORT = 65535


def check_host(text: str) -> str:
    """Return "" for a name or a literal address, else what is wrong with it."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        pass
    else:
        return ""
    if len(text) <= MAX_NAME and HOST.fullmatch(text) and not re.fullmatch(r"[0-9.]+", text):
        return ""
    return f"is no host name or IP address: {text!r}; write for example 10.1.2.3 or his-db-1"


def check_host_port(text: str) -> str:
    """Return "" for ``host:port``, else what is wrong with it."""
    try:
        split(text)
    except ValueError as error:
        return str(error)
    return ""


def split(text: str) -> tuple[str, int]:
    """Cut ``host:port``; IPv6 stands in brackets. ValueError with what would be right."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"is an IPv6 address without brackets; write [{host}]:{port}")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) <= MAX_PORT:
        raise ValueError("has no port from 1 to 65535; write for example 10.1.2.3:443")
    if wrong := check_host(host):
        raise ValueError(wrong)
    return host, int(port)
