"""Folding the tallies: the same sums in fewer rows."""

from django.db import connection, transaction

from labeling import faults

_KEYS = {
    "labeling_documenttally": (("upload_id", "version_id", "state", "way"), ("documents", "leaders", "leader_bytes")),
    "labeling_failuretally": (("version_id", "failure_reason"), ("documents", "leaders", "leader_bytes")),
    "labeling_requesttally": (("batch_id", "lane", "outcome"), ("requests",)),
    "labeling_answertally": (
        ("upload_id", "version_id"),
        ("answers", "unpriced", "document_bytes", "prompt_tokens", "output_tokens", "list_usd", "paid_usd"),
    ),
    "labeling_spendtally": (
        ("day", "version_id", "model", "account_id", "lane"),
        (
            *("results", "usable", "unpriced", "prompt_tokens", "output_tokens"),
            *("list_usd", "paid_usd", "wasted_usd", "withdrawn_usd", "superseded_usd"),
        ),
    ),
}


def fold() -> None:
    """Sum the differences of each key into one row; readers see the rows before or after, never between."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('nightshift fold', 0))")
        if not cursor.fetchone()[0]:
            return
        for table, (keys, sums) in _KEYS.items():
            key, total = ", ".join(keys), ", ".join(f"sum({name})" for name in sums)
            cursor.execute(
                f"""
                WITH gone AS (DELETE FROM {table} RETURNING *)
                INSERT INTO {table} ({key}, {", ".join(sums)})
                SELECT {key}, {total} FROM gone GROUP BY {key}
                HAVING {" OR ".join(f"sum({name}) <> 0" for name in sums)}
                """
            )
        faults.reach("tallies: folding")
    faults.reach("tallies: folded")
