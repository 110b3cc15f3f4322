"""Documents (queued) -> Batch (building) with one open Request per document."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Sum

from labeling import bodies, counts, custom_ids, faults, nights
from labeling.configuration import Configuration, installation
from labeling.models import Batch, Document, DocumentTally, Gate, LabelingTaskVersion, Night
from labeling.states import BatchState, DocumentState, Way
from labeling.transitions import batches, documents


def build_due(settings: Configuration, now: datetime, *, ignore_hour: bool = False) -> list[Batch]:
    """Build every batch that is due: what leaves now, and the night's submission once it is due.

    With ignore_hour what waits for tonight leaves as if its night were due.
    """
    night = None if ignore_hour else _night_in_force(settings, now)
    built: list[Batch] = []
    for way in (Way.NOW, Way.TONIGHT):
        for version in _versions_waiting(way, settings, now):
            built += _build_version(version, way, settings, now, night if way is Way.TONIGHT else None)
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
    """Versions with queued documents, the most urgent task first; not behind a closed gate, not before their canary."""
    waiting = (
        DocumentTally.objects.filter(state=DocumentState.QUEUED, way=way)
        .values("version_id")
        .annotate(documents=Sum("documents"))
        .filter(documents__gt=0)
    )
    if Gate.objects.filter(task=None, closed_at__isnull=False).exists():
        return []
    return list(
        LabelingTaskVersion.objects.filter(pk__in=[row["version_id"] for row in waiting])
        .exclude(task__gate__closed_at__isnull=False)
        .exclude(pk__in=counts.unproved_versions(now) if settings.canary else ())
        .select_related("task")
        .order_by("-task__priority", "pk")
    )


def _build_version(
    version: LabelingTaskVersion, way: Way, settings: Configuration, now: datetime, night: Night | None
) -> Iterator[Batch]:
    while batch := _build_one(version, way, settings, now, night):
        yield batch


def _build_one(
    version: LabelingTaskVersion, way: Way, settings: Configuration, now: datetime, night: Night | None
) -> Batch | None:
    """One batch in one transaction, or None when nothing is due or nothing fits into the queue.

    The lock makes the queue limit hold for two builders at once; whoever finds it held leaves the work to the other.
    """
    with transaction.atomic():
        if not _only_builder():
            return None
        room = min(settings.batch_requests, settings.queue_limit - Batch.objects.requests_in_queue())
        if room <= 0 or not _anything_due(version, way, now, night):
            return None
        batch = Batch.objects.create(version=version, way=way, night=night, token=custom_ids.new_token())
        cut = documents.claim_into_batch(
            batch,
            installation=installation(),
            request_bytes=bodies.request_bytes(version.spec),
            most_requests=room,
            most_bytes=settings.batch_bytes - bodies.ENVELOPE_BYTES,
            now=now,
        )
        if not cut.requests:
            transaction.set_rollback(True)
            return None
        faults.reach("build: claimed")
        batch.request_total, batch.body_bytes = cut.requests, cut.body_bytes + bodies.ENVELOPE_BYTES
        batch.save(update_fields=("request_total", "body_bytes"))
        batches.record(batch, "", BatchState.BUILDING, by="build", why=f"{cut.requests} documents, {way}")
        if night and night.left_at is None:
            Night.objects.filter(pk=night.pk, left_at__isnull=True).update(left_at=now)
            night.left_at = now
    faults.reach("build: committed")
    return batch


def _anything_due(version: LabelingTaskVersion, way: Way, now: datetime, night: Night | None) -> bool:
    due = Document.objects.may_leave(now).filter(version=version, way=way)
    if night:
        due = due.filter(queued_at__lte=night.due_at) | due.filter(
            queued_at__isnull=True, upload__counts_from__lte=night.due_at
        )
    return due.exists()


def _only_builder() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('nightshift build', 0))")
        return bool(cursor.fetchone()[0])
