"""Every document once, in order, page by page."""

from typing import Any

import pytest

from labeling import exports
from labeling.exports import reading
from tests.exports.samples import at, rows
from tests.factories import make_document, make_request, make_result, make_upload, make_version

pytestmark = pytest.mark.django_db


def test_every_document_comes_once_in_the_order_of_import_however_small_a_page_is(monkeypatch: pytest.MonkeyPatch):
    version = make_version()
    first, second = make_upload(version), make_upload(version)
    foreign = make_upload()
    for number in range(12):
        make_document(first if number % 3 else second, external_id=f"{number}")
        make_document(foreign, external_id="foreign")
    expected = [f"{n}" for n in range(12) if n % 3] + [f"{n}" for n in range(12) if not n % 3]

    for ids in (1, 2, 3, 5, 1000):
        monkeypatch.setattr(reading, "PAGE_IDS", ids)
        assert [row["external_id"] for row in exports.rows(version.task)] == expected


def test_a_page_ends_when_its_texts_are_large_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch):
    upload = make_upload()
    for number in range(7):
        make_document(upload, text=f"{number} {'x' * 100}", external_id=f"{number}")
    monkeypatch.setattr(reading, "PAGE_BYTES", 250)
    sizes = []
    read_page = reading._page

    def watched_page(query: str, place: dict[str, Any]) -> list[tuple[Any, ...]]:
        page = read_page(query, place)
        sizes.append(len(page))
        return page

    monkeypatch.setattr(reading, "_page", watched_page)

    assert [row["external_id"] for row in rows(upload)] == [f"{number}" for number in range(7)]
    assert sizes == [3, 3, 1]


def test_the_number_of_queries_grows_with_the_pages_and_not_with_the_documents(
    django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
):
    upload = make_upload()
    for _ in range(40):
        make_document(upload)

    with django_assert_max_num_queries(8):
        assert len(rows(upload)) == 40


def test_an_upload_alone_can_be_exported_and_one_of_another_task_brings_nothing():
    document, other = make_document(external_id="mine"), make_document(external_id="other")

    assert [row["external_id"] for row in exports.rows(upload=document.upload)] == ["mine"]
    assert list(exports.rows(other.version.task, document.upload)) == []
    with pytest.raises(ValueError, match="a task or an upload"):
        list(exports.rows())


def test_since_brings_what_was_labeled_at_or_after_that_time():
    upload = make_upload(ready_at=at(0))
    for hour in (1, 2, 3):
        make_result(make_request(make_document(upload, external_id=f"{hour}")), created_at=at(hour))
    make_document(upload, external_id="waits")

    assert [row["external_id"] for row in exports.rows(upload=upload, since=at(2))] == ["2", "3"]


def test_a_copy_of_a_text_that_was_labeled_before_is_labeled_when_it_comes_in():
    version = make_version()
    make_result(make_request(make_document(make_upload(version, ready_at=at(0)), text="same")), created_at=at(1))
    make_document(make_upload(version, ready_at=at(5)), text="same", external_id="copy")

    [row] = exports.rows(version.task, since=at(4))

    assert (row["external_id"], row["source"], row["labeled_at"]) == ("copy", "copy", "2026-03-04T05:00:00.000000Z")


def test_since_finds_the_few_among_many_pages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "PAGE_IDS", 2)
    upload = make_upload(ready_at=at(0))
    for number in range(11):
        document = make_document(upload, external_id=f"{number}")
        if number in (5, 10):
            make_result(make_request(document), created_at=at(3))

    assert [row["external_id"] for row in exports.rows(upload=upload, since=at(3))] == ["5", "10"]
