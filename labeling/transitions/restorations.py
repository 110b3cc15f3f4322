"""The moves after a backup was restored: everything is closed, what went out since is taken over, a person settles.

An old backup must not send last night again. What left in batches since then is found in the API's list and
its answers are used; what may have left in real time nobody can look up, so a person decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F

from labeling import faults
from labeling.models import (
    Account,
    Batch,
    Canary,
    Document,
    FoundBatch,
    Gate,
    Request,
    Restoration,
    SendOrder,
    StrayLine,
    Upload,
)
from labeling.money.pricing import NOTHING
from labeling.states import (
    BatchState,
    CanaryState,
    DocumentState,
    FailureReason,
    Found,
    Lane,
    OrderState,
    Outcome,
    Way,
)

from . import batches, copies, requests
from .gates import RESTORE

CLOCK_SLACK = timedelta(minutes=15)
"""How far the API's clock and ours may differ."""


def begin(*, backup_name: str, made_at: datetime, by: str, now: datetime) -> Restoration:
    """Close everything, take back what was not sent yet, and give to a person what may have left in real time.

    Runs in the transaction that restores. A restoration that the backup itself had not settled is part of this one.
    """
    unsettled = Restoration.objects.filter(settled_at=None)
    earliest = min([made_at - CLOCK_SLACK, *unsettled.values_list("listed_from", flat=True)])
    unsettled.update(settled_at=now, settled_by="restored again")
    _close_everything(made_at, by, now)
    _dissolve_what_was_not_sent()
    Canary.objects.filter(state=CanaryState.SENT).delete()
    SendOrder.objects.filter(state=OrderState.PENDING).delete()
    Batch.objects.update(lease_until=None)
    Upload.objects.update(lease_until=None)
    return Restoration.objects.create(
        backup_name=backup_name[:255],
        backup_made_at=made_at,
        restored_at=now,
        restored_by=by[:150],
        listed_from=earliest,
        listed_until=now + CLOCK_SLACK,
        unclear=_end_what_was_urgent(),
    )


def _close_everything(made_at: datetime, by: str, now: datetime) -> None:
    reason = (
        f"Restored from the backup of {made_at:%Y-%m-%d %H:%M} UTC: what left since then is looked up at the API "
        "first, and an admin settles the rest under Restored."
    )
    Gate.objects.update_or_create(
        task=None, defaults={"closed_at": now, "closed_by": by[:150], "kind": RESTORE, "reason": reason, "until": None}
    )


def _dissolve_what_was_not_sent() -> None:
    """A batch that was being built may have left since, whole, in halves, or not at all: its documents tell later."""
    for batch in Batch.objects.filter(state=BatchState.BUILDING):
        why = "built before the backup and not sent then"
        if batches.move(batch, BatchState.BUILDING, BatchState.REJECTED, by="restore", why=why):
            requests.release_unsent(batch=batch)


def _end_what_was_urgent() -> int:
    """Documents that waited or were on their way in real time end unclear, with their copies; returns how many."""
    calls = Request.objects.filter(lane=Lane.URGENT, outcome=Outcome.OPEN).values_list("pk", flat=True)
    requests.end_without_answer(list(calls), Outcome.UNCLEAR, FailureReason.UNCLEAR)
    waiting = Document.objects.leaders().filter(state=DocumentState.QUEUED, way=Way.URGENT)
    leaders = list(waiting.values_list("pk", flat=True))
    waiting.update(state=DocumentState.FAILED, failure_reason=FailureReason.UNCLEAR, not_before=None)
    copies.follow_leaders(leaders)
    unclear = Document.objects.filter(state=DocumentState.FAILED, failure_reason=FailureReason.UNCLEAR)
    return unclear.filter(closed_at=None).count()


class FoundLine(NamedTuple):
    """Which document a result line answers, by its custom_id."""

    document_id: int
    text_hash: str
    custom_id: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A Message Batch of ours as the API shows it, with the token that its lines carry."""

    message_batch_id: str
    token: str
    processing_status: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime
    counts: dict[str, int]


@dataclass(slots=True)
class Unknown:
    """What the answers of documents cost that the backup does not know."""

    paid_usd: Decimal = NOTHING
    unpriced: int = 0


class Blocked(Exception):
    """Documents of the batch are still on their way in an earlier one; the message names it."""


def known(lines: Sequence[FoundLine]) -> set[str]:
    """The custom_ids that name a document that is here, with the text that it has here."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT f.custom_id
            FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS f(document_id, text_hash, custom_id)
            JOIN labeling_document d ON d.id = f.document_id AND left(encode(d.sha256, 'hex'), 8) = f.text_hash
            """,
            [
                [line.document_id for line in lines],
                [line.text_hash for line in lines],
                [line.custom_id for line in lines],
            ],
        )
        return {custom_id for (custom_id,) in cursor.fetchall()}


def take_over(found: FoundBatch, seen: Seen, lines: Sequence[FoundLine], account: Account, unknown: Unknown) -> bool:
    """A batch of ours that the backup does not know gets its row and an open request for each document of it.

    From there it is read like every batch that has ended: answers, costs, what goes again. All or nothing, and
    False if another worker was first. Raises Blocked while a document of it has an open request elsewhere.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if not FoundBatch.objects.select_for_update().filter(pk=found.pk, state=Found.ENDED).exists():
            return False
        _lay_out(lines)
        _require_free()
        _let_copies_lead()
        cursor.execute(_VERSION)
        row = cursor.fetchone()
        batch = _batch(seen, row[0], account) if row else None
        mapped = _open_requests(batch) if batch else 0
        strays = StrayLine.objects.filter(message_batch_id=seen.message_batch_id)
        if batch:
            strays.filter(batch=None).update(batch=batch)
        FoundBatch.objects.filter(pk=found.pk).update(
            state=Found.MAPPED,
            batch=batch,
            lines=len(lines),
            mapped=mapped,
            unknown=len(lines) - mapped,
            unknown_paid_usd=unknown.paid_usd,
            unknown_unpriced=unknown.unpriced,
            why="",
        )
        faults.reach("restored: mapping")
    faults.reach("restored: mapped")
    return True


def _lay_out(lines: Sequence[FoundLine]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS found_line (document_id bigint, text_hash text, custom_id text) "
            "ON COMMIT DELETE ROWS"
        )
        cursor.execute("DELETE FROM found_line")
        with cursor.copy("COPY found_line FROM STDIN") as copy:
            for line in lines:
                copy.write_row(line)
        cursor.execute("ANALYZE found_line")


_MATCHED = """
    found_line f
    JOIN labeling_document d ON d.id = f.document_id AND left(encode(d.sha256, 'hex'), 8) = f.text_hash
"""

_OPEN_ELSEWHERE = f"""
    SELECT COALESCE('B-' || r.batch_id, 'a real-time call') FROM {_MATCHED}
    JOIN labeling_request r ON r.document_id = COALESCE(d.leader_id, d.id) AND r.outcome = 'open' LIMIT 1
"""

_COPIES_THAT_WERE_SENT = f"""
    SELECT DISTINCT ON (d.leader_id) d.id, d.leader_id FROM {_MATCHED}
    WHERE d.leader_id IS NOT NULL ORDER BY d.leader_id, d.id
"""

_VERSION = f"""
    SELECT d.version_id FROM {_MATCHED} WHERE d.leader_id IS NULL
    GROUP BY d.version_id ORDER BY count(*) DESC, d.version_id DESC LIMIT 1
"""

_OPEN_REQUESTS = f"""
    WITH matched AS (
        SELECT DISTINCT ON (d.id) d.id, f.custom_id FROM {_MATCHED} WHERE d.leader_id IS NULL ORDER BY d.id
    ), opened AS (
        INSERT INTO labeling_request (document_id, version_id, batch_id, lane, custom_id, created_at)
        SELECT id, %(version)s, %(batch)s, 'batch', custom_id, %(created_at)s FROM matched ORDER BY id
    )
    UPDATE labeling_document d SET state = 'batched', attempts = attempts + 1, not_before = NULL,
        failure_reason = '', closed_at = NULL, closed_reason = '',
        unwanted = FALSE, withdrawn_from = '', withdrawn_with_upload = FALSE
    FROM matched WHERE d.id = matched.id
"""


def _require_free() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_ELSEWHERE)
        if row := cursor.fetchone():
            raise Blocked(str(row[0]))


def _let_copies_lead() -> None:
    """A copy that was sent since had become the leader of its text: it leads here too, and who led follows it."""
    with connection.cursor() as cursor:
        cursor.execute(_COPIES_THAT_WERE_SENT)
        copies.lead_instead(cursor.fetchall())


def _batch(seen: Seen, version_id: int, account: Account) -> Batch:
    """The row of its token where there is one that was never sent in the backup's eyes, else a new one."""
    mirror: dict[str, Any] = {
        "message_batch_id": seen.message_batch_id,
        "processing_status": seen.processing_status,
        "created_at": seen.created_at,
        "expires_at": seen.expires_at,
        "ended_at": seen.ended_at,
        "account": account,
        "doubt_since": None,
        "note": "",
        **seen.counts,
    }
    why = f"found as {seen.message_batch_id} after a restore"
    never_sent = Batch.objects.filter(token=seen.token, state__in=(BatchState.REJECTED, BatchState.ABSENT)).first()
    if never_sent:
        batches.move(
            never_sent,
            BatchState(never_sent.state),
            BatchState.ENDED,
            by="recover",
            why=why,
            version_id=version_id,
            **mirror,
        )
        return never_sent
    batch = Batch.objects.create(version_id=version_id, way=Way.NOW, token=seen.token, state=BatchState.ENDED, **mirror)
    Batch.objects.filter(pk=batch.pk).update(built_at=seen.created_at)
    batches.record(batch, "", BatchState.ENDED, by="recover", why=why)
    return batch


def _open_requests(batch: Batch) -> int:
    with connection.cursor() as cursor:
        place = {"batch": batch.pk, "version": batch.version_id, "created_at": batch.created_at}
        cursor.execute(_OPEN_REQUESTS, place)
        mapped = int(cursor.rowcount)
    requests.share_out(batch)
    Batch.objects.filter(pk=batch.pk).update(request_total=F("request_total") + mapped)
    return mapped


def settle(restoration: Restoration, *, by: str, released: int, now: datetime) -> bool:
    """Everything may leave again; False if somebody settled it before."""
    with transaction.atomic():
        settled = Restoration.objects.filter(pk=restoration.pk, settled_at=None).update(
            settled_at=now, settled_by=by[:150], released=released
        )
        if settled:
            Gate.objects.filter(task=None, kind=RESTORE).update(closed_at=None, closed_by="", kind="", reason="")
    return bool(settled)
