"""A page costs the same number of queries for a few rows as for many."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks import pages
from labeling.models import LabelingTaskVersion, Night
from labeling.states import BatchState
from labeling.urls import urlpatterns
from tests.factories import make_batch, make_document, make_request, make_result, make_upload
from tests.web.addresses import TABLE, Who, furnish

MOST = 51
SEARCHES = ("/documents/?q=text", "/documents/?state=open", "/decisions/?tab=again", "/decisions/?tab=closed")
BY_UPLOAD = {"task_labels"}
"""Downloads that read upload after upload."""

PATHS = [
    *(a.url for a in TABLE if "GET" in a.methods and a.who >= Who.VIEWER and a.name not in BY_UPLOAD),
    *SEARCHES,
]


@pytest.fixture
def version(db: None) -> LabelingTaskVersion:
    version = furnish()
    fill(version, Night.objects.get())
    return version


def fill(version: LabelingTaskVersion, night: Night) -> None:
    """Some of every kind."""
    upload = make_upload(version)
    running = make_batch(version, night=night)
    ended = make_batch(version, state=BatchState.IN_PROGRESS, night=night)
    make_batch(version, state=BatchState.INGESTED, night=night)
    for _ in range(4):
        make_document(upload)
        make_request(make_document(upload), batch=running)
        make_result(make_request(make_document(upload), batch=ended), usable=False, failure_reason="not_a_label")
    make_result(make_request(make_document(upload)))
    make_result(make_request(make_document(upload)), usable=False, goes_again=True)


def test_queries_are_bounded_and_do_not_grow_with_the_rows(admin: Client, version: LabelingTaskVersion) -> None:
    few = {path: len(_queries(admin, path)) for path in PATHS}
    for _ in range(3):
        fill(version, Night.objects.get())
    many = {path: len(_queries(admin, path)) for path in PATHS}
    assert {path: (few[path], many[path]) for path in PATHS if many[path] != few[path]} == {}
    assert {path: n for path, n in many.items() if n > MOST} == {}


def test_no_page_counts_documents_but_failures_and_labels_of_one_upload(
    admin: Client, version: LabelingTaskVersion
) -> None:
    counting = [sql for path in PATHS for sql in _queries(admin, path) if 'COUNT("labeling_document"."id")' in sql]
    allowed = ("'failed'", '"upload_id" = 900001', '"not_before" >')
    assert [sql for sql in counting if not any(part in sql for part in allowed)] == []


def _queries(client: Client, path: str) -> list[str]:
    """What a page or a download asks once its templates are there; nothing is cached."""
    cache.clear()
    client.get(path)
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path)
        b"".join(response)
    assert response.status_code == 200
    return [query["sql"] for query in queries]


def test_the_benchmark_has_a_row_for_everything_that_an_address_can_name() -> None:
    named = {name for pattern in urlpatterns for name in pattern.pattern.converters}
    assert named <= set(pages.SAMPLES)


def test_the_web_does_not_import_the_sdk() -> None:
    import subprocess
    import sys

    code = (
        "import django; django.setup(); import batchsite.urls, labeling.urls, sys; "
        "print([m for m in sys.modules if m.split('.')[0] == 'anthropic'])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
