"""The agent's parts: the page, collectors that fail or hang, HTTP, arguments, Windows."""

import argparse
import asyncio
import math
import sys
import threading
from collections import namedtuple
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_text

from monitor.agent import cli, page, unix, windows
from monitor.agent.families import Family, render, single
from monitor.agent.server import Server
from monitor.clock import SystemClock


@given(st.text(), st.text(), st.floats())
def test_any_text_and_value(label, text, value):
    """prometheus-client reads back what was written."""
    label, text = (t.encode("utf-8", "replace").decode() for t in (label, text))
    family = Family("node_x", "gauge", text)
    family.put(value, a=label)
    (back,) = parse_text(render([family]).decode())
    (sample,) = back.samples
    assert (back.type, sample.labels) == ("gauge", {"a": label})
    assert sample.value == value or math.isnan(value)


def test_no_series_twice_and_none_without_a_value():
    family = Family("node_x", "gauge", "x")
    family.put(1, device="a")
    family.put(2, device="a")
    family.put(None, device="b")
    assert render([family]).decode().splitlines()[2:] == ['node_x{device="a"} 1.0']
    assert render([Family("node_y", "gauge", "y")]) == b""


MEMINFO = """\
MemTotal:        8048304 kB
Active(anon):         12 kB
HugePages_Total:       3
Broken
Odd:                 x kB
"""


def test_meminfo():
    found = {f.name: f.samples[()] for f in unix.meminfo(MEMINFO)}
    assert found == {
        "node_memory_MemTotal_bytes": 8048304 * 1024,
        "node_memory_Active_anon_bytes": 12 * 1024,
        "node_memory_HugePages_Total": 3,
    }


def test_partitions_are_no_disks():
    names = {"sda": True, "sda1": False, "nvme0n1": True, "nvme0n1p2": False, "dm-0": True}
    names |= {"loop7": False, "vdb": True, "md0": True, "ram0": False}
    assert {n: not unix.PARTITION.fullmatch(n) for n in names} == names


def test_a_filesystem_that_cannot_be_read(monkeypatch):
    """An error of one is said of that one."""
    part = SimpleNamespace(device="/dev/sdz", fstype="ext4", mountpoint="/no/such", opts="ro,x")
    monkeypatch.setattr(unix.psutil, "disk_partitions", lambda **_: [part])
    found = {f.name: list(f.samples.values()) for f in unix.filesystem()}
    assert found["node_filesystem_device_error"] == [1]
    assert found["node_filesystem_readonly"] == [1]
    assert found["node_filesystem_size_bytes"] == []


def test_one_that_fails_and_one_that_hangs(monkeypatch):
    """The others' figures go out in time, and a hanging collector is not started again."""
    monkeypatch.setattr(page, "DEADLINE", 0.2)
    let_go, started = threading.Event(), []

    def hang():
        started.append(1)
        let_go.wait(10)
        return []

    def fail():
        raise OSError("gone")

    table = {"good": lambda: [single("node_x", "gauge", "x", 1)], "bad": fail, "stuck": hang}
    one = page.Page(table, SystemClock(), "1")
    for _ in range(2):
        text = one.make().decode()
        assert "node_x 1.0" in text
        assert 'collector_success{collector="bad"} 0.0' in text
        assert 'collector_success{collector="stuck"} 0.0' in text
        assert 'collector_success{collector="good"} 1.0' in text
    assert len(started) == 1
    let_go.set()
    for thread in list(one._hanging.values()):
        thread.join(5)
    assert 'collector_success{collector="stuck"} 1.0' in one.make().decode()


@pytest.mark.skipif(sys.platform != "linux", reason="the table of Linux")
def test_every_collector_of_this_machine():
    made = {name: collect() for name, collect in page.collectors().items()}
    names = [f.name for families in made.values() for f in families]
    assert len(names) == len(set(names))
    assert {name for name, families in made.items() if not families} <= {"diskstats"}


def tuples(name, **fields):
    return namedtuple(name, fields)(**fields)  # noqa: PYI024  as psutil makes them


def pretend_windows(monkeypatch):
    """What psutil has there, with its own field names."""
    times = tuples("t", user=10.0, system=5.0, idle=80.0, interrupt=0.5, dpc=0.25)
    nic = tuples("n", bytes_recv=7, bytes_sent=8, packets_recv=1, packets_sent=2, errin=0,
                 errout=0, dropin=3, dropout=0)  # fmt: skip
    io = tuples("d", read_count=1, write_count=2, read_bytes=3, write_bytes=4)
    parts = [
        SimpleNamespace(device="C:\\", mountpoint="C:\\", fstype="NTFS", opts="rw,fixed"),
        SimpleNamespace(device="D:\\", mountpoint="D:\\", fstype="", opts="cdrom"),
    ]
    service = SimpleNamespace(name=lambda: "MSSQLSERVER", status=lambda: "start_pending")
    fakes = {
        "cpu_times": lambda percpu: [times, times],
        "virtual_memory": lambda: SimpleNamespace(total=100, available=40, free=30),
        "swap_memory": lambda: SimpleNamespace(total=10, free=9),
        "disk_partitions": lambda **_: parts,
        "disk_usage": lambda path: SimpleNamespace(total=1000, free=200),
        "disk_io_counters": lambda perdisk: {"PhysicalDrive0": io},
        "net_io_counters": lambda pernic: {"以太网": nic},
        "boot_time": lambda: 1_790_000_000.0,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(windows.psutil, name, fake)
    monkeypatch.setattr(windows, "services", lambda: [service])
    monkeypatch.setattr(windows.platform, "version", lambda: "10.0.17763")
    monkeypatch.setattr(windows.platform, "release", lambda: "2019Server")


def test_windows(monkeypatch):
    """Names and labels are windows_exporter's, so that the shipped rules fit."""
    pretend_windows(monkeypatch)
    text = page.Page(page.collectors("win32"), SystemClock(), "1").make().decode()
    got = {(s.name, *s.labels.values()): s.value for f in parse_text(text) for s in f.samples}
    for key, value in {
        ("windows_cpu_time_total", "0,1", "privileged"): 5,
        ("windows_logical_disk_size_bytes", "C:"): 1000,
        ("windows_logical_disk_free_bytes", "C:"): 200,
        ("windows_memory_physical_total_bytes",): 100,
        ("windows_net_bytes_received_total", "以太网"): 7,
        ("windows_physical_disk_read_bytes_total", "0"): 3,
        ("windows_service_state", "mssqlserver", "start pending"): 1,
        ("windows_service_state", "mssqlserver", "running"): 0,
        ("windows_system_boot_time_timestamp",): 1_790_000_000,
        ("windows_exporter_collector_success", "service"): 1,
    }.items():
        assert got[key] == value, key
    assert not [key for key in got if key[0].startswith("node_")]
    assert ("windows_logical_disk_size_bytes", "D:") not in got


async def exchange(request, token=""):
    """One request to a server on loopback; status line and body."""
    server = await Server(lambda: b"node_x 1\n", token).listen("127.0.0.1", 0, None)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    return head.decode(), body


GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
EXCHANGES = {
    "the page": (GET, "", "200", b"node_x 1\n"),
    "with a query": (GET.replace(b"metrics", b"metrics?a=b"), "", "200", b"node_x 1\n"),
    "its head": (GET.replace(b"GET", b"HEAD"), "", "200", b""),
    "the root": (b"GET / HTTP/1.0\r\n", "", "200", b"zhiban agent: see /metrics\n"),
    "elsewhere": (b"GET /../etc/passwd HTTP/1.1\r\n", "", "404", b"Not Found\n"),
    "a POST": (GET.replace(b"GET", b"POST"), "", "405", b"Method Not Allowed\n"),
    "no HTTP": (b"hello\r\n", "", "400", b"Bad Request\n"),
    "no token": (GET, "t" * 16, "401", b"Unauthorized\n"),
    "the token": (GET + b"AUTHORIZATION:  bearer " + b"t" * 16 + b"\r\n", "t" * 16, "200", None),
    "another": (GET + b"Authorization: Bearer x\r\n", "t" * 16, "401", None),
    "another scheme": (GET + b"Authorization: Basic " + b"t" * 16 + b"\r\n", "t" * 16, "401", None),
    "no token, elsewhere": (b"GET /x HTTP/1.1\r\n", "t" * 16, "401", None),
    "too much": (b"GET / HTTP/1.1\r\nA: " + b"x" * 9000 + b"\r\n", "", "431", None),
}


@pytest.mark.parametrize(("request_", "token", "status", "body"), EXCHANGES.values(), ids=EXCHANGES)
async def test_http(request_, token, status, body):
    head, got = await exchange(request_ + b"\r\n", token)
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert body is None or got == body


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    return parser.parse_args(["agent", *arguments])


def refusals(folder):
    loose, short, good = folder / "loose", folder / "short", folder / "good"
    for path, text in ((loose, "t" * 20), (short, "t"), (good, "t" * 20)):
        path.write_text(text)
        path.chmod(0o600)
    loose.chmod(0o644)
    return {
        "write HOST:PORT": ("--listen", "9100"),
        "give --cert and --token-file, or say --insecure": ("--listen", "0.0.0.0:9100"),
        "or say --insecure": ("--listen", "10.1.2.3:9100", "--token-file", str(good)),
        "means nothing without --cert": ("--key", str(good)),
        "cannot be used": ("--cert", str(good)),
        "chmod 600": ("--token-file", str(loose)),
        "holds no token": ("--token-file", str(short)),
        "No such file": ("--token-file", str(folder / "missing")),
    }


def test_refusals(tmp_path, capsys):
    """Exit code 2 and a sentence, before anything listens."""
    for said, arguments in refusals(tmp_path).items():
        args = parsed(*arguments)
        assert args.run(args) == 2, arguments
        assert said in capsys.readouterr().err


def test_a_token_that_systemd_guards(tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("t" * 20)
    token.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert cli.token_of(token) == "t" * 20


def test_a_port_that_is_taken(capsys):
    async def run():
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        async with server:
            args = parsed("--listen", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            return await asyncio.to_thread(args.run, args)

    assert asyncio.run(run()) == 1
    assert "cannot listen on" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_loopback(host):
    cli.check(host, secured=False, insecure=False)


def test_listening():
    assert cli.listening("[::1]:9100") == ("::1", 9100)
    assert cli.listening("server-1:80") == ("server-1", 80)
