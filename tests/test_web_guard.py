"""Who is let in: Host, Origin, and what every answer carries."""

import asyncio
import contextlib

import aiohttp
import pytest
from fakes import FakeClock
from web_desk import NOW, House

from monitor.web.guard import host_name
from monitor.web.server import Web

ACK = "/api/v1/incidents/7/ack"


@pytest.fixture
def house():
    return House(FakeClock(NOW))


@pytest.fixture
async def web(house):
    server = Web(house.desk(), "127.0.0.1", 0, ["Zhiban.hospital.lan"])
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(web):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{web.port}") as session:
        yield session


HOSTS = {
    "address": ("127.0.0.1:8600", 200),
    "other loopback": ("127.0.0.9", 200),
    "name": ("localhost:8600", 200),
    "upper case": ("LOCALHOST", 200),
    "IPv6": ("[::1]:8600", 200),
    "configured": ("zhiban.hospital.lan", 200),
    "configured, other case, dot": ("ZHIBAN.hospital.lan.:8600", 200),
    "rebinding": ("evil.example", 421),
    "rebinding with our port": ("evil.example:8600", 421),
    "suffix": ("localhost.evil.example", 421),
    "prefix": ("evil-localhost", 421),
    "this machine's other address": ("10.1.2.3", 421),
    "all addresses": ("0.0.0.0", 421),
    "user information": ("localhost@evil.example", 421),
    "user information turned round": ("evil.example@localhost", 421),
    "path": ("localhost/evil", 421),
    "decimal loopback": ("2130706433", 421),
    "port of words": ("localhost:evil", 421),
    "nothing": ("", 421),
}


@pytest.mark.parametrize(("host", "status"), HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize("path", ["/", "/api/v1/incidents"])
async def test_host(client, host, status, path):
    async with client.get(path, headers={"Host": host}) as answer:
        assert answer.status == status
        assert "4127" not in await answer.text() or status == 200


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/static/console.css", "/nothing"])
async def test_no_path_is_open_to_a_foreign_name(client, path):
    async with client.get(path, headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421


async def test_two_hosts_are_refused(web):
    """Which one a proxy believed is not for us to guess."""
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("authority", ["[::1", "a:99999", "a b", "x?y", "x#y", "@x"])
def test_host_name_of_nonsense_is_nothing_that_is_allowed(authority):
    assert host_name(authority) in {"", "a b"}


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ORIGINS = {
    "a script with JSON": (ACK, JSON, 200),
    "our own page": (ACK, JSON | {"Origin": "http://{host}", "Sec-Fetch-Site": "same-origin"}, 200),
    "our own page behind TLS": (ACK, JSON | {"Origin": "https://{host}"}, 200),
    "another site": (ACK, JSON | {"Origin": "http://evil.example"}, 403),
    "another port of this machine": (ACK, JSON | {"Origin": "http://127.0.0.1:1"}, 403),
    "a sandboxed frame": (ACK, JSON | {"Origin": "null"}, 403),
    "an Origin that cannot be parsed": (ACK, JSON | {"Origin": "http://[evil"}, 403),
    "an extension": (ACK, JSON | {"Origin": "file://{host}"}, 403),
    "our name as a user": (ACK, JSON | {"Origin": "http://{host}@evil.example"}, 403),
    "cross-site without Origin": (ACK, JSON | {"Sec-Fetch-Site": "cross-site"}, 403),
    "same site, other host": (ACK, JSON | {"Sec-Fetch-Site": "same-site"}, 403),
    "text without Origin": (ACK, {"Content-Type": "text/plain"}, 403),
    "a form without Origin": ("/incidents/7/ack", FORM, 403),
    "a form of another site": ("/incidents/7/ack", FORM | {"Origin": "http://evil.example"}, 403),
    "our own form": ("/incidents/7/ack", FORM | {"Origin": "http://{host}"}, 303),
    "a script's form": ("/incidents/7/ack", FORM | {"X-Zhiban": "1"}, 303),
}


@pytest.mark.parametrize(("path", "headers", "status"), ORIGINS.values(), ids=ORIGINS)
async def test_origin(web, client, house, path, headers, status):
    host = f"127.0.0.1:{web.port}"
    sent = {name: value.format(host=host) for name, value in headers.items()}
    body = '{"by":"张伟"}' if path == ACK else "by=%E5%BC%A0%E4%BC%9F"
    async with client.post(path, data=body.encode(), headers=sent, allow_redirects=False) as answer:
        assert answer.status == status
    assert len(house.acts) == (status < 400)


@pytest.mark.parametrize(
    "path",
    ["/", "/incidents/7", "/api/v1/incidents", "/metrics", "/healthz", "/nothing", "/api/nothing"],
)
async def test_every_answer_carries_the_security_headers(client, path):
    async with client.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "aiohttp" not in answer.headers["Server"]


async def test_a_preflight_is_not_answered(client):
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    async with client.options(ACK, headers=headers) as answer:
        assert answer.status == 405
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


async def test_an_error_beside_the_api_is_a_plain_page(client):
    async with client.get("/<script>alert(1)</script>") as answer:
        assert answer.status == 404
        assert answer.content_type == "text/plain"
        assert await answer.text() == "404 not found\n"


GARBAGE = {
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a control character in a header": b"GET / HTTP/1.1\r\nHost: x\x01\r\n\r\n",
    "two lengths (smuggling)": (
        b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a huge header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "a thousand headers": b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
    "markup in the request line": b"GET /<script>alert(1)</script> x y HTTP/1.1\r\n\r\n",
    "a huge path": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a query that is not ASCII": b"GET /?n=\xef\xbc\x91 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_gets_a_short_400_and_nothing_of_ours(web, data, caplog):
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(data)
    with contextlib.suppress(ConnectionError):
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert b"Traceback" not in answer
        assert b'File "' not in answer
        assert b"text/html" not in answer.lower()
        assert len(answer) < 2000
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    assert len(caplog.text) < 300, "nor does it fill the log"
