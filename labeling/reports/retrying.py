"""What sending again did: of the tries without a label that were followed by another, how many then brought one.

A try that has a newer miss of its document after it did not help; the last miss of a document did, where the label
that is shown is newer. What was never sent again, or is still on its way, is not counted.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from labeling.messages.rules import AGAIN, ERROR_RULES
from labeling.states import FailureReason, ResultType

from .advice import ADVICE

PERIOD = timedelta(days=30)
MOST_TRIES = 500
"""The newest tries without a label that are looked at; an index of their own holds only such."""

_GOES_BY_ITSELF = {
    "expired": "Ran out of time after 24 hours",
    "api_error": "The API had an internal error",
    "overloaded_error": "The API was overloaded",
    "rate_limit_error": "The API asked to slow down",
    "timeout_error": "The API took too long",
}

_RETRIES = """
    WITH missed AS (
        SELECT request_id, CASE WHEN result_type = %(expired)s THEN 'expired'
            WHEN error_type = ANY(%(again)s) THEN error_type ELSE failure_reason END AS cause
        FROM labeling_result
        WHERE NOT usable AND result_type <> %(canceled)s AND created_at >= %(since)s
        ORDER BY created_at DESC LIMIT %(most)s
    ), tried AS (
        SELECT request.document_id, request.version_id, missed.request_id, missed.cause,
            lead(missed.request_id) OVER (PARTITION BY request.document_id ORDER BY missed.request_id) AS missed_again
        FROM missed JOIN labeling_request request ON request.id = missed.request_id
    )
    SELECT version.task_id, tried.cause, count(*), count(*) FILTER (WHERE tried.missed_again IS NULL)
    FROM tried
    JOIN labeling_document document ON document.id = tried.document_id
    JOIN labeling_labelingtaskversion version ON version.id = tried.version_id
    WHERE tried.missed_again IS NOT NULL OR document.result_id > tried.request_id
    GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Retried:
    """So many were sent again because of `cause`; so many of those were labeled by the very next try."""

    cause: str
    sent: int
    labeled: int

    @property
    def title(self) -> str:
        return _GOES_BY_ITSELF.get(self.cause) or ADVICE[FailureReason(self.cause)].title


@dataclass(frozen=True, slots=True)
class Retries:
    of_task: dict[tuple[int, str], Retried]

    @property
    def by_cause(self) -> Sequence[Retried]:
        """Of all tasks together, the most first."""
        causes = {row.cause for row in self.of_task.values()}
        return sorted((self._sum(cause, {cause}, None) for cause in causes), key=lambda row: (-row.sent, row.cause))

    def of(self, task_id: int, reason: FailureReason) -> Retried | None:
        """What sending again did for one cause; for what failed too often, all that goes again by itself."""
        if reason is not FailureReason.TOO_MANY_ATTEMPTS:
            return self.of_task.get((task_id, reason.value))
        tired = self._sum(reason.value, _GOES_BY_ITSELF, task_id)
        return tired if tired.sent else None

    def _sum(self, name: str, causes: Container[str], task_id: int | None) -> Retried:
        own = [r for (task, cause), r in self.of_task.items() if cause in causes and task_id in (None, task)]
        return Retried(name, sum(row.sent for row in own), sum(row.labeled for row in own))


def retries(now: datetime) -> Retries:
    """One query, over at most `MOST_TRIES` tries of the last thirty days."""
    words: dict[str, str | int | datetime | list[str]] = {
        "expired": ResultType.EXPIRED.value,
        "canceled": ResultType.CANCELED.value,
        "again": [word for word, rule in ERROR_RULES.items() if rule == AGAIN],
        "since": now - PERIOD,
        "most": MOST_TRIES,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RETRIES, words)
        rows = cursor.fetchall()
    known = _GOES_BY_ITSELF.keys() | set(FailureReason)
    return Retries({(task, cause): Retried(cause, n, labeled) for task, cause, n, labeled in rows if cause in known})
