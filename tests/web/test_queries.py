"""A page costs the same number of queries for a few rows as for many."""

from datetime import UTC, date, datetime

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.models import LabelingTaskVersion, Night
from labeling.states import BatchState
from tests.factories import make_batch, make_document, make_request, make_result, make_task, make_upload, make_version

MOST = 64
PATHS = (
    "/",
    "/live/night",
    "/nights/",
    "/nights/2026-11-19/",
    "/live/nights/2026-11-19",
    "/uploads/",
    "/live/uploads",
    "/uploads/900001/",
    "/live/uploads/900001",
    "/documents/",
    "/documents/?q=text",
    "/documents/900001/",
    "/batches/",
    "/live/batches",
    "/batches/900001/",
    "/live/batches/900001",
    "/doubts/",
    "/live/doubts",
    "/decisions/",
    "/live/decisions",
    "/decisions/?tab=again",
    "/decisions/?tab=closed",
    "/live/decisions/going-again",
    "/decisions/colors/not_a_label/",
    "/live/decisions/colors/not_a_label",
    "/savings/",
    "/tasks/",
    "/tasks/colors/",
    "/activity/",
)


@pytest.fixture
def version(db: None) -> LabelingTaskVersion:
    night = Night.objects.create(date=date(2026, 11, 19), due_at=datetime(2026, 11, 19, tzinfo=UTC))
    version = make_version(make_task(slug="colors"))
    upload = make_upload(version, pk=900_001)
    batch = make_batch(version, pk=900_001)
    make_result(make_request(make_document(upload, pk=900_001), batch=batch))
    fill(version, night)
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


@pytest.mark.parametrize("path", PATHS)
def test_queries_are_bounded_and_do_not_grow_with_the_rows(
    viewer: Client, version: LabelingTaskVersion, path: str
) -> None:
    few = _queries(viewer, path)
    for _ in range(3):
        fill(version, Night.objects.get())
    many = _queries(viewer, path)
    assert many == few
    assert many <= MOST


def _queries(client: Client, path: str) -> int:
    cache.clear()
    client.get(path)
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def test_no_page_counts_documents_but_failures_and_labels_of_one_upload(
    viewer: Client, version: LabelingTaskVersion
) -> None:
    with CaptureQueriesContext(connection) as queries:
        for path in PATHS:
            assert viewer.get(path).status_code == 200
    counting = [q["sql"] for q in queries if 'COUNT("labeling_document"."id")' in q["sql"]]
    allowed = ("'failed'", '"upload_id" = 900001', '"not_before" >')
    assert [sql for sql in counting if not any(part in sql for part in allowed)] == []


def test_the_web_does_not_import_the_sdk() -> None:
    import subprocess
    import sys

    code = (
        "import django; django.setup(); import batchsite.urls, labeling.urls, sys; "
        "print([m for m in sys.modules if m.split('.')[0] == 'anthropic'])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
