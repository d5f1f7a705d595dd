"""The agent as a process: what it costs, what it serves, and to whom."""

import asyncio
import contextlib
import ssl
import subprocess
import sys

import certificates
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text
from real import free_port, need
from visiting import visit

PROMISED = {
    "node_boot_time_seconds": (),
    "node_cpu_seconds_total": ("cpu", "mode"),
    "node_filesystem_avail_bytes": ("device", "fstype", "mountpoint"),
    "node_filesystem_readonly": ("device", "fstype", "mountpoint"),
    "node_filesystem_size_bytes": ("device", "fstype", "mountpoint"),
    "node_load1": (),
    "node_memory_MemAvailable_bytes": (),
    "node_memory_MemTotal_bytes": (),
    "node_network_receive_bytes_total": ("device",),
    "node_scrape_collector_success": ("collector",),
    "node_time_seconds": (),
    "node_uname_info": ("domainname", "machine", "nodename", "release", "sysname", "version"),
}
MOST = 40.0  # MB, by the issue


def command(*arguments):
    return [sys.executable, "-m", "monitor", "agent", *arguments]


@contextlib.asynccontextmanager
async def agent(*arguments, host="127.0.0.1"):
    """Run `zhiban agent`; yields the process and its port."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *command("--listen", f"{host}:{port}", *arguments), stdout=asyncio.subprocess.PIPE
    )
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        assert line.decode().startswith("zhiban agent: listening on "), line
        yield process, port
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def memory(pid):
    """Its resident memory, in MB."""
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123  a line of /proc
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


async def test_our_own_probe_reads_it_and_it_stays_small():
    async with agent() as (process, port):
        for _ in range(20):
            seen, got = await visit("scrape", f"127.0.0.1:{port}")
            assert seen.up, seen
        used = memory(process.pid)
    print(f"agent: {used:.1f} MB, {len(got)} series")
    assert used < MOST
    assert got["node_scrape_collector_success", "cpu"] == 1
    assert got["up",] == 1
    assert got["zhiban_agent_info", "0.1.0"] == 1


def printed():
    return subprocess.run(command("--print"), check=True, capture_output=True).stdout


def test_names_and_labels_are_node_exporters():
    families = {f.name: f for f in parse_text(printed().decode())}
    labels = {s.name: tuple(sorted(s.labels)) for f in families.values() for s in f.samples}
    assert {name: labels.get(name) for name in PROMISED} == PROMISED
    assert families["node_cpu_seconds"].type == "counter"


@pytest.mark.real
def test_promtool_reads_it():
    """Lint may have its opinion of node_exporter's names, but promtool parses every line."""
    checked = subprocess.run(
        [need("promtool"), "check", "metrics"], input=printed(), capture_output=True, check=False
    )
    said = checked.stderr.decode().splitlines()
    assert checked.returncode in {0, 3}, said  # 3: lint only
    assert not [line for line in said if not line.startswith("node_")], said


@pytest.mark.real
async def test_same_as_node_exporter():
    """Every name and label of the agent's that node_exporter has too stands for the same thing."""
    port = free_port()
    theirs = subprocess.Popen(  # noqa: ASYNC220  it returns at once
        [need("node_exporter"), f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            seen, expected = await visit("scrape", f"127.0.0.1:{port}", timeout=5)
            if seen.up:
                break
            await asyncio.sleep(0.1)
    finally:
        theirs.terminate()
        theirs.wait(10)
    async with agent() as (_, mine):
        _, got = await visit("scrape", f"127.0.0.1:{mine}")
    shared = got.keys() & expected.keys()
    assert {k[0] for k in shared} >= {
        "node_boot_time_seconds", "node_cpu_seconds_total", "node_load1",
        "node_memory_MemTotal_bytes", "node_network_receive_bytes_total", "node_uname_info",
    }  # fmt: skip
    for name in ("node_memory_MemTotal_bytes", "node_uname_info", "node_boot_time_seconds"):
        for key in (k for k in shared if k[0] == name):
            assert got[key] == pytest.approx(expected[key], abs=1), key
    for key in (k for k in shared if k[0] == "node_cpu_seconds_total" and "user" in k):
        assert 0 <= got[key] - expected[key] < 60, key


async def test_tls_and_token(tmp_path, monkeypatch):
    certificates.write(tmp_path)
    token = tmp_path / "token"
    token.write_text("correct-horse-battery\n")
    token.chmod(0o600)
    monkeypatch.setenv("AGENT_TOKEN", "correct-horse-battery")
    monkeypatch.setenv("WRONG_TOKEN", "correct-horse-batterx")
    arguments = ("--cert", str(tmp_path / "good.pem"), "--token-file", str(token))
    ca = str(tmp_path / "ca.pem")
    async with agent(*arguments) as (process, port):
        url = f"https://127.0.0.1:{port}/metrics"
        for name, up in (("AGENT_TOKEN", True), ("WRONG_TOKEN", False)):
            seen, _ = await visit("scrape", url, bearer_token=f"env:{name}", ca_file=ca)
            assert seen.up is up, seen
        assert seen.detail == "HTTP 401, expected 200"
        seen, _ = await visit("scrape", url, ca_file=ca)
        assert not seen.up
        seen, _ = await visit("scrape", f"127.0.0.1:{port}")
        assert not seen.up
        used = memory(process.pid)
    print(f"agent with TLS: {used:.1f} MB")
    assert used < MOST


async def test_slow_clients_do_not_stop_it():
    """
    More connections than it takes, all silent: a scrape comes through once they are given up.
    """
    async with agent() as (process, port):
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        seen, _ = await visit("scrape", f"127.0.0.1:{port}")
        assert seen.up, seen
        idle += [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        over = [w for r, w in idle[16:] if await r.read(1) == b""]
        assert len(over) == 14
        for _, writer in idle:
            writer.transport.abort()
        await asyncio.sleep(0.1)
        seen, _ = await visit("scrape", f"127.0.0.1:{port}")
        assert seen.up, seen
        assert memory(process.pid) < MOST


async def test_a_renewed_certificate(tmp_path):
    certificates.write(tmp_path)
    cert = tmp_path / "cert.pem"
    cert.write_bytes((tmp_path / "expired.pem").read_bytes())
    async with agent("--cert", str(cert)) as (process, port):
        url, ca = f"https://127.0.0.1:{port}/metrics", str(tmp_path / "ca.pem")
        seen, _ = await visit("scrape", url, ca_file=ca)
        assert "certificate expired" in seen.detail
        cert.write_bytes((tmp_path / "good.pem").read_bytes())
        process.send_signal(1)  # SIGHUP
        for _ in range(50):
            seen, _ = await visit("scrape", url, ca_file=ca)
            if seen.up:
                break
            await asyncio.sleep(0.05)
    assert seen.up, seen
    assert ssl.OPENSSL_VERSION
