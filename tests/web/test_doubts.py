"""Every doubtful submission has a page: what is known, what was decided and by whom, and what a person may decide."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Activity, Batch, BatchEvent, Candidate, ModelPrice, Request
from labeling.pipeline import settle
from labeling.states import BatchState, DocumentState, Outcome, Verdict
from labeling.transitions import batches
from tests.factories import make_batch, make_document, make_request, make_upload, make_version
from tests.web.reading import see, words

ID = "msgbatch_01abcdefgh"


@pytest.fixture
def batch(db: None) -> Batch:
    """Two documents in a batch whose create call had no clear outcome."""
    version = make_version(model="claude-haiku-4-5", max_tokens=1000)
    batch = make_batch(
        version,
        state=BatchState.UNKNOWN,
        newest_known_id="msgbatch_01before",
        note="The connection broke.",
        body_bytes=6000,
    )
    upload = make_upload(version)
    for text in ("a", "b"):
        make_request(make_document(upload, text=text), batch=batch)
    batch.refresh_from_db()
    return batch


def candidate(batch: Batch, name: str, verdict: Verdict = Verdict.WATCHED, why: str = "") -> Candidate:
    decided = None if verdict is Verdict.WATCHED else timezone.now()
    return Candidate.objects.create(
        batch=batch, message_batch_id=name, created_at=timezone.now(), verdict=verdict, why=why, decided_at=decided
    )


def test_a_house_without_a_doubt_says_so(db: None, viewer: Client) -> None:
    assert "There never was a doubt" in see(viewer, "/doubts/")


def test_an_open_one_shows_all_that_is_known(batch: Batch, viewer: Client) -> None:
    candidate(batch, "msgbatch_01may", Verdict.WATCHED)
    candidate(batch, "msgbatch_01not", Verdict.ANOTHERS, "Its lines carry another token.")
    page = see(viewer, f"/doubts/{batch.pk}/")
    for known in (
        f"Was {batch} accepted?",
        "msgbatch_01before",
        batch.token,
        "The connection broke.",
        "msgbatch_01may",
        "watched",
        "msgbatch_01not",
        "another's",
        "Its lines carry another token.",
        "would count as proved from",
    ):
        assert known in page, known


def test_without_a_candidate_it_says_when_absence_counts_as_proved(batch: Batch, viewer: Client) -> None:
    assert batch.doubt_since
    until = batch.doubt_since + timedelta(seconds=900)
    assert f"{until:%H:%M:%S} , its absence counts as proved" in see(viewer, f"/doubts/{batch.pk}/")


def test_the_list_has_open_and_settled_ones_and_who_decided(batch: Batch, viewer: Client, admin: Client) -> None:
    settled = make_batch(batch.version, state=BatchState.UNKNOWN)
    settle.adopt(settled, ID, by="anna", why="seen in the console")
    make_batch(batch.version)
    page = see(viewer, "/doubts/")
    assert "1 submission in doubt" in page
    assert f"It was accepted as {ID}" in page
    assert "anna" in page
    only_open = see(viewer, "/doubts/?tab=open")
    assert str(batch) in only_open
    assert f"{settled} " not in only_open
    assert "seen in the console" in see(viewer, f"/doubts/{settled.pk}/")


def test_a_late_twin_is_there_in_plain_words(batch: Batch, viewer: Client) -> None:
    settle.declare_absent(batch, by="anna", why="told by support")
    candidate(batch, "msgbatch_01late", Verdict.LATE_TWIN)
    Batch.objects.update(note="msgbatch_01late is a late twin: 2 of its requests were paid a second time.")
    page = see(viewer, f"/doubts/{batch.pk}/")
    assert "msgbatch_01late came to light late." in page
    assert "paid a second time" in page
    assert "accepted after all" in see(viewer, "/doubts/")


def test_the_confirmation_names_the_money(batch: Batch, operator: Client) -> None:
    at_risk = settle.money_at_risk(batch)
    assert at_risk
    page = see(operator, f"/doubts/{batch.pk}/")
    assert page.count(f"at most about ${at_risk:.2f}") + page.count("at most about $0.0") >= 2
    ModelPrice.objects.all().delete()
    assert "at a price that is not known" in see(operator, f"/doubts/{batch.pk}/")


def test_an_operator_adopts_an_id(batch: Batch, operator: Client) -> None:
    candidate(batch, ID)
    response = operator.post(
        f"/doubts/{batch.pk}/adopt", {"message_batch_id": ID, "why": "console", "risk": "on"}, follow=True
    )
    assert f"{batch} is {ID} now" in words(response.content)
    batch.refresh_from_db()
    assert (batch.state, batch.message_batch_id) == (BatchState.IN_PROGRESS, ID)
    assert Candidate.objects.get().verdict == Verdict.OURS
    assert Activity.objects.filter(by="operator-person", sentence__contains=ID).exists()


def test_an_operator_declares_an_attempt_dead(batch: Batch, operator: Client) -> None:
    response = operator.post(f"/doubts/{batch.pk}/absent", {"why": "support said so", "risk": "on"}, follow=True)
    assert "2 documents wait again" in words(response.content)
    batch.refresh_from_db()
    assert batch.state == BatchState.ABSENT
    assert set(Request.objects.values_list("outcome", "document__state")) == {(Outcome.NOT_SENT, DocumentState.QUEUED)}
    assert BatchEvent.objects.get(batch=batch, new=BatchState.ABSENT).by == "operator-person"
    assert "All well since" in see(operator, "/doubts/?tab=open")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"why": "w"}, "Check that you have read what it may cost."),
        ({"risk": "on"}, "Say how you know it."),
        ({"risk": "on", "why": "w" * 301}, "Say it in 300 characters."),
    ],
)
@pytest.mark.parametrize("act", ["adopt", "absent"])
def test_without_the_confirmation_and_a_reason_nothing_happens(
    batch: Batch, operator: Client, act: str, form: dict[str, str], sentence: str
) -> None:
    response = operator.post(f"/doubts/{batch.pk}/{act}", {"message_batch_id": ID, **form}, follow=True)
    assert sentence in words(response.content)
    batch.refresh_from_db()
    assert batch.state == BatchState.UNKNOWN


@pytest.mark.parametrize("name", ["B-12", "msgbatch_<script>", "x" * 90, ""])
def test_an_id_that_cannot_be_one_is_refused_with_a_sentence(batch: Batch, operator: Client, name: str) -> None:
    response = operator.post(
        f"/doubts/{batch.pk}/adopt", {"message_batch_id": name, "why": "w", "risk": "on"}, follow=True
    )
    assert "Not adopted." in words(response.content)
    batch.refresh_from_db()
    assert batch.state == BatchState.UNKNOWN


def test_who_loses_the_race_reads_who_won(batch: Batch, operator: Client) -> None:
    batches.move(batch, BatchState.UNKNOWN, BatchState.ABSENT, by="recover", why="not in the API's list")
    response = operator.post(f"/doubts/{batch.pk}/absent", {"why": "w", "risk": "on"}, follow=True)
    assert "recover was first: not in the API's list" in words(response.content)


def test_a_viewer_sees_no_form(batch: Batch, viewer: Client) -> None:
    page = see(viewer, f"/doubts/{batch.pk}/")
    assert "Settling it by hand needs the role operator." in page
    assert "Declare it dead" not in page


def test_a_batch_that_never_was_in_doubt_has_no_such_page(batch: Batch, viewer: Client) -> None:
    assert viewer.get(f"/doubts/{make_batch(batch.version).pk}/").status_code == 404


def test_the_night_and_the_batch_lead_there(batch: Batch, viewer: Client) -> None:
    for path in ("/", f"/batches/{batch.pk}/"):
        assert f'href="/doubts/{batch.pk}/"' in viewer.get(path).content.decode(), path
