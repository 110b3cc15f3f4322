"""What stands in the house of the pictures beside what seeding makes, so that no page shows an empty room.

Each function runs inside that house and gives what its addresses need.
"""

from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils import timezone

from labeling.models import Batch, Candidate, Document, LabelingTask, Night, Request, Upload
from labeling.pipeline import bulk, decide, hold, settle
from labeling.reports.failures import documents_of, open_causes
from labeling.states import BatchState, BulkKind, DocumentState, Found, Lane, LimitScope, Outcome, Verdict, Way
from labeling.transitions import limits, needs, restorations
from tests.factories import make_batch, make_document, make_request, make_result, make_upload, make_workers_well

TASK = "support-ticket-intent"
IN_DOUBT = 60
CHOSEN = 200
GOING_AGAIN = 24


def furnish() -> dict[str, object]:
    """People behind the uploads and in Activity, a selection that something was done with, what goes again."""
    make_workers_well()
    admin = User.objects.get()
    people = [admin, *(User.objects.create_user(name) for name in ("olga.petrova", "omar"))]
    for person, of_three in zip(people, range(3), strict=True):
        Upload.objects.filter(pk__in=list(Upload.objects.values_list("pk", flat=True))[of_three::3]).update(
            created_by=person
        )
    needs.take(f"decision--{TASK}--not_a_label", by=people[2], note="Asking the desk for two more labels.")
    labeled = Document.objects.filter(state=DocumentState.LABELED, version__task__slug=TASK).order_by("-pk")
    chosen = bulk.choose(list(labeled.values_list("pk", flat=True)[:CHOSEN]), by="olga.petrova")
    bulk.begin(chosen, BulkKind.WITHDRAW, user=people[1])
    bulk.begin(chosen, BulkKind.RESTORE, user=people[1])
    newest = Upload.objects.order_by("-pk")
    hold.hold_upload(newest[0], by=people[1], reason="Waiting for the legal team", until=None)
    for cause in open_causes():
        if cause.documents == 1:
            own = documents_of(cause.task, cause.reason)
            decide.close(own, "Labeled by hand", task=cause.task, reason=cause.reason, by=people[2])
    last_night = Night.objects.latest("date").date
    limits.release(
        LimitScope.NIGHT, last_night, Decimal("0.10"), seen=0, by="admin", why="The Friday file comes on top."
    )
    undecided = Request.objects.filter(document__state=DocumentState.FAILED, document__closed_at=None)
    ended = Batch.objects.filter(pk__in=undecided.values("batch"), expired__gt=0).order_by("-pk").first()
    in_flight = Batch.objects.filter(state=BatchState.IN_PROGRESS).first()
    assert ended
    assert in_flight
    return {
        "yesterday": str(Night.objects.order_by("-date")[1].date),
        "in_flight": newest[1].pk,
        "selection": chosen.key,
        "ended": ended.pk,
        "open": in_flight.pk,
    }


def go_again() -> dict[str, object]:
    """The API was overloaded a moment ago; asked for right before the pictures, because it waits some minutes only."""
    version = LabelingTask.objects.get(slug=TASK).version_in_use
    upload = make_upload(version, file_name=f"{TASK}-noon.csv", way=Way.URGENT)
    for n in range(GOING_AGAIN):
        request = make_request(make_document(upload, text=f"My card was charged twice, order {n}."), lane=Lane.URGENT)
        make_result(request, outcome=Outcome.ERRORED, goes_again=True, error_type="overloaded_error")
    return {}


def trouble() -> dict[str, object]:
    """One submission in doubt with two candidates, one that was settled, and a backup that was restored."""
    version = LabelingTask.objects.get(slug=TASK).version_in_use
    upload = make_upload(version, file_name=f"{TASK}-friday.csv", way=Way.NOW)
    note = "The connection broke while the answer was awaited."
    settled, doubtful = (
        make_batch(version, state=BatchState.UNKNOWN, note=note, newest_known_id="msgbatch_seed0004001", body_bytes=n)
        for n in (46_120, 48_210)
    )
    for n in range(IN_DOUBT):
        make_request(make_document(upload, text=f"My card has not come yet, and that is letter {n}."), batch=doubtful)
    settle.declare_absent(settled, by=User.objects.get(username="omar"), why="The support of the API found no trace.")
    now = timezone.now()
    for name, verdict, why in (
        ("msgbatch_01Q7mXo9bKfd", Verdict.WATCHED, ""),
        ("msgbatch_01Q7mWc4tRzs", Verdict.ANOTHERS, "Its first line has another token."),
    ):
        Candidate.objects.create(
            batch=doubtful,
            message_batch_id=name,
            created_at=now - timedelta(minutes=29),
            verdict=verdict,
            why=why,
            decided_at=None if verdict is Verdict.WATCHED else now - timedelta(minutes=4),
        )
    return {"doubtful": doubtful.pk}


def restore() -> dict[str, object]:
    """A backup of nine hours ago took the place of what was here."""
    now = timezone.now()
    restoration = restorations.begin(
        backup_name=f"nightshift-{now:%Y-%m-%d}.tar", made_at=now - timedelta(hours=9), by="admin", now=now
    )
    ours = list(Batch.objects.filter(state=BatchState.INGESTED).order_by("-pk")[:2])
    for n, (state, lines) in enumerate(
        ((Found.MAPPED, 1_204), (Found.MAPPED, 980), (Found.KNOWN, 562), (Found.ANOTHERS, 40), (Found.RUNNING, 311))
    ):
        mapped = lines - 16 if state is Found.MAPPED else 0
        restoration.found.create(
            message_batch_id=f"msgbatch_01Q7m{n}Wc4tRzs",
            created_at=now - timedelta(hours=8 - n),
            requests=lines,
            state=state,
            batch=ours[n] if state is Found.MAPPED else None,
            lines=lines if state is Found.MAPPED else 0,
            mapped=mapped,
            unknown=16 if state is Found.MAPPED else 0,
            unknown_paid_usd=Decimal("0.0024") if state is Found.MAPPED else 0,
        )
    type(restoration).objects.filter(pk=restoration.pk).update(listed_at=now)
    return {}
