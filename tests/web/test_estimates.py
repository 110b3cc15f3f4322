"""The page of an upload names count and price before anything is queued, and what was paid beside it afterwards."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Upload, UploadEstimate
from labeling.states import Basis, BatchState, UploadState
from tests.factories import make_batch, make_document, make_request, make_result, make_upload, make_version
from tests.web.reading import see


def measured(upload: Upload, **columns: Any) -> UploadEstimate:
    """1,000 rows of 100 bytes; the API counted 100 tokens for each of the 20 sampled."""
    values: dict[str, Any] = {
        "counted_at": timezone.now(), "rows": 1010, "is_whole": True, "documents": 1000, "text_bytes": 100_000,
        "sampled": 20, "sample_bytes": 2000, "sample_tokens": 2000,
    }  # fmt: skip
    return UploadEstimate.objects.create(upload=upload, **{**values, **columns})


@pytest.fixture
def upload(db: None) -> Upload:
    return make_upload(state=UploadState.CHECKED)


def test_the_button_names_count_and_price_of_the_ways(upload: Upload, operator: Client) -> None:
    measured(upload)
    seen = see(operator, f"/uploads/{upload.pk}/")
    for way in ("urgently, $0.10 to at most $1.38", "in a batch now, $0.05 to at most $0.69", "tonight, $0.05 to"):
        assert way in seen.partition("Import 1,000 documents")[2]
    assert "Documents 1,000 of 1,010 rows" in seen
    assert "An estimate from a sample whose tokens the API counted; how long the answers are is not known yet." in seen


def test_a_long_file_is_said_to_be_longer(upload: Upload, operator: Client) -> None:
    measured(upload, is_whole=False)
    assert "Import at least 1,000 documents" in see(operator, f"/uploads/{upload.pk}/")


def test_a_model_without_a_price_is_said_to_have_none(db: None, operator: Client) -> None:
    upload = make_upload(make_version(model="claude-mythos-preview"), state=UploadState.CHECKED)
    measured(upload)
    assert "tonight, price not known" in see(operator, f"/uploads/{upload.pk}/")


def test_what_a_person_agreed_to_is_kept(upload: Upload, operator: Client) -> None:
    measured(upload)
    operator.post(f"/uploads/{upload.pk}/import", {"way": "tonight"})
    said = UploadEstimate.objects.get()
    assert (said.basis, said.low_usd) == (Basis.COUNTED, Decimal("0.1"))
    assert said.estimated_at is not None


def test_estimate_and_paid_stand_side_by_side(db: None, viewer: Client) -> None:
    upload = make_upload()
    measured(upload, estimated_at=timezone.now(), basis=Basis.COUNTED, list_usd=Decimal("0.5"), low_usd=0, high_usd=1)
    make_result(make_request(make_document(upload)), list_usd=Decimal("0.60"), paid_usd=Decimal("0.30"))
    Upload.objects.update(state=UploadState.DONE)
    seen = see(viewer, f"/uploads/{upload.pk}/")
    assert "Estimated, in real time about $0.50 1 answer, in real time $0.60 Paid $0.30 Saved $0.30" in seen
    assert "20% more than estimated" in seen


def test_what_was_paid_stands_there_where_nothing_was_estimated(db: None, viewer: Client) -> None:
    upload = make_upload()
    make_result(make_request(make_document(upload)), list_usd=Decimal("0.60"), paid_usd=Decimal("0.30"))
    assert "1 answer so far, in real time $0.60 Paid $0.30 Saved $0.30" in see(viewer, f"/uploads/{upload.pk}/")


def test_the_three_ways_say_their_price_when_the_labels_come_and_how_sure_that_is(
    upload: Upload, operator: Client
) -> None:
    measured(upload)
    seen = see(operator, f"/uploads/{upload.pk}/")
    assert "Urgent $0.10 to at most $1.38 in real time, at once, 8 calls at a time, at full price" in seen
    assert "Now, in a batch $0.05 to at most $0.69 half price, usually under an hour, at most 24 h" in seen
    for _ in range(3):
        make_batch(upload.version, state=BatchState.INGESTED)
    seen = see(operator, f"/uploads/{upload.pk}/")
    assert "usually back in 9 m, at most 24 h" in seen
    assert "usually back by " in seen


def test_what_is_wrong_with_a_file_is_said_by_kind_with_its_lines_before_the_import(
    upload: Upload, operator: Client
) -> None:
    measured(
        upload, problems={"ragged_row": {"rows": 3, "lines": [4, 17, 21]}, "blank_text": {"rows": 7, "lines": [9]}}
    )
    seen = see(operator, f"/uploads/{upload.pk}/")
    assert "Check 1,000 of 1,010 rows are good" in seen
    assert seen.index("The text is blank. 7 line 9") < seen.index(
        "more or fewer cells than the header. 3 lines 4, 17, 21"
    )
