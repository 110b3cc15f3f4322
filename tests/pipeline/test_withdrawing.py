"""Documents that nobody wants any more, and the way back; the book is checked after every test."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.utils import timezone

from labeling import exports
from labeling.models import Batch, Document, Request, SpendTally, Upload
from labeling.pipeline import erase, withdraw
from labeling.querysets import DocumentQuerySet
from labeling.states import BatchState, DocumentState, FailureReason, HoldKind, Outcome, UploadState, Way
from labeling.transitions import holds, withdrawing
from tests.fake_api import FakeApi, errored, expired, succeeded
from tests.pipeline.story import a_version, brought_in, built, ended, fetched, played, sent, setting, states, texts

pytestmark = pytest.mark.usefixtures("house")
ZONE = "UTC"


def of(*words: str) -> DocumentQuerySet:
    return Document.objects.filter(content__text__in=words)


def withdrawn(upload: Upload) -> None:
    assert withdrawing.withdraw_upload(upload, by="ann")
    swept(upload)


def restored(upload: Upload) -> None:
    assert withdrawing.restore_upload(upload)
    swept(upload)


def swept(upload: Upload) -> None:
    while withdrawing.sweep(upload.pk, zone=ZONE):
        pass


def wasted() -> Decimal:
    return SpendTally.objects.aggregate(n=Sum("wasted_usd"))["n"] or Decimal(0)


def paid() -> Decimal:
    return SpendTally.objects.aggregate(n=Sum("paid_usd"))["n"] or Decimal(0)


def in_every_state(fake: FakeApi) -> Upload:
    """One labeled, one failed, one in a batch, one that waits."""
    version = a_version()
    upload = brought_in(version, ["labeled", "failed", "in flight"])
    fake.answers.extend([succeeded('{"label":"red"}'), succeeded("nonsense"), expired()])
    played(fake)
    Document.objects.update(not_before=None)
    sent()
    return upload


def test_what_waits_leaves_at_once_and_free(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(3))
    withdrawn(upload)
    assert states() == {DocumentState.WITHDRAWN: 3}
    assert built() == []
    assert Upload.objects.get().state == UploadState.WITHDRAWN


def test_a_selection_is_withdrawn_and_the_others_leave(fake: FakeApi) -> None:
    brought_in(a_version(), ["a", "b", "c"])
    assert withdrawing.withdraw(of("a", "b"), zone=ZONE) == withdrawing.Moved(2, 0)
    assert [batch.request_total for batch in sent()] == [1]


def test_restored_is_each_what_it_was(fake: FakeApi) -> None:
    upload = in_every_state(fake)
    before = sorted(Document.objects.values_list("pk", "state", "failure_reason", "result_id"))
    withdrawn(upload)
    assert states() == {DocumentState.WITHDRAWN: 2, DocumentState.BATCHED: 1}
    restored(upload)
    assert sorted(Document.objects.values_list("pk", "state", "failure_reason", "result_id")) == before
    assert not Document.objects.filter(unwanted=True).exists()
    assert Upload.objects.get().state == UploadState.READY


def test_what_is_in_flight_is_paid_and_becomes_withdrawn_with_its_result(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2))
    sent()
    withdrawn(upload)
    assert states() == {DocumentState.BATCHED: 2}
    fake.end()
    ended(fake)
    fetched()
    assert states() == {DocumentState.WITHDRAWN: 2}
    assert wasted() == paid() > 0
    restored(upload)
    assert states() == {DocumentState.LABELED: 2}
    assert wasted() == 0


def test_a_mark_is_taken_off_by_restoring(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2))
    sent()
    withdrawn(upload)
    restored(upload)
    fake.end()
    ended(fake)
    fetched()
    assert states() == {DocumentState.LABELED: 2}
    assert wasted() == 0


def test_what_was_paid_for_a_withdrawn_label_is_paid_without_a_usable_one(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2))
    played(fake)
    assert wasted() == 0
    withdrawn(upload)
    assert wasted() == paid() > 0
    assert SpendTally.objects.aggregate(n=Sum("withdrawn_usd"))["n"] == wasted()
    restored(upload)
    assert wasted() == 0


def test_a_failed_one_that_goes_again_is_withdrawn_and_comes_back_to_the_queue(fake: FakeApi) -> None:
    upload = brought_in(a_version(), ["a"])
    sent()
    withdrawn(upload)
    fake.answers.append(expired())
    fake.end()
    ended(fake)
    fetched()
    assert states() == {DocumentState.WITHDRAWN: 1}
    restored(upload)
    assert states() == {DocumentState.QUEUED: 1}


def test_a_withdrawn_failure_keeps_its_reason(fake: FakeApi) -> None:
    upload = brought_in(a_version(), ["a"])
    sent()
    withdrawn(upload)
    fake.answers.append(errored("invalid_request_error"))
    fake.end()
    ended(fake)
    fetched()
    assert states() == {DocumentState.WITHDRAWN: 1}
    restored(upload)
    one = Document.objects.get()
    assert (one.state, one.failure_reason) == (DocumentState.FAILED, FailureReason.INVALID_REQUEST)


def test_a_batch_that_was_not_sent_is_taken_apart(fake: FakeApi) -> None:
    version = a_version()
    wrong = brought_in(version, texts(2, "wrong"))
    brought_in(version, texts(3, "right"))
    (batch,) = built()
    withdrawn(wrong)
    batch.refresh_from_db()
    assert batch.state == BatchState.REJECTED
    assert states() == {DocumentState.WITHDRAWN: 2, DocumentState.QUEUED: 3}
    assert [again.request_total for again in sent()] == [3]
    assert Request.objects.filter(outcome=Outcome.NOT_SENT).count() == 5


def test_a_withdrawn_answer_is_not_paid_again_when_the_text_comes_back(fake: FakeApi) -> None:
    version = a_version()
    upload = brought_in(version, ["a", "b"])
    played(fake)
    withdrawn(upload)
    brought_in(version, ["a", "b", "c"])
    assert states() == {DocumentState.WITHDRAWN: 2, DocumentState.LABELED: 2, DocumentState.QUEUED: 1}


def test_a_copy_elsewhere_takes_over_what_was_never_sent(fake: FakeApi) -> None:
    version = a_version()
    first = brought_in(version, ["a"])
    brought_in(version, ["a"])
    withdrawn(first)
    played(fake)
    assert states() == {DocumentState.WITHDRAWN: 1, DocumentState.LABELED: 1}
    restored(first)
    assert states() == {DocumentState.LABELED: 2}
    assert Request.objects.count() == 1


def test_a_copy_elsewhere_is_labeled_by_a_leader_that_was_withdrawn_in_flight(fake: FakeApi) -> None:
    version = a_version()
    first = brought_in(version, ["a"])
    sent()
    brought_in(version, ["a"])
    withdrawn(first)
    fake.end()
    ended(fake)
    fetched()
    assert states() == {DocumentState.WITHDRAWN: 1, DocumentState.LABELED: 1}
    assert Request.objects.count() == 1


def test_copies_in_the_same_upload_go_and_come_back_with_it(fake: FakeApi) -> None:
    upload = brought_in(a_version(), ["a", "a", "b", "a"])
    withdrawn(upload)
    assert states() == {DocumentState.WITHDRAWN: 4}
    restored(upload)
    assert states() == {DocumentState.QUEUED: 4}
    played(fake)
    assert states() == {DocumentState.LABELED: 4}
    assert Request.objects.count() == 2


def test_what_was_withdrawn_alone_stays_so_when_its_upload_comes_back(fake: FakeApi) -> None:
    upload = brought_in(a_version(), ["a", "b"])
    withdrawing.withdraw(of("a"), zone=ZONE)
    withdrawn(upload)
    restored(upload)
    assert states() == {DocumentState.WITHDRAWN: 1, DocumentState.QUEUED: 1}
    assert withdrawing.restore(of("a"), zone=ZONE) == withdrawing.Moved(1, 0)


def test_a_document_of_a_withdrawn_upload_comes_back_only_with_it(fake: FakeApi) -> None:
    upload = brought_in(a_version(), ["a", "b"])
    withdrawn(upload)
    assert not withdrawing.restore(of("a"), zone=ZONE)


def test_a_sweep_that_dies_goes_on_where_it_stood(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withdrawing, "PORTION", 2)
    upload = brought_in(a_version(), texts(5))
    assert withdrawing.withdraw_upload(upload, by="ann")
    assert withdrawing.sweep(upload.pk, zone=ZONE)
    assert states() == {DocumentState.WITHDRAWN: 2, DocumentState.QUEUED: 3}
    assert built() == []
    assert withdrawing.restore_upload(upload)
    swept(upload)
    assert states() == {DocumentState.QUEUED: 5}
    assert not Upload.objects.get().sweep_due


def test_of_two_who_withdraw_one_wins(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(1))
    assert withdrawing.withdraw_upload(upload, by="ann")
    assert not withdrawing.withdraw_upload(upload, by="bob")
    assert upload.withdrawn_by == "ann"


def test_withdrawn_documents_are_in_no_export(fake: FakeApi) -> None:
    version = a_version()
    upload = brought_in(version, ["a", "b"])
    played(fake)
    withdrawing.withdraw(of("a"), zone=ZONE)
    assert [row["text"] for row in exports.rows(version.task)] == ["b"]
    withdrawn(upload)
    assert list(exports.rows(version.task)) == []


def test_what_is_restored_waits_for_the_next_night(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2), way=Way.TONIGHT)
    Upload.objects.update(counts_from=timezone.now() - timedelta(days=2))
    withdrawn(upload)
    restored(upload)
    assert built(now=timezone.now()) == []


def test_what_was_erased_while_it_was_withdrawn_never_comes_back(fake: FakeApi) -> None:
    upload = brought_in(a_version(), ["a", "b"])
    withdrawn(upload)
    erase.erase_documents(of("a"), setting(), by="ann", reason="asked for")
    restored(upload)
    assert states() == {DocumentState.WITHDRAWN: 1, DocumentState.QUEUED: 1}
    assert withdraw.restore_documents(upload, setting(), by="ann") == (0, False)
    assert [batch.request_total for batch in sent()] == [1]


def held(upload: Upload, kind: HoldKind = HoldKind.PERSON) -> None:
    assert holds.hold(upload, kind, by="ann", now=timezone.now(), until=None, reason="prices")


def test_a_held_upload_stays_and_the_others_leave(fake: FakeApi) -> None:
    version = a_version()
    upload = brought_in(version, texts(3))
    brought_in(version, texts(2, "other"))
    held(upload)
    assert [batch.request_total for batch in sent()] == [2]
    assert holds.release(upload, HoldKind.PERSON, now=timezone.now())
    assert [batch.request_total for batch in sent()] == [3]


def test_the_first_hold_stays(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(1))
    held(upload)
    assert not holds.hold(upload, HoldKind.PERSON, by="bob", now=timezone.now(), until=None, reason="other")
    assert (upload.held_by, upload.hold_reason) == ("ann", "prices")


def test_the_claims_and_the_question_who_may_leave_agree(fake: FakeApi) -> None:
    version = a_version()
    for n in range(3):
        brought_in(version, [*texts(2, f"u{n}"), "the same"])
    held(Upload.objects.order_by("pk")[1])
    withdrawing.withdraw_upload(Upload.objects.order_by("pk")[2], by="ann")
    asked = set(Document.objects.may_leave(timezone.now()).values_list("pk", flat=True))
    built()
    assert set(Document.objects.filter(state=DocumentState.BATCHED).values_list("pk", flat=True)) == asked
    assert Batch.objects.count() == 1
