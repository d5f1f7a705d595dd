"""Debian's NUT server with a pretend UPS, on a free port of loopback, gone afterwards."""

import asyncio
import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from real import free_port, need

ON_LINE = {
    "battery.charge": 100,
    "battery.runtime": 2400,
    "battery.voltage": 218.4,
    "input.voltage": 229,
    "ups.load": 40,
    "ups.status": "OL",
}
USERS = '[mon]\n  password = "ein Wort"\n  upsmon secondary\n'


class Server:
    """A folder with NUT's configuration, its drivers and its upsd."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.programs = []
        folder.chmod(0o755)
        (folder / "state").mkdir()
        (folder / "nut.conf").write_text("MODE=netserver\n")
        (folder / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {self.port}\nMAXAGE 3\n")
        (folder / "upsd.users").write_text(USERS)
        self.section = "pollinterval = 1\n"

    def dummy(self, name, variables):
        """Add a UPS whose driver reads a file."""
        self.section += (
            f"[{name}]\n  driver = dummy-ups\n  port = {name}.dev\n  mode = dummy-once\n"
        )
        self.say(name, variables)

    def snmp(self, name, address, community):
        """Add a UPS that snmp-ups reads by RFC 1628."""
        self.section += (
            f"[{name}]\n  driver = snmp-ups\n  port = {address}\n  community = {community}\n"
            "  snmp_version = v2c\n  mibs = ietf\n  pollfreq = 1\n"
        )

    def say(self, name, variables):
        """What the pretend UPS says from now on; the driver looks within a second."""
        text = "".join(f"{k}: {v}\n" for k, v in variables.items())
        part = self.folder / f"{name}.part"
        part.write_text(text)
        part.chmod(0o644)
        part.rename(self.folder / f"{name}.dev")

    def start(self, program, *arguments):
        """Start one of NUT's programs, as its own user where we are root."""
        environment = {
            **os.environ,
            "NUT_CONFPATH": str(self.folder),
            "NUT_STATEPATH": str(self.folder / "state"),
            "NUT_ALTPIDPATH": str(self.folder / "state"),
        }
        user = ["-u", "nut"] if os.geteuid() == 0 else []
        running = subprocess.Popen(
            [program, *arguments, "-F", *user],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.programs.append(running)
        return running

    def give(self):
        """NUT's programs drop root: the folder is theirs."""
        if os.geteuid() == 0:
            nut = pwd.getpwnam("nut")
            for path in [self.folder, *self.folder.rglob("*")]:
                os.chown(path, nut.pw_uid, nut.pw_gid)
        (self.folder / "upsd.users").chmod(0o600)

    def stop(self):
        for program in reversed(self.programs):
            program.kill()
            program.wait(10)


@contextlib.asynccontextmanager
async def serving(fill):
    """Run upsd with the UPSes that ``fill(server)`` adds; yields the server."""
    upsd, drivers = need("upsd"), Path(need("dummy-ups")).parent
    folder = Path(tempfile.mkdtemp(prefix="zhiban-nut-"))
    server = Server(folder)
    fill(server)
    (folder / "ups.conf").write_text(server.section)
    server.give()
    try:
        names = [line[1:-1] for line in server.section.splitlines() if line.startswith("[")]
        kinds = [line.split()[2] for line in server.section.splitlines() if "driver =" in line]
        server.drivers = {
            name: server.start(str(drivers / kind), "-a", name)
            for name, kind in zip(names, kinds, strict=True)
        }
        server.start(upsd)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def until(ask, wanted, seconds=10):
    """Ask again and again until the answer is as wanted; the last answer."""
    for _ in range(int(seconds / 0.2)):
        answer = await ask()
        if wanted(*answer):
            return answer
        await asyncio.sleep(0.2)
    raise AssertionError(answer)
