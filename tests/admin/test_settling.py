"""A person settles an unclear submission: guarded, once, with the money at risk named before."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Activity, Batch, BatchEvent, Document, Request, UnfinishedWork
from labeling.pipeline import settle
from labeling.states import BatchState, DocumentState, Outcome, UploadState, Work
from tests.admin.world import act, messages
from tests.factories import make_batch, make_document, make_request, make_upload, make_version

pytestmark = pytest.mark.django_db
ID = "msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d"


def make_doubt(documents: int = 2, **columns: Any) -> Batch:
    upload = make_upload()
    batch = make_batch(upload.version, state=BatchState.UNKNOWN, **columns)
    for _ in range(documents):
        make_request(make_document(upload), batch=batch)
    return batch


def test_an_adopted_batch_is_in_progress_under_its_id_and_polled_at_once() -> None:
    batch = make_doubt()
    assert settle.adopt(batch, f" {ID} ", by="otto", why="seen in the console")
    assert (batch.state, batch.message_batch_id) == (BatchState.IN_PROGRESS, ID)
    assert batch.next_poll_at is not None
    assert set(Document.objects.values_list("state", flat=True)) == {DocumentState.BATCHED}


def test_an_absent_batch_gives_its_documents_back_without_an_attempt() -> None:
    batch = make_doubt(documents=3)
    assert settle.declare_absent(batch, by="otto", why="not in the console") == 3
    assert batch.state == BatchState.ABSENT
    assert set(Request.objects.values_list("outcome", flat=True)) == {Outcome.NOT_SENT}
    assert set(Document.objects.values_list("state", "attempts")) == {(DocumentState.QUEUED, 0)}


@pytest.mark.parametrize("state", [state for state in BatchState if state != BatchState.UNKNOWN])
def test_only_an_unknown_batch_is_settled(state: BatchState) -> None:
    batch = make_batch(state=state)
    request = make_request(batch=batch)
    before = Batch.objects.filter(pk=batch.pk).values().get()
    assert settle.adopt(batch, ID, by="otto", why="-") is False
    assert settle.declare_absent(batch, by="otto", why="-") == 0
    request.refresh_from_db()
    assert Batch.objects.filter(pk=batch.pk).values().get() == before
    assert request.outcome == Outcome.OPEN
    assert not BatchEvent.objects.exists()
    assert not Activity.objects.exists()


def test_of_two_who_settle_the_same_batch_the_second_changes_nothing_and_knows_what_it_is_now() -> None:
    batch = make_doubt()
    as_seen_by_the_other = Batch.objects.get(pk=batch.pk)
    settle.declare_absent(batch, by="anna", why="not there")
    assert settle.adopt(as_seen_by_the_other, ID, by="otto", why="it is there") is False
    assert (as_seen_by_the_other.state, as_seen_by_the_other.message_batch_id) == (BatchState.ABSENT, None)


def test_a_decision_leaves_an_event_and_an_activity() -> None:
    batch = make_doubt()
    settle.adopt(batch, ID, by="otto", why="seen in the console")
    event, activity = BatchEvent.objects.get(), Activity.objects.get()
    assert (event.old, event.new, event.by) == ("unknown", "in_progress", "otto")
    assert (activity.by, activity.subject) == ("otto", str(batch))
    assert event.why == f"adopted {ID}: seen in the console"


def test_the_id_of_another_batch_is_refused_with_a_sentence() -> None:
    batch, other = make_doubt(), make_batch(message_batch_id=ID)
    with pytest.raises(settle.IdRefused, match=f"{ID} is {other} already"):
        settle.adopt(batch, ID, by="otto", why="-")
    batch.refresh_from_db()
    assert batch.state == BatchState.UNKNOWN


def test_an_id_that_somebody_took_in_between_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, checked = make_doubt(), settle._require_free

    def taken_after_the_check(*arguments: Any) -> None:
        checked(*arguments)
        if not Batch.objects.filter(message_batch_id=ID).exists():
            make_batch(message_batch_id=ID)

    monkeypatch.setattr(settle, "_require_free", taken_after_the_check)
    with pytest.raises(settle.IdRefused):
        settle.adopt(batch, ID, by="otto", why="-")
    batch.refresh_from_db()
    assert batch.state == BatchState.UNKNOWN


@pytest.mark.parametrize(
    "text", ["", "batch_1", "msgbatch_", "msgbatch_1 2", f"msgbatch_{'x' * 80}", "msgbatch_1/../x"]
)
def test_what_is_no_id_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(settle.IdRefused, match="msgbatch_"):
        settle.adopt(make_doubt(documents=1), text, by="otto", why="-")


def test_the_money_at_risk_is_every_answer_as_long_as_allowed_at_the_batch_price() -> None:
    # claude-haiku-4-5: $1 and $5 per million tokens; 3,000 bytes are about 1,000 tokens; half in a batch.
    batch = make_batch(make_version(max_tokens=200), state=BatchState.UNKNOWN, request_total=10, body_bytes=30_000)
    assert settle.money_at_risk(batch) == 10 * (1000 * Decimal("0.000001") + 200 * Decimal("0.000005")) / 2


def test_the_money_at_risk_of_a_model_without_a_price_is_not_known() -> None:
    batch = make_batch(make_version(model="nobody-knows"), state=BatchState.UNKNOWN, request_total=10, body_bytes=100)
    assert settle.money_at_risk(batch) is None


def test_the_page_before_adopting_names_the_money_and_moves_nothing(operator: Client) -> None:
    batch = make_doubt(body_bytes=6_000_000_000)
    page = act(operator, [batch], "adopt")
    batch.refresh_from_db()
    assert batch.state == BatchState.UNKNOWN
    assert "2 documents wait until its lines show that" in page.text
    assert "at most about $1,000.00" in page.text
    assert batch.token in page.text


def test_the_page_before_declaring_absent_says_how_many_documents_may_be_paid_for_twice(operator: Client) -> None:
    batch = make_doubt(documents=3)
    page = act(operator, [batch], "declare_absent")
    batch.refresh_from_db()
    assert batch.state == BatchState.UNKNOWN
    assert "3 documents are paid for twice" in page.text


def test_an_operator_adopts_by_the_page(operator: Client) -> None:
    batch = make_doubt()
    answer = act(operator, [batch], "adopt", message_batch_id=ID, why="seen in the console")
    batch.refresh_from_db()
    assert (batch.state, batch.message_batch_id) == (BatchState.IN_PROGRESS, ID)
    assert messages(answer) == [f"{batch} is {ID} now; it is polled at once."]


def test_an_operator_declares_absent_by_the_page(operator: Client) -> None:
    batch = make_doubt()
    answer = act(operator, [batch], "declare_absent", why="not in the console")
    batch.refresh_from_db()
    assert batch.state == BatchState.ABSENT
    assert messages(answer) == [f"{batch} is absent now; 2 documents wait to be sent again."]


def test_a_refused_id_is_asked_for_again_on_the_same_page(operator: Client) -> None:
    batch = make_doubt()
    page = act(operator, [batch], "adopt", message_batch_id="batch 7", why="a guess")
    batch.refresh_from_db()
    assert batch.state == BatchState.UNKNOWN
    assert "it begins with msgbatch_" in page.text


def test_whoever_comes_second_reads_who_was_first_and_why(operator: Client) -> None:
    batch = make_doubt()
    settle.declare_absent(batch, by="anna", why="not in the console")
    answer = act(operator, [batch], "adopt", message_batch_id=ID, why="it is there")
    assert f"{batch} is absent, not unknown; nothing was changed. anna moved it at" in messages(answer)[0]
    assert "not in the console" in messages(answer)[0]


@pytest.mark.parametrize(
    ("action", "form"), [("adopt", {"message_batch_id": ID, "why": "x"}), ("declare_absent", {"why": "x"})]
)
def test_whoever_loses_while_the_form_is_sent_reads_who_won(
    action: str, form: dict[str, object], operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labeling.admin import settling

    batch, known = make_doubt(), settling.confirmed

    def anna_is_faster(request: Any) -> Any:
        settle.declare_absent(Batch.objects.get(pk=batch.pk), by="anna", why="not there")
        return known(request)

    monkeypatch.setattr(settling, "confirmed", anna_is_faster)
    answer = act(operator, [batch], action, **form)
    assert "anna moved it" in messages(answer)[0]
    assert BatchEvent.objects.count() == 1


def test_every_batch_is_a_decision_of_its_own(operator: Client) -> None:
    batches = [make_doubt(), make_doubt()]
    answer = act(operator, list(batches), "declare_absent", why="both")
    assert "exactly one" in messages(answer)[0]
    assert set(Batch.objects.values_list("state", flat=True)) == {BatchState.UNKNOWN}


@pytest.mark.parametrize(
    ("action", "form"), [("adopt", {"message_batch_id": ID, "why": "x"}), ("declare_absent", {"why": "x"})]
)
def test_a_viewer_settles_nothing(action: str, form: dict[str, object], viewer: Client) -> None:
    batch = make_doubt()
    assert act(viewer, [batch], action, **form).status_code == 403
    batch.refresh_from_db()
    assert batch.state == BatchState.UNKNOWN


def test_a_batch_that_was_set_aside_gets_its_tries_back(operator: Client) -> None:
    batch = make_batch(state=BatchState.ENDED, unfinished_tries=5, note="It ended its worker five times.")
    shown = messages(act(operator, [batch], "try_again"))
    batch.refresh_from_db()
    assert (batch.unfinished_tries, batch.note) == (0, "")
    assert shown == [f"{batch} is tried again."]


def test_a_batch_that_was_not_set_aside_is_left_alone(operator: Client) -> None:
    batch = make_batch(state=BatchState.ENDED, unfinished_tries=1, note="as it was")
    shown = messages(act(operator, [batch], "try_again"))
    batch.refresh_from_db()
    assert (batch.unfinished_tries, batch.note) == (1, "as it was")
    assert shown == [f"{batch} was not set aside; nothing was changed."]


def test_work_that_was_set_aside_gets_its_tries_back_from_who_may_operate(operator: Client, viewer: Client) -> None:
    work = UnfinishedWork.objects.create(work=Work.BULK_ACT, row_id=12, tries=5, last_at=timezone.now())
    assert act(viewer, [work], "try_again").status_code == 403
    assert UnfinishedWork.objects.exists()
    assert messages(act(operator, [work], "try_again")) == ["Bulk act 12 is tried again."]
    assert not UnfinishedWork.objects.exists()
    line = Activity.objects.get()
    assert (line.by, line.sentence, line.subject) == ("otto", "Bulk act 12 is tried again", "bulk_act:12")


def test_work_that_is_under_way_is_left_alone(operator: Client) -> None:
    work = UnfinishedWork.objects.create(work=Work.BULK_ACT, row_id=12, tries=4, last_at=timezone.now())
    assert messages(act(operator, [work], "try_again")) == ["Bulk act 12 was not set aside; nothing was changed."]
    assert UnfinishedWork.objects.get().tries == 4


def test_an_import_that_stands_still_is_tried_again() -> None:
    upload = make_upload(state=UploadState.IMPORTING, import_tries=5, error="It was interrupted.")
    assert settle.try_again(upload, by="otto")
    upload.refresh_from_db()
    assert (upload.import_tries, upload.error) == (0, "")
