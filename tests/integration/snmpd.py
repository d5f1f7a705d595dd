"""A real snmpd of Debian's, on a free UDP port of loopback, with users for every level."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess

import real

from exporters._snmp import community, oid, pdu

NAME = oid.encode("1.3.6.1.2.1.1.5.0")
USERS = {
    "sha256-aes128": ("sha256", "aes128", "SHA-256", "AES"),
    "sha512-aes256": ("sha512", "aes256", "SHA-512", "AES-256"),
    "sha1-aes192": ("sha1", "aes192", "SHA", "AES-192"),
    "sha1-aes256c": ("sha1", "aes256c", "SHA", "AES-256-C"),
    "sha224-aes192c": ("sha224", "aes192c", "SHA-224", "AES-192-C"),
    "sha384": ("sha384", "none", "SHA-384", ""),
}
"""User's name to our names of the protocols and to snmpd's."""
PASSWORDS = ("authpass123", "privpass123")
COMMUNITY = "public"
SYS_NAME = "core-switch-1"


def free_udp_port():
    """A UDP port of loopback that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Snmpd:
    """One agent. Its state (boots, engine id) lives in ``folder`` and survives ``restart``."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_udp_port()
        self.process = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "snmpd.conf").write_text("".join(f"{line}\n" for line in self.lines()))

    def lines(self):
        """The configuration."""
        yield f"rocommunity {COMMUNITY} default"
        yield f"sysName {SYS_NAME}"
        for name, (_, _, auth, priv) in USERS.items():
            secret = f' {priv} "{PASSWORDS[1]}"' if priv else ""
            yield f'createUser {name} {auth} "{PASSWORDS[0]}"{secret}'
            yield f"rouser {name} {'priv' if priv else 'auth'}"

    def start(self):
        """Run it, and wait until it answers."""
        state = self.folder / "state"
        state.mkdir(exist_ok=True)
        command = [real.need("snmpd"), "-f", "-Lf", str(self.folder / "log"), "-I", "-smux"]
        command += [f"udp:127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(
            command,
            env=os.environ
            | {
                "MIBS": "",
                # Its own state is read from the path, too: boots and engine id.
                "SNMPCONFPATH": f"{self.folder}:{state}",
                "SNMP_PERSISTENT_DIR": str(state),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()
        return self

    def _wait(self):
        """Ask for sysName of version 2c until there is an answer."""
        ask = community.encode(1, COMMUNITY.encode(), pdu.ask(pdu.GET, 1, [NAME]))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            s.connect(("127.0.0.1", self.port))
            for _ in range(100):
                with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                    s.send(ask)
                    if SYS_NAME.encode() in s.recv(65535):
                        return
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.05)
                    break
        raise AssertionError((self.folder / "log").read_text())

    def stop(self):
        """End it as systemd would: it writes its state down."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def restart(self):
        """Stop and start: boots rises by one, time begins at 0."""
        self.stop()
        return self.start()

    def replace(self):
        """Another device at the same address: another engine id."""
        self.stop()
        shutil.rmtree(self.folder / "state")
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
