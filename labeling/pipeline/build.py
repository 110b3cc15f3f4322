"""Documents (queued) -> Batch (building) with one open Request per document."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from django.db import connection, transaction
from django.db.models import Sum

from labeling import counts, faults, nights, shares
from labeling.configuration import Configuration, installation
from labeling.messages import bodies, custom_ids
from labeling.models import Batch, DocumentTally, Gate, LabelingTaskVersion, Night, Upload
from labeling.money import limits
from labeling.states import BatchState, DocumentState, Lane, Way
from labeling.transitions import batches, claims
from labeling.transitions.claims import Cut

Share = dict[int, int]
"""How many documents of which upload may leave now, by its id, the oldest upload first."""


def build_due(settings: Configuration, now: datetime, *, ignore_hour: bool = False) -> list[Batch]:
    """Build every batch that is due: what leaves now, and the night's submission once it is due.

    With ignore_hour what waits for tonight leaves as if its night were due.
    """
    night = None if ignore_hour else _night_in_force(settings, now)
    built: list[Batch] = []
    for way in (Way.NOW, Way.TONIGHT):
        night_of_way = night if way is Way.TONIGHT else None
        for _, equals in groupby(_versions_waiting(way, settings, now), key=lambda version: version.task.priority):
            versions = {version.pk: version for version in equals}
            for version_id, share in _fair_shares(list(versions), way, settings, now, night_of_way).items():
                built += _build_version(versions[version_id], way, share, settings, now, night_of_way)
    return built


def _night_in_force(settings: Configuration, now: datetime) -> Night:
    """The row of the night that was due last; one per local date, whoever asks first makes it."""
    date, due_at = nights.latest_due(now, settings.night, settings.zone)
    night, made = Night.objects.get_or_create(date=date, defaults={"due_at": due_at})
    faults.reach("build: night known")
    if not made and night.due_at != due_at:
        # The hour of the night was changed after this date's night had been due.
        Night.objects.filter(pk=night.pk).update(due_at=due_at)
        night.due_at = due_at
    return night


def _versions_waiting(way: Way, settings: Configuration, now: datetime) -> list[LabelingTaskVersion]:
    """Versions with queued documents, the most urgent task first; not behind a closed gate, not before their canary,
    not while their documents move to another version."""
    waiting = (
        DocumentTally.objects.filter(state=DocumentState.QUEUED, way=way, upload__in=Upload.objects.going_out())
        .values("version_id")
        .annotate(documents=Sum("documents"))
        .filter(documents__gt=0)
    )
    if Gate.objects.filter(task=None, closed_at__isnull=False).exists():
        return []
    return list(
        LabelingTaskVersion.objects.filter(pk__in=[row["version_id"] for row in waiting], moves_to=None)
        .exclude(task__gate__closed_at__isnull=False)
        .exclude(pk__in=counts.unproved_versions(now) if settings.canary else ())
        .select_related("task")
        .order_by("-task__priority", "pk")
    )


def _fair_shares(
    versions: Sequence[int], way: Way, settings: Configuration, now: datetime, night: Night | None
) -> dict[int, Share]:
    """The room that the queue has left, shared over the waiting uploads of versions of one priority.

    Small uploads leave wholly and a large one gets the rest, whatever came first. The version with the
    oldest upload is the first; one statement, and nothing is counted where there is no room.
    """
    room = settings.queue_limit - Batch.objects.requests_in_queue()
    if room <= 0:
        return {}
    waiting = claims.claimable(versions, way, most=room, due=night.due_at if night else None, now=now)
    found: dict[int, Share] = defaultdict(dict)
    filled = shares.water_filling(room, [n for *_, n in waiting])
    for (version_id, upload_id, _), share in zip(waiting, filled, strict=True):
        found[version_id][upload_id] = share
    return found


def _build_version(
    version: LabelingTaskVersion, way: Way, share: Share, settings: Configuration, now: datetime, night: Night | None
) -> Iterator[Batch]:
    while batch := _build_one(version, way, share, settings, now, night):
        yield batch


def _build_one(
    version: LabelingTaskVersion, way: Way, share: Share, settings: Configuration, now: datetime, night: Night | None
) -> Batch | None:
    """One batch in one transaction, or None when nothing of the share is left or nothing fits into the queue.

    What it took is taken off the share. The lock makes the queue limit and the money limit of the night hold for
    two builders at once; whoever finds it held leaves the work to the other.
    """
    with transaction.atomic():
        if not _only_builder():
            return None
        room = min(settings.batch_requests, settings.queue_limit - Batch.objects.requests_in_queue())
        most = shares.first_ones(share, room)
        room_usd = limits.night_standing(settings, now).room_usd if settings.night_limit_usd else None
        if not most or room_usd == 0:
            return None
        batch = Batch.objects.create(
            version=version,
            way=way,
            night=night,
            token=custom_ids.new_token(),
            limit_date=limits.night_in_force(settings, now),
        )
        cut = _claim(batch, most, room_usd, settings, now)
        if not cut.requests:
            transaction.set_rollback(True)
            return None
        faults.reach("build: claimed")
        batch.request_total, batch.body_bytes = cut.requests, cut.body_bytes + bodies.ENVELOPE_BYTES
        batch.reserved_usd = cut.reserved_usd
        batch.save(update_fields=("request_total", "body_bytes", "reserved_usd"))
        batches.record(batch, "", BatchState.BUILDING, by="build", why=f"{cut.requests} documents, {way}")
        if night and night.left_at is None:
            Night.objects.filter(pk=night.pk, left_at__isnull=True).update(left_at=now)
            night.left_at = now
    faults.reach("build: committed")
    for upload_id, taken in cut.by_upload.items():
        share[upload_id] -= taken
    return batch


def _claim(batch: Batch, most: Share, room_usd: Decimal | None, settings: Configuration, now: datetime) -> Cut:
    """The documents of the batch, with the limits of one request body and of the money that the night has left."""
    version = batch.version
    return claims.claim_into_batch(
        batch,
        installation=installation(),
        request_bytes=bodies.request_bytes(version.spec),
        most=most,
        most_bytes=settings.batch_bytes - bodies.ENVELOPE_BYTES,
        worst=limits.worst_cases([version], Lane.BATCH)[version.pk],
        most_usd=room_usd,
        now=now,
    )


def _only_builder() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('nightshift build', 0))")
        return bool(cursor.fetchone()[0])
