"""Finding documents, and one document with its history."""

import re

import pytest
from django.test import Client

from labeling.states import Lane
from tests.factories import (
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


def test_a_filter_that_is_nonsense_counts_as_any(viewer: Client) -> None:
    make_document(text="still here")
    assert "still here" in see(viewer, "/documents/?state=blue&upload=x&before=zz")


def test_a_search_over_a_window_says_how_far_it_looked(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling.reports.documents.SLOW_WINDOW", 2)
    first = make_document(text="needle")
    for _ in range(4):
        make_document()
    seen = see(viewer, "/documents/?q=needle")
    assert "None among the newest" in seen
    assert "Look further back" in seen
    assert "needle" in see(viewer, f"/documents/?q=needle&before={first.pk + 1}")


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
