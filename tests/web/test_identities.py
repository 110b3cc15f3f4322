"""Every upload and every batch shows what must sum, red where it does not, and when the book last agreed."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client

from labeling import ledger
from labeling.health import status
from labeling.health.doctor import examine
from labeling.models import Batch, LedgerCheck, Night, Upload
from labeling.states import Outcome
from tests.factories import make_batch, make_document, make_request, make_result, make_upload, make_version
from tests.web.reading import see


@pytest.fixture
def batch(db: None) -> Batch:
    """An upload of four documents: two labeled, one in flight, one waiting; three of them in one batch."""
    version = make_version()
    upload = make_upload(version)
    batch = make_batch(version)
    for text in ("a", "b"):
        make_result(make_request(make_document(upload, text=text), batch=batch), answer="red")
    make_request(make_document(upload, text="c"), batch=batch)
    make_document(upload, text="d")
    batch.refresh_from_db()
    return batch


def the_upload() -> Upload:
    return Upload.objects.get()


def test_an_upload_shows_where_its_documents_are(batch: Batch, viewer: Client) -> None:
    page = see(viewer, f"/uploads/{the_upload().pk}/")
    assert "4 accepted documents = 2 labeled + 1 waiting + 1 in flight" in page
    assert "The book was not recomputed yet." in page


def test_a_batch_shows_how_its_requests_ended(batch: Batch, viewer: Client) -> None:
    assert "3 requests = 1 open + 2 succeeded" in see(viewer, f"/batches/{batch.pk}/")


def test_both_say_when_the_whole_book_last_agreed(batch: Batch, viewer: Client) -> None:
    agreed = ledger.check()
    assert agreed.holds
    LedgerCheck.objects.create(holds=False, identities=[])
    for path in (f"/uploads/{the_upload().pk}/", f"/batches/{batch.pk}/"):
        assert f"The whole book last agreed {agreed.checked_at:%H:%M}" in see(viewer, path)


def test_what_does_not_sum_is_red_and_names_both_sides(batch: Batch, viewer: Client) -> None:
    Batch.objects.update(request_total=5)
    Upload.objects.update(rows=6, accepted=6)
    page = see(viewer, f"/batches/{batch.pk}/")
    assert "5 requests ≠ 1 open + 2 succeeded, which is 3: run" in page
    page = see(viewer, f"/uploads/{the_upload().pk}/")
    assert "6 accepted documents ≠ 2 labeled + 1 waiting + 1 in flight, which is 4" in page
    assert 'class="identity err-t"' in viewer.get(f"/batches/{batch.pk}/").content.decode()


def test_status_and_doctor_name_the_upload_and_the_batch(batch: Batch) -> None:
    assert ledger.unbalanced() == []
    Batch.objects.update(request_total=5)
    Upload.objects.update(rows=6, accepted=6)
    upload = f"U-{the_upload().pk}"
    assert status.status()["unbalanced"] == [
        {"subject": upload, "said": 6, "rows": 4},
        {"subject": str(batch), "said": 5, "rows": 3},
    ]
    sentences = " ".join(examine())
    assert f"{upload} says 6 documents accepted, and its rows are 4." in sentences
    assert f"{batch} says 5 requests, and its rows are 3." in sentences


def test_a_night_shows_how_its_requests_ended_and_is_named_where_they_do_not_sum(batch: Batch, viewer: Client) -> None:
    night = Night.objects.create(date=date(2026, 11, 19), due_at=batch.built_at - timedelta(days=3))
    Batch.objects.update(night=night)
    assert "3 requests = 1 open + 2 succeeded" in see(viewer, "/nights/2026-11-19/")
    Batch.objects.update(request_total=5)
    assert "5 requests ≠ 1 open + 2 succeeded, which is 3: run" in see(viewer, "/nights/2026-11-19/")
    assert {"subject": "N-2026-11-19", "said": 5, "rows": 3} in status.status()["unbalanced"]
    assert "N-2026-11-19 says 5 requests, and its rows are 3." in " ".join(examine())


def test_counters_of_two_batches_that_were_mixed_up_are_seen(batch: Batch) -> None:
    """The sums over all batches stay the same, so only each batch of its own tells."""
    other = make_batch(batch.version)
    make_request(make_document(the_upload(), text="e"), batch=other)
    assert all(identity.holds for identity in ledger.identities())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE labeling_requesttally SET batch_id = %s WHERE batch_id = %s AND outcome = %s",
            [other.pk, batch.pk, Outcome.SUCCEEDED],
        )
    wrong = [identity.name for identity in ledger.identities() if not identity.holds]
    assert wrong == ["counted requests that differ from the rows = 0"]
