"""Trying a version from its page."""

import pytest
from django.test import Client

from labeling.models import Document, LabelingTask, LabelingTaskVersion, Upload
from labeling.states import Lane, UploadKind
from tests.factories import make_document, make_request, make_result, make_task, make_upload, make_version
from tests.web.reading import see, words


@pytest.fixture
def draft(db: None) -> LabelingTaskVersion:
    version = make_version(make_task(slug="colors"))
    make_result(make_request(make_document(make_upload(version), text="a red thing", gold_label="red")))
    return make_version(version.task, draft=True)


def a_try(client: Client, **chosen: str) -> str:
    response = client.post("/tasks/colors/versions/2/try", {"seen": "2.1", **chosen}, follow=True)
    return words(response.content)


def test_a_draft_is_tried_on_random_documents(operator: Client, draft: LabelingTaskVersion) -> None:
    said = a_try(operator, on="random", count="20")
    assert "Tried on 1 document" in said
    assert "a red thing" in said
    assert Upload.objects.get(kind=UploadKind.TRIAL).version == draft


def test_a_draft_is_tried_on_one_document_or_a_text(operator: Client, draft: LabelingTaskVersion) -> None:
    assert "a red thing" in a_try(operator, on="document", document=f"D-{Document.objects.get().pk}")
    assert "a &lt;b&gt;violet&lt;/b&gt; thing" in a_try(operator, on="text", text="a <b>violet</b> thing")


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"on": "random", "count": "101"}, "Not tried:"),
        ({"on": "random"}, "Not tried: Choose on how many, from 1 to 100."),
        ({"on": "document", "document": "x"}, "Not tried: Write a document like D-12."),
        ({"on": "document", "document": "D-99999999"}, "Not tried: There is no document to try it on."),
        ({"on": "text", "text": " "}, "Not tried: Write a text to try it on."),
        ({"on": "everything"}, "Not tried:"),
        ({"on": "random", "count": "5", "seen": "2.0"}, "Not tried: The draft was saved again"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_words(
    operator: Client, draft: LabelingTaskVersion, chosen: dict[str, str], sentence: str
) -> None:
    assert sentence in a_try(operator, **chosen)
    assert not Upload.objects.filter(kind=UploadKind.TRIAL).exists()


def test_the_page_shows_the_answer_beside_the_label_in_use_and_gold(
    operator: Client, viewer: Client, draft: LabelingTaskVersion
) -> None:
    a_try(operator, on="random", count="5")
    trial = Upload.objects.get(kind=UploadKind.TRIAL)
    make_result(make_request(Document.objects.get(upload=trial), lane=Lane.URGENT), answer="blue")
    seen = see(viewer, f"/tasks/colors/tries/{trial.pk}/")
    assert "0 of 1 equal to gold" in seen
    assert "Too close to call." in seen
    assert "Labels with mistakes" in viewer.get(f"/tasks/colors/tries/{trial.pk}/").content.decode()


def test_a_trial_that_is_done_does_not_poll_any_more(operator: Client, draft: LabelingTaskVersion) -> None:
    a_try(operator, on="random", count="5")
    trial = Upload.objects.get(kind=UploadKind.TRIAL)
    address = f"/tasks/colors/tries/{trial.pk}/"
    assert "every 2s" in operator.get(address).content.decode()
    make_result(make_request(Document.objects.get(upload=trial), lane=Lane.URGENT), answer="red")
    assert 'hx-trigger="every' not in operator.get(address).content.decode()


def test_an_upload_of_a_file_is_no_trial(viewer: Client, draft: LabelingTaskVersion) -> None:
    upload = Upload.objects.get()
    assert viewer.get(f"/tasks/colors/tries/{upload.pk}/").status_code == 404
    assert LabelingTask.objects.count() == 1
