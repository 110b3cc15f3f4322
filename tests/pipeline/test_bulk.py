"""What is done with many documents at once: what was chosen, all of it, and nothing that came later."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from labeling import tasks
from labeling.finding import AGAIN, OPEN, Filters, matching
from labeling.models import Activity, BulkAct, Document, SelectedDocument, Selection
from labeling.pipeline import bulk
from labeling.reports.again import failed_of
from labeling.reports.failures import documents_of
from labeling.states import BulkKind, DocumentState, FailureReason, Outcome, Way
from labeling.transitions.again import label_again, queue_again
from tests.factories import (
    make_batch,
    make_document,
    make_request,
    make_result,
    make_task,
    make_upload,
    make_version,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


def labeled(upload: Any, text: str, answer: str = "red") -> Document:
    document = make_document(upload, text=text)
    make_result(make_request(document), answer=answer)
    document.refresh_from_db()
    return document


def answer_of(document: Document) -> str:
    assert document.result
    return document.result.answer


def ids(selection: Selection) -> set[int]:
    return set(SelectedDocument.objects.filter(selection=selection).values_list("document_id", flat=True))


def test_what_matched_is_frozen_and_what_came_later_is_not_in_it() -> None:
    upload = make_upload()
    seen = [labeled(upload, "a"), labeled(upload, "b")]
    selection = bulk.choose_matching(Filters(label="red"), below=seen[-1].pk + 1, by="ada")
    labeled(upload, "c")
    assert (ids(selection), selection.documents) == ({d.pk for d in seen}, 2)
    assert selection.frozen_at


def test_many_are_frozen_by_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 1)
    upload = make_upload()
    last = [make_document(upload) for _ in range(3)][-1]
    selection = bulk.choose_matching(Filters(state="queued"), below=last.pk + 1, by="ada")
    assert selection.frozen_at is None
    tasks.freeze_selection(selection.pk)
    tasks.freeze_selection(selection.pk)
    selection.refresh_from_db()
    assert (selection.documents, len(ids(selection))) == (3, 3)


def test_a_pasted_list_takes_ids_of_every_kind() -> None:
    upload = make_upload()
    one, two, three = (make_document(upload, external_id=word) for word in ("A 1", "B", ""))
    request = make_request(three)
    selection = bulk.paste(f"A 1\nd-{two.pk}\r\n{request.custom_id}\nnobody\n\n", by="ada")
    assert ids(selection) == {one.pk, two.pk, three.pk}
    assert selection.unknown == 1


def test_ids_in_one_line_may_be_separated_by_commas() -> None:
    upload = make_upload()
    one, two = (make_document(upload, external_id=word) for word in ("A1", "B1"))
    assert ids(bulk.paste("A1, B1;", by="ada")) == {one.pk, two.pk}


@pytest.mark.parametrize("text", ["", "   \n ", "nobody", "D-999999999", "D-" + "9" * 40])
def test_a_list_that_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(bulk.NothingChosen):
        bulk.paste(text, by="ada")
    assert not Selection.objects.exists()


def test_labels_are_made_again_and_stay_until_then(ada: User) -> None:
    upload = make_upload()
    one, waits = labeled(upload, "a"), make_document(upload, text="b")
    selection = bulk.choose([one.pk, waits.pk], by="ada")
    act = bulk.begin(selection, BulkKind.AGAIN, user=ada, way=Way.NOW)
    one.refresh_from_db()
    assert (one.state, one.way, answer_of(one)) == (DocumentState.QUEUED, Way.NOW, "red")
    assert (act.looked_at, act.moved) == (2, 1)
    assert act.finished_at
    assert Activity.objects.latest("pk").sentence.startswith("Labels 2 documents again, in a batch now")


def test_a_large_act_goes_on_piece_by_piece_where_it_stopped(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    monkeypatch.setattr(bulk, "PIECE", 2)
    upload = make_upload()
    many = [labeled(upload, f"text {n}") for n in range(5)]
    act = bulk.begin(bulk.choose([d.pk for d in many], by="ada"), BulkKind.AGAIN, user=ada, way=Way.TONIGHT)
    assert (act.looked_at, act.finished_at) == (0, None)
    bulk._next_piece(act)
    assert (act.looked_at, act.moved) == (2, 2)
    tasks.carry_out(act.pk)
    act = BulkAct.objects.get(pk=act.pk)
    assert (act.looked_at, act.moved, bool(act.finished_at)) == (5, 5, True)
    assert Document.objects.filter(state=DocumentState.QUEUED).count() == 5


def test_an_act_that_runs_twice_sends_nothing_twice(ada: User) -> None:
    one = labeled(make_upload(), "a")
    act = bulk.begin(bulk.choose([one.pk], by="ada"), BulkKind.AGAIN, user=ada, way=Way.NOW)
    make_result(make_request(Document.objects.get(pk=one.pk)), answer="blue")
    tasks.carry_out(act.pk)
    one.refresh_from_db()
    assert (one.state, answer_of(one)) == (DocumentState.LABELED, "blue")


def test_documents_are_withdrawn_and_come_back(ada: User) -> None:
    upload = make_upload()
    one, two = labeled(upload, "a"), make_document(upload, text="b")
    selection = bulk.choose([one.pk, two.pk], by="ada")
    bulk.begin(selection, BulkKind.WITHDRAW, user=ada)
    assert set(Document.objects.values_list("state", flat=True)) == {DocumentState.WITHDRAWN}
    bulk.begin(selection, BulkKind.RESTORE, user=ada)
    assert dict(Document.objects.values_list("pk", "state")) == {one.pk: "labeled", two.pk: "queued"}


def test_with_another_version_a_known_text_is_not_paid_again() -> None:
    task = make_task()
    old = labeled(make_upload(make_version(task)), "same", "red")
    new = make_version(task)
    known = labeled(make_upload(new), "same", "blue")
    other = labeled(make_upload(make_version(task, number=9, in_use=False)), "only here")
    assert label_again(Document.objects.filter(pk__in=[old.pk, other.pk]), Way.NOW, new) == 2
    old.refresh_from_db()
    other.refresh_from_db()
    assert (old.state, old.leader_id, answer_of(old), old.version) == ("labeled", known.pk, "blue", new)
    assert (other.state, other.leader_id, other.version) == ("queued", None, new)


def test_with_an_older_version_too() -> None:
    task = make_task()
    first = make_version(task)
    document = labeled(make_upload(make_version(task)), "text")
    assert label_again(Document.objects.filter(pk=document.pk), Way.URGENT, first) == 1
    document.refresh_from_db()
    assert (document.version, document.way, document.state) == (first, Way.URGENT, "queued")


def test_a_version_of_another_task_moves_nothing() -> None:
    document = labeled(make_upload(), "text")
    assert label_again(Document.objects.filter(pk=document.pk), Way.NOW, make_version()) == 0
    document.refresh_from_db()
    assert document.state == DocumentState.LABELED


def test_copies_go_along_with_their_leader() -> None:
    upload = make_upload()
    leader = labeled(upload, "same")
    copy = make_document(upload, text="same")
    assert label_again(Document.objects.filter(pk=copy.pk), Way.NOW) == 2
    leader.refresh_from_db()
    assert leader.state == DocumentState.QUEUED


def test_old_selections_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    selection = bulk.choose([make_document().pk], by="ada")
    bulk.forget_old()
    assert Selection.objects.filter(pk=selection.pk).exists()
    Selection.objects.update(created_at=selection.created_at - bulk.KEPT * 2)
    bulk.forget_old()
    assert not Selection.objects.exists()
    assert not SelectedDocument.objects.exists()


def failed(upload: Any, reason: str = "cut_off", **columns: Any) -> Document:
    return make_document(upload, state=DocumentState.FAILED, failure_reason=reason, **columns)


OPEN_ONES = Filters(state=OPEN)


def decided(filters: Filters, kind: BulkKind, user: User, **how: Any) -> BulkAct:
    act = bulk.decide(filters, kind, title="many of Colors", subject="task:colors", user=user, **how)
    assert act is not None
    return act


def carried_out(act: BulkAct) -> BulkAct:
    """As the workers do it: one notes the documents, another moves them."""
    tasks.freeze_selection(act.selection_id)
    tasks.carry_out(act.pk)
    act.refresh_from_db()
    return act


def test_many_failures_go_again_by_a_worker_and_what_fails_later_stays(ada: User) -> None:
    upload = make_upload()
    seen = [failed(upload) for _ in range(3)]
    act = decided(OPEN_ONES, BulkKind.RETRY, ada, way=Way.NOW)
    later = failed(upload)
    assert Document.objects.need_a_person().count() == 4
    carried_out(act)
    assert (act.looked_at, act.moved, bool(act.finished_at)) == (3, 3, True)
    assert set(Document.objects.filter(state="queued", way=Way.NOW)) == set(seen)
    assert list(Document.objects.need_a_person()) == [later]
    said = Activity.objects.get().sentence
    assert said == "Sends all documents again, in a batch now, at half the price: many of Colors"


def test_a_decision_is_written_down_and_the_documents_are_noted_by_a_worker(ada: User) -> None:
    failed(make_upload())
    act = decided(OPEN_ONES, BulkKind.RETRY, ada, way=Way.NOW)
    assert not SelectedDocument.objects.exists()
    assert not BulkAct.objects.to_carry_out().exists()
    tasks.carry_out(act.pk)
    act.refresh_from_db()
    assert act.finished_at is None
    tasks.freeze_selection(act.selection_id)
    assert list(BulkAct.objects.to_carry_out()) == [act]


def test_what_came_back_after_the_decision_was_not_seen_and_stays(ada: User) -> None:
    upload = make_upload()
    seen, gone, copied = failed(upload), failed(upload), failed(upload, text="the same")
    copy = failed(upload, text="the same")
    act = decided(OPEN_ONES, BulkKind.RETRY, ada, way=Way.NOW)
    for document in (gone, copied):
        queue_again(Document.objects.filter(pk=document.pk), Way.URGENT)
        document.refresh_from_db()
        make_result(make_request(document), usable=False, failure_reason="unclear")
    assert carried_out(act).moved == 1
    assert list(Document.objects.waiting()) == [seen]
    assert set(Document.objects.need_a_person()) == {gone, copied, copy}


def test_of_many_moved_by_a_worker_the_end_is_told(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 1)
    failed(make_upload())
    failed(make_upload())
    carried_out(decided(OPEN_ONES, BulkKind.RETRY, ada, way=Way.NOW))
    assert "Done with many of Colors: 2 of 2 documents moved" in Activity.objects.values_list("sentence", flat=True)


def test_the_same_decision_is_not_taken_twice_while_it_is_under_way(ada: User) -> None:
    failed(make_upload())
    act = decided(OPEN_ONES, BulkKind.RETRY, ada, way=Way.NOW)
    again: dict[str, Any] = {"title": "many of Colors", "subject": "task:colors", "user": ada, "way": Way.NOW}
    assert bulk.decide(OPEN_ONES, BulkKind.RETRY, **again) is None
    carried_out(act)
    assert bulk.decide(OPEN_ONES, BulkKind.RETRY, **again) is not None


ENDS = (Outcome.ERRORED, Outcome.EXPIRED)


def test_the_words_of_a_decision_mean_the_documents_that_its_page_shows() -> None:
    version, other = make_version(), make_version()
    batch = make_batch(version)
    sent = {outcome: make_request(make_document(make_upload(version)), batch=batch) for outcome in ENDS}
    for outcome, request in sent.items():
        make_result(request, outcome=outcome, failure_reason="invalid_request")
    failed(make_upload(version), "invalid_request", closed_at=timezone.now())
    failed(make_upload(version), "refused")
    failed(make_upload(other), "invalid_request")
    of_cause = Filters(task=version.task.slug, state=OPEN, cause="invalid_request")
    assert set(matching(of_cause)) == set(documents_of(version.task, FailureReason.INVALID_REQUEST)) != set()
    for of_which in ("", "expired"):
        of_batch = Filters(state=OPEN, batch=batch.pk, outcome=of_which)
        assert set(matching(of_batch)) == set(failed_of(batch, outcome=of_which)) != set()


def test_what_is_closed_piece_by_piece_was_closed_at_once_and_can_be_opened_again(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PIECE", 2)
    upload = make_upload()
    for _ in range(5):
        failed(upload)
    carried_out(decided(OPEN_ONES, BulkKind.CLOSE, ada, reason="By hand"))
    ((closed_at, why),) = set(Document.objects.values_list("closed_at", "closed_reason"))
    assert closed_at
    assert why == "By hand"
    carried_out(decided(Filters(closed_at=closed_at.isoformat()), BulkKind.REOPEN, ada))
    assert Document.objects.need_a_person().count() == 5


def test_what_goes_again_is_stopped_and_what_waits_leaves_another_way(ada: User) -> None:
    again = make_document(make_upload(way=Way.NOW))
    make_result(make_request(again), usable=False, goes_again=True)
    waits = make_document(make_upload(way=Way.NOW))
    carried_out(decided(Filters(state=AGAIN), BulkKind.STOP, ada))
    carried_out(decided(Filters(state="queued"), BulkKind.WAY, ada, way=Way.TONIGHT))
    again.refresh_from_db()
    waits.refresh_from_db()
    assert (again.state, again.failure_reason) == (DocumentState.FAILED, "stopped")
    assert (waits.state, waits.way) == (DocumentState.QUEUED, Way.TONIGHT)


def test_many_are_counted_no_further_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MANY", 2)
    upload = make_upload()
    make_document(upload)
    make_document(upload)
    assert not bulk.are_many(Document.objects.all())
    make_document(upload)
    assert bulk.are_many(Document.objects.all())


def test_a_long_list_of_ids_costs_no_query_an_id(django_assert_max_num_queries: Any) -> None:
    document = make_document(external_id="order 7")
    with django_assert_max_num_queries(12):
        selection = bulk.paste("\n".join(["order 7", *(f"order {n} of another house" for n in range(50))]), by="ada")
    assert (ids(selection), selection.unknown) == ({document.pk}, 50)
