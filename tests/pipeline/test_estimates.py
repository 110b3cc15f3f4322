"""Estimates from real rows: their counters are right at every moment, and what was answered is believed."""

from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from labeling.models import AnswerTally, Document, DocumentTally, ModelPrice
from labeling.money.estimating import Load
from labeling.pipeline import urgent
from labeling.reports.prices import estimate_of, price_book, waiting_loads
from labeling.states import Basis, Way
from labeling.transitions import tallies
from tests.fake_api import FakeApi, errored
from tests.pipeline.story import a_version, brought_in, played, setting, texts

pytestmark = pytest.mark.usefixtures("house")


def test_what_waits_is_known_without_reading_documents_and_copies_are_not_paid_for() -> None:
    version = a_version()
    upload = brought_in(version, ["red", "a longer text", "red"], way=Way.TONIGHT)
    assert waiting_loads() == {(version.pk, Way.TONIGHT): Load(2, len('"red"') + len('"a longer text"'))}
    assert waiting_loads(upload_id=upload.pk) == waiting_loads()
    Document.objects.filter(leader=None).update(way=Way.NOW)
    tallies.fold()
    assert {way: load.documents for (_, way), load in waiting_loads().items()} == {Way.NOW: 2}


def test_a_copy_that_becomes_a_leader_is_paid_for_from_then_on() -> None:
    version = a_version()
    brought_in(version, ["red", "red"])
    Document.objects.filter(leader=None).update(state="withdrawn")
    assert waiting_loads() == {}
    Document.objects.exclude(leader=None).update(leader=None, sha256=b"another")
    assert waiting_loads() == {(version.pk, Way.NOW): Load(1, 5)}


def test_answers_are_counted_by_upload_and_version(fake: FakeApi) -> None:
    version = a_version()
    upload = brought_in(version, ["red", "blue", "green"])
    fake.answers.append(errored("api_error"))
    played(fake)
    sums = AnswerTally.objects.filter(upload=upload, version=version).aggregate(
        n=Sum("answers"),
        size=Sum("document_bytes"),
        out=Sum("output_tokens"),
        usd=Sum("list_usd"),
        paid=Sum("paid_usd"),
    )
    answered = Document.objects.filter(state="labeled").aggregate(size=Sum("encoded_bytes"))["size"]
    assert (sums["n"], sums["size"], sums["out"]) == (2, answered, 40)
    assert (sums["usd"], sums["paid"]) == (Decimal("0.0003"), Decimal("0.00015"))


def test_a_version_that_answered_is_estimated_from_its_own_answers(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(10))
    played(fake)
    found = estimate_of(version.pk, Load(10, DocumentTally.objects.aggregate(n=Sum("leader_bytes"))["n"]))
    assert (found.basis, found.input_tokens, found.output_tokens) == (Basis.VERSION, 500, 200)
    assert found.price(Way.URGENT).likely == Decimal("0.0015")
    assert found.price(Way.TONIGHT).likely == Decimal("0.00075")


def test_a_new_version_is_estimated_from_the_answers_of_the_task(fake: FakeApi) -> None:
    brought_in(a_version(), texts(10), way=Way.URGENT)
    urgent.drain(setting())
    new = a_version(instructions="Name the color again.")
    found = estimate_of(new.pk, Load(10, 200))
    assert (found.basis, found.output_tokens) == (Basis.TASK, 200)


def test_a_task_without_answers_is_estimated_by_length() -> None:
    found = estimate_of(a_version().pk, Load(10, 200))
    assert (found.basis, found.output_tokens, found.most_output_tokens) == (Basis.LENGTH, None, 640)


def test_a_model_without_a_price_has_no_price_here_either() -> None:
    version = a_version(model="claude-mythos-preview", max_tokens=2000)
    assert not ModelPrice.objects.filter(model=version.model).exists()
    assert not estimate_of(version.pk, Load(10, 200)).real_time.is_known


def test_the_number_of_queries_does_not_grow_with_versions_or_estimates(fake: FakeApi) -> None:
    versions = [a_version(f"task-{n}") for n in range(6)]
    for version in versions[:3]:
        brought_in(version, texts(6))
    played(fake)

    def queries(some: int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            book = price_book(version.pk for version in versions[:some])
            for version in versions[:some]:
                book.estimate(version.pk, Load(5, 100))
        return len(seen)

    assert queries(6) == queries(4) <= 5
