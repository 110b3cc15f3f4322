"""An admin erases with a reason and a typed word; everybody else sees that it was done, and by whom."""

import pytest

from labeling.exports import reading as export
from labeling.models import Activity, Document, Erasure, LabelingTask
from labeling.pipeline import erase
from tests.factories import make_document, make_request, make_result, make_upload, make_version
from tests.web import reading

SECRET = "Maria Zimmermann wants her money back"


def words(response) -> str:
    return reading.words(response.content)


@pytest.fixture
def document(db) -> Document:
    document = make_document(make_upload(make_version()), text=SECRET, external_id="Z-7", metadata={"note": SECRET})
    make_result(make_request(document), answer="red")
    document.refresh_from_db()
    return document


def test_an_operator_is_not_offered_it_and_may_not(document, operator):
    for path in (f"/documents/{document.pk}/", f"/uploads/{document.upload_id}/"):
        assert "Erase this" not in words(operator.get(path))
    assert operator.post(f"/erase/?d={document.pk}", {"reason": "x", "typed": f"D-{document.pk}"}).status_code == 403
    assert operator.post(f"/tasks/{document.version.task.slug}/retention", {"days": "3"}).status_code == 403
    assert Erasure.objects.count() == 0


def test_an_admin_erases_a_document_and_its_page_says_who_and_why(document, admin):
    assert "Erase this document" in words(admin.get(f"/documents/{document.pk}/"))
    path = f"/erase/?d={document.pk}"
    assert f"Type D-{document.pk}" in words(admin.get(path))
    admin.post(path, {"reason": "she asked for it", "typed": f"d-{document.pk}"})
    said = words(admin.get(f"/documents/{document.pk}/"))
    assert "by admin-person: she asked for it" in said
    assert "The text was erased" in said
    assert SECRET not in said
    assert "Z-7" not in said
    assert Activity.objects.filter(by="admin-person", sentence__contains="she asked for it").exists()


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"reason": "because", "typed": "D-0"}, "That is not D-"),
        ({"reason": "", "typed": "{word}"}, "Say why"),
        ({"reason": "because", "typed": ""}, "Type the name"),
    ],
)
def test_without_a_reason_or_the_right_word_nothing_goes(document, admin, form, sentence):
    form = {name: value.format(word=f"D-{document.pk}") for name, value in form.items()}
    response = admin.post(f"/erase/?d={document.pk}", form)
    assert response.status_code == 422
    assert sentence in words(response)
    assert Erasure.objects.count() == 0


def test_an_upload_says_that_it_is_being_erased_and_offers_it_no_more(document, admin, viewer):
    upload = document.upload
    admin.post(f"/erase/?u={upload.pk}", {"reason": "wrong file", "typed": f"U-{upload.pk}"})
    assert "by admin-person: wrong file" in words(viewer.get(f"/uploads/{upload.pk}/"))
    assert "Erase this upload" not in words(admin.get(f"/uploads/{upload.pk}/"))
    again = admin.post(f"/erase/?u={upload.pk}", {"reason": "again", "typed": f"U-{upload.pk}"})
    assert "admin-person asked for it before: wrong file" in words(again)


def test_an_export_says_that_it_was_erased_and_has_no_word_of_it(document, admin):
    admin.post(f"/erase/?d={document.pk}", {"reason": "she asked", "typed": f"D-{document.pk}"})
    (row,) = export.rows(upload=document.upload)
    assert (row["state"], row["text"], row["label"], row["external_id"]) == ("labeled", "", "", "")
    assert row["reason"].startswith("erased on ")
    assert row["reason"].endswith(" by admin-person")
    assert row["paid_cost_usd"] != "0.000000000000"
    assert SECRET not in str(row)


def test_copies_are_named_and_go_only_if_that_is_said(document, admin):
    copy = make_document(make_upload(document.version), text=SECRET)
    path = f"/erase/?d={document.pk}"
    assert "1 other document with the same text" in words(admin.get(path))
    admin.post(path, {"reason": "she asked", "typed": f"D-{document.pk}"})
    copy.refresh_from_db()
    assert (copy.erasure_id, copy.result.answer) == (None, "red")


def test_a_task_says_how_long_it_keeps_texts_and_an_admin_changes_it(document, admin, viewer):
    path = f"/tasks/{document.version.task.slug}/"
    assert "How long texts are kept For ever." in words(viewer.get(path))
    admin.post(f"{path}retention", {"days": "30"})
    said = words(viewer.get(path))
    assert "For 30 days after the file came in" in said
    assert "Keep them so long" not in said
    assert LabelingTask.objects.get().retention_days == 30
    admin.post(f"{path}retention", {"days": ""})
    assert LabelingTask.objects.get().retention_days is None
    for days in ("0", "soon", "-3"):
        admin.post(f"{path}retention", {"days": days})
    assert LabelingTask.objects.get().retention_days is None


@pytest.mark.parametrize("query", ["", "?d=999999", "?u=999999", "?d=x"])
def test_nothing_named_is_not_found(db, admin, query):
    assert admin.get(f"/erase/{query}").status_code == 404


def test_more_than_fit_into_one_act_are_refused_with_a_sentence(document, admin, monkeypatch):
    monkeypatch.setattr(erase, "MOST_DOCUMENTS", 0)
    response = admin.post(f"/erase/?d={document.pk}", {"reason": "all", "typed": f"D-{document.pk}"})
    assert "too many for one act" in words(response)


def test_a_selection_is_erased_with_a_reason_and_its_number_typed(document, admin, operator):
    other = make_document(document.upload, text=f"{SECRET} at once")
    chosen = admin.post("/documents/select", {"document": [document.pk, other.pk]})["Location"]
    key = chosen.rstrip("/").rpartition("/")[2]
    path = f"/erase/?s={key}"
    assert "Erase 2 documents" in words(admin.get(chosen))
    assert "Erase 2 documents" not in words(operator.get(chosen))
    assert operator.post(path, {"reason": "x", "typed": "2 documents"}).status_code == 403
    assert "Type 2 documents" in words(admin.get(path))
    assert admin.post(path, {"reason": "she asked", "typed": "3 documents"}).status_code == 422
    assert Erasure.objects.count() == 0
    said = words(admin.post(path, {"reason": "she asked", "typed": "2 documents"}, follow=True))
    assert "Erased 2 documents." in said
    assert "by admin-person: she asked" in said
    assert SECRET not in said
    again = words(admin.post(path, {"reason": "again", "typed": "2 documents"}))
    assert "admin-person asked for it before: she asked" in again
    assert Document.objects.filter(erasure=None).count() == 0
