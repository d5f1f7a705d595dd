"""The http and tcp probes against a real nginx with certificates good and bad."""

import asyncio
import os
import subprocess
from datetime import UTC, datetime
from types import SimpleNamespace

import certificates
import pytest
from real import free_port, need
from visiting import visit

pytestmark = pytest.mark.real

KINDS = ("good", "expired", "future", "other-name", "self-signed")

CONF = """
daemon off; master_process off; worker_processes 1; pid {place}/pid;
error_log {place}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; default_type text/plain;
  client_body_temp_path {place}/a; proxy_temp_path {place}/b; fastcgi_temp_path {place}/c;
  uwsgi_temp_path {place}/d; scgi_temp_path {place}/e;
  {servers}
}}
"""
PLAIN = """
  server {{ listen 127.0.0.1:{port}; root {place}/www;
    gzip on; gzip_min_length 1; gzip_types text/plain;
    location = /down {{ return 503; }}
    location = /moved {{ return 302 /health.txt; }}
    location = /to-tls {{ return 301 https://127.0.0.1:{good}/health.txt; }}
    location = /round {{ return 302 /round; }}
    location = /login {{
      add_header Set-Cookie "sid=abc; Path=/"; return 200 "<input name=token value=t-4711>";
    }}
    location = /app {{
      if ($cookie_sid != "abc") {{ return 403; }}
      if ($arg_token != "t-4711") {{ return 401; }}
      return 200 "欢迎";
    }}
    location = /private {{ auth_basic "x"; auth_basic_user_file {place}/users; }}
  }}
"""
SECURE = """
  server {{ listen 127.0.0.1:{port} ssl; root {place}/www;
    ssl_certificate {place}/{kind}.pem; ssl_certificate_key {place}/{kind}.pem;
    location = /back {{ return 302 http://127.0.0.1:{plain}/health.txt; }}
  }}
"""


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    program = need("nginx")
    place = tmp_path_factory.mktemp("nginx")
    place.chmod(0o755)
    ends = certificates.write(place)
    (place / "www").mkdir()
    (place / "www" / "health.txt").write_text("status: UP\n" * 50)
    (place / "www" / "private").write_text("in")
    (place / "users").write_text("zhiban:{PLAIN}pw\n")
    ports = {kind: free_port() for kind in (*KINDS, "plain")}
    servers = PLAIN.format(port=ports["plain"], place=place, good=ports["good"]) + "".join(
        SECURE.format(port=ports[k], place=place, kind=k, plain=ports["plain"]) for k in KINDS
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (place / "nginx.conf").write_text(user + CONF.format(place=place, servers=servers))
    process = subprocess.Popen(
        [program, "-p", str(place), "-c", str(place / "nginx.conf")], stderr=subprocess.DEVNULL
    )
    urls = {kind: f"https://127.0.0.1:{ports[kind]}" for kind in KINDS}
    urls["plain"] = f"http://127.0.0.1:{ports['plain']}"
    asyncio.run(listening(ports["plain"]))
    yield SimpleNamespace(urls=urls, ports=ports, ends=ends, ca=str(place / "ca.pem"))
    process.terminate()
    process.wait(10)


async def listening(port):
    for _ in range(100):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    pytest.fail("nginx did not start")


async def test_good(nginx):
    """
    A certificate of the hospital's own authority is trusted, and its expiry exported.
    """
    url = nginx.urls["good"] + "/health.txt"
    seen, got = await visit("http", url, ca_file=nginx.ca, match="UP")
    assert seen.up, seen
    assert got["probe_ssl_earliest_cert_expiry",] == nginx.ends["good"]
    assert got["probe_http_ssl",] == 1
    assert got["probe_http_status_code",] == 200
    assert got["probe_http_version",] == 1.1
    assert got["probe_http_uncompressed_body_length",] == 550
    assert got["probe_failed_due_to_regex",] == 0
    phases = {key[1] for key in got if key[0] == "probe_http_duration_seconds"}
    assert phases == {"resolve", "connect", "tls", "processing", "transfer"}
    assert got["probe_http_duration_seconds", "tls"] > 0


def day(instant):
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%d}"


TOMORROW = certificates.NOW.timestamp() + 86_400
BAD = {
    "expired": lambda n: f"certificate expired on {day(n.ends['expired'])}",
    "future": lambda n: f"certificate is not valid before {day(TOMORROW)}",
    "other-name": lambda n: "certificate is for another address",
    "self-signed": lambda n: "certificate is self-signed",
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("probe", ["http", "tcp"])
async def test_bad_certificate(nginx, kind, probe):
    """
    A bad certificate says what is wrong with it, and still tells when it ends.
    """
    address = nginx.urls[kind] + "/" if probe == "http" else f"127.0.0.1:{nginx.ports[kind]}"
    tls = {"tls": True} if probe == "tcp" else {}
    seen, got = await visit(probe, address, ca_file=nginx.ca, **tls)
    assert (seen.up, seen.reason) == (False, "tls")
    assert seen.detail == BAD[kind](nginx)
    assert got["probe_ssl_earliest_cert_expiry",] == nginx.ends[kind]


@pytest.mark.parametrize("kind", KINDS)
async def test_not_verified(nginx, kind):
    """
    With verify off every certificate is taken, and its expiry exported all the same.
    """
    for probe, address, more in (
        ("http", nginx.urls[kind] + "/health.txt", {}),
        ("tcp", f"127.0.0.1:{nginx.ports[kind]}", {"tls": True}),
    ):
        seen, got = await visit(probe, address, verify=False, **more)
        assert seen.up, seen
        assert got["probe_ssl_earliest_cert_expiry",] == nginx.ends[kind]


async def test_unknown_authority(nginx):
    """
    Without the hospital's authority the same certificate is not trusted.
    """
    seen, _ = await visit("http", nginx.urls["good"] + "/health.txt")
    assert (seen.reason, seen.detail) == ("tls", "certificate comes from an unknown authority")


ANSWERS = {
    "gzip is inflated": ("/health.txt", {"match": "(?s)UP.*UP"}, "", ""),
    "a missing page": ("/none", {}, "status", "HTTP 404, expected 2xx"),
    "a missing page that is meant": ("/none", {"status": [404]}, "", ""),
    "down": ("/down", {}, "status", "HTTP 503, expected 2xx"),
    "a redirect is followed": ("/moved", {"match": "UP"}, "", ""),
    "a redirect is an answer": ("/moved", {"follow": 0, "status": ["3xx"]}, "", ""),
    "a redirect not followed": ("/moved", {"follow": 0}, "status", "HTTP 302, expected 2xx"),
    "round and round": ("/round", {}, "protocol", "more than 3 redirects"),
    "text missing": (
        "/health.txt", {"match": "DOWN"}, "mismatch", "nothing that matches 'DOWN' in the answer",
    ),
    "text that must not be": (
        "/health.txt", {"not_match": "status: UP"}, "mismatch",
        "something that matches 'status: UP' in the answer",
    ),
    "too large": (
        "/health.txt", {"max_bytes": 100}, "too_large", "answer is larger than 100 bytes",
    ),
    "HEAD": ("/health.txt", {"method": "HEAD"}, "", ""),
    "no password": ("/private", {}, "status", "HTTP 401, expected 2xx"),
    "password": (
        "/private", {"basic_auth": {"username": "zhiban", "password": "env:WEB_PW"}}, "", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "options", "reason", "detail"), ANSWERS.values(), ids=ANSWERS)
async def test_answer(nginx, monkeypatch, path, options, reason, detail):
    """
    What the server answers, against what the options ask for.
    """
    monkeypatch.setenv("WEB_PW", "pw")
    seen, got = await visit("http", nginx.urls["plain"] + path, **options)
    assert (seen.up, seen.reason, seen.detail) == (not reason, reason, detail)
    assert got["probe_success",] == (not reason)


async def test_redirect_to_tls(nginx):
    """
    From http to https is followed, and counted; from https back to http is not.
    """
    seen, got = await visit("http", nginx.urls["plain"] + "/to-tls", ca_file=nginx.ca)
    assert seen.up, seen
    assert (got["probe_http_redirects",], got["probe_http_ssl",]) == (1, 1)
    assert got["probe_ssl_earliest_cert_expiry",] == nginx.ends["good"]
    seen, _ = await visit("http", nginx.urls["good"] + "/back", ca_file=nginx.ca)
    assert (seen.reason, seen.detail) == ("protocol", "redirects from https back to http")


LOGIN = {"name": "login", "url": "/login", "capture": {"token": "value=([a-z0-9-]+)"}}


async def test_steps(nginx):
    """
    A walk through a login: cookies are kept, a captured token is used, each step is timed.
    """
    enter = {"name": "enter", "url": "/app?token={token}", "match": "欢迎"}
    seen, got = await visit("http", nginx.urls["plain"] + "/", steps=[LOGIN, enter])
    assert seen.up, seen
    assert got["probe_http_status_code", "login"] == 200
    assert got["probe_http_status_code", "enter"] == 200
    assert got["probe_http_duration_seconds", "processing", "enter"] > 0


async def test_steps_fail(nginx):
    """
    A step that goes wrong is named, and the token is in no message.
    """
    enter = {"name": "enter", "url": "/app?token=x{token}"}
    seen, got = await visit("http", nginx.urls["plain"] + "/", steps=[LOGIN, enter])
    assert (seen.reason, seen.detail) == ("status", "step enter: HTTP 401, expected 2xx")
    assert got["probe_http_status_code", "login"] == 200
    assert got["probe_http_status_code", "enter"] == 401
