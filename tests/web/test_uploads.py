"""From the form to the labels, through the pages; the stages that workers play are called directly."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from labeling import configuration
from labeling.files import FileRefused
from labeling.models import Activity, Document, LabelingTaskVersion, Upload
from labeling.pipeline import intake, send_now
from labeling.states import UploadState, Way
from tests.factories import make_document, make_request, make_result, make_task, make_upload, make_version
from tests.files.test_workbooks import book

HX = {"HX-Request": "true"}


@pytest.fixture
def version(db: None) -> LabelingTaskVersion:
    return make_version(make_task(slug="colors", name="Colors"))


def send(client: Client, content: bytes, name: str = "things.csv", **fields: str) -> Upload:
    response = client.post(
        "/uploads/new/", {"task": "colors", "way": "tonight", "file": SimpleUploadedFile(name, content), **fields}
    )
    assert response.status_code == 302, response.content.decode()
    upload = Upload.objects.latest("pk")
    assert response["Location"] == f"/uploads/{upload.pk}/"
    return upload


def check(upload: Upload) -> None:
    upload.refresh_from_db()
    intake.check(upload, configuration.load())


def page(client: Client, upload: Upload) -> str:
    return client.get(f"/uploads/{upload.pk}/").content.decode()


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_file_goes_from_the_form_to_a_balance(operator: Client, version: LabelingTaskVersion) -> None:
    upload = send(operator, b"id,text\n1,a red car\n2,a blue bird\n3,\n4,a red car\n")
    assert "The file is being read" in page(operator, upload)
    check(upload)
    checked = page(operator, upload)
    assert "Which column holds the text?" in checked
    assert "a blue bird" in checked
    operator.post(f"/uploads/{upload.pk}/import", {"way": "now"})
    upload.refresh_from_db()
    assert (upload.state, upload.way) == (UploadState.IMPORTING, Way.NOW)
    assert "0 rows so far" in words(page(operator, upload))
    intake.import_rows(upload, configuration.load())
    ready = words(page(operator, upload))
    assert "4 rows = 3 accepted (2 to pay + 1 copy) + 1 refused" in ready
    assert "The text is blank." in ready
    assert Document.objects.filter(upload=upload, way=Way.NOW).count() == 3


def test_tonight_is_chosen_beforehand(operator: Client, version: LabelingTaskVersion) -> None:
    html = operator.get("/uploads/new/").content.decode()
    assert 'name="way" value="tonight" checked' in html
    assert html.count(" checked>") == 1


def test_pasted_text_is_a_document_for_each_line(operator: Client, version: LabelingTaskVersion) -> None:
    response = operator.post("/uploads/new/", {"task": "colors", "way": "now", "text": "red, green\nblue\n"})
    upload = Upload.objects.get()
    assert response["Location"] == f"/uploads/{upload.pk}/"
    check(upload)
    operator.post(f"/uploads/{upload.pk}/import", {"way": "now"})
    intake.import_rows(upload, configuration.load())
    assert sorted(Document.objects.values_list("content__text", flat=True)) == ["blue", "red, green"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"task": "colors", "way": "now"}, "Choose a file, or paste some text."),
        ({"task": "", "way": "now", "text": "x"}, "Choose a labeling task."),
        ({"task": "gone", "way": "now", "text": "x"}, "That labeling task does not exist."),
    ],
)
def test_a_form_that_lacks_something_says_what(
    operator: Client, version: LabelingTaskVersion, fields: dict[str, str], sentence: str
) -> None:
    response = operator.post("/uploads/new/", fields)
    assert (response.status_code, Upload.objects.count()) == (422, 0)
    assert sentence in response.content.decode()


def test_a_file_over_the_limit_is_refused_with_a_sentence(
    operator: Client, version: LabelingTaskVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_UPLOAD_BYTES", "10")
    response = operator.post(
        "/uploads/new/", {"task": "colors", "way": "now", "file": SimpleUploadedFile("a.txt", b"x" * 11)}
    )
    assert "The file is larger than 10 bytes." in response.content.decode()


def test_the_same_file_again_is_said_with_who_and_when(
    operator: Client, version: LabelingTaskVersion, person: Callable[[str], User]
) -> None:
    first = send(operator, b"text\nred\n")
    second = send(operator, b"text\nred\n", "again.csv")
    html = words(page(operator, second))
    assert f"The same file came in before: U-{first.pk} by operator-person" in html
    assert "The same file" not in page(operator, first)


def test_a_column_that_must_be_chosen_can_be_chosen_on_the_page(operator: Client, version: LabelingTaskVersion) -> None:
    upload = send(operator, b"a,b\nred,1\nblue,2\n")
    with pytest.raises(FileRefused):
        check(upload)
    html = page(operator, upload)
    assert "The first rows are below." in html
    assert 'value="a" checked' in html  # proposed, and read only when a person says so
    assert "has the longest texts" in html
    operator.post(f"/uploads/{upload.pk}/columns", {"text_column": "a", "id_column": "b", "header": "yes"})
    check(upload)
    upload.refresh_from_db()
    assert (upload.inspection["text_column"], upload.inspection["id_column"]) == ("a", "b")


def test_encoding_and_delimiter_can_be_chosen_and_are_kept(operator: Client, version: LabelingTaskVersion) -> None:
    upload = send(operator, "ort;text\nKöln;rot, sehr\n".encode("cp1252"))
    check(upload)
    assert "found by itself: " in page(operator, upload)
    form = {"text_column": "text", "header": "yes", "encoding": "cp1252", "delimiter": ";"}
    operator.post(f"/uploads/{upload.pk}/columns", form)
    check(upload)
    upload.refresh_from_db()
    assert upload.inspection["columns"] == ["ort", "text"]
    seen = page(operator, upload)
    assert '<option value=";" selected>semicolon</option>' in seen
    assert '<option value="cp1252" selected>' in seen
    operator.post(f"/uploads/{upload.pk}/columns", {**form, "delimiter": "|"})
    check(upload)
    upload.refresh_from_db()
    assert upload.inspection["columns"] == ["ort;text"]


def test_another_header_means_that_columns_are_found_anew(operator: Client, version: LabelingTaskVersion) -> None:
    upload = send(operator, b"text\nred\n")
    check(upload)
    operator.post(f"/uploads/{upload.pk}/columns", {"text_column": "text", "header": "no"})
    check(upload)
    upload.refresh_from_db()
    assert upload.inspection["columns"] == ["column_1"]


def test_a_command_with_htmx_answers_with_the_changed_part_and_a_toast(
    operator: Client, version: LabelingTaskVersion
) -> None:
    upload = send(operator, b"text\nred\n")
    check(upload)
    response = operator.post(f"/uploads/{upload.pk}/import", {"way": "tonight"}, headers=HX)
    html = response.content.decode()
    assert response.status_code == 200
    assert 'hx-trigger="every 2s"' in html
    assert 'id="toasts" hx-swap-oob="beforeend"' in html
    assert "Importing. You can leave this page" in html
    assert "<html" not in html


def test_who_loses_the_race_to_import_reads_who_won(
    operator: Client, admin: Client, version: LabelingTaskVersion
) -> None:
    upload = send(operator, b"text\nred\n")
    check(upload)
    admin.post(f"/uploads/{upload.pk}/import", {"way": "urgent"})
    response = operator.post(f"/uploads/{upload.pk}/import", {"way": "tonight"}, follow=True)
    assert "this upload is importing meanwhile. admin-person was first" in response.content.decode()
    upload.refresh_from_db()
    assert upload.way == Way.URGENT
    assert Activity.objects.filter(subject=f"U-{upload.pk}", sentence__startswith="Imports").count() == 1


def test_a_discarded_file_is_not_imported(operator: Client, version: LabelingTaskVersion) -> None:
    upload = send(operator, b"text\nred\n")
    check(upload)
    assert operator.post(f"/uploads/{upload.pk}/discard")["Location"] == "/uploads/"
    response = operator.post(f"/uploads/{upload.pk}/import", {"way": "now"}, follow=True)
    assert "this upload is discarded meanwhile" in response.content.decode()
    assert not Document.objects.exists()


def test_what_waits_can_leave_another_way_and_what_is_in_flight_stays(
    operator: Client, version: LabelingTaskVersion
) -> None:
    from tests.factories import make_request

    upload = make_upload(version)
    waiting, flying = make_document(upload), make_document(upload)
    make_request(flying)
    response = operator.post(f"/uploads/{upload.pk}/way", {"way": "urgent"}, follow=True)
    assert "It leaves in 30 seconds" in response.content.decode()
    send_now.carry_out_due(timezone.now() + send_now.TIME_TO_UNDO)
    waiting.refresh_from_db()
    flying.refresh_from_db()
    assert (waiting.way, flying.way) == (Way.URGENT, Way.TONIGHT)


def test_refused_rows_come_out_as_csv_with_line_and_reason(operator: Client, version: LabelingTaskVersion) -> None:
    upload = send(operator, b"id,text\n1,red\n2,\n")
    check(upload)
    before = operator.get(f"/uploads/{upload.pk}/refused.csv")
    told_before = b"".join(before)
    operator.post(f"/uploads/{upload.pk}/import", {"way": "now"})
    intake.import_rows(upload, configuration.load())
    after = operator.get(f"/uploads/{upload.pk}/refused.csv")
    assert "attachment" in before["Content-Disposition"]
    assert told_before.decode().splitlines()[1].startswith("2,3,blank_text,")
    assert b"".join(after) == told_before


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_labels_are_downloaded_in_each_format(operator: Client, version: LabelingTaskVersion, form: str) -> None:
    upload = make_upload(version)
    make_document(upload, text="a red thing")
    response = operator.get(f"/uploads/{upload.pk}/labels.{form}")
    assert response["Content-Disposition"] == f'attachment; filename="U-{upload.pk}-labels.{form}"'
    assert len(b"".join(response)) > 20


def test_a_format_that_does_not_exist_is_not_found(operator: Client, version: LabelingTaskVersion) -> None:
    assert operator.get(f"/uploads/{make_upload(version).pk}/labels.pdf").status_code == 404


def test_markup_in_names_and_cells_is_shown_and_not_run(operator: Client, version: LabelingTaskVersion) -> None:
    upload = send(operator, b"id,text\n1,<script>alert(1)</script>\n", "<img src=x onerror=alert(2)>.csv")
    check(upload)
    html = page(operator, upload)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert" not in html
    assert "<img" not in html


def test_columns_that_were_chosen_and_not_read_yet_are_read_before_the_import(
    operator: Client, version: LabelingTaskVersion
) -> None:
    upload = send(operator, b"id,text,better\n1,red,blue\n")
    check(upload)
    assert 'hx-include="#columns-form"' in page(operator, upload)
    chosen = {
        "way": "now",
        "text_column": "better",
        "id_column": "id",
        "gold_column": "",
        "header": "yes",
        "format": "",
    }
    response = operator.post(f"/uploads/{upload.pk}/import", chosen, follow=True)
    assert "Not imported yet: the file is read again with your columns." in response.content.decode()
    upload.refresh_from_db()
    assert (upload.state, upload.way) == (UploadState.RECEIVED, Way.NOW)
    check(upload)
    operator.post(f"/uploads/{upload.pk}/import", chosen)
    intake.import_rows(upload, configuration.load())
    assert Document.objects.get().content.text == "blue"


def test_columns_with_blanks_and_line_ends_in_their_names_do_not_stand_in_the_way(
    operator: Client, version: LabelingTaskVersion
) -> None:
    upload = send(operator, b'" id","my\ntext"\n1,red\n')
    operator.post(f"/uploads/{upload.pk}/columns", {"text_column": "my\ntext", "id_column": " id"})
    check(upload)
    assert '<option value=" id" selected> id</option>' in page(operator, upload)
    operator.post(
        f"/uploads/{upload.pk}/import", {"way": "now", "text_column": "my\r\ntext", "id_column": " id", "header": "yes"}
    )
    upload.refresh_from_db()
    assert upload.state == UploadState.IMPORTING


def test_the_form_has_the_steps_of_the_receipt(operator: Client, version: LabelingTaskVersion) -> None:
    assert "1 File 2 Check 3 Import 4 Labels" in words(operator.get("/uploads/new/").content.decode())


def test_one_document_that_leaves_another_way_is_one_in_the_activity(
    operator: Client, version: LabelingTaskVersion
) -> None:
    upload = make_upload(version)
    make_document(upload, way=Way.NOW)
    operator.post(f"/uploads/{upload.pk}/way", {"way": "tonight"})
    assert Activity.objects.get().sentence.startswith(f"1 document of {upload.file_name} leaves in tonight")


def test_an_upload_of_which_something_was_sent_again_is_not_called_done(viewer: Client) -> None:
    upload = make_upload(state=UploadState.DONE)
    assert words(page(viewer, upload).partition("<h1>")[2].partition("</h1>")[0]).rstrip().endswith("Done")
    make_document(upload)
    again = words(page(viewer, upload).partition("<h1>")[2].partition("</h1>")[0])
    assert again.rstrip().endswith("Sent again in part")
    assert "Done" not in again


def test_a_workbook_comes_in_and_another_sheet_can_be_chosen(operator: Client, version: LabelingTaskVersion) -> None:
    upload = send(operator, book([["text"], ["one"]], [["text", "note"], ["two", 7.0]]), "book.xlsx")
    check(upload)
    html = operator.get(f"/uploads/{upload.pk}/").content.decode()
    assert "The workbook has 2 sheets" in html
    assert '<option value="Sheet2">Sheet2</option>' in html
    choice = {"way": "now", "sheet": "Sheet2", "header": "yes", "text_column": "text"}
    operator.post(f"/uploads/{upload.pk}/import", choice)
    check(upload)
    operator.post(f"/uploads/{upload.pk}/import", choice)
    upload.refresh_from_db()
    assert intake.import_rows(upload, configuration.load())
    found = [(document.content.text, document.content.metadata) for document in Document.objects.all()]
    assert found == [("two", {"note": "7"})]
    lines = b"".join(operator.get(f"/uploads/{upload.pk}/original")).decode().splitlines()
    assert lines == ["text,note,label,state,reason", "two,7,,queued,"]


def test_the_list_is_searched_and_filtered(viewer: Client, operator: Client, version: LabelingTaskVersion) -> None:
    ada = User.objects.create_user("ada")
    wanted = make_upload(version, file_name="March letters.csv", created_by=ada)
    make_upload(file_name="april.csv", state=UploadState.DISCARDED)
    for query in ("q=letters+MARCH", f"q=U-{wanted.pk}", "task=colors", "by=ada", "state=ready"):
        seen = viewer.get(f"/uploads/?{query}").content.decode()
        assert "March letters.csv" in seen, query
        assert "april.csv" not in seen, query
        assert "hx-trigger" not in seen.partition('id="live"')[2].partition(">")[0]
    assert "No upload matches" in viewer.get("/uploads/?q=nothing").content.decode()
    assert "april.csv" in viewer.get("/uploads/?state=nonsense&before=zz").content.decode()


def test_the_list_shows_what_was_paid_and_gives_the_labels(viewer: Client, version: LabelingTaskVersion) -> None:
    upload = make_upload(version)
    make_result(make_request(make_document(upload)), answer="red")
    other = make_upload(version)
    make_document(other)
    html = viewer.get("/uploads/").content.decode()
    assert "$0.00008" in html
    assert f'href="/uploads/{upload.pk}/original"' in html
    assert f'href="/uploads/{other.pk}/original"' not in html
    assert "does not balance" not in html
    Upload.objects.filter(pk=other.pk).update(rows=2, accepted=2)
    assert "does not balance" in viewer.get("/uploads/").content.decode()


@pytest.mark.parametrize(("held_by", "word"), [({}, "Waiting"), ({"hold_kind": "person"}, "Held")])
def test_an_upload_of_which_nothing_is_in_flight_is_not_said_to_be_labeled(
    viewer: Client, version: LabelingTaskVersion, held_by: dict[str, str], word: str
) -> None:
    upload = make_upload(version)
    make_document(upload)
    held = {"held_at": timezone.now(), "held_by": "ann", **held_by} if held_by else {}
    Upload.objects.filter(pk=upload.pk).update(**held)
    assert f"</span>{word}</span>" in viewer.get("/uploads/").content.decode()
    assert f"</span>{word}</span>" in page(viewer, upload)
