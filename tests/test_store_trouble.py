"""A store that cannot: one clear sentence, and nothing half done."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.model.incident import (
    Changes,
    Event,
    FaultClass,
    Incident,
    Notice,
    Root,
    RootKind,
    Scope,
    Severity,
    State,
)
from monitor.store import Ask, Store, StoreError, engine, migrate, schema

T0 = datetime(2026, 10, 1, 19, 10, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "zhiban.db"


def opened(number, words="核心交换机失联"):
    root = Root("core-1", "CoreDown", RootKind.RULE, words)
    plain = (FaultClass.CLASS1, Scope.WHOLE, Severity.CRITICAL)
    return Incident(number, number, State.OPEN, root, *plain, T0, T0, None)


def turn(number, words="核心交换机失联"):
    return Changes((opened(number, words),), (Event(number, T0, "zhiban", "opened"),))


async def test_a_second_process_is_refused(path):
    """
    One line says who has it; when that one is killed, the next may come in.
    """
    holder = (
        "import asyncio, pathlib, sys\n"
        "from monitor.store import Store\n"
        "async def main():\n"
        "    await Store.open(pathlib.Path(sys.argv[1]))\n"
        "    print('open', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen(  # noqa: ASYNC220 - it must outlive nothing here
        [sys.executable, "-c", holder, str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(StoreError) as e:
            await Store.open(path)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert e.value.kind == "locked"
    assert str(e.value) == f"{path} is in use by process {process.pid}: stop that one first"
    async with await Store.open(path) as store:
        assert await store.integrity_problems() == []


async def test_a_full_disk(path):
    """
    A change that does not fit is refused whole, with the remedy; reads go on; with space
    again everything can be written.
    """
    async with await Store.open(path) as store:
        await store.save(turn(1))
        async with store._write.connect() as connection:
            # The same SQLITE_FULL as a full disk gives, without one.
            pages = await connection.scalar(sa.text("PRAGMA page_count"))
            await connection.execute(sa.text(f"PRAGMA max_page_count={pages + 2}"))
        with pytest.raises(StoreError, match="the disk is full; free space") as e:
            await store.save(turn(2, "x" * (engine.RESERVE + 100_000)))
        assert e.value.kind == "full"
        assert [i.id for i in (await store.load()).incidents] == [1]
        assert await store.events(2) == []
        async with store._write.connect() as connection:
            await connection.execute(sa.text("PRAGMA max_page_count=100000"))
        await store.save(turn(2, "x" * 100_000))
        assert [i.id for i in (await store.load()).incidents] == [1, 2]
        assert await store.integrity_problems() == []


FULL = """
import asyncio, os, resource, sys
from pathlib import Path
sys.path.insert(0, "tests")
from monitor.store import Store
from test_store_trouble import turn

async def main():
    path = Path(sys.argv[1])
    async with await Store.open(path) as store:
        size = max(os.path.getsize(p) for p in (path, f"{path}-wal"))
        # Neither grows beyond what they have, as on a disk without room.
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        for number in range(1, 501):
            await store.save(turn(number))
        print(len((await store.load()).incidents), await store.integrity_problems())

import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
asyncio.run(main())
"""


def test_a_full_disk_has_room_for_the_faults_of_that_hour(path):
    """500 of them, each in a transaction of its own, without one byte more."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout == "500 []\n", done.stderr
    assert sqlite3.connect(path).execute("SELECT * FROM meta").fetchall() == []


async def test_room(path):
    """What a rule watches, so that people hear of a full disk before it is full."""
    async with await Store.open(path) as store:
        (free,) = store.room()
        assert 0 < free < shutil.disk_usage(path.parent).total
        store.path = path / "no" / "folder"
        assert store.room() == ()


async def test_somebody_holds_the_database(path, monkeypatch):
    """
    A shell that keeps a transaction open is waited for, then named as the cause.
    """
    monkeypatch.setitem(engine._OPTIONS, "timeout", 0.1)
    async with await Store.open(path) as store:
        shell = sqlite3.connect(path, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds the database") as e:
            await store.save(turn(1))
        assert e.value.kind == "locked"
        shell.execute("ROLLBACK")
        shell.close()
        await store.save(turn(1))
        assert await store.incident(1) == opened(1)


def newer(path):
    migrate.upgrade(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


BROKEN = {
    "no database": (
        lambda p: p.write_bytes(b"zhiban" * 1000),
        "corrupt",
        "put a backup in its place",
    ),
    "of a newer Zhiban": (newer, "refused", "it was made by a newer Zhiban"),
    "its folder is a file": (
        lambda p: (p.parent.rmdir(), p.parent.write_text("")),
        "unopenable",
        "File exists",
    ),
    "a folder in its place": (lambda p: p.mkdir(), "unopenable", "Is a directory"),
}


@pytest.mark.parametrize(("breaks", "kind", "words"), BROKEN.values(), ids=BROKEN)
async def test_what_cannot_be_opened(tmp_path, breaks, kind, words):
    path = tmp_path / "state" / "zhiban.db"
    path.parent.mkdir()
    breaks(path)
    with pytest.raises(StoreError, match=words) as e:
        await Store.open(path)
    assert e.value.kind == kind
    assert "\n" not in str(e.value)
    assert str(path.parent) in str(e.value)


async def test_errors_quote_no_rows(path):
    """
    A refused row's values, people's names among them, are in no error text.
    """
    async with await Store.open(path) as store:
        with pytest.raises(StoreError) as e:
            await store.save(Changes(events=(Event(5, T0, "张工秘密", "opened"),)))
        assert "张工秘密" not in str(e.value)


async def test_after_close(path):
    store = await Store.open(path)
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.save(turn(1))


async def test_files_are_private_and_folded(path):
    """
    Owner only, WAL mode, FULL; after a clean end one file holds everything.
    """
    async with await Store.open(path) as store:
        await store.save(turn(1))
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
        assert set(modes) >= {"zhiban.db", "zhiban.db-wal", "zhiban.db-shm"}
        assert set(modes.values()) == {0o600}
        async with store._write.connect() as connection:
            told = [
                await connection.scalar(sa.text(f"PRAGMA {name}"))
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert told == ["wal", 2, 1]  # 2 is FULL
        async with store._read.connect() as connection:
            with pytest.raises(sa.exc.OperationalError, match="readonly"):
                await connection.execute(schema.meta.insert().values(key="a", value="b"))
    assert {p.name for p in path.parent.iterdir()} == {"zhiban.db", "zhiban.db.lock"}


def test_migrations_make_the_schema(path):
    """
    What the scripts build is what schema.py says, and migrate.py knows every revision.
    """
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - slow to import
    from alembic.config import Config  # noqa: PLC0415 - likewise
    from alembic.migration import MigrationContext  # noqa: PLC0415 - likewise
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - likewise

    migrate.upgrade(path)
    plain = engine.blocking(path)
    with plain.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
        assert migrate.current(connection) == migrate.HEAD
    plain.dispose()
    config = Config()
    config.set_main_option("script_location", str(ROOT / "monitor/store/migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == migrate.HEAD
    known = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(known)) == migrate.REVISIONS


def test_a_migration_that_fails_leaves_nothing(path, monkeypatch):
    """
    All of it in one transaction: a failure in the middle leaves an empty file.
    """
    run = migrate._run

    def half(connection):
        run(connection)
        raise sa.exc.OperationalError("CREATE", {}, sqlite3.OperationalError("power cut"))

    monkeypatch.setattr(migrate, "_run", half)
    with pytest.raises(StoreError, match="power cut"):
        migrate.upgrade(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()
    monkeypatch.setattr(migrate, "_run", run)
    migrate.upgrade(path)


def test_a_usual_start_needs_no_alembic(path):
    """
    Alembic is imported when the schema changes, and then only.
    """
    migrate.upgrade(path)
    code = (
        "import pathlib, sys; from monitor.store import migrate;"
        "migrate.upgrade(pathlib.Path(sys.argv[1])); print('alembic' in sys.modules)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=env, capture_output=True, check=True
    )
    assert done.stdout == b"False\n"


def notice(number, person="a", channel="hook", step="told"):
    return Notice(f"{number}:{step}:{person}", number, step, person, channel, "t", "x", T0)


async def test_what_may_be_claimed(path):
    """
    One of a line, oldest first; not the busy, not what was sent already, not other
    channels, not before its time; what stands aside holds nobody up.
    """
    async with await Store.open(path) as store:
        owed = tuple(notice(i, person) for i in (1, 2, 3) for person in "abc")
        owed += (notice(1, "a", "sms", "t30m"),)
        await store.save(Changes((opened(1), opened(2), opened(3)), notices=owed))

        async def takes(**more):
            found = await store.peek(Ask("hook", T0, more.pop("limit", 9), **more))
            return [n.key.replace(":told", "") for n in found]

        assert await takes() == ["1:a", "1:b", "1:c"]
        assert await takes(limit=2) == ["1:a", "1:b"]
        assert await takes(busy={"b"}) == ["1:a", "1:c"]
        first = (await store.claim(Ask("hook", T0, 1)))[0]
        assert await takes() == ["1:b", "1:c"]
        assert await takes(done={first.id}) == ["1:b", "1:c", "2:a"]
        later = T0 + timedelta(seconds=9)
        await store.mark_failed(first.id, "no", later)
        assert await takes() == ["1:b", "1:c"]
        assert await store.next_try_at("hook", busy={"b", "c"}) == (True, later)
        assert await takes(due_by=later) == ["1:a", "1:b", "1:c"]
        await store.mark_failed(first.id, "never", later, aside=True)
        assert await takes() == ["1:b", "1:c", "2:a"]
        assert (await store.queues())["hook"].count == 9
        assert await store.next_try_at("fax") == (False, None)
        assert await store.reroute("a", "sms", "hook") == 1
        assert await store.oldest_unsent() == T0
        await store.mark_sent({n.id: T0 for n in await store.notices()})
        assert await store.oldest_unsent() is None
        assert await store.release() == 0


async def test_claiming_stays_quick(path):
    """
    The plan of a claim uses the index of what is unsent, not the table of everything.
    """
    async with await Store.open(path) as store, store._read.connect() as connection:
        from monitor.store.waiting import _chosen  # noqa: PLC0415 - the statement itself

        text = _chosen(Ask("hook", T0, 4)).compile(
            dialect=store._read.dialect, compile_kwargs={"literal_binds": True}
        )
        plan = await connection.execute(sa.text(f"EXPLAIN QUERY PLAN {text}"))
        steps = [row[3] for row in plan if "notices" in row[3]]
    assert steps
    assert all("ix_notices_unsent" in step for step in steps)
