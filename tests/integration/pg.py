"""A real PostgreSQL primary, and a standby beside it, for as long as a test needs them."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from real import free_port, need

CONF = """
listen_addresses = '127.0.0.1'
fsync = off
wal_level = replica
max_wal_senders = 5
hot_standby = on
max_connections = 40
superuser_reserved_connections = 3
lc_messages = 'C'
"""


class Server:
    """One server: where it is, and how to stop it."""

    def __init__(self, folder, port):
        self.folder = folder
        self.port = port

    def sql(self, *statements, database="postgres"):
        """Run statements as the superuser; the last one's output."""
        out = ""
        for statement in statements:
            out = run(
                "psql", "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres",
                "-d", database, "-c", statement,
            )  # fmt: skip
        return out

    def start(self):
        """Start, and wait until it takes connections."""
        log = str(self.folder / "log")
        run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-t", "30", "-l", log, "start")

    def stop(self, mode="immediate"):
        """Stop; immediate is a crash."""
        run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", mode, "stop")


@contextlib.contextmanager
def primary():
    """Start a fresh primary with the role ``zhiban`` (pg_monitor, password ``secret``)."""
    need("postgres")
    with folder() as place:
        server = Server(place, free_port())
        data = place / "data"
        run("initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8")
        configure(data, server.port, place)
        (data / "pg_hba.conf").write_text(
            "host all postgres 127.0.0.1/32 trust\n"
            "host replication postgres 127.0.0.1/32 trust\n"
            "host all all 127.0.0.1/32 scram-sha-256\n"
        )
        server.start()
        try:
            server.sql(
                "CREATE ROLE zhiban LOGIN PASSWORD 'secret'",
                "GRANT pg_monitor TO zhiban",
                "CREATE DATABASE his",
            )
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.stop()


@contextlib.contextmanager
def standby(of):
    """Start a streaming standby of a primary, with the slot ``s1``."""
    with folder() as place:
        server = Server(place, free_port())
        data = place / "data"
        run(
            "pg_basebackup", "-h", "127.0.0.1", "-p", str(of.port), "-U", "postgres", "-D",
            str(data), "-R", "-X", "stream", "-C", "-S", "s1", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip
        configure(data, server.port, place)
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.stop()


def configure(data, port, place):
    """Add our settings behind whatever is there: the last one wins."""
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(f"{CONF}\nport = {port}\nunix_socket_directories = '{place}'\n")


@contextlib.contextmanager
def folder():
    """Make a folder that the server's user owns."""
    place = Path(tempfile.mkdtemp(prefix="zhiban-pg-"))
    try:
        place.chmod(0o700)
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(place, user.pw_uid, user.pw_gid)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run(program, *args):
    """Run one of PostgreSQL's programs; it refuses to be root."""
    command = [str(Path(need("postgres")).parent / program), *args]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, check=True, cwd="/", env=environment, timeout=60, text=True,
        stdout=subprocess.PIPE if program == "psql" else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return (done.stdout or "").strip()
