"""Copies and their leaders: a copy goes where its leader goes, and takes over where the leader was withdrawn."""

from collections.abc import Sequence

from django.db import connection, transaction


def follow_leaders(leader_ids: Sequence[int]) -> int:
    """A copy is labeled or failed with its leader, and shows its result; also with one that was then withdrawn."""
    if not leader_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH copies AS MATERIALIZED (
                SELECT id, leader_id FROM labeling_document WHERE leader_id = ANY(%s)
            ), settled AS (
                SELECT copies.id, l.result_id, l.failure_reason,
                    CASE l.state WHEN 'withdrawn' THEN l.withdrawn_from ELSE l.state END AS state
                FROM copies JOIN labeling_document l ON l.id = copies.leader_id
            )
            UPDATE labeling_document c
            SET state = s.state, result_id = COALESCE(s.result_id, c.result_id),
                failure_reason = s.failure_reason, closed_at = NULL, closed_reason = '', not_before = NULL
            FROM settled s
            WHERE c.id = s.id
                AND s.state IN ('labeled', 'failed') AND c.state IN ('queued', 'labeled', 'failed')
            """,
            [list(leader_ids)],
        )
        return int(cursor.rowcount)


def let_heirs_take_over() -> int:
    """A leader that was withdrawn leads nobody: copies of its own upload go with it, the oldest other one takes over.

    Returns how many copies became leaders. Cheap where nothing waits, so whoever withdraws or imports may call it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WITHDRAW_WITH_LEADER)
        return promote_heirs()


def promote_heirs(leader_ids: Sequence[int] | None = None) -> int:
    """The oldest waiting copy of a withdrawn leader leads the others; one whose answer is known is labeled with it.

    Of these leaders, or of all.
    """
    of = {"leaders": None if leader_ids is None else list(leader_ids)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LABEL_OF_WITHDRAWN_LEADER, of)
        cursor.execute(_HEIRS, of)
        return lead_instead(cursor.fetchall())


def lead_instead(heirs: Sequence[tuple[int, int]]) -> int:
    """Pairs of a copy and its leader change places: the leader and its other copies follow the heir."""
    if heirs:
        pairs = {"heirs": [heir for heir, _ in heirs], "old": [old for _, old in heirs]}
        with transaction.atomic(), connection.cursor() as cursor:
            for step in (_FOLLOW_THE_HEIR, _LEAD):
                cursor.execute(step, pairs)
    return len(heirs)


_WITHDRAW_WITH_LEADER = """
    UPDATE labeling_document c
    SET state = 'withdrawn', withdrawn_from = 'queued', withdrawn_with_upload = l.withdrawn_with_upload
    FROM labeling_document l
    WHERE c.state = 'queued' AND c.leader_id = l.id AND l.state = 'withdrawn' AND c.upload_id = l.upload_id
        AND l.withdrawn_from <> 'labeled'
"""


_LABEL_OF_WITHDRAWN_LEADER = """
    UPDATE labeling_document c SET state = 'labeled', result_id = l.result_id, not_before = NULL
    FROM labeling_document l
    WHERE c.state = 'queued' AND c.leader_id = l.id AND l.state = 'withdrawn' AND l.withdrawn_from = 'labeled'
        AND (%(leaders)s::bigint[] IS NULL OR c.leader_id = ANY(%(leaders)s))
"""


_HEIRS = """
    SELECT DISTINCT ON (c.leader_id) c.id, c.leader_id
    FROM labeling_document c
    JOIN labeling_document l ON l.id = c.leader_id
    JOIN labeling_upload u ON u.id = c.upload_id
    WHERE c.state = 'queued' AND l.state = 'withdrawn' AND l.leader_id IS NULL AND u.state <> 'withdrawn'
        AND (%(leaders)s::bigint[] IS NULL OR c.leader_id = ANY(%(leaders)s))
    ORDER BY c.leader_id, c.id
"""


_FOLLOW_THE_HEIR = """
    UPDATE labeling_document d SET leader_id = p.heir
    FROM unnest(%(heirs)s::bigint[], %(old)s::bigint[]) AS p(heir, old)
    WHERE (d.id = p.old OR d.leader_id = p.old) AND d.id <> p.heir
"""


_LEAD = "UPDATE labeling_document SET leader_id = NULL WHERE id = ANY(%(heirs)s)"
