"""The make-believe house is as the product would have left it, and never mixes with a real one."""

from hashlib import sha256

import pytest

from labeling import ledger, store
from labeling.models import Batch, BatchEvent, Document, DocumentText, RefusedRow, Upload
from labeling.seeding import SeedingRefused, seed
from labeling.states import BatchState, DocumentState, FailureReason, UploadState

pytestmark = pytest.mark.django_db
DOCUMENTS, BATCHES = 2_400, 12


def test_the_house_is_full_and_its_book_balances() -> None:
    seeded = seed(DOCUMENTS, BATCHES)
    assert (seeded.documents, seeded.batches, seeded.balances) == (DOCUMENTS, BATCHES, True)
    assert [identity.name for identity in ledger.identities() if not identity.holds] == []
    assert Document.objects.count() == DocumentText.objects.count() == DOCUMENTS
    assert Batch.objects.count() == BATCHES


def test_there_is_something_in_every_state() -> None:
    seed(DOCUMENTS, BATCHES)
    assert set(Document.objects.values_list("state", flat=True).distinct()) == set(DocumentState)
    assert set(Batch.objects.values_list("state", flat=True)) == {BatchState.IN_PROGRESS, BatchState.INGESTED}
    assert set(Upload.objects.values_list("state", flat=True)) == {UploadState.READY, UploadState.DONE}
    assert RefusedRow.objects.exists()
    assert BatchEvent.objects.count() == 2 * BATCHES
    assert Document.objects.exclude(leader=None).exists()
    assert Batch.objects.values("night").distinct().count() > 3
    assert Document.objects.values("version").distinct().count() == 4


def test_a_large_house_has_failures_of_every_reason() -> None:
    seed(30_000, 24)
    failed = Document.objects.filter(state=DocumentState.FAILED)
    assert set(failed.values_list("failure_reason", flat=True)) == set(FailureReason)
    assert Document.objects.need_a_person().exists()


def test_the_hash_of_a_document_is_that_of_its_text() -> None:
    seed(DOCUMENTS, BATCHES)
    for document in Document.objects.select_related("content")[:30]:
        assert bytes(document.sha256) == sha256(document.content.text.encode()).digest()


def test_the_files_can_be_downloaded_as_they_came_in() -> None:
    seed(DOCUMENTS, BATCHES)
    for upload in Upload.objects.all():
        content = store.upload_path(upload.sha256).read_bytes()
        assert (sha256(content).hexdigest(), len(content)) == (upload.sha256, upload.size_bytes)
        assert content.count(b"\n") == upload.rows + 1


def test_a_house_that_is_not_empty_is_left_alone() -> None:
    seed(DOCUMENTS, BATCHES)
    with pytest.raises(SeedingRefused, match="not empty"):
        seed(DOCUMENTS, BATCHES)
    assert Document.objects.count() == DOCUMENTS


def test_a_house_with_an_api_key_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key-of-a-real-account")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(SeedingRefused, match="API key"):
        seed(DOCUMENTS, BATCHES)
    assert not Upload.objects.exists()


def test_too_few_documents_for_the_batches_are_refused() -> None:
    with pytest.raises(SeedingRefused, match="240 or more"):
        seed(10, 12)
