"""Choosing documents and doing something with all of them."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from labeling.configuration import installation
from labeling.models import BulkAct, Document, Selection, UnfinishedWork
from labeling.querysets import MOST_UNFINISHED_TRIES
from labeling.states import BulkKind, DocumentState, Work
from tests.factories import make_document, make_request, make_result, make_task, make_upload, make_version
from tests.web.reading import see, words


@pytest.fixture
def three(db: None) -> list[Document]:
    upload = make_upload(make_version(make_task(slug="colors")))
    documents = [make_document(upload, text=f"text {n}", external_id=f"E-{n}") for n in range(3)]
    for document in documents[:2]:
        make_result(make_request(document), answer="red")
    return documents


def chosen(client: Client, **form: object) -> str:
    """The address of the selection."""
    response = client.post("/documents/select", form)
    assert response.status_code == 302
    return str(response["Location"])


def test_ticked_documents_are_labeled_again_and_the_button_says_the_price(
    operator: Client, three: list[Document]
) -> None:
    address = chosen(operator, document=[three[0].pk, three[1].pk])
    seen = see(operator, address)
    assert "2 documents chosen" in seen
    assert "Tonight, about $0.00015" in seen
    assert "Urgently, about $0.0003" in seen
    response = operator.post(f"{address}again", {"way": "urgent"}, follow=True)
    assert "2 documents queued again." in words(response.content)
    assert Document.objects.filter(state=DocumentState.QUEUED, way="urgent").count() == 2


def test_without_htmx_and_with_it_the_answer_says_what_stayed(operator: Client, three: list[Document]) -> None:
    address = chosen(operator, document=[three[0].pk, three[2].pk])
    response = operator.post(f"{address}again", {"way": "now"}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert "1 document queued again; 1 document stayed as it was." in words(response.content)


def test_what_stands_still_is_said_with_what_can_be_done(
    operator: Client, admin: Client, three: list[Document]
) -> None:
    address = chosen(operator, document=[three[0].pk])
    act = BulkAct.objects.create(selection=Selection.objects.get(), kind=BulkKind.AGAIN, way="now", by="ann")
    dead = UnfinishedWork.objects.create(
        work=Work.BULK_ACT, row_id=act.pk, tries=MOST_UNFINISHED_TRIES - 1, last_at=timezone.now()
    )
    assert "stands still" not in see(operator, address)
    UnfinishedWork.objects.filter(pk=dead.pk).update(tries=MOST_UNFINISHED_TRIES)
    assert "ended its worker 5 times and was set aside. What is done stays done. An admin can" in see(operator, address)
    assert 'id="to-unfinished"' in admin.get(address).content.decode()


def test_all_that_match_means_what_was_on_the_page(operator: Client, three: list[Document]) -> None:
    html = operator.get("/documents/?label=red").content.decode()
    query, newest = (re.search(rf'name="{name}" value="([^"]*)"', html) for name in ("query", "newest"))
    assert query
    assert newest
    address = chosen(operator, all="yes", query=query[1], newest=newest[1])
    assert "2 documents chosen" in (seen := see(operator, address))
    assert "label red" in seen


def test_a_version_can_be_chosen_and_has_its_price(operator: Client, three: list[Document]) -> None:
    make_version(three[0].version.task)
    address = chosen(operator, document=[three[0].pk])
    assert "the version in use" in see(operator, address)
    assert "Tonight, about $0.00008" in see(operator, f"{address}?version=1")
    operator.post(f"{address}again", {"way": "tonight", "version": "1", "task": "colors"})
    three[0].refresh_from_db()
    assert (three[0].state, three[0].version.number) == ("queued", 1)


def test_documents_are_withdrawn_and_restored(operator: Client, three: list[Document]) -> None:
    address = chosen(operator, document=[document.pk for document in three])
    assert "3 documents withdrawn." in words(operator.post(f"{address}withdraw", follow=True).content)
    assert "Restore 3 documents" in see(operator, address)
    assert "3 documents restored." in words(operator.post(f"{address}restore", follow=True).content)


def test_a_selection_is_exported_alone(viewer: Client, three: list[Document]) -> None:
    address = chosen(viewer, document=[three[0].pk, three[2].pk])
    lines = b"".join(viewer.get(f"{address}labels.csv")).decode().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["external_id", "E-0", "E-2"]


def test_an_id_of_thousands_of_digits_is_nobodys(viewer: Client, three: list[Document]) -> None:
    digits = "9" * 5000
    ids = f"D-{digits}\n{installation()}-ab12cd34-{digits}-deadbeef"
    response = viewer.post("/documents/paste", {"ids": ids}, follow=True)
    assert "No document has one of these ids" in words(response.content)


def test_a_pasted_list_is_a_filter_with_its_key_in_the_address(viewer: Client, three: list[Document]) -> None:
    response = viewer.post("/documents/paste", {"ids": "E-1\nE-2\nnot there"}, follow=True)
    seen = words(response.content)
    assert response.redirect_chain[0][0] == f"/documents/?list={Selection.objects.get().key}"
    assert "2 documents of the list; 1 id of the list no document has." in seen
    assert "text 1" in seen
    assert "text 0" not in seen


@pytest.mark.parametrize("ids", ["", "nobody"])
def test_a_list_that_names_nothing_says_so(viewer: Client, three: list[Document], ids: str) -> None:
    assert "id" in words(viewer.post("/documents/paste", {"ids": ids}, follow=True).content)
    assert not Selection.objects.exists()


def test_nothing_ticked_says_so_and_the_search_stays(operator: Client, three: list[Document]) -> None:
    response = operator.post("/documents/select", {"query": "label=red"}, follow=True)
    assert response.redirect_chain[0][0] == "/documents/?label=red"
    assert "Tick at least one document first." in words(response.content)


def test_who_comes_second_reads_who_was_first(
    operator: Client, admin: Client, three: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.pipeline.bulk.AT_ONCE", 0)
    address = chosen(operator, document=[three[0].pk])
    assert "It is under way." in words(operator.post(f"{address}again", {"way": "now"}, follow=True).content)
    seen = words(admin.post(f"{address}again", {"way": "now"}, follow=True).content)
    assert "Not done: operator-person was first, and that is still under way." in seen
    assert "0 of 1 looked at" in seen


def test_while_documents_are_noted_nothing_can_be_done(
    operator: Client, three: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.pipeline.bulk.AT_ONCE", 0)
    address = chosen(operator, all="yes", query="label=red", newest=three[2].pk + 1)
    assert "Noting all that match" in see(operator, address)
    seen = words(operator.post(f"{address}again", {"way": "now"}, follow=True).content)
    assert "still being noted" in seen
