"""A file becomes documents and refused rows: each row once, whatever dies on the way."""

from collections.abc import Sequence
from typing import Any

import pytest

from labeling import store
from labeling.files import FileRefused, ReadOptions, RefusedRow
from labeling.models import Document, DocumentText, Upload
from labeling.pipeline import intake
from labeling.states import DocumentState, UploadState, Way
from labeling.transitions.imports import Incoming, store_rows
from tests.pipeline.conftest import House
from tests.pipeline.story import (
    Killed,
    a_version,
    at_once,
    brought_in,
    confirmed,
    received,
    setting,
    states,
    texts,
)

pytestmark = pytest.mark.usefixtures("house")

MIXED = b"one\n\ntwo\n   \nthree\nfour\n\nfive\n"
"""Five documents and three blank rows."""


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "CHUNK_ROWS", 2)


def kill_after(monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    """The import is killed when so many chunks are stored."""
    left = chunks

    def store_some(upload: Upload, rows: Sequence[Incoming], refused: Sequence[RefusedRow]) -> None:
        nonlocal left
        if not left:
            raise Killed
        left -= 1
        store_rows(upload, rows, refused)

    monkeypatch.setattr(intake, "store_rows", store_some)


def columns(upload: Upload) -> tuple[int, int, int, int]:
    upload.refresh_from_db()
    return upload.rows, upload.accepted, upload.refused, upload.copies


def test_every_row_is_accepted_or_refused() -> None:
    upload = confirmed(a_version(), MIXED)
    assert intake.import_rows(upload, setting())
    assert columns(upload) == (8, 5, 3, 0)
    assert upload.state == UploadState.READY
    assert list(upload.refused_rows.values_list("row_number", flat=True)) == [2, 4, 7]


@pytest.mark.usefixtures("small_chunks")
def test_rows_are_accepted_plus_refused_after_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, int]] = []

    def look_after(upload: Upload, rows: Sequence[Incoming], refused: Sequence[RefusedRow]) -> None:
        store_rows(upload, rows, refused)
        row = Upload.objects.get(pk=upload.pk)
        seen.append((row.rows, row.accepted, row.refused))
        assert Document.objects.filter(upload=upload).count() == row.accepted
        assert row.refused_rows.count() == row.refused

    monkeypatch.setattr(intake, "store_rows", look_after)
    assert intake.import_rows(confirmed(a_version(), MIXED), setting())
    assert seen == [(2, 1, 1), (4, 2, 2), (6, 4, 2), (8, 5, 3)]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("chunks", range(4))
def test_an_import_that_is_killed_goes_on_and_nothing_is_twice(monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    upload = confirmed(a_version(), MIXED)
    with monkeypatch.context() as patch:
        kill_after(patch, chunks)
        with pytest.raises(Killed):
            intake.import_rows(upload, setting())
    assert columns(upload)[0] == 2 * chunks
    assert intake.import_rows(upload, setting())
    assert columns(upload) == (8, 5, 3, 0)
    assert list(DocumentText.objects.order_by("pk").values_list("text", flat=True)) == [
        "one", "two", "three", "four", "five",
    ]  # fmt: skip


def test_an_import_that_ends_its_worker_again_and_again_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = confirmed(a_version(), MIXED)
    kill_after(monkeypatch, 0)
    for _ in range(intake.MOST_TRIES):
        with pytest.raises(Killed):
            intake.import_rows(upload, setting())
    assert not intake.import_rows(upload, setting())
    upload.refresh_from_db()
    assert "interrupted 5 times" in upload.error


def test_a_file_whose_check_was_set_aside_has_its_tries_back_with_other_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = intake.receive(
        [MIXED], file_name="x.csv", version=a_version(), way=Way.NOW, options=ReadOptions(), settings=setting()
    )
    Upload.objects.filter(pk=upload.pk).update(import_tries=intake.MOST_TRIES)
    upload.refresh_from_db()
    with pytest.raises(FileRefused, match="was set aside"):
        intake.check(upload, setting())
    assert intake.choose_again(upload, ReadOptions(encoding="utf-8"))
    upload.refresh_from_db()
    intake.check(upload, setting())
    upload.refresh_from_db()
    assert (upload.state, upload.error) == (UploadState.CHECKED, "")


def test_an_import_waits_while_the_disk_is_low_however_often_it_is_tried() -> None:
    upload = confirmed(a_version(), MIXED)
    for _ in range(intake.MOST_TRIES + 1):
        assert not intake.import_rows(upload, setting(min_free_bytes=10**18))
    upload.refresh_from_db()
    assert upload.error.startswith("Only ")
    assert intake.import_rows(upload, setting())
    assert columns(upload) == (8, 5, 3, 0)
    assert upload.error == ""


def test_a_full_disk_in_the_middle_is_told_and_the_import_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = confirmed(a_version(), MIXED)

    def no_space(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(intake, "store_rows", no_space)
        assert not intake.import_rows(upload, setting())
    upload.refresh_from_db()
    assert (upload.state, upload.error) == (UploadState.IMPORTING, "No space left on device")
    assert intake.import_rows(upload, setting())


def test_nothing_comes_in_while_the_disk_is_low() -> None:
    with pytest.raises(store.DiskLow, match="bytes of disk are free"):
        intake.receive(
            [b"x"],
            file_name="x.txt",
            version=a_version(),
            way=Way.NOW,
            options=ReadOptions(),
            settings=setting(min_free_bytes=10**18),
        )
    assert not Upload.objects.exists()


def test_a_file_over_the_limit_is_refused_while_it_comes_in_and_leaves_nothing_behind() -> None:
    before = set(store.folder("uploads").rglob("*"))
    with pytest.raises(FileRefused, match="larger than 10 bytes"):
        intake.receive(
            [b"x" * 8, b"x" * 8],
            file_name="x.txt",
            version=a_version(),
            way=Way.NOW,
            options=ReadOptions(),
            settings=setting(upload_bytes=10),
        )
    assert set(store.folder("uploads").rglob("*")) == before
    assert not Upload.objects.exists()


def test_the_same_file_is_stored_once_and_names_the_first_upload_of_it() -> None:
    version = a_version()
    first, second, third = (received(version, b"the very same\n", name=f"{n}.txt") for n in range(3))
    assert first.sha256 == second.sha256 == third.sha256
    assert store.upload_path(first.sha256).read_bytes() == b"the very same\n"
    assert intake.earlier(first) is None
    assert intake.earlier(second) == intake.earlier(third) == first


def test_a_file_that_cannot_be_imported_keeps_the_sentence() -> None:
    upload = intake.receive(
        [b"a,b\n1,2\n"], file_name="x.csv", version=a_version(), way=Way.NOW, options=ReadOptions(), settings=setting()
    )
    with pytest.raises(FileRefused, match="which column holds the text"):
        intake.check(upload, setting())
    upload.refresh_from_db()
    assert upload.state == UploadState.RECEIVED
    assert upload.inspection["columns"] == ["a", "b"]
    assert intake.choose_again(upload, ReadOptions(text_column="b"))
    upload.refresh_from_db()
    intake.check(upload, setting())
    upload.refresh_from_db()
    assert (upload.state, upload.error) == (UploadState.CHECKED, "")


def test_only_the_first_of_two_who_confirm_or_discard_wins() -> None:
    version = a_version()
    upload = received(version, b"one\n")
    assert intake.confirm(upload, Way.NOW)
    assert not intake.confirm(upload, Way.TONIGHT)
    assert not intake.discard(upload)
    other = received(version, b"two\n")
    assert intake.discard(other)
    assert not intake.confirm(other, Way.NOW)


def test_an_empty_file_with_a_header_is_an_upload_of_no_rows() -> None:
    upload = confirmed(a_version(), b"text\n", name="x.csv")
    assert intake.import_rows(upload, setting())
    assert columns(upload) == (0, 0, 0, 0)


def test_metadata_external_id_and_gold_label_are_kept() -> None:
    content = b"id,text,category,city\na1,my text,red,Bonn\n"
    upload = confirmed(a_version(), content, name="x.csv", id_column="id", gold_column="category")
    intake.import_rows(upload, setting())
    row = DocumentText.objects.get()
    assert (row.external_id, row.text, row.gold_label, row.metadata) == ("a1", "my text", "red", {"city": "Bonn"})


def test_ids_grow_in_the_order_of_the_file() -> None:
    wanted = texts(40)
    brought_in(a_version(), wanted)
    assert list(DocumentText.objects.order_by("pk").values_list("text", flat=True)) == wanted


def test_one_upload_imported_by_two_workers_at_once_is_imported_once() -> None:
    upload = confirmed(a_version(), "".join(f"{text}\n" for text in texts(2000)).encode())
    found = at_once(*[lambda: intake.import_rows(Upload.objects.get(pk=upload.pk), setting())] * 2)
    assert sorted(found) == [False, True]
    assert columns(upload) == (2000, 2000, 0, 0)


@pytest.mark.parametrize("way", [Way.NOW, Way.URGENT])
def test_the_same_file_imported_twice_at_once_agrees_on_the_leaders(
    monkeypatch: pytest.MonkeyPatch, way: Way, house: House
) -> None:
    monkeypatch.setattr(intake, "CHUNK_ROWS", 50)
    version, wanted = a_version(), texts(1000)
    forth = confirmed(version, "".join(f"{text}\n" for text in wanted).encode(), way=way)
    back = confirmed(version, "".join(f"{text}\n" for text in reversed(wanted)).encode(), way=way)
    found = at_once(
        *[lambda pk=pk: intake.import_rows(Upload.objects.get(pk=pk), setting()) for pk in (forth.pk, back.pk)]
    )
    assert found == [True, True]
    assert Document.objects.leaders().count() == 1000
    assert columns(forth)[3] + columns(back)[3] == 1000


def test_two_urgent_uploads_that_pull_the_same_leaders_do_not_lock_each_other_out() -> None:
    version, wanted = a_version(), texts(3000)
    brought_in(version, wanted, way=Way.TONIGHT)
    forth = confirmed(version, "".join(f"{text}\n" for text in wanted).encode(), way=Way.URGENT)
    back = confirmed(version, "".join(f"{text}\n" for text in reversed(wanted)).encode(), way=Way.URGENT)
    found = at_once(
        *[lambda pk=pk: intake.import_rows(Upload.objects.get(pk=pk), setting()) for pk in (forth.pk, back.pk)]
    )
    assert found == [True, True]
    assert set(Document.objects.leaders().values_list("way", flat=True)) == {Way.URGENT}
    assert states() == {DocumentState.QUEUED: 9000}
