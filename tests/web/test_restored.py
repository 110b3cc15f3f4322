"""After a restore: everybody sees what was found, an admin settles the rest, and only then anything leaves."""

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.models import Activity, Batch, Document, Gate, Restoration, StrayLine
from labeling.states import BatchState, Found, Lane
from labeling.transitions import restorations
from tests.factories import make_batch, make_document, make_request, make_upload, make_version
from tests.web import reading


def words(response) -> str:
    return reading.words(response.content)


@pytest.fixture
def restoration(db):
    """Restored an hour ago; the list was read since, one document waits."""
    now = timezone.now()
    upload = make_upload(make_version())
    make_document(upload, text="it waits for the night", way="tonight")
    hour = timedelta(hours=1)
    restoration = restorations.begin(
        backup_name="evening.backup", made_at=now - 9 * hour, by="root (restore)", now=now - hour
    )
    Restoration.objects.update(listed_at=now)
    restoration.found.create(
        message_batch_id="msgbatch_of_theirs", created_at=now - timedelta(hours=5), requests=7, state=Found.ANOTHERS
    )
    return restoration


def everything_is_closed() -> bool:
    return Gate.objects.filter(task=None, closed_at__isnull=False, kind="restore").exists()


def test_a_viewer_and_an_operator_see_what_was_found_and_settle_nothing(restoration, viewer, operator):
    for client in (viewer, operator):
        said = words(client.get("/restored/"))
        assert "evening.backup" in said
        assert "msgbatch_of_theirs another program's" in said
        assert "1 document waited for a batch and is in none that was found" in said
        assert "Settle and resume" not in said
        assert client.post("/restored/settle", {"documents": 1, "risk": "on"}).status_code == 403
    assert everything_is_closed()


def test_an_admin_settles_it_with_the_number_before_his_eyes(restoration, admin):
    assert "1 document that was found in no batch leaves again" in words(admin.get("/restored/"))
    admin.post("/restored/settle", {"documents": 1, "risk": "on"})
    assert not everything_is_closed()
    restoration.refresh_from_db()
    assert (restoration.settled_by, restoration.released) == ("admin-person", 1)
    assert "admin-person let" in words(admin.get("/restored/"))
    assert Activity.objects.filter(subject="restored", by="admin-person").exists()


def test_answers_of_documents_that_the_backup_does_not_know_are_shown_with_their_money_and_settled(
    restoration, viewer, admin
):
    restoration.found.create(
        message_batch_id="msgbatch_ours",
        created_at=timezone.now(),
        requests=2,
        state=Found.MAPPED,
        unknown=2,
        unknown_paid_usd="0.0125",
        unknown_unpriced=1,
    )
    StrayLine.objects.create(message_batch_id="msgbatch_ours", why="no_document", line='{"a":1}', line_sha256="x")
    StrayLine.objects.create(message_batch_id="msgbatch_else", why="no_document", line='{"b":1}', line_sha256="y")
    said = words(viewer.get("/restored/"))
    assert "2 answers belong to documents that came in after the backup: $0.01 at least (the price of 1" in said
    lines = b"".join(viewer.get(f"/restored/{restoration.pk}/unknown-answers.jsonl"))
    assert lines == b'{"a":1}\n'
    assert "2 answers of documents that the backup does not know, $0.01 at least, stay kept" in words(
        admin.get("/restored/")
    )
    admin.post("/restored/settle", {"documents": 1, "risk": "on"})
    said = Activity.objects.get(subject="restored").sentence
    assert "2 answers of documents that it does not know stay lines, 0.012500000000 USD paid" in said


def test_another_number_or_no_word_about_the_risk_settles_nothing(restoration, admin):
    for form, sentence in (
        ({"documents": 2, "risk": "on"}, "1 documents wait by now, not 2"),
        ({"documents": 1}, "say that you have read"),
    ):
        assert sentence in words(admin.post("/restored/settle", form, follow=True))
    assert everything_is_closed()


def test_while_a_message_batch_still_runs_nothing_can_be_settled(restoration, admin):
    restoration.found.create(message_batch_id="msgbatch_runs", created_at=timezone.now(), requests=3)
    assert "1 Message Batch since the backup still runs" in words(admin.get("/restored/"))
    admin.post("/restored/settle", {"documents": 1, "risk": "on"})
    assert everything_is_closed()


def test_who_comes_second_reads_who_was_first(restoration, admin):
    admin.post("/restored/settle", {"documents": 1, "risk": "on"})
    said = words(admin.post("/restored/settle", {"documents": 1, "risk": "on"}, follow=True))
    assert "admin-person settled it before" in said


def test_resume_is_refused_and_says_why_and_the_first_page_leads_there(restoration, operator):
    assert "Not resumed. Restored from the backup of" in words(operator.post("/resume", follow=True))
    assert everything_is_closed()
    page = operator.get("/").content.decode()
    assert "Settle the restore first" in page
    assert "Resume everything" not in page


def test_what_was_on_its_way_in_real_time_or_being_built_is_not_sent_again_by_itself(db):
    calling, building = make_document(), make_document()
    make_request(calling, lane=Lane.URGENT)
    make_request(building, batch=make_batch(building.version, state=BatchState.BUILDING))
    waiting = make_document(way="urgent")
    copy = make_document(make_upload(waiting.version), text=waiting.content.text)
    restoration = restorations.begin(backup_name="b", made_at=timezone.now(), by="root", now=timezone.now())
    states = {
        document.pk: (document.state, document.failure_reason)
        for document in Document.objects.filter(pk__in=(calling.pk, building.pk, waiting.pk, copy.pk))
    }
    assert states == {
        calling.pk: ("failed", "unclear"),
        building.pk: ("queued", ""),
        waiting.pk: ("failed", "unclear"),
        copy.pk: ("failed", "unclear"),
    }
    assert restoration.unclear == 3
    assert Batch.objects.get().state == BatchState.REJECTED


def test_a_restore_of_an_unsettled_restore_looks_as_far_back_as_the_first(restoration):
    again = restorations.begin(backup_name="later", made_at=timezone.now(), by="root", now=timezone.now())
    assert again.listed_from == restoration.listed_from
    assert Restoration.objects.get(settled_at=None) == again
