"""Whether the clock of this machine can be trusted: deadlines of one machine are judged by another.

The database's clock is one for all of them. A machine whose clock is off sends nothing and declares nobody dead:
ahead, it would take a sender for done that is still sending.
"""

from datetime import UTC, datetime, timedelta

from django.db import connection

MOST_OFF = timedelta(minutes=1)
"""Far less than the grace time after which an absence counts as proved."""


def is_off() -> timedelta:
    """How far this machine's clock is ahead of the database's; nothing as long as that can do no harm."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        ahead: timedelta = datetime.now(UTC) - cursor.fetchone()[0]
    return ahead if abs(ahead) > MOST_OFF else timedelta(0)
