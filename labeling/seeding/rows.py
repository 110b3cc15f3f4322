"""The rows: files of many nights, their documents, batches, results and money, and what is open this morning."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from batchsite.api_address import api_address
from labeling import activity, configuration, ledger, nights, store
from labeling.configuration import Configuration
from labeling.messages import custom_ids
from labeling.models import Account, Batch, BatchEvent, Document, LabelingTaskVersion, LedgerCheck, Night, Upload
from labeling.money.pricing import BATCH_DISCOUNT, SEED_PRICES
from labeling.pipeline.define import Definition, define
from labeling.states import BatchState, FailureReason, UploadState, Way
from labeling.transitions import tallies
from labeling.transitions.words import make_all_searchable

from . import statements
from .words import BEGINNINGS, ENDINGS, INTENTS, MIDDLES, ODD, TASKS

MOST_NIGHTS = 60
REFUSED_PER_UPLOAD = 7
LEAST_PER_BATCH = 20
IN_FLIGHT_FOR = timedelta(minutes=40)


class SeedingRefused(Exception):
    """Nothing was written; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Seeded:
    uploads: int
    documents: int
    batches: int
    requests: int
    balances: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """One upload with its share of documents and batches. `fate`: done, in_flight or waiting."""

    upload: Upload
    documents: int
    batches: int
    fate: str
    night: Night | None


def seed(documents: int, batches: int) -> Seeded:
    """Fill the house. Raises SeedingRefused where it is not an empty sandbox."""
    _require_an_empty_sandbox(documents, batches)
    settings, now = configuration.load(), timezone.now()
    with transaction.atomic():
        versions = _versions()
        parts = _parts(versions, documents, batches, settings, now)
        _lay_out(parts, now)
        with connection.cursor() as cursor:
            for statement in statements.IN_ORDER:
                cursor.execute(statement, _parameters(now))
        _write_files(parts)
        activity.record("seed_documents", f"Seeded {documents:,} make-believe documents in {batches:,} batches")
    tallies.fold()
    make_all_searchable()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    check: LedgerCheck = ledger.check()
    requests = Batch.objects.aggregate(n=Sum("request_total"))["n"] or 0
    return Seeded(len(parts), documents, batches, requests, check.holds)


def _require_an_empty_sandbox(documents: int, batches: int) -> None:
    if not api_address().is_sandbox:
        raise SeedingRefused("This installation has an API key. Make-believe rows go only into a sandbox.")
    if Upload.objects.exists() or Document.objects.exists() or Batch.objects.exists():
        raise SeedingRefused("This installation is not empty. Choose another NIGHTSHIFT_HOME.")
    if batches < 6 or documents < batches * LEAST_PER_BATCH:
        raise SeedingRefused(
            f"At least 6 batches, and {LEAST_PER_BATCH} documents for each: {batches * LEAST_PER_BATCH:,} or more."
        )


def _versions() -> list[LabelingTaskVersion]:
    """Each wording in its turn; the last one of a task is the one in use."""
    return [
        define(Definition(slug=task.slug, name=task.name, spec=spec), by="seed_documents").version
        for task in TASKS
        for spec in task.specs
    ]


def _parts(
    versions: list[LabelingTaskVersion], documents: int, batches: int, settings: Configuration, now: datetime
) -> list[_Part]:
    """Two batches an upload; the newest upload waits for tonight and the one before it is in flight."""
    sent = max(3, batches // 2)
    per_upload = documents // (sent + 1)
    last_day, _ = nights.latest_due(now, settings.night, settings.zone)
    ahead = min(MOST_NIGHTS, sent - 1)
    parts = []
    for k in range(sent + 1):
        days_ago = ahead - 1 - k * ahead // (sent - 1) if k < sent - 1 else 0
        fate = "done" if k < sent - 1 else "in_flight" if k < sent else "waiting"
        night = _night(last_day - timedelta(days=days_ago), settings) if fate != "waiting" else None
        share = documents - per_upload * sent if k == sent else per_upload
        carried = (batches - 2 * (sent - 1) if k == sent - 1 else 2) if fate != "waiting" else 0
        # A wording that is not in use any more belongs to the older half of the nights.
        version = versions[0] if k < sent // 2 and k % 2 == 0 else versions[1 + k % (len(versions) - 1)]
        upload = _upload(version, k, fate, share, night.due_at if night else now, now)
        parts.append(_Part(upload, share, max(carried, 0), fate, night))
    return parts


def _night(day: date, settings: Configuration) -> Night:
    due = nights.due_instant(day, settings.night, settings.zone)
    return Night.objects.get_or_create(date=day, defaults={"due_at": due, "left_at": due + timedelta(seconds=20)})[0]


def _upload(version: LabelingTaskVersion, k: int, fate: str, documents: int, leaves: datetime, now: datetime) -> Upload:
    came_in = leaves - timedelta(hours=2, minutes=7 * (k % 11))
    copies = (documents - 1) // statements.COPY_EVERY
    upload = Upload.objects.create(
        version=version,
        state=UploadState.DONE if fate == "done" else UploadState.READY,
        way=Way.TONIGHT,
        file_name=f"{version.task.slug}-{k + 1:03d}.csv",
        sha256=hashlib.sha256(f"seed {k}".encode()).hexdigest(),
        size_bytes=0,
        inspection={
            "format": "csv",
            "encoding": "utf-8",
            "delimiter": ",",
            "columns": ["id", "text", "gold"],
            "header_line": 1,
            "text_column": "text",
            "id_column": "id",
            "gold_column": "gold",
            "preview": [],
            "warnings": [],
        },
        options={"text_column": "text", "id_column": "id", "gold_column": "gold", "has_header": True},
        rows=documents + REFUSED_PER_UPLOAD,
        accepted=documents,
        refused=REFUSED_PER_UPLOAD,
        copies=copies,
        confirmed_at=came_in + timedelta(minutes=1),
        ready_at=came_in + timedelta(minutes=2),
        counts_from=came_in + timedelta(minutes=2),
    )
    Upload.objects.filter(pk=upload.pk).update(created_at=came_in)
    return upload


def _lay_out(parts: list[_Part], now: datetime) -> None:
    """The batches of each upload, and a table in memory that says which documents go where."""
    account = Account.objects.get_or_create(base_url=api_address().base_url or "http://127.0.0.1", workspace_id="")[0]
    with connection.cursor() as cursor:
        cursor.execute(statements.CREATE_PART)
        first_row = 0
        for part in parts:
            made = Batch.objects.bulk_create(_batch(part, account, n, now) for n in range(part.batches))
            Batch.objects.filter(pk__in=[batch.pk for batch in made]).update(built_at=_left(part, now))
            BatchEvent.objects.bulk_create(
                BatchEvent(batch=batch, old=old, new=new, by=by)
                for batch in made
                for old, new, by in (("building", "submitting", "submit"), ("submitting", batch.state, "submit"))
            )
            BatchEvent.objects.filter(batch__in=made).update(at=_left(part, now))
            cursor.execute(
                "INSERT INTO part VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    part.upload.pk,
                    part.upload.version_id,
                    part.upload.version.model,
                    part.upload.version.kind,
                    part.fate,
                    part.documents,
                    first_row,
                    [batch.pk for batch in made],
                    account.pk,
                    _left(part, now),
                    _prices(part.upload.version.model),
                ),
            )
            first_row += part.documents


def _prices(model: str) -> list[Decimal]:
    """Input and output in USD per token, in real time."""
    price = next(p for p in SEED_PRICES if p.model == model)
    return [price.input / 1_000_000, price.output / 1_000_000]


def _left(part: _Part, now: datetime) -> datetime:
    """With its night; what is in flight left at most so long ago that nobody wonders where it is."""
    left = part.night.due_at + timedelta(minutes=1) if part.night else now
    return max(left, now - IN_FLIGHT_FOR) if part.fate == "in_flight" else left


def _batch(part: _Part, account: Account, n: int, now: datetime) -> Batch:
    left = _left(part, now)
    minutes = 22 + 17 * ((part.upload.pk * 7 + n * 3) % 9)
    is_over = part.fate == "done"
    return Batch(
        version=part.upload.version,
        night=part.night,
        limit_date=part.night.date if part.night else None,
        way=Way.TONIGHT,
        state=BatchState.INGESTED if is_over else BatchState.IN_PROGRESS,
        token=custom_ids.new_token(),
        account=account,
        claimed_at=left + timedelta(seconds=20),
        deadline=left + timedelta(seconds=920),
        submit_tries=1,
        message_batch_id=f"msgbatch_seed{part.upload.pk:05d}{n:02d}",
        processing_status="ended" if is_over else "in_progress",
        created_at=left + timedelta(seconds=30),
        expires_at=left + timedelta(hours=24, seconds=30),
        ended_at=left + timedelta(minutes=minutes) if is_over else None,
        ingested_at=left + timedelta(minutes=minutes + 1) if is_over else None,
        polled_at=now,
    )


def _parameters(now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "beginnings": list(BEGINNINGS),
        "middles": list(MIDDLES),
        "endings": list(ENDINGS),
        "odd": list(ODD),
        "intents": list(INTENTS),
        "reasons": _reasons(),
        "installation": configuration.installation(),
        "discount": BATCH_DISCOUNT,
        "refused": REFUSED_PER_UPLOAD,
        "zone": configuration.load().time_zone,
    }


def _reasons() -> list[str]:
    """A few causes make most failures, as in a real house; every other one comes now and then."""
    usual = {
        FailureReason.NOT_A_LABEL: 36,
        FailureReason.CUT_OFF: 24,
        FailureReason.REFUSED: 16,
        FailureReason.CONTEXT_EXCEEDED: 12,
    }
    return [reason.value for reason in FailureReason for _ in range(usual.get(reason, 1))]


def _write_files(parts: list[_Part]) -> None:
    """The files as they came in, so that they can be downloaded and given back with labels."""
    for part in parts:
        digest, size = hashlib.sha256(), 0
        with (
            store.temporary_file("uploads") as file,
            connection.cursor() as cursor,
            cursor.copy(statements.FILE, [part.upload.pk]) as rows,
        ):
            for piece in (b"id,text,gold\n", *rows, *(b"%d,,\n" % n for n in range(REFUSED_PER_UPLOAD))):
                digest.update(piece)
                size += file.write(piece)
            store.keep(file, store.upload_path(digest.hexdigest()))
        Upload.objects.filter(pk=part.upload.pk).update(sha256=digest.hexdigest(), size_bytes=size)
