"""The ticks that django-q2 runs. Each looks at the rows, calls the pipeline and returns a short string.

Delivery is at least once, so every function here may run twice, at once, or die anywhere: the rows
are the queue, and what a run leaves undone the next one finds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_q.models import Success
from django_q.tasks import async_task

from labeling import configuration, faults, store
from labeling import ledger as book
from labeling.health import heartbeat
from labeling.health.heartbeat import beating
from labeling.models import (
    Alarm,
    Batch,
    BulkAct,
    Document,
    Erasure,
    Heartbeat,
    LabelingTaskVersion,
    LedgerCheck,
    Notice,
    Restoration,
    Selection,
    SignInTries,
    UnfinishedWork,
    Upload,
)
from labeling.states import BatchState, Proof, UploadState, Way, Work
from labeling.transitions import needs, tallies, token_counts, uploads
from labeling.transitions.unfinished import counted
from labeling.waking import TICKS, wake

BULK, URGENT = "bulk", "urgent"
LEASE = timedelta(minutes=3)
"""A row that was handed to the queue is handed out again after this, unless a worker has begun with it."""

IN_HAND = timedelta(minutes=1)
"""A row that is worked on stays in its worker's hands this long after each beat: then the worker is dead."""

URGENT_RUN = timedelta(minutes=5)
PATIENCE = 20.0
"""Seconds after which long work that nobody waits for lets others in."""

KEEP_SUCCESSES = timedelta(days=3)
KEEP_TOLD = timedelta(days=90)


def tick() -> str:
    """Build what is due, poll, and hand submits, imports, ingests and urgent calls to their queues."""
    from labeling.pipeline import build, canary, cancel, poll, wishes

    heartbeat.beat(TICKS)
    settings, now = configuration.load(), timezone.now()
    wishes.carry_out(settings, now)
    canary.arrange(settings, now)
    built = build.build_due(settings, now)
    cancel.ask_for_cancels()
    polled = poll.poll_due(settings, now)
    uploads.finish()
    tallies.fold()
    return f"{len(built)} built, {polled} polled, {hand_out()} handed out"


def hand_out() -> int:
    """Give every piece of long work that nobody has to a worker of its queue."""
    now = timezone.now()
    work = (
        *_leased(Upload.objects.filter(state=UploadState.RECEIVED, error=""), "check_upload"),
        *_leased(Upload.objects.filter(state=UploadState.IMPORTING), "import_upload"),
        *_leased(Batch.objects.past_back_off(now).filter(state=BatchState.BUILDING), "submit_batch"),
        *_leased(Batch.objects.past_back_off(now).filter(state=BatchState.ENDED), "ingest_batch"),
        *_leased(Batch.objects.filter(proof=Proof.DUE), "prove_batch"),
        *_leased(_to_do(Selection.objects.filter(frozen_at=None), Work.SELECTION), "freeze_selection"),
        *_leased(_to_do(BulkAct.objects.to_carry_out(), Work.BULK_ACT), "carry_out"),
        *_leased(_next_to_be_read(), "make_searchable"),
    )
    faults.reach("hand out: leased")
    if _to_do(LabelingTaskVersion.objects.filter(moves_to__isnull=False), Work.MOVE).exists():
        async_task("labeling.tasks.move_documents", cluster=BULK)
    for name, pk in work:
        async_task(f"labeling.tasks.{name}", pk, cluster=BULK)
    if Document.objects.may_leave(now).filter(way=Way.URGENT).exists():
        async_task("labeling.tasks.send_urgent", cluster=URGENT)
    return len(work)


def _next_to_be_read() -> QuerySet[Upload]:
    """One upload at a time: its words may take minutes, which others that wait for a worker should not notice."""
    waits = _to_do(Upload.objects.filter(searchable_at=None, ready_at__isnull=False), Work.WORDS)
    return Upload.objects.filter(pk__in=list(waits.order_by("pk").values_list("pk", flat=True)[:1]))


def _to_do(rows: QuerySet[Any], work: Work) -> QuerySet[Any]:
    """Without those that ended so many workers that they were set aside."""
    return rows.exclude(pk__in=UnfinishedWork.objects.rows_set_aside(work))


def _leased(rows: QuerySet[Any], name: str) -> list[tuple[str, int]]:
    now = timezone.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    return [
        (name, pk)
        for pk in rows.filter(free).order_by("pk").values_list("pk", flat=True)
        if rows.filter(free, pk=pk).update(lease_until=now + LEASE)
    ]


@contextmanager
def _at_work(row: Any, doing: str) -> Iterator[None]:
    """Beats, keeps the row in this worker's hands, and lets go of it at the end.

    Nothing rests on it: should two work on a row at once, the lock of the work decides.
    """
    mine = type(row).objects.filter(pk=row.pk)

    def hold() -> None:
        mine.update(lease_until=timezone.now() + IN_HAND)

    hold()
    with beating(BULK, doing, also=hold):
        yield
    mine.update(lease_until=None)


def check_upload(upload_id: int) -> str:
    from labeling.files import FileRefused
    from labeling.pipeline import intake, measure

    upload = Upload.objects.select_related("version").get(pk=upload_id)
    try:
        with beating(BULK, f"check U-{upload_id}"):
            intake.check(upload, configuration.load(), look=measure.measure)
    except FileRefused as refusal:
        return f"{upload}: {refusal}"
    finally:
        Upload.objects.filter(pk=upload_id).update(lease_until=None)
    return f"{upload}: checked"


def import_upload(upload_id: int) -> str:
    from labeling.pipeline import intake

    with beating(BULK, f"import U-{upload_id}"):
        ready = intake.import_rows(Upload.objects.get(pk=upload_id), configuration.load())
    wake()
    return f"U-{upload_id}: {'ready' if ready else 'not ready'}"


def move_documents() -> str:
    from labeling.pipeline import moving

    with beating(BULK, "move documents to another version"):
        moved = moving.move_waiting()
    wake()
    return f"{moved} documents moved"


def list_models() -> str:
    from labeling.pipeline import listing

    return "models listed" if listing.refresh(timezone.now()) else "not due, or no answer"


def count_tokens(pk: int) -> str:
    from labeling.pipeline import counting

    return f"{counting.count(pk)} tokens"


def submit_batch(batch_id: int) -> str:
    from labeling.pipeline import submit

    batch = Batch.objects.select_related("version__task").get(pk=batch_id)
    with _at_work(batch, f"submit {batch}"):
        submit.submit(batch, configuration.load())
    batch.refresh_from_db()
    return f"{batch}: {batch.state}"


def ingest_batch(batch_id: int) -> str:
    from labeling.pipeline import ingest

    batch = Batch.objects.select_related("version__task").get(pk=batch_id)
    with _at_work(batch, f"ingest {batch}"):
        done = ingest.ingest(batch, configuration.load())
    return f"{batch}: {'ingested' if done else 'not complete'}"


def prove_batch(batch_id: int) -> str:
    from labeling.pipeline import prove

    batch = Batch.objects.select_related("version").get(pk=batch_id)
    with _at_work(batch, f"prove {batch}"):
        proof = prove.prove(batch)
    return f"{batch}: {proof}"


def freeze_selection(selection_id: int) -> str:
    from labeling.pipeline import bulk

    selection = Selection.objects.get(pk=selection_id)
    with _at_work(selection, f"note {selection}"):
        bulk.freeze(selection)
    wake()
    return f"{selection}: {selection.documents} documents"


def carry_out(act_id: int) -> str:
    """Piece by piece for a while; what is left then is handed out again, behind the work of others."""
    from labeling.pipeline import bulk

    act = BulkAct.objects.get(pk=act_id)
    with _at_work(act, f"bulk act {act_id}"):
        done = bulk.go_on(act, seconds=PATIENCE)
    wake()
    return f"bulk act {act_id}: {act.looked_at} looked at, {'done' if done else 'to be continued'}"


def make_searchable(upload_id: int) -> str:
    from labeling.transitions import words

    upload = Upload.objects.get(pk=upload_id)
    with _at_work(upload, f"words of U-{upload_id}"), counted(Work.WORDS, upload_id) as may_try:
        done = may_try and words.make_searchable(upload, seconds=PATIENCE)
    wake()
    return f"words of U-{upload_id}: {'done' if done else 'to be continued'}"


def send_urgent() -> str:
    from labeling.pipeline import urgent

    with beating(URGENT, "real-time calls"):
        return f"{urgent.drain(configuration.load(), until=timezone.now() + URGENT_RUN)} answers"


def recover() -> str:
    from labeling.pipeline import doubt
    from labeling.pipeline import recover as recovery

    recovery.recover(timezone.now())
    if _to_do(Erasure.objects.filter(done_at=None), Work.ERASURE).exists():
        async_task("labeling.tasks.erase", cluster=BULK)
    if _to_do(Restoration.objects.filter(settled_at=None), Work.RESTORATION).exists():
        async_task("labeling.tasks.look_up_what_left", cluster=BULK)
    return f"{doubt.settle_doubt(configuration.load(), timezone.now())} doubtful batches settled"


def look_up_what_left() -> str:
    """After a restore: what left since the backup, as the API lists it."""
    from labeling.pipeline import restored

    with beating(BULK, "looking up what left since the backup"):
        return f"{restored.look_up(configuration.load(), timezone.now())} batches found"


def erase() -> str:
    """Carries out what is to be erased, in portions."""
    from labeling.pipeline import erase as stage

    with beating(BULK, "erasing"):
        return f"{stage.carry_out(configuration.load(), until=timezone.now() + stage.RUN)} erased"


def retention() -> str:
    """Asks for what is older than its labeling task keeps it."""
    from labeling.pipeline import erase as stage

    asked = stage.ask_for_what_is_old(configuration.load(), timezone.now())
    return f"{asked} uploads are to be erased"


def ledger() -> str:
    """Recomputes the book; and what needs nobody any more is in nobody's hands."""
    from labeling.reports.needs import needs as open_needs

    needs.forget_settled({need.key for need in open_needs(configuration.load(), timezone.now()).rows})
    return "balances" if book.check().holds else "DOES NOT BALANCE"


def outgoing() -> str:
    """Alarms, pings, reports and webhooks: look, then deliver what is due."""
    from labeling.outgoing import go_round

    return f"{go_round(configuration.load())} delivered"


def prune() -> str:
    """Old successes of django-q2, ledger checks and selections say nothing any more; failures stay."""
    from labeling.pipeline import bulk

    before = timezone.now() - KEEP_SUCCESSES
    store.sweep_temporary(KEEP_SUCCESSES.total_seconds())
    old, _ = Success.objects.filter(stopped__lt=before).delete()
    LedgerCheck.objects.filter(checked_at__lt=before).delete()
    Heartbeat.objects.filter(beaten_at__lt=before).delete()
    long_ago = timezone.now() - KEEP_TOLD
    Notice.objects.filter(made_at__lt=long_ago).delete()
    Alarm.objects.filter(cleared_at__lt=long_ago).delete()
    SignInTries.objects.filter(since__lt=before).delete()
    token_counts.forget(timezone.now())
    return f"{old} pruned, {bulk.forget_old()} rows of old selections"


def beat(queue: str) -> str:
    """Runs in a worker of the queue every minute."""
    heartbeat.beat(queue)
    return queue
