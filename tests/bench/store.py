"""
How fast faults become durable: one by one, and 5,000 at once in shared commits.

Prints one JSON object on its last line. ``peer`` is SQLite itself, by hand: the same rows,
50 incidents a transaction, WAL and synchronous=FULL, on the same disk in the same run.
"""

import asyncio
import json
import sqlite3
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.model.incident import (
    Changes,
    Event,
    FaultClass,
    Incident,
    Notice,
    Part,
    Root,
    RootKind,
    Scope,
    Severity,
    State,
    StepClock,
)
from monitor.store import Store, migrate, rows

T0 = datetime(2026, 10, 1, 19, 10, tzinfo=UTC)
ALONE, TOGETHER, BATCH = 300, 5000, 50


def turn(number):
    plain = (FaultClass.CLASS1, Scope.WHOLE, Severity.CRITICAL)
    incident = Incident(
        number,
        number,
        State.OPEN,
        Root(f"s{number}", "Down", RootKind.RULE, "服务器失联"),
        *plain,
        T0,
        T0,
        None,
        parts=(Part("k", f"s{number}", "Down", T0, FaultClass.CLASS1, Severity.CRITICAL),),
        clocks=tuple(StepClock(number, s, T0 + timedelta(hours=1)) for s in ("30m", "6h", "24h")),
    )
    notice = Notice(f"{number}:told:z", number, "told", "张工", "sms", "标题", "正文", T0)
    return Changes((incident,), (Event(number, T0, "zhiban", "opened"),), (notice,))


async def ours(path):
    """(commits a second one by one, seconds for TOGETHER at once, seconds to load them)."""
    async with await Store.open(path) as store:
        began = time.perf_counter()  # noqa: TID251 - a benchmark measures real time
        for number in range(1, ALONE + 1):
            await store.save(turn(number))
        alone = ALONE / (time.perf_counter() - began)  # noqa: TID251 - likewise
        sets = [turn(number) for number in range(ALONE + 1, ALONE + TOGETHER + 1)]
        began = time.perf_counter()  # noqa: TID251 - likewise
        await asyncio.gather(*map(store.save, sets))
        together = time.perf_counter() - began  # noqa: TID251 - likewise
        began = time.perf_counter()  # noqa: TID251 - likewise
        assert len((await store.load()).incidents) == ALONE + TOGETHER
        return alone, together, time.perf_counter() - began  # noqa: TID251 - likewise


def by_hand(path):
    """Seconds for the same rows with nothing in between."""
    migrate.upgrade(path)
    us = (T0 - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    def plain(row):
        return {k: us if isinstance(v, datetime) else v for k, v in row.items()}

    tables = {"incidents": [], "incident_parts": [], "clocks": [], "events": [], "notices": []}
    for number in range(1, TOGETHER + 1):
        changes = turn(number)
        (incident,) = changes.incidents
        tables["incidents"].append([plain(rows.incident_row(incident))])
        tables["incident_parts"].append([plain(rows.part_row(number, 0, incident.parts[0]))])
        clocks = [plain(rows.clock_row(i, c)) for i, c in enumerate(incident.clocks)]
        tables["clocks"].append(clocks)
        tables["events"].append([plain(rows.event_row(changes.events[0]))])
        tables["notices"].append([plain(rows.notice_row(changes.notices[0]))])
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    began = time.perf_counter()  # noqa: TID251 - a benchmark measures real time
    for start in range(0, TOGETHER, BATCH):
        database.execute("BEGIN IMMEDIATE")
        for name, sets in tables.items():
            found = [row for rows_ in sets[start : start + BATCH] for row in rows_]
            names = ", ".join(f'"{key}"' for key in found[0])
            marks = ", ".join(f":{key}" for key in found[0])
            sql = f"INSERT INTO {name} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
            database.executemany(sql, found)
        database.execute("COMMIT")
    took = time.perf_counter() - began  # noqa: TID251 - likewise
    database.close()
    return took


def main():
    with tempfile.TemporaryDirectory() as folder:
        alone, together, load = asyncio.run(ours(Path(folder) / "ours.db"))
        peer = by_hand(Path(folder) / "peer.db")
    print(
        json.dumps(
            {
                "commits_per_second": round(alone),
                "seconds_5000": round(together, 3),
                "load_seconds_5300": round(load, 3),
                "peer_seconds_5000": round(peer, 3),
                "ratio": round(together / peer, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
