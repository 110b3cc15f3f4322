"""The tables of the installation in the database: which there are, what of them is kept, rows out and in.

The statements name tables and columns as the database itself gives them, always quoted.
"""

from collections.abc import Iterable, Iterator, Sequence

from django.db import connection
from psycopg import sql

PREFIXES = ("labeling_", "auth_", "django_")
"""Every table of the product and of what it stands on; what else lives in the database is left alone."""

NOT_KEPT = frozenset(
    {
        *("django_migrations", "django_cache", "django_session"),
        *("django_q_ormq", "django_q_task", "django_q_schedule", "labeling_heartbeat"),
    }
)
"""Tables without a yesterday: who is signed in, queued tasks, signs of life. Migrations are in the manifest."""

FUNCTIONS = "labeling\\_%"


def names() -> list[str]:
    """The installation's tables that exist."""
    with connection.cursor() as cursor:
        return sorted(name for name in connection.introspection.table_names(cursor) if name.startswith(PREFIXES))


def kept() -> list[str]:
    return [name for name in names() if name not in NOT_KEPT]


def columns(table: str) -> list[str]:
    """The columns of a table that are stored, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT attname FROM pg_attribute
            WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
            ORDER BY attnum
            """,
            [_quoted(table)],
        )
        return [name for (name,) in cursor.fetchall()]


def rows_out(table: str, of: Sequence[str]) -> Iterator[bytes | memoryview]:
    """The rows as COPY writes them: text, a line each."""
    with connection.cursor() as cursor, cursor.copy(_copy(table, of, "TO STDOUT")) as copy:
        yield from copy


def rows_in(table: str, of: Sequence[str], chunks: Iterable[bytes]) -> None:
    with connection.cursor() as cursor, cursor.copy(_copy(table, of, "FROM STDIN")) as copy:
        for chunk in chunks:
            copy.write(chunk)


def drop_all() -> None:
    """Every table of the installation and its functions."""
    found = names()
    with connection.cursor() as cursor:
        if found:
            cursor.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, found))))
        cursor.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p "
            "WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE %s",
            [FUNCTIONS],
        )
        for (function,) in cursor.fetchall():
            cursor.execute(f"DROP FUNCTION {function} CASCADE")


def empty_all() -> None:
    """What migrations write by themselves makes room for what is restored."""
    found = [name for name in names() if name != "django_migrations"]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, found))))


def set_triggers(tables: Iterable[str], *, on: bool) -> None:
    """Our triggers, off while rows come in that were counted before; foreign keys are checked when they are on."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL {'IMMEDIATE' if on else 'DEFERRED'}")
        word = sql.SQL("ENABLE" if on else "DISABLE")
        for table in tables:
            cursor.execute(sql.SQL("ALTER TABLE {} {} TRIGGER USER").format(sql.Identifier(table), word))


def set_sequences(tables: Iterable[str], *, ahead: dict[str, int]) -> None:
    """Each sequence goes on behind the highest id of its table; `ahead` skips so many ids more."""
    with connection.cursor() as cursor:
        for table in tables:
            for column in columns(table):
                cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [_quoted(table), column])
                (sequence,) = cursor.fetchone()
                if sequence:
                    highest = sql.SQL("SELECT setval(%s, COALESCE(max({}), 0) + 1 + %s, false) FROM {}").format(
                        sql.Identifier(column), sql.Identifier(table)
                    )
                    cursor.execute(highest, [sequence, ahead.get(table, 0)])


def _copy(table: str, of: Sequence[str], direction: str) -> sql.Composed:
    listed = sql.SQL(", ").join(map(sql.Identifier, of))
    return sql.SQL("COPY {} ({}) {}").format(sql.Identifier(table), listed, sql.SQL(direction))


def _quoted(table: str) -> str:
    return '"' + table.replace('"', '""') + '"'
