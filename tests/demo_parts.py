"""Parts of the demo for tests: a database and a daemon that are quick, the page on a port."""

import asyncio
import contextlib

from aiohttp import web

from monitor.demo import page
from monitor.demo.edge import HOST

PEOPLE = (
    ("张伟", "13800000001", "值班"),
    ("王芳", "13800000002", "主任"),
    ("李强", "13800000003", "备班"),
)


class FakeDatabase:
    """Answers a PostgreSQL SSLRequest with N, and really stops listening."""

    def __init__(self):
        self.address = (HOST, 0)
        self._server = None

    async def start(self):
        self._server = await asyncio.start_server(self._talk, HOST, 0)
        self.address = self._server.sockets[0].getsockname()[:2]

    async def crash(self):
        self._server.close()

    async def stop(self):
        self._server.close()

    async def _talk(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readexactly(8)
            writer.write(b"N")
            await writer.drain()
        writer.close()


class FakeAgents:
    """SNMP agents that only remember what they were told."""

    def __init__(self):
        self.told = []

    def address(self, name):
        return (HOST, 9)  # discard: nobody asks

    async def start(self, roles):
        self.told += [("start", name) for name, _ in roles]

    async def boot(self, name):
        self.told.append(("boot", name))

    async def change(self, name, what, *, on):
        self.told.append((what, name, on))

    async def stop(self):
        self.told.append(("stop",))


class FakeChild:
    """A daemon that is down until somebody starts it."""

    down = True

    async def start(self):
        self.down = False


@contextlib.asynccontextmanager
async def switchboard(hospital, phones, child, clock):
    """The page on a free port; its URL."""
    daemon = page.Daemon(
        "http://127.0.0.1:8600/", lambda: "值班程序已退出", lambda: child.down, child.start
    )
    app = page.application(page.Desk(hospital, phones, PEOPLE, daemon, clock))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    try:
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
