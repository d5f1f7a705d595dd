"""The web on a real socket, a client, and what both send and read."""

import aiohttp
import pytest
from fakes import FakeClock
from web_desk import NOW, House

from monitor.web.server import Web


@pytest.fixture
def house():
    return House(FakeClock(NOW))


@pytest.fixture
async def web(house):
    server = Web(house.desk(), "127.0.0.1", 0, ["zhiban.hospital.lan"])
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(web):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{web.port}") as session:
        yield session


async def get(client, path, status=200):
    async with client.get(path) as answer:
        body = await answer.json()
        assert answer.status == status, body
        assert answer.headers["Cache-Control"] == "no-store"
        return body


async def post(client, path, body, status=200):
    async with client.post(path, json=body) as answer:
        said = await answer.json()
        assert answer.status == status, said
        return said
