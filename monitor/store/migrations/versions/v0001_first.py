"""
The first schema: incidents, parts, clocks, events, outbox, alerts, meta.

Written out instead of taken from schema.py, which will move on. Instants are BIGINT,
microseconds since 1970; lists and maps are JSON text.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=nullable) for name in names]


def _flags(*names: str) -> list[sa.Column[bool]]:
    return [sa.Column(name, sa.Boolean, nullable=False) for name in names]


def _incident(table: str) -> tuple[sa.Column[int], sa.ForeignKeyConstraint]:
    return (
        sa.Column("incident_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=f"fk_{table}_incident_id_incidents"
        ),
    )


def upgrade() -> None:
    """Make every table, and the two triggers that keep events append-only."""
    _incidents()
    _parts_and_clocks()
    _events()
    _notices()
    _alerts_and_meta()


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", _ID, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        *_text("state", "root_instance", "root_alertname", "root_kind", "root_title"),
        *_text("fault_class", "scope", "severity"),
        *_at("started_at", "opened_at"),
        *_at("settle_until", "interrupted_at", nullable=True),
        *_flags("class_confirmed", "drill"),
        *_text("acknowledged_by"),
        *_at("acknowledged_at", "watching_since", "recovered_at", "closed_at", nullable=True),
        *_text("closed_by"),
        sa.Column("merged_into", _ID, nullable=True),
        *_text("impact", "systems", "told", "told_class"),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_number", "incidents", ["number"])
    op.create_index("ix_incidents_state", "incidents", ["state"])


def _parts_and_clocks() -> None:
    op.create_table(
        "incident_parts",
        *_incident("incident_parts"),
        sa.Column("position", sa.Integer, nullable=False),
        *_text("key", "instance", "alertname"),
        *_at("since"),
        *_text("fault_class", "severity", "what", "summary"),
        *_at("ended_at", nullable=True),
        *_flags("withdrawn"),
        sa.PrimaryKeyConstraint("incident_id", "position", name="pk_incident_parts"),
    )
    op.create_table(
        "clocks",
        *_incident("clocks"),
        *_text("step"),
        sa.Column("position", sa.Integer, nullable=False),
        *_at("due_at"),
        *_text("state"),
        *_at("fired_at", nullable=True),
        sa.PrimaryKeyConstraint("incident_id", "step", name="pk_clocks"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", _ID, nullable=False, autoincrement=True),
        *_incident("events"),
        *_at("at"),
        *_text("who", "what", "before", "after", "detail"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_incident_id_id", "events", ["incident_id", "id"])
    if op.get_context().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events "
                "BEGIN SELECT RAISE(ABORT, 'events are added, never edited'); END"
            )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", _ID, nullable=False, autoincrement=True),
        *_text("key"),
        *_incident("notices"),
        *_text("step", "person", "channel", "title", "text"),
        *_at("created_at"),
        *_text("state"),
        sa.Column("attempts", sa.Integer, nullable=False),
        *_at("next_try_at", nullable=True),
        *_text("last_error"),
        *_at("sent_at", nullable=True),
        *_text("facts"),
        sa.Column("aside", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("key", name="uq_notices_key"),
    )
    op.create_index("ix_notices_incident_id_id", "notices", ["incident_id", "id"])
    unsent = sa.text("sent_at IS NULL")
    op.create_index(
        "ix_notices_unsent",
        "notices",
        ["channel", "person", "id"],
        sqlite_where=unsent,
        postgresql_where=unsent,
    )


def _alerts_and_meta() -> None:
    op.create_table(
        "alerts",
        *_text("key", "rule_group", "alertname", "labels", "own_labels", "annotations", "state"),
        *_at("active_at"),
        *_at("fired_at", nullable=True),
        sa.Column("value", sa.Double, nullable=True),
        *_at("last_true_at"),
        *_flags("stale"),
        *_at("absent_since", nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_alerts"),
    )
    op.create_table("meta", *_text("key", "value"), sa.PrimaryKeyConstraint("key", name="pk_meta"))
