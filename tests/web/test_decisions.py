"""What only a person can settle: the list of causes, one cause, what goes again by itself, what was closed."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from labeling import tasks
from labeling.models import Activity, BulkAct, Document, LabelingTask, Night, Tryout
from labeling.pipeline import bulk
from labeling.states import BatchState, DocumentState, FailureReason, Outcome, Way
from tests.factories import (
    make_batch,
    make_document,
    make_request,
    make_result,
    make_task,
    make_upload,
    make_version,
)
from tests.web.reading import see, words

CAUSE = "/decisions/colors/not_a_label"


@pytest.fixture
def failures(db: None) -> LabelingTask:
    """Four answers off the list and one that was cut off."""
    task = make_task(slug="colors", name="Colors")
    upload = make_upload(make_version(task))
    for number in range(4):
        request = make_request(make_document(upload, external_id=f"T-{number}"))
        make_result(request, usable=False, failure_reason="not_a_label", answer="purple")
    make_result(make_request(make_document(upload)), usable=False, failure_reason="cut_off", stop_reason="max_tokens")
    return task


def make_going_again(task: LabelingTask) -> Document:
    document = make_document(make_upload(task.version_in_use))
    make_result(make_request(document), usable=False, goes_again=True, outcome=Outcome.EXPIRED)
    document.refresh_from_db()
    return document


def stamp_of(task: LabelingTask) -> str:
    assert task.version_in_use
    return task.version_in_use.stamp


def make_tired(task: LabelingTask) -> Document:
    """Failed as often as allowed, through no fault of its own."""
    return make_document(make_upload(task.version_in_use), state="failed", failure_reason="too_many_attempts")


def test_a_decision_has_its_cause_its_examples_and_what_to_do(viewer: Client, failures: LabelingTask) -> None:
    seen = see(viewer, "/decisions/")
    assert "2 decisions, 5 documents" in seen
    assert "The answer is not one of the labels" in seen
    assert "cut_off, max_tokens" in seen
    assert seen.count("T-") == 3
    assert "Look" in seen
    assert "Raise and try" not in seen


def test_a_decision_says_whether_going_again_is_safe_and_why(operator: Client, failures: LabelingTask) -> None:
    make_tired(failures)
    seen = see(operator, "/decisions/")
    assert "it most likely brings the same answer and is paid again" in seen
    assert "Safe to send again: the trouble was the API’s or time ran out, and nothing was charged." in seen
    assert re.search(r"1 document is safe to send again as it is\. Send 1 tonight, about \$0\.\d+", seen)


def test_a_decision_says_what_sending_again_did(viewer: Client, failures: LabelingTask) -> None:
    first, second, *_ = Document.objects.filter(failure_reason="not_a_label").order_by("pk")
    make_result(make_request(first))
    make_result(make_request(second), usable=False, failure_reason="not_a_label")
    make_result(make_request(make_going_again(failures)))
    make_going_again(failures)
    seen = see(viewer, "/decisions/")
    assert "Of 2 sent again lately, 1 was labeled." in seen
    assert "The answer is not one of the labels not_a_label 2 1 50%" in seen
    assert "Ran out of time after 24 hours expired 1 1 100%" in seen


def test_what_failed_too_often_is_advised_by_what_goes_again_by_itself(viewer: Client, failures: LabelingTask) -> None:
    make_tired(failures)
    make_result(make_request(make_going_again(failures)))
    assert "nothing was charged. Of 1 sent again lately, 1 was labeled." in see(viewer, "/decisions/")


def test_where_nothing_is_open_the_page_says_since_when(operator: Client, failures: LabelingTask) -> None:
    for cause in (CAUSE, "/decisions/colors/cut_off"):
        operator.post(f"{cause}/close", {"reason": "a test"})
    seen = see(operator, "/decisions/")
    assert "Nothing to decide" in seen
    assert re.search(r"All well: the last try without a label was \d\d:\d\d Nothing of it is open any more", seen)


def test_what_is_safe_goes_again_with_one_button(operator: Client, failures: LabelingTask) -> None:
    tired = make_tired(failures)
    response = operator.post("/decisions/retry-safe", {"way": "tonight"}, follow=True)
    assert "1 document goes again" in words(response.content)
    tired.refresh_from_db()
    assert (tired.state, tired.way) == (DocumentState.QUEUED, Way.TONIGHT)
    assert Document.objects.need_a_person().count() == 5
    again = operator.post("/decisions/retry-safe", {"way": "tonight"}, follow=True)
    assert "Nothing is open any more that is safe" in words(again.content)


def test_the_badge_of_the_tab_counts_decisions_and_not_documents(viewer: Client, failures: LabelingTask) -> None:
    assert 'Open <span class="count">2</span>' in viewer.get("/decisions/").content.decode()


def test_what_failed_is_drawn_by_night_without_what_goes_again_by_itself(
    viewer: Client, failures: LabelingTask
) -> None:
    for days, not_usable in ((2, {"not_a_label": 3}), (1, {"cut_off": 4, "expired": 50, "canceled": 9})):
        due = timezone.now() - timedelta(days=days)
        night = Night.objects.create(date=due.date(), due_at=due)
        make_batch(failures.version_in_use, night=night, state=BatchState.INGESTED, not_usable=not_usable)
    html = viewer.get("/decisions/").content.decode()
    assert re.findall(r'text-anchor="middle">(\d+)</text>', html) == ["3", "4"]


def test_ticked_documents_name_the_price_of_what_is_ticked_before_they_go(
    operator: Client, failures: LabelingTask
) -> None:
    two = list(Document.objects.filter(failure_reason="not_a_label").values_list("pk", flat=True)[:2])
    form = {"document": two, "version": 1}
    bar = words(operator.post(f"{CAUSE}/ticked", form, headers={"HX-Request": "true"}).content)
    assert re.search(r"2 documents ticked\. Again with v1: Tonight, about \$0\.\d+ In a batch now, about \$0", bar)
    page = operator.post(f"{CAUSE}/ticked", form).content.decode()
    assert "Send 2 documents again?" in page
    assert all(f'name="document" value="{pk}"' in page for pk in two)
    assert Document.objects.need_a_person().count() == 5
    assert "Nothing that is open is ticked" in words(operator.post(f"{CAUSE}/ticked", {"document": "x"}).content)


def test_a_copy_that_is_ticked_costs_nothing(operator: Client, failures: LabelingTask) -> None:
    leader = Document.objects.filter(failure_reason="not_a_label").latest("pk")
    copy = make_document(leader.upload, text=leader.content.text)
    form = {"document": [copy.pk], "version": 1}
    bar = words(operator.post(f"{CAUSE}/ticked", form, headers={"HX-Request": "true"}).content)
    assert "1 document ticked. Again with v1: Tonight, free In a batch now, free Urgently, free" in bar


def test_a_cause_goes_again_as_a_whole_and_names_its_price(operator: Client, failures: LabelingTask) -> None:
    seen = see(operator, f"{CAUSE}/")
    assert "4 documents: The answer is not one of the labels" in seen
    assert re.search(
        r"Send all 4 again With v1\. Tonight, about \$0\.\d+ In a batch now, about \$0\.\d+ Urgently", seen
    )
    response = operator.post(f"{CAUSE}/send", {"way": "now"}, follow=True)
    assert "4 documents go again" in words(response.content)
    assert "Nothing of this cause is open any more" in words(response.content)
    assert Document.objects.filter(state=DocumentState.QUEUED, way=Way.NOW).count() == 4
    assert "1 decision, 1 document" in see(operator, "/decisions/")
    line = Activity.objects.get(subject="task:colors")
    assert line.sentence.startswith("Sends 4 documents again")
    assert line.detail == {"before": "failed: not_a_label", "after": "waits, now"}


MANY = {
    "from its row": (f"{CAUSE}/retry", {"way": "now"}),
    "from its page": (f"{CAUSE}/send", {"way": "now"}),
    "whatever is safe": ("/decisions/retry-safe", {"way": "now"}),
    "closed": (f"{CAUSE}/close", {"reason": "By hand"}),
    "stopped": ("/decisions/colors/stop", {}),
}


@pytest.mark.parametrize(("address", "said"), MANY.values(), ids=MANY.keys())
def test_what_is_decided_about_many_is_done_by_a_worker(
    operator: Client, failures: LabelingTask, monkeypatch: pytest.MonkeyPatch, address: str, said: dict[str, str]
) -> None:
    monkeypatch.setattr(bulk, "MANY", 0)
    make_tired(failures)
    make_going_again(failures)
    before = sorted(Document.objects.values_list("pk", "state", "closed_at"))
    response = operator.post(address, said, follow=True)
    assert "It is under way" in words(response.content)
    assert sorted(Document.objects.values_list("pk", "state", "closed_at")) == before
    assert "Under way since" in see(operator, "/decisions/")
    assert "is still under way" in words(operator.post(address, said, follow=True).content)
    act = BulkAct.objects.get()
    tasks.freeze_selection(act.selection_id)
    tasks.carry_out(act.pk)
    act.refresh_from_db()
    assert act.finished_at
    assert act.moved == act.selection.documents > 0
    assert "Under way since" not in see(operator, "/decisions/")


def test_the_ticked_ones_go_again_and_the_others_stay(operator: Client, failures: LabelingTask) -> None:
    one, two = Document.objects.filter(failure_reason="not_a_label")[:2]
    response = operator.post(
        f"{CAUSE}/send", {"way": "tonight", "which": "ticked", "document": [one.pk, two.pk, "nonsense"]}, follow=True
    )
    assert "2 documents go again" in words(response.content)
    assert Document.objects.filter(failure_reason="not_a_label").count() == 2


def test_the_ticked_ones_are_closed_and_the_others_stay(operator: Client, failures: LabelingTask) -> None:
    one, two = Document.objects.filter(failure_reason="not_a_label")[:2]
    assert f'formaction="{CAUSE}/close">Close the ticked ones<' in operator.get(f"{CAUSE}/").content.decode()
    ticked = {"reason": "not ours", "which": "ticked", "document": [one.pk, two.pk]}
    assert "2 documents are closed" in words(operator.post(f"{CAUSE}/close", ticked, follow=True).content)
    assert set(Document.objects.filter(closed_reason="not ours")) == {one, two}
    assert "Nothing was ticked" in words(
        operator.post(f"{CAUSE}/close", {"reason": "no", "which": "ticked"}, follow=True).content
    )
    assert Document.objects.need_a_person().count() == 3


def test_ticking_nothing_sends_nothing(operator: Client, failures: LabelingTask) -> None:
    response = operator.post(f"{CAUSE}/send", {"way": "tonight", "which": "ticked"}, follow=True)
    assert "Nothing was ticked" in words(response.content)
    assert Document.objects.need_a_person().count() == 5


def test_a_document_of_another_cause_cannot_be_slipped_in(operator: Client, failures: LabelingTask) -> None:
    other = Document.objects.get(failure_reason="cut_off")
    operator.post(f"{CAUSE}/send", {"way": "tonight", "which": "ticked", "document": [other.pk]})
    other.refresh_from_db()
    assert other.state == DocumentState.FAILED


def test_documents_go_again_with_another_version(operator: Client, failures: LabelingTask) -> None:
    draft = make_version(failures, in_use=False, max_tokens=512)
    operator.post(f"{CAUSE}/send", {"way": "tonight", "version": draft.number})
    assert Document.objects.filter(version=draft, state=DocumentState.QUEUED).count() == 4
    failures.refresh_from_db()
    assert failures.version_in_use != draft


def test_a_raised_max_tokens_is_a_draft_that_can_be_tried(operator: Client, failures: LabelingTask) -> None:
    cause = "/decisions/colors/cut_off"
    stamp = stamp_of(failures)
    assert 'value="512"' in operator.get(f"{cause}/").content.decode()
    response = operator.post(f"{cause}/raise", {"max_tokens": "512", "based_on": stamp}, follow=True)
    assert "v2 has max_tokens 512. It is a draft" in words(response.content)
    assert "Try v2 on 1, about" in words(response.content)
    failures.refresh_from_db()
    assert failures.version_in_use
    assert failures.draft
    assert (failures.version_in_use.number, failures.draft.max_tokens) == (1, 512)


def test_raising_what_somebody_else_changed_meanwhile_saves_nothing(operator: Client, failures: LabelingTask) -> None:
    stamp = stamp_of(failures)
    operator.post("/decisions/colors/cut_off/raise", {"max_tokens": "512", "based_on": stamp})
    response = operator.post("/decisions/colors/cut_off/raise", {"max_tokens": "900", "based_on": stamp}, follow=True)
    assert "Not saved: operator-person saved version 2" in words(response.content)
    assert failures.draft
    assert failures.draft.max_tokens == 512


@pytest.mark.parametrize("number", ["", "0", "-5", "many", "99999999999"])
def test_a_max_tokens_that_is_none_is_refused_with_a_sentence(
    operator: Client, failures: LabelingTask, number: str
) -> None:
    stamp = stamp_of(failures)
    response = operator.post("/decisions/colors/cut_off/raise", {"max_tokens": number, "based_on": stamp}, follow=True)
    assert "Not saved:" in words(response.content)
    assert failures.draft is None


def test_a_few_are_tried_first_and_the_page_says_what_became_of_them(operator: Client, failures: LabelingTask) -> None:
    upload = make_upload(failures.version_in_use)
    for _ in range(4):
        make_document(upload, state="failed", failure_reason="not_a_label")
    response = operator.post(f"{CAUSE}/try", {"version": "1"}, follow=True)
    assert "5 documents tried with v1, in real time" in words(response.content)
    assert "Tried v1 on 5 documents: 0 labeled, 5 on the way" in words(response.content)
    assert "Send all 3 again" in words(response.content)
    tried = list(Document.objects.filter(pk__in=Tryout.objects.get().documents))
    assert {document.way for document in tried} == {Way.URGENT}
    make_result(make_request(tried[0]))
    make_result(make_request(tried[1]), usable=False, failure_reason="not_a_label")
    assert "1 labeled, 1 failed again, 3 on the way" in see(operator, f"{CAUSE}/")


def test_who_sends_second_reads_who_was_first(operator: Client, admin: Client, failures: LabelingTask) -> None:
    admin.post(f"{CAUSE}/send", {"way": "now"})
    response = operator.post(f"{CAUSE}/send", {"way": "tonight"}, follow=True)
    assert "nothing of this cause is open any more. admin-person was first" in words(response.content)


def test_closing_needs_a_reason_and_can_be_taken_back(operator: Client, failures: LabelingTask) -> None:
    operator.post("/decisions/colors/cut_off/close", {"reason": ""})
    assert "2 decisions" in see(operator, "/decisions/")
    operator.post("/decisions/colors/cut_off/close", {"reason": "not worth it"})
    assert "1 decision, 4 documents" in see(operator, "/decisions/")
    html = operator.get("/decisions/?tab=closed").content.decode()
    assert "not worth it" in html
    closed_at = re.search(r'name="closed_at" value="([^"]+)"', html)
    assert closed_at
    operator.post("/decisions/colors/cut_off/reopen", {"closed_at": closed_at[1]})
    assert "2 decisions" in see(operator, "/decisions/")
    twice = operator.post("/decisions/colors/cut_off/reopen", {"closed_at": closed_at[1]}, follow=True)
    assert "it is not closed any more" in words(twice.content)


def test_what_was_closed_together_is_one_line(operator: Client, failures: LabelingTask) -> None:
    operator.post(f"{CAUSE}/close", {"reason": "all purple"})
    seen = see(operator, "/decisions/?tab=closed")
    assert re.search(r"4 documents The answer is not one of the labels not_a_label Colors all purple", seen)


def test_closings_are_paged_by_their_time(operator: Client, failures: LabelingTask) -> None:
    upload = make_upload(failures.version_in_use)
    start = timezone.now() - timedelta(days=3)
    for number in range(35):
        make_document(
            upload,
            state="failed",
            failure_reason="unclear",
            closed_at=start + timedelta(minutes=number),
            closed_reason=f"closing {number} of many",
        )
    html = operator.get("/decisions/?tab=closed").content.decode()
    assert "closing 34 of many" in html
    assert "closing 4 of many" not in html
    older = re.search(r'href="(\?tab=closed&amp;before=[^"]+)"', html)
    assert older
    assert "closing 4 of many" in see(operator, "/decisions/" + older[1].replace("&amp;", "&"))


@pytest.mark.parametrize("before", ["nonsense", "2026-13-45", "2026-01-01T00:00:00"])
def test_a_time_that_is_none_shows_the_newest(viewer: Client, failures: LabelingTask, before: str) -> None:
    assert viewer.get("/decisions/", {"tab": "closed", "before": before}).status_code == 200


def test_what_goes_again_by_itself_is_quiet_and_no_decision(viewer: Client) -> None:
    task = make_task(slug="colors")
    make_version(task)
    make_going_again(task)
    seen = see(viewer, "/decisions/")
    assert "1 going again by itself at" in seen
    assert "Nothing to decide" in seen
    assert "Nothing to decide" in seen


def test_stopping_what_goes_again_makes_it_a_decision(operator: Client, failures: LabelingTask) -> None:
    document = make_going_again(failures)
    response = operator.post("/decisions/colors/stop", follow=True)
    assert "1 document stopped: a decision now, and nothing is lost" in words(response.content)
    document.refresh_from_db()
    assert (document.state, document.failure_reason) == (DocumentState.FAILED, FailureReason.STOPPED)
    assert "Stopped by a person" in see(operator, "/decisions/")
    again = operator.post("/decisions/colors/stop", follow=True)
    assert "Not stopped: nothing of it waits to go again any more" in words(again.content)


def test_copies_are_stopped_with_their_leader(operator: Client, failures: LabelingTask) -> None:
    leader = make_going_again(failures)
    copy = make_document(make_upload(leader.version), text=leader.content.text)
    operator.post("/decisions/colors/stop")
    copy.refresh_from_db()
    assert (copy.state, copy.failure_reason) == (DocumentState.FAILED, FailureReason.STOPPED)


def test_the_failures_leave_as_csv_with_the_ids_that_support_asks_for(viewer: Client, failures: LabelingTask) -> None:
    response = viewer.get(f"{CAUSE}/failures.csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
    assert len(rows) == 4
    assert {row["message"] for row in rows} == {"purple"}
    assert all(row["custom_id"] and row["batch"].startswith("B-") for row in rows)
    assert len(list(csv.DictReader(io.StringIO(b"".join(viewer.get("/decisions/failures.csv")).decode())))) == 5


def test_no_cell_of_the_csv_is_a_formula(viewer: Client) -> None:
    version = make_version(make_task(slug="colors"))
    make_document(make_upload(version), text="=1+1", state="failed", failure_reason="not_a_label")
    assert b"'=1+1" in b"".join(viewer.get(f"{CAUSE}/failures.csv"))


def test_what_came_instead_is_counted(viewer: Client, failures: LabelingTask) -> None:
    assert "What came instead most often, among the newest 4 Documents Answer 4 purple" in see(viewer, f"{CAUSE}/")


def test_the_badge_counts_decisions_and_not_documents(viewer: Client, failures: LabelingTask) -> None:
    html = viewer.get("/decisions/").content.decode()
    assert '<span class="count hot" id="count-decisions-s">2</span>' in html


def test_versions_of_one_task_are_one_cause(viewer: Client, failures: LabelingTask) -> None:
    second = make_version(failures)
    make_document(make_upload(second), state="failed", failure_reason="not_a_label")
    seen = see(viewer, "/decisions/")
    assert "2 decisions, 6 documents" in seen
    assert '<span class="count hot" id="count-decisions-s">2</span>' in viewer.get("/decisions/").content.decode()
