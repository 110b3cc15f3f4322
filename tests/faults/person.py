"""What a person or a worker does in a process of its own.

python -m tests.faults.person cancel           a person cancels every batch
python -m tests.faults.person move             a person puts another version in use, and what waits moves to it
python -m tests.faults.person withdraw         a person withdraws the upload
python -m tests.faults.person restore          and takes it back
python -m tests.faults.person try              a person tries three documents of the upload
python -m tests.faults.person send_rest        and sends the rest
python -m tests.faults.person discard_rest     or discards it
python -m tests.faults.person send_now         a person sends the upload now, half a minute ago
python -m tests.faults.person erase            an admin erases the upload
python -m tests.faults.person tick             one tick in this process
python -m tests.faults.person deliver TIMES    ticks go to the clusters, each so many times, until nothing waits
"""

import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta

import django
from django.utils import timezone

EVERY_SECONDS = 0.5
PATIENCE = 600.0
TRIED = 3


def main(what: str, *arguments: str) -> int:
    django.setup()
    from labeling import tasks

    if what == "tick":
        tasks.tick()
    elif what == "cancel":
        cancel()
    elif what == "move":
        move()
    elif what in ACTS:
        ACTS[what]()
    elif what == "deliver":
        return deliver(int(arguments[0]))
    else:
        raise SystemExit(f"Nobody does {what!r} here.")
    return 0


def cancel() -> None:
    from labeling.models import Batch
    from labeling.pipeline.cancel import request_cancel
    from labeling.states import BatchState

    for batch in Batch.objects.filter(state__in=(BatchState.BUILDING, BatchState.IN_PROGRESS)):
        request_cancel(batch, by="a person", withdraw=False)


def move() -> None:
    from labeling.models import LabelingTask
    from labeling.pipeline import drafts

    task = LabelingTask.objects.select_related("version_in_use").get()
    before = task.version_in_use
    assert before
    spec = replace(before.spec, instructions="Say which color it is.")
    saved = drafts.save(task, spec, name=task.name, priority=0, based_on=before.stamp, by="a person")
    drafts.put_in_use(task, saved.version, seen=saved.version.stamp, seen_in_use=before.stamp, move=True, by="a person")


def withdraw() -> None:
    from labeling import configuration
    from labeling.models import Upload
    from labeling.pipeline.withdraw import withdraw_upload

    withdraw_upload(Upload.objects.get(), configuration.load(), by="a person")


def restore() -> None:
    from labeling import configuration
    from labeling.models import Upload
    from labeling.pipeline.withdraw import restore_upload

    restore_upload(Upload.objects.get(), configuration.load(), by="a person")


def try_some() -> None:
    from labeling.models import Upload
    from labeling.transitions import trials

    upload, now = Upload.objects.get(), timezone.now()
    trials.begin(upload, TRIED, by="a person", now=now)
    trials.choose(upload, now)


def send_rest() -> None:
    from labeling.models import Trial
    from labeling.pipeline import trial
    from labeling.states import Way

    trial.send_rest(Trial.objects.get(), Way.NOW, by="a person")


def discard_rest() -> None:
    from labeling import configuration
    from labeling.models import Trial
    from labeling.pipeline import trial

    trial.discard_rest(Trial.objects.get(), configuration.load(), by="a person")


def send_now() -> None:
    from labeling.models import SendOrder, Upload
    from labeling.pipeline import send_now
    from labeling.states import Way

    send_now.send_upload(Upload.objects.get(), Way.NOW, by="a person")
    SendOrder.objects.update(leaves_at=_seconds_ago(1))


def erase() -> None:
    from labeling.models import Upload
    from labeling.pipeline.erase import erase_upload

    erase_upload(Upload.objects.get(), by="an admin", reason="It was the wrong file")


ACTS = {
    "erase": erase,
    "withdraw": withdraw,
    "restore": restore,
    "try": try_some,
    "send_rest": send_rest,
    "discard_rest": discard_rest,
    "send_now": send_now,
}


def deliver(times: int) -> int:
    """0 when nothing waits any more, 1 when the time was over before."""
    from django_q.models import OrmQ
    from django_q.tasks import async_task

    from labeling.tasks import BULK, TICKS, URGENT

    deadline = time.monotonic() + PATIENCE
    while not _all_done():
        if time.monotonic() > deadline:
            return 1
        # As much as the clusters take: more would only make them late.
        if OrmQ.objects.count() < 20:
            for _ in range(times):
                for name in ("tick", "recover"):
                    async_task(f"labeling.tasks.{name}", cluster=TICKS)
            for name, pk in _work() if times > 1 else ():
                for _ in range(times - 1):
                    async_task(f"labeling.tasks.{name}", pk, cluster=BULK)
            for _ in range(times - 1):
                async_task("labeling.tasks.send_urgent", cluster=URGENT)
        time.sleep(EVERY_SECONDS)
    return 0


def _all_done() -> bool:
    from labeling.models import Batch, Document, Request

    if Document.objects.filter(state__in=("queued", "batched")).exists() or Batch.objects.open().exists():
        # Three minutes pass for the calls whose worker died.
        Request.objects.filter(lane="urgent", outcome="open", created_at__lt=_seconds_ago(30)).update(
            deadline=_seconds_ago(0)
        )
        return False
    return True


def _seconds_ago(seconds: float) -> datetime:
    return timezone.now() - timedelta(seconds=seconds)


def _work() -> list[tuple[str, int]]:
    """What the ticks hand out, once more."""
    from labeling.models import Batch

    names = {"building": "submit_batch", "ended": "ingest_batch"}
    return [(names[batch.state], batch.pk) for batch in Batch.objects.filter(state__in=names)]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
