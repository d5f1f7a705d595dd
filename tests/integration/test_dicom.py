"""Real PACS: Orthanc, and dcmtk's storescp and dcmqrscp."""

import asyncio
import contextlib
import json
import subprocess

import pytest
from real import free_port, need
from visiting import visit

pytestmark = pytest.mark.real

QRSCP = """\
NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 4
HostTable BEGIN
here = (WS1, 127.0.0.1, 104)
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
PACS {folder} RW (10, 10mb) ANY
AETable END
"""


@contextlib.asynccontextmanager
async def running(port, *command):
    """Run a server until the test is over; it is up once it takes connections."""
    process = subprocess.Popen(  # noqa: ASYNC220  it returns at once
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail(f"{command[0]} does not listen")
        yield
    finally:
        process.kill()
        process.wait(10)


async def test_orthanc(tmp_path):
    port = free_port()
    config = {
        "Name": "PACS", "StorageDirectory": str(tmp_path), "IndexDirectory": str(tmp_path),
        "HttpServerEnabled": False, "DicomPort": port, "DicomAet": "PACS", "Plugins": [],
        "DicomCheckCalledAet": True, "DicomAlwaysAllowEcho": True,
    }  # fmt: skip
    path = tmp_path / "orthanc.json"
    path.write_text(json.dumps(config))
    async with running(port, need("orthanc"), str(path)):
        seen, got = await visit("dicom", f"127.0.0.1:{port}", called_ae="PACS")
        assert seen.up, seen
        assert got["probe_dicom_status",] == 0
        seen, _ = await visit("dicom", f"127.0.0.1:{port}", called_ae="OTHER")
        assert (seen.up, seen.reason) == (False, "status")
        assert "AE title" in seen.detail
    seen, _ = await visit("dicom", f"127.0.0.1:{port}", called_ae="PACS")
    assert (seen.up, seen.reason) == (False, "refused")


async def test_storescp(tmp_path):
    port = free_port()
    program = need("storescp")
    async with running(port, program, "--aetitle", "STORE", "-od", str(tmp_path), str(port)):
        for _ in range(3):
            seen, got = await visit("dicom", f"127.0.0.1:{port}", called_ae="STORE")
            assert seen.up, seen
    assert got["probe_dicom_duration_seconds", "echo"] < 2


async def test_dcmqrscp(tmp_path):
    """It aborts, or rejects, where the called AE title is not one of its."""
    port = free_port()
    (tmp_path / "db").mkdir()
    config = tmp_path / "dcmqrscp.cfg"
    config.write_text(QRSCP.format(port=port, folder=tmp_path / "db"))
    async with running(port, need("dcmqrscp"), "-c", str(config)):
        seen, _ = await visit("dicom", f"127.0.0.1:{port}", called_ae="PACS", calling_ae="WS1")
        assert seen.up, seen
        seen, _ = await visit("dicom", f"127.0.0.1:{port}", called_ae="OTHER", calling_ae="WS1")
    assert (seen.up, seen.reason) == (False, "status"), seen
    assert "AE title" in seen.detail
