"""
Bring a database to the newest schema: all steps in one transaction, or none.

Alembic is imported only when there is something to do; a start on a current database
pays one query.
"""

from pathlib import Path

import sqlalchemy as sa

from monitor.store.engine import blocking
from monitor.store.errors import StoreError, explain

REVISIONS = ("0001",)  # oldest first; a test holds this against the scripts
HEAD = REVISIONS[-1]


def current(connection: sa.Connection) -> str | None:
    """The revision the database is at; None before the first."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return revision


def upgrade(path: Path) -> None:
    """To HEAD. StoreError for a database of a newer Zhiban, or one that cannot be opened."""
    engine = blocking(path)
    try:
        with engine.connect() as connection:
            revision = current(connection)
        if revision == HEAD:
            return
        if revision is not None and revision not in REVISIONS:
            raise StoreError(
                "refused",
                f"{path} has schema {revision}, this Zhiban knows up to {HEAD}",
                "it was made by a newer Zhiban; start that one",
            )
        with engine.begin() as connection:
            _run(connection)
    except sa.exc.SQLAlchemyError as e:
        raise explain(e, path) from e
    finally:
        engine.dispose()


def _run(connection: sa.Connection) -> None:
    from alembic import command  # noqa: PLC0415 - 0.3 s that a usual start does not need
    from alembic.config import Config  # noqa: PLC0415 - likewise

    config = Config()
    scripts = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", scripts.replace("%", "%%"))  # ini interpolation
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
