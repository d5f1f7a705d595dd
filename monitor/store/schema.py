"""
The tables. Times are UTC instants, whole microseconds since 1970, so that they sort and
are the same number in SQLite and PostgreSQL; a NaN is stored as NULL (SQLite knows none).
"""

import math
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Instant(sa.TypeDecorator[datetime]):
    """An aware datetime as whole microseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        del dialect
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        del dialect
        return None if value is None else EPOCH + value * MICROSECOND


class Number(sa.TypeDecorator[float]):
    """A float; NaN, which a rule may well yield, goes in and out as NULL."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: sa.Dialect) -> float | None:
        del dialect
        return None if value is None or math.isnan(value) else float(value)

    def process_result_value(self, value: float | None, dialect: sa.Dialect) -> float:
        del dialect
        return math.nan if value is None else value


class Words(sa.TypeDecorator[str]):
    """
    Text that is always storable: lone surrogates, which a hostile answer can put into
    a label, become "?" instead of making the whole change unwritable.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        del dialect
        if value is None or value.isascii():
            return value
        return value.encode("utf-8", "replace").decode()


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's rowid wants INTEGER


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, Words, nullable=False)


def _instant(name: str, *, needed: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, Instant, nullable=not needed)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _incident() -> sa.Column[int]:
    return sa.Column("incident_id", _ID, sa.ForeignKey("incidents.id"), nullable=False)


incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, nullable=False, index=True),
    sa.Column("state", Words, nullable=False, index=True),
    _words("root_instance"),
    _words("root_alertname"),
    _words("root_kind"),
    _words("root_title"),
    _words("fault_class"),
    _words("scope"),
    _words("severity"),
    _instant("started_at"),
    _instant("opened_at"),
    _instant("settle_until", needed=False),
    _instant("interrupted_at", needed=False),
    _flag("class_confirmed"),
    _flag("drill"),
    _words("acknowledged_by"),
    _instant("acknowledged_at", needed=False),
    _instant("watching_since", needed=False),
    _instant("recovered_at", needed=False),
    _instant("closed_at", needed=False),
    _words("closed_by"),
    # No foreign key: of two incidents that merge in one change, either may be written first.
    sa.Column("merged_into", _ID, nullable=True),
    _words("impact"),  # this, systems and told: JSON arrays of names
    _words("systems"),
    _words("told"),
    _words("told_class"),
)

incident_parts = sa.Table(
    "incident_parts",
    metadata,
    _incident(),
    sa.Column("position", sa.Integer, nullable=False),
    _words("key"),
    _words("instance"),
    _words("alertname"),
    _instant("since"),
    _words("fault_class"),
    _words("severity"),
    _words("what"),
    _words("summary"),
    _instant("ended_at", needed=False),
    _flag("withdrawn"),
    sa.PrimaryKeyConstraint("incident_id", "position"),
)

clocks = sa.Table(
    "clocks",
    metadata,
    _incident(),
    _words("step"),
    sa.Column("position", sa.Integer, nullable=False),
    _instant("due_at"),
    _words("state"),
    _instant("fired_at", needed=False),
    # The key is what makes an extra clock impossible, whoever asks for it.
    sa.PrimaryKeyConstraint("incident_id", "step"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    _incident(),
    _instant("at"),
    _words("who"),
    _words("what"),
    _words("before"),
    _words("after"),
    _words("detail"),
    sa.Index("ix_events_incident_id_id", "incident_id", "id"),
)

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("key", Words, nullable=False, unique=True),
    _incident(),
    _words("step"),
    _words("person"),
    _words("channel"),
    _words("title"),
    _words("text"),
    _instant("created_at"),
    _words("state"),
    sa.Column("attempts", sa.Integer, nullable=False),
    _instant("next_try_at", needed=False),
    _words("last_error"),
    _instant("sent_at", needed=False),  # NULL exactly while it is owed
    _words("facts"),  # a JSON object of strings
    # Refused for good as it stands: tried on, but no longer holding up those behind it.
    sa.Column("aside", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_notices_incident_id_id", "incident_id", "id"),
)
# What is owed, line by line; stays small however many were sent.
sa.Index(
    "ix_notices_unsent",
    notices.c.channel,
    notices.c.person,
    notices.c.id,
    sqlite_where=notices.c.sent_at.is_(None),
    postgresql_where=notices.c.sent_at.is_(None),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("key", Words, primary_key=True),  # JSON of (group, alertname, labels)
    _words("rule_group"),
    _words("alertname"),
    _words("labels"),  # this and own_labels: JSON arrays of pairs
    _words("own_labels"),
    _words("annotations"),
    _words("state"),
    _instant("active_at"),
    _instant("fired_at", needed=False),
    sa.Column("value", Number, nullable=True),
    _instant("last_true_at"),
    _flag("stale"),
    _instant("absent_since", needed=False),
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", Words, primary_key=True),
    _words("value"),
)
