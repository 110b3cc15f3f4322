"""What goes wrong is said in the look of the house, with a way on."""

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from labeling.models import Setting, Upload
from tests.factories import make_task, make_version
from tests.web.reading import words


@pytest.fixture
def small(db: None) -> None:
    make_version(make_task(slug="colors"))
    Setting.objects.create(key="upload_bytes", value=10)


@pytest.mark.parametrize("length", [10 + 26_000_001, 10**15])
def test_a_form_that_is_far_too_large_is_refused_before_it_is_read(operator: Client, small: None, length: int) -> None:
    class Unread:
        def read(self, *_: object) -> bytes:
            raise AssertionError("the body was read")

        readline = read

    response = operator.post("/uploads/new/", **{"CONTENT_LENGTH": str(length), "wsgi.input": Unread()})  # type: ignore[arg-type]
    assert response.status_code == 413
    seen = words(response.content)
    assert "The file is too large" in seen
    assert "10 bytes are allowed" in seen
    assert "Upload another file" in seen


def test_a_file_over_the_limit_is_refused_by_the_form_and_keeps_what_was_chosen(operator: Client, small: None) -> None:
    form = {"task": "colors", "way": "now", "file": SimpleUploadedFile("a.csv", b"text\n" + b"x" * 20)}
    response = operator.post("/uploads/new/", form)
    assert response.status_code == 422
    assert "larger than 10 bytes" in words(response.content)
    assert not Upload.objects.exists()


def test_the_form_tells_the_browser_the_limit(operator: Client, small: None) -> None:
    assert 'data-limit="10"' in operator.get("/uploads/new/").content.decode()


@pytest.mark.parametrize("length", ["", "many", "-5", "²"])
def test_a_length_that_is_no_number_is_left_to_others(viewer: Client, length: str) -> None:
    assert viewer.get("/", CONTENT_LENGTH=length).status_code == 200


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded; charset=utf-16", "multipart/form-data"])
def test_a_form_that_cannot_be_read_is_not_understood(operator: Client, content_type: str) -> None:
    operator.raise_request_exception = False
    operator.handler.enforce_csrf_checks = True
    operator.cookies[settings.CSRF_COOKIE_NAME] = "a" * 32
    response = operator.post("/pause", b"reason=x", content_type=content_type)
    assert response.status_code == 400
    assert "That was not understood" in words(response.content)


def test_something_that_breaks_is_said_without_its_words(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("labeling.views.documents.finding.find", broken)
    viewer.raise_request_exception = False
    response = viewer.get("/documents/")
    assert response.status_code == 500
    assert "Something broke here" in words(response.content)
    assert "secret words" not in response.content.decode()
    assert 'href="/"' in response.content.decode()


def test_the_page_for_a_server_that_is_away_needs_no_account(client: Client, db: None) -> None:
    assert "The server is away" in words(client.get("/offline").content)
    worker = client.get("/sw.js")
    assert worker["Content-Type"] == "text/javascript"
    assert '"/offline"' in worker.content.decode()


def test_an_error_page_names_who_is_signed_in_and_leads_on(viewer: Client) -> None:
    html = viewer.get("/nothing-like-this").content.decode()
    assert User.objects.get().username in html
    assert 'href="/documents/"' in html


@pytest.mark.parametrize(("path", "status"), [("/nothing-like-this", 404), ("/accounts/", 403)])
def test_an_error_page_is_in_the_zone_of_its_reader(viewer: Client, path: str, status: int) -> None:
    viewer.cookies["nightshift_zone"] = "Asia/Tokyo"
    response = viewer.get(path)
    assert response.status_code == status
    assert "Times in Asia/Tokyo" in words(response.content)
