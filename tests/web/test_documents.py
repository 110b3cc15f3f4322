"""Finding documents, and one document with its history."""

import re
from urllib.parse import urlencode

import pytest
from django.db.models import Func, TextField, Value
from django.db.models.functions import Cast
from django.test import Client

from labeling.models import Document, DocumentText, DocumentWords, Upload
from labeling.states import FailureReason, Lane
from labeling.transitions import words as reading_words
from labeling.transitions.words import make_all_searchable, make_searchable
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


def test_a_document_is_found_by_words_id_and_number(viewer: Client) -> None:
    upload = make_upload()
    wanted = make_document(upload, text="the refund never came", external_id="T-100")
    make_document(upload, text="something else", external_id="X-1")
    make_all_searchable()
    for query in ("refund came", "T-100", "T-1"):
        seen = see(viewer, f"/documents/?q={query}")
        assert "the refund never came" in seen
        assert "something else" not in seen
    assert viewer.get(f"/documents/?q=D-{wanted.pk}")["Location"] == f"/documents/{wanted.pk}/"


def test_filters_stand_in_the_address(viewer: Client) -> None:
    upload = make_upload(make_version(make_task(slug="colors")))
    make_result(make_request(make_document(upload, text="sky")), answer="blue")
    make_document(upload, text="grass")
    make_document(make_upload(), text="elsewhere")
    assert "sky" in (seen := see(viewer, "/documents/?label=blue"))
    assert "grass" not in seen
    assert "grass" in (seen := see(viewer, "/documents/?task=colors&state=queued"))
    assert "sky" not in seen
    assert "elsewhere" not in see(viewer, f"/documents/?upload={upload.pk}")
    assert "1 document matches" in see(viewer, "/documents/?task=colors&state=queued")


def test_a_label_stands_beside_the_gold_one_and_says_whether_they_are_equal(viewer: Client) -> None:
    upload = make_upload()
    make_result(make_request(make_document(upload, gold_label="Red")), answer="red")
    make_result(make_request(make_document(upload, gold_label="blue")), answer="red")
    make_document(upload, gold_label="green")
    html = viewer.get("/documents/").content.decode()
    assert (html.count("</span>equal</span>"), html.count('aria-label="Differs"')) == (1, 1)


def test_a_filter_that_is_nonsense_counts_as_any(viewer: Client) -> None:
    make_document(text="still here")
    assert "still here" in see(viewer, "/documents/?state=blue&upload=x&before=zz")


def test_words_that_are_not_read_yet_are_said_to_be_missing(viewer: Client) -> None:
    make_document(text="needle")
    seen = see(viewer, "/documents/?q=needle")
    assert "No document matches" in seen
    assert "The words of 1 upload are still being read" in seen


@pytest.mark.parametrize("q", ["needle", "needle -hay", '"a needle"', "needle or thread", "NEEDLE", "T-1/7 'x'", "t-1"])
def test_a_search_reads_like_a_search_in_the_web(viewer: Client, q: str) -> None:
    upload = make_upload()
    make_document(upload, text="This is a needle.", external_id="T-1/7 'x'")
    make_document(upload, text="Some hay, and another needle in it." if "-hay" in q else "Some hay.")
    make_all_searchable()
    seen = see(viewer, f"/documents/?{urlencode({'q': q})}")
    assert "This is a needle." in seen
    assert "Some hay" not in seen


@pytest.mark.parametrize("q", ["&", "!", "'", "\\", ":*", "a & | b", "((", "\u0000", "x" * 200, "🌙", "<script>"])
def test_a_search_for_anything_is_answered(viewer: Client, q: str) -> None:
    make_document(text="a text")
    make_all_searchable()
    assert viewer.get("/documents/", {"q": q}).status_code == 200


def test_a_search_for_something_rare_says_how_far_it_looked(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling.reports.finding.WINDOWS", (1, 2))
    upload = make_upload()
    first = make_document(upload, text="needle")
    make_result(make_request(first), answer="blue")
    for _ in range(5):
        make_document(upload)
    seen = see(viewer, "/documents/?label=blue")
    assert "None among the newest" in seen
    assert "Look further back" in seen
    assert "needle" in see(viewer, f"/documents/?label=blue&before={first.pk + 1}")


def test_a_search_that_takes_too_long_is_broken_off_and_says_so(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_document(text="needle")
    make_document(text="another")
    slow = Document.objects.annotate(slept=Cast(Func(Value(2), function="pg_sleep"), TextField()))
    monkeypatch.setattr("labeling.reports.finding.matching", lambda filters: slow.filter(slept=""))
    monkeypatch.setattr("labeling.reports.finding.MILLISECONDS", 20)
    seen = see(viewer, "/documents/?label=blue")
    assert "None among the newest" in seen


def test_a_text_that_is_erased_is_not_found_any_more(viewer: Client) -> None:
    upload = make_upload()
    erased, changed = make_document(upload, text="needle one"), make_document(upload, text="needle two")
    make_all_searchable()
    assert DocumentWords.objects.count() == 2
    DocumentText.objects.filter(pk=erased.pk).delete()
    DocumentText.objects.filter(pk=changed.pk).update(text="")
    assert not DocumentWords.objects.exists()
    assert "No document matches" in see(viewer, "/documents/?q=needle")


def test_words_are_read_where_they_stopped(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling.transitions.words.CHUNK", 2)
    upload = make_upload()
    for _ in range(5):
        make_document(upload)
    assert not make_searchable(upload, seconds=0)
    reading_words._next_chunk(upload)
    assert DocumentWords.objects.count() == 2
    assert make_searchable(Upload.objects.get(pk=upload.pk))
    assert DocumentWords.objects.count() == 5
    assert Upload.objects.get(pk=upload.pk).searchable_at


def test_a_label_that_is_searched_for_leads_to_what_is_labeled_so(viewer: Client) -> None:
    make_document(make_upload(make_version(make_task(slug="colors"))))
    assert "“green” is a label" in see(viewer, "/documents/?q=green")


def test_each_filter_finds_what_it_says(viewer: Client) -> None:
    upload = make_upload()
    right = make_document(upload, text="right one", gold_label="Red")
    wrong = make_document(upload, text="wrong one", gold_label="blue")
    hasty = make_document(upload, text="hasty one")
    off = make_document(upload, text="odd one")
    batch = make_batch(upload.version)
    for document in (right, wrong):
        make_result(make_request(document, batch=batch), answer="red")
    make_result(make_request(hasty, lane=Lane.URGENT), answer="green")
    make_result(make_request(off), usable=False, failure_reason=FailureReason.NOT_A_LABEL)
    make_document(upload, text="right one")
    found = {
        "gold=differs": {"wrong one"},
        "gold=equals": {"right one"},
        "gold=given": {"right one", "wrong one"},
        "source=urgent": {"hasty one"},
        "source=copy": {"right one"},
        "source=model": {"right one", "wrong one", "hasty one"},
        "cause=not_a_label": {"odd one"},
        "state=open": {"odd one"},
        f"batch={batch.pk}": {"right one", "wrong one"},
        f"task={upload.version.task.slug}&version=1": {"right one", "wrong one", "hasty one", "odd one"},
        f"task={upload.version.task.slug}&version=2": set(),
    }
    all_texts = {"right one", "wrong one", "hasty one", "odd one"}
    shown = {query: {t for t in all_texts if t in see(viewer, f"/documents/?{query}")} for query in found}
    assert shown == found


def test_a_filter_without_a_field_is_a_chip_that_can_be_taken_away(viewer: Client) -> None:
    make_document()
    html = viewer.get("/documents/?q=a&gold=differs&before=9").content.decode()
    assert 'href="?q=a"' in html
    assert "gold differs" in html


def test_pages_of_documents_follow_one_another_without_gaps(viewer: Client) -> None:
    upload = make_upload()
    ids = [make_document(upload).pk for _ in range(53)]
    newest = viewer.get("/documents/").content.decode()
    older = viewer.get(f"/documents/?before={ids[3]}").content.decode()
    found = re.findall(r'href="/documents/(\d+)/"', newest) + re.findall(r'href="/documents/(\d+)/"', older)
    assert [int(pk) for pk in found] == list(reversed(ids))


def test_a_document_shows_every_attempt_with_usage_and_price(viewer: Client) -> None:
    document = make_document(text="hello <b>you</b>", gold_label="red", metadata={"lang": "en"})
    make_result(make_request(document), usable=False, goes_again=True, answer="purple")
    document.refresh_from_db()
    make_result(make_request(document, lane=Lane.URGENT), answer="red")
    html = viewer.get(f"/documents/{document.pk}/").content.decode()
    seen = words(html.encode())
    assert seen.count("50 / 20") == 2
    assert "purple" in seen
    assert "hello &lt;b&gt;you" in html
    assert "lang en" in seen


def test_a_copy_names_the_document_that_it_follows(viewer: Client) -> None:
    upload = make_upload()
    leader = make_document(upload, text="same")
    copy = make_document(upload, text="same")
    assert f"Copy of D-{leader.pk}" in see(viewer, f"/documents/{copy.pk}/")
    assert "Copies that follow it 1" in see(viewer, f"/documents/{leader.pk}/")
