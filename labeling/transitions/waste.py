"""What was paid for a label is paid without a usable one from now on: booked on the day and the account it was paid."""

from collections.abc import Iterable
from enum import StrEnum

from django.db import connection

_BOOK = """
    INSERT INTO labeling_spendtally (
        day, version_id, model, account_id, lane, results, usable, unpriced, prompt_tokens, output_tokens,
        list_usd, paid_usd, wasted_usd, withdrawn_usd, superseded_usd)
    SELECT day, version_id, model, account_id, lane, 0, 0, 0, 0, 0, 0, 0, usd,
        CASE WHEN %(why)s = 'withdrawn' THEN usd ELSE 0 END, CASE WHEN %(why)s = 'superseded' THEN usd ELSE 0 END
    FROM (
        SELECT (COALESCE(b.created_at, b.built_at, s.created_at) AT TIME ZONE %(zone)s)::date AS day, r.version_id,
            v.model, COALESCE(b.account_id, r.account_id) AS account_id, r.lane, %(sign)s * sum(s.paid_usd) AS usd
        FROM unnest(%(documents)s::bigint[], %(results)s::bigint[]) AS label(document_id, result_id)
        JOIN labeling_request r ON r.id = label.result_id AND r.document_id = label.document_id
        JOIN labeling_result s ON s.request_id = r.id AND s.usable
        JOIN labeling_labelingtaskversion v ON v.id = r.version_id
        LEFT JOIN labeling_batch b ON b.id = r.batch_id
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(s.paid_usd) <> 0
    ) paid
"""


class Waste(StrEnum):
    """Why a label is of no use any more."""

    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


def book_waste(labels: Iterable[tuple[int, int | None]], why: Waste, *, zone: str, taken_back: bool = False) -> None:
    """`labels` are documents with the results that they show; the label of a copy was paid for by its leader.

    `zone` is the site's: the day of money is local. `taken_back`: it counts again.
    """
    own = [(document_id, result_id) for document_id, result_id in labels if result_id is not None]
    if not own:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _BOOK,
            {
                "why": why.value,
                "zone": zone,
                "sign": -1 if taken_back else 1,
                "documents": [document_id for document_id, _ in own],
                "results": [result_id for _, result_id in own],
            },
        )
