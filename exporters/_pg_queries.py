"""
What is asked of PostgreSQL: statistics views only, never a row of anybody's table.

Names, labels and meanings are postgres_exporter's. Everything works for a role with
``GRANT pg_monitor``. Pure: the queries, and rows turned into readings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.model.reading import Metric, Reading

METRICS = {
    "pg_up": Metric("gauge", "Whether the last visit was able to connect to the server"),
    "pg_static": Metric("gauge", "Version string as reported by postgres"),
    "pg_postmaster_start_time_seconds": Metric("gauge", "Time at which postmaster started"),
    "pg_settings_max_connections": Metric(
        "gauge", "Sets the maximum number of concurrent connections"
    ),
    "pg_stat_activity_count": Metric("gauge", "number of connections in this state"),
    "pg_stat_activity_max_tx_duration": Metric(
        "gauge", "max duration in seconds any active transaction has been running"
    ),
    "pg_stat_database_xact_commit": Metric(
        "counter", "Number of transactions in this database that have been committed"
    ),
    "pg_stat_database_xact_rollback": Metric(
        "counter", "Number of transactions in this database that have been rolled back"
    ),
    "pg_stat_database_deadlocks": Metric(
        "counter", "Number of deadlocks detected in this database"
    ),
    "pg_replication_lag_seconds": Metric("gauge", "Replication lag behind master in seconds"),
    "pg_replication_is_replica": Metric("gauge", "Indicates if the server is a replica"),
    "pg_stat_replication_pg_wal_lsn_diff": Metric(
        "gauge", "Lag in bytes between master and slave: not yet replayed there"
    ),
    "pg_stat_wal_receiver_last_msg_receipt_time": Metric(
        "gauge", "Receipt time of last message received from origin WAL sender"
    ),
    "pg_replication_slots_active": Metric("gauge", "1 while somebody uses the slot"),
    "pg_replication_slots_pg_wal_lsn_diff": Metric(
        "gauge", "Replication lag in bytes: what the slot keeps from being removed"
    ),
    "pg_stat_archiver_archived_count": Metric(
        "counter", "Number of WAL files that have been successfully archived"
    ),
    "pg_stat_archiver_failed_count": Metric(
        "counter", "Number of failed attempts for archiving WAL files"
    ),
    "pg_stat_archiver_last_archive_age": Metric(
        "gauge", "Time in seconds since last WAL segment was successfully archived"
    ),
    "pg_database_size_bytes": Metric("gauge", "Disk space used by the database"),
}

OLDEST = 100_000  # server_version_num; before 10 the WAL functions had other names


@dataclass(frozen=True, slots=True)
class Query:
    """One query: which columns are labels, and which become which metric."""

    sql: str
    values: Mapping[str, str]  # column: metric
    labels: tuple[str, ...] = ()
    asks_size: bool = False  # reads every file's size: only where the options say so
    on: frozenset[bool] = field(default=frozenset({False, True}))  # is_replica


PRIMARY, REPLICA = frozenset({False}), frozenset({True})

SERVER = """
SELECT current_setting('server_version_num')::int AS version_num,
       current_setting('server_version') AS short_version,
       version() AS version,
       pg_is_in_recovery() AS is_replica,
       current_setting('max_connections')::float8 AS max_connections,
       extract(epoch FROM pg_postmaster_start_time())::float8 AS started
"""

ACTIVITY = """
SELECT d.datname::text AS datname, s.state,
       count(a.pid)::float8 AS count,
       coalesce(max(extract(epoch FROM clock_timestamp() - a.xact_start)), 0)::float8 AS longest
FROM pg_database d
CROSS JOIN unnest(ARRAY['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)',
                        'fastpath function call', 'disabled']) AS s(state)
LEFT JOIN pg_stat_activity a
       ON a.datname = d.datname AND a.state = s.state AND a.backend_type = 'client backend'
          AND a.pid <> pg_backend_pid()
WHERE d.datallowconn AND NOT d.datistemplate
GROUP BY d.datname, s.state
ORDER BY d.datname, s.state
"""

# Equal positions mean that everything received has been replayed: an idle primary is no lag.
LAG = """
SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE greatest(0, extract(epoch FROM clock_timestamp()
                                     - pg_last_xact_replay_timestamp()))
       END::float8 AS lag
"""

QUERIES = (
    Query(
        ACTIVITY,
        {"count": "pg_stat_activity_count", "longest": "pg_stat_activity_max_tx_duration"},
        ("datname", "state"),
    ),
    Query(LAG, {"lag": "pg_replication_lag_seconds"}),
    Query(
        "SELECT datname::text AS datname, xact_commit::float8, xact_rollback::float8,"
        " deadlocks::float8 FROM pg_stat_database WHERE datname IS NOT NULL ORDER BY datname",
        {
            "xact_commit": "pg_stat_database_xact_commit",
            "xact_rollback": "pg_stat_database_xact_rollback",
            "deadlocks": "pg_stat_database_deadlocks",
        },
        ("datname",),
    ),
    Query(
        "SELECT application_name, coalesce(host(client_addr), 'local') AS client_addr, state,"
        " pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 AS diff"
        " FROM pg_stat_replication ORDER BY 1, 2, 3",
        {"diff": "pg_stat_replication_pg_wal_lsn_diff"},
        ("application_name", "client_addr", "state"),
        on=PRIMARY,
    ),
    Query(
        "SELECT status, coalesce(slot_name, '') AS slot_name,"
        " extract(epoch FROM last_msg_receipt_time)::float8 AS heard"
        " FROM pg_stat_wal_receiver WHERE pid IS NOT NULL",
        {"heard": "pg_stat_wal_receiver_last_msg_receipt_time"},
        ("status", "slot_name"),
        on=REPLICA,
    ),
    Query(
        "SELECT slot_name::text AS slot_name, slot_type, active::int::float8 AS active,"
        " pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
        " ELSE pg_current_wal_lsn() END, restart_lsn)::float8 AS diff"
        " FROM pg_replication_slots ORDER BY slot_name",
        {"active": "pg_replication_slots_active", "diff": "pg_replication_slots_pg_wal_lsn_diff"},
        ("slot_name", "slot_type"),
    ),
    Query(
        "SELECT archived_count::float8, failed_count::float8,"
        " extract(epoch FROM clock_timestamp() - last_archived_time)::float8 AS age"
        " FROM pg_stat_archiver",
        {
            "archived_count": "pg_stat_archiver_archived_count",
            "failed_count": "pg_stat_archiver_failed_count",
            "age": "pg_stat_archiver_last_archive_age",
        },
    ),
    Query(
        "SELECT datname::text AS datname, pg_database_size(oid)::float8 AS bytes"
        " FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname",
        {"bytes": "pg_database_size_bytes"},
        ("datname",),
        asks_size=True,
    ),
)


def of_server(row: Mapping[str, Any]) -> list[Reading]:
    """Turn the first query's row into readings."""
    versions = {"version": row["version"], "short_version": row["short_version"]}
    return [
        Reading("pg_up", 1.0),
        Reading("pg_static", 1.0, versions),
        Reading("pg_postmaster_start_time_seconds", row["started"]),
        Reading("pg_settings_max_connections", row["max_connections"]),
        Reading("pg_replication_is_replica", float(row["is_replica"])),
    ]


def of_rows(query: Query, rows: Iterable[Mapping[str, Any]]) -> list[Reading]:
    """Turn a query's rows into readings; NULL is no reading, not zero."""
    return [
        Reading(metric, row[column], {name: row[name] or "" for name in query.labels})
        for row in rows
        for column, metric in query.values.items()
        if row[column] is not None
    ]


def wanted(*, is_replica: bool, version_num: int, sizes: bool) -> tuple[Query, ...]:
    """Return what this server can be asked."""
    if version_num < OLDEST:
        return ()
    return tuple(q for q in QUERIES if is_replica in q.on and (sizes or not q.asks_size))
