"""The virtual hospital whole: real PostgreSQL, real sockets, no daemon."""

import asyncio
import contextlib
import os
import stat
import tempfile
from pathlib import Path

import asyncpg
import psutil
import pytest
from demo_snmp import Manager, discovered
from real import need

from monitor.clock import SystemClock
from monitor.demo import agents, postgres
from monitor.demo.edge import HOST
from monitor.demo.hospital import Hospital, UnknownDeviceError
from monitor.demo.places import DEVICES, WATCHED

pytestmark = [
    pytest.mark.real,
    # pysnmp's client calls pysmi by names that pysmi has renamed.
    pytest.mark.filterwarnings("ignore:.* is deprecated. Please use:DeprecationWarning"),
]

SIX = {"lis-app", "lis-web", "emr-app", "emr-web", "tijian-app", "tijian-web"}


@pytest.fixture
def state():
    """A folder that PostgreSQL's own account may enter (pytest's tmp_path is not)."""
    with tempfile.TemporaryDirectory(prefix="zhiban-demo-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def kept():
    """One state folder for the whole-hospital tests: its cluster is made once."""
    with tempfile.TemporaryDirectory(prefix="zhiban-demo-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
async def hospital(kept):
    need("postgres")
    cluster = postgres.Cluster(kept, postgres.find())
    await cluster.prepare()
    built = Hospital(DEVICES, cluster, agents.Agents(kept, agents.login(kept)), SystemClock())
    await built.start()
    try:
        yield built
    finally:
        await built.stop()


async def takes(hospital, name):
    """Whether the device answers on its port now."""
    if DEVICES[name].kind == "snmp":
        return await discovered(hospital.ports[name], 0.7 if name in hospital.broken else 2)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(HOST, hospital.ports[name]), 2)
    except ConnectionRefusedError:
        return False
    writer.transport.abort()
    return True


async def open_ports(hospital):
    answers = await asyncio.gather(*(takes(hospital, name) for name in hospital.ports))
    return {name for name, here in zip(hospital.ports, answers, strict=True) if here}


async def get(hospital, name, path="/"):
    """Status and body of one HTTP/1.0 request through the device's port."""
    reader, writer = await asyncio.open_connection(HOST, hospital.ports[name])
    writer.write(f"GET {path} HTTP/1.0\r\nHost: demo\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body.decode()


async def query(hospital, kept):
    """Log in as the monitor through the virtual network, the password from its file."""
    return await asyncpg.connect(
        host=HOST,
        port=hospital.ports["his-db"],
        user=postgres.ROLE,
        password=(kept / "his-db.password").read_text().strip(),
        database=postgres.DATABASE,
        timeout=3,
    )


async def test_whole_day(hospital, kept):
    """
    One start of the hospital, every kind of break and its mending.
    """
    assert await open_ports(hospital) == set(WATCHED)

    # A switch: exactly the six behind it and itself, at once; established ones are reset.
    reader, writer = await asyncio.open_connection(HOST, hospital.ports["lis-web"])
    assert set(await hospital.break_("access-switch-3")) == SIX
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 2)
    writer.close()
    assert await open_ports(hospital) == set(WATCHED) - SIX - {"access-switch-3"}
    assert set(await hospital.mend("access-switch-3")) == SIX
    assert await open_ports(hospital) == set(WATCHED)

    # A redundant pair: one isolates nothing, both everything; the last mend decides.
    assert await hospital.break_("core-switch-1") == ()
    assert await open_ports(hospital) == set(WATCHED) - {"core-switch-1"}
    assert len(await hospital.break_("core-switch-2")) == len(WATCHED) - 2
    assert await open_ports(hospital) == set()
    assert len(await hospital.mend("core-switch-1")) == len(WATCHED) - 2
    await hospital.mend("core-switch-2")

    # A service: the port stays, the answer is 500, the neighbour is well.
    assert (await get(hospital, "his-web-1"))[0] == 200
    await hospital.break_("his-web-1")
    status, body = await get(hospital, "his-web-1")
    assert (status, "程序异常" in body) == (500, True)
    assert (await get(hospital, "his-web-2"))[0] == 200
    await hospital.mend("his-web-1")

    # Servers speak node_exporter's names.
    status, body = await get(hospital, "lis-app", "/metrics")
    assert status == 200
    assert 'node_uname_info{nodename="lis-app"' in body


async def test_devices_fall_ill_and_stay_reachable(hospital, kept):
    """
    A UPS without mains, a port without light: SNMP says so; a card that is cut says nothing.
    """
    manager = Manager(agents.login(kept))

    async def ask(name, oid):
        return int((await manager.get(hospital.ports[name], oid))[0])

    source, status = "1.3.6.1.2.1.33.1.4.1.0", "1.3.6.1.2.1.2.2.1.8.7"
    assert await ask("ups-1", source) == 3
    assert await hospital.break_("ups-1") == ()
    assert await ask("ups-1", source) == 5
    assert await ask("ups-2", source) == 3
    await hospital.break_("uplink-access-2")
    assert await ask("access-switch-2", status) == 2
    assert await ask("access-switch-3", status) == 1
    assert await hospital.break_("ups-1-card") == ("ups-1",)
    assert not await takes(hospital, "ups-1")
    await hospital.mend("ups-1-card")
    await hospital.mend("uplink-access-2")
    fresh = Manager(agents.login(kept))
    got = await fresh.get(hospital.ports["ups-1"], source)
    assert int(got[0]) == 5  # its card started again, its mains did not come back
    await hospital.mend("ups-1")
    assert int((await fresh.get(hospital.ports["ups-1"], source))[0]) == 3
    for one in (manager, fresh):
        one.close()


async def test_the_database_really_stops(hospital, kept):
    """
    Its sessions die, its port refuses, the web applications that need it answer 500.
    """
    session = await query(hospital, kept)
    assert await session.fetchval("select count(*) from pg_stat_activity") >= 1
    assert await hospital.break_("his-db") == ()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await session.fetchval("select 1", timeout=3)
    session.terminate()
    assert not await takes(hospital, "his-db")
    status, body = await get(hospital, "his-web-2")
    assert (status, "HIS数据库连不上" in body) == (500, True)

    await hospital.mend("his-db")
    session = await query(hospital, kept)
    assert await session.fetchval("select 1") == 1
    assert (await get(hospital, "his-web-2"))[0] == 200

    # Cut off by the network it runs on, and the applications see that too.
    await hospital.break_("access-switch-1")
    assert await session.fetchval("select 2") == 2
    await hospital.break_("access-switch-2")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await session.fetchval("select 3", timeout=3)
    session.terminate()


async def test_the_monitor_is_the_only_way_in(hospital, kept):
    """
    No superuser login, no other database user, the password file is the owner's own.
    """
    assert stat.S_IMODE((kept / "his-db.password").stat().st_mode) == 0o600
    for user in ("postgres", "root"):
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await asyncpg.connect(
                host=HOST, port=hospital.ports["his-db"], user=user, password="", database="his"
            )
    session = await query(hospital, kept)
    assert await session.fetchval("select pg_has_role('pg_monitor', 'member')")
    assert not await session.fetchval("select usesuper from pg_user where usename = current_user")
    await session.close()


async def test_break_is_idempotent_and_names_are_checked(hospital):
    await hospital.break_("his-db")
    await hospital.break_("his-db")
    await hospital.mend("his-db")
    await hospital.mend("his-db")
    assert hospital.broken == frozenset()
    with pytest.raises(UnknownDeviceError) as caught:
        await hospital.break_("acess-switch3")
    assert "access-switch-3" in caught.value.near


def runs(pid):
    """Whether it runs; a zombie that nobody has reaped yet does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def test_the_cluster_is_kept_and_a_killed_demo_leaves_nothing_in_the_way(state):
    """
    The second start finds cluster and password; a postmaster left running is ended first.
    """
    need("postgres")
    first = postgres.Cluster(state, postgres.find())
    await first.prepare()
    password = first.password_file.read_text()
    await first.start()
    left = int((state / "postgres/data/postmaster.pid").read_text().split()[0])
    second = postgres.Cluster(state, postgres.find())  # the first was killed, say
    await second.prepare()
    assert not runs(left)
    await second.start()
    assert second.password_file.read_text() == password
    await second.stop()
    assert not (state / "postgres/data/postmaster.pid").exists()


async def test_a_pid_file_that_names_somebody_else_harms_nobody(state):
    """
    After a reboot the pid in postmaster.pid is anybody's; that process is left alone.
    """
    need("postgres")
    cluster = postgres.Cluster(state, postgres.find())
    await cluster.prepare()
    other = await asyncio.create_subprocess_exec("sleep", "60")
    (state / "postgres/data/postmaster.pid").write_text(f"{other.pid}\n")
    try:
        await cluster.prepare()
        await cluster.start()
        await cluster.stop()
        assert runs(other.pid)
    finally:
        other.kill()
        await other.wait()


def test_a_state_folder_that_postgres_may_not_enter(tmp_path):
    """
    As root in a closed folder (a clone in root's home) the cluster goes to the temporary one.
    """
    if os.geteuid() != 0:
        pytest.skip("only root runs PostgreSQL under another account")
    need("postgres")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    cluster = postgres.Cluster(closed, postgres.find())
    home = cluster._home
    try:
        assert not home.is_relative_to(closed)
        assert home.parent.stat().st_uid == 0
        assert cluster.password_file.parent == closed
    finally:
        home.rmdir()
        home.parent.rmdir()
