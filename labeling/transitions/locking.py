"""Locks that are held to the end of the transaction: of a labeling task, of erasing, of releasing money."""

from collections.abc import Sequence

from django.db import connection

_TASK = "hashtextextended('nightshift task ' || {task}, 0)"
_ERASING = "hashtextextended('nightshift erase', 0)"
_RELEASING = "hashtextextended('nightshift limit release', 0)"


def lock_task_alone(task_id: int) -> None:
    """Nobody else adds, or moves, documents of the task meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({_TASK.format(task='%s::text')})", [task_id])


def lock_tasks_of_versions(version_ids: Sequence[int]) -> None:
    """Shared: many add documents at the same time, while nobody moves any."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT pg_advisory_xact_lock_shared({_TASK.format(task="task_id::text")}) FROM (
                SELECT DISTINCT task_id FROM labeling_labelingtaskversion WHERE id = ANY(%s) ORDER BY task_id
            ) AS tasks
            """,
            [list(version_ids)],
        )


def lock_erasing_alone() -> None:
    """No result is being stored, and no text copied, meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({_ERASING})")


def lock_erasing_shared() -> None:
    """Nobody erases meanwhile: what is stored now is there to be erased, or sees that its document was."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock_shared({_ERASING})")


def lock_releases_of_limits() -> None:
    """Two who release more money than a limit allows come one after the other."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({_RELEASING})")
