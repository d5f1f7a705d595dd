"""Free loopback ports for programs that bind for themselves (PostgreSQL, the daemon)."""

import socket

from monitor.demo.edge import HOST


def is_free(port: int) -> bool:
    """Whether nobody listens on or holds the port now."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers bind
        try:
            trial.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(wanted: int = 0) -> int:
    """``wanted`` where it is free, else any free one."""
    if wanted and is_free(wanted):
        return wanted
    with socket.socket() as trial:
        trial.bind((HOST, 0))
        port: int = trial.getsockname()[1]
    return port
