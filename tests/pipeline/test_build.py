"""Queued documents become batches: cut by count, bytes and the queue's limit, each document once."""

import re
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from labeling.messages import bodies
from labeling.models import Batch, Document, Night, Request, Upload
from labeling.pipeline import build, intake, pausing, submit
from labeling.states import BatchState, DocumentState, Way
from labeling.transitions import ways
from tests.fake_api import FakeApi, expired
from tests.pipeline.story import (
    a_version,
    at,
    at_once,
    brought_in,
    built,
    confirmed,
    fetched,
    polled,
    sent,
    setting,
    states,
    texts,
)

pytestmark = pytest.mark.usefixtures("house")

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)


def totals(batches: list[Batch]) -> list[int]:
    return [batch.request_total for batch in batches]


def test_a_batch_has_at_most_so_many_requests() -> None:
    brought_in(a_version(), texts(5))
    assert totals(built(setting(batch_requests=2))) == [2, 2, 1]
    assert states() == {DocumentState.BATCHED: 5}


def test_documents_leave_in_the_order_they_came() -> None:
    brought_in(a_version(), texts(5))
    built(setting(batch_requests=2))
    assert list(Request.objects.order_by("pk").values_list("document__content__text", flat=True)) == texts(5)


@pytest.mark.parametrize("word", ["plain", 'quo"tes\\and\ttabs', "ümläut €", "emoji 🌙"])
def test_an_encoded_body_is_never_larger_than_the_limit(fake: FakeApi, word: str) -> None:
    version = a_version()
    brought_in(version, texts(40, word * 20))
    limit = 10 * (bodies.request_bytes(version.spec) + 20 * len(orjson.dumps(word)))
    planned = built(setting(batch_bytes=limit))
    assert len(planned) > 3
    for batch in planned:
        sizes: list[int] = []
        fake_create = fake.create_batch

        def measured(body, *, deadline, create=fake_create, sizes=sizes):
            sizes.append(body.stat().st_size)
            return create(body, deadline=deadline)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("labeling.batch_api.create_batch", measured)
            assert submit.submit(batch, setting())
        assert sizes[0] <= batch.body_bytes <= limit


def test_a_document_larger_than_the_cut_goes_alone(fake: FakeApi) -> None:
    brought_in(a_version(), ["small one", "x" * 5000, "small two", "small three"])
    assert totals(built(setting(batch_bytes=3000))) == [1, 1, 2]
    assert Batch.objects.filter(body_bytes__gt=3000).count() == 1


def test_all_open_batches_together_stay_below_the_queue_limit(fake: FakeApi) -> None:
    brought_in(a_version(), texts(10))
    settings = setting(batch_requests=3, queue_limit=7)
    assert totals(built(settings)) == [3, 3, 1]
    assert built(settings) == []
    submit.submit(Batch.objects.earliest("pk"), settings)
    fake.end()
    polled(settings)
    assert Batch.objects.requests_in_queue() == 4
    assert totals(built(settings)) == [3]


def test_a_frozen_batch_counts_against_the_queue(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    fake.lose_answer_of_create()
    assert [batch.state for batch in sent(setting(batch_requests=2, queue_limit=2))] == [BatchState.UNKNOWN]
    assert built(setting(queue_limit=2)) == []


def test_the_most_urgent_task_leaves_first() -> None:
    brought_in(a_version("low", priority=-1), ["a"])
    brought_in(a_version("high", priority=5), ["b"])
    brought_in(a_version("middle"), ["c"])
    assert [batch.version.task.slug for batch in built()] == ["high", "middle", "low"]


def test_a_batch_has_one_version_and_one_way() -> None:
    version = a_version()
    brought_in(version, ["a"])
    brought_in(version, ["b"], way=Way.TONIGHT)
    brought_in(a_version(instructions="Other words."), ["a"])
    assert sorted((batch.way, batch.version.number) for batch in built()) == [("now", 1), ("now", 2), ("tonight", 1)]


def test_urgent_documents_are_never_built_into_a_batch() -> None:
    brought_in(a_version(), ["a"], way=Way.URGENT)
    assert built() == []


def test_nothing_is_built_behind_a_closed_gate() -> None:
    version, other = a_version("held"), a_version("free")
    brought_in(version, ["a"])
    brought_in(other, ["b"])
    pausing.pause_task(version.task, by="anna", reason="wait")
    assert [batch.version.task.slug for batch in built()] == ["free"]
    brought_in(other, ["c"])
    pausing.pause_everything(by="anna", reason="wait")
    assert built() == []
    pausing.resume_everything(by="anna")
    assert [batch.version.task.slug for batch in built()] == ["held", "free"]


def test_a_document_waits_until_its_back_off_is_over() -> None:
    brought_in(a_version(), ["a", "b"])
    now = timezone.now()
    first = Document.objects.earliest("pk")
    Document.objects.filter(pk=first.pk).update(not_before=now + timedelta(minutes=5))
    assert totals(build.build_due(setting(), now)) == [1]
    assert build.build_due(setting(), now + timedelta(minutes=4)) == []
    assert totals(build.build_due(setting(), now + timedelta(minutes=5))) == [1]


def test_documents_of_an_upload_that_is_still_importing_wait_for_the_whole() -> None:
    upload = brought_in(a_version(), ["a", "b"])
    Upload.objects.filter(pk=upload.pk).update(state="importing", ready_at=None, counts_from=None)
    assert built() == []


def test_documents_of_an_importing_upload_do_not_ride_along_with_those_of_a_ready_one() -> None:
    version = a_version()
    brought_in(version, ["a"])
    other = brought_in(version, ["b"])
    Upload.objects.filter(pk=other.pk).update(state="importing", ready_at=None, counts_from=None)
    assert totals(built()) == [1]
    assert Request.objects.get().document.content.text == "a"


def test_custom_ids_fit_the_api_and_are_unique() -> None:
    brought_in(a_version(), texts(30))
    built(setting(batch_requests=10))
    found = list(Request.objects.values_list("custom_id", "batch__token"))
    assert len({custom_id for custom_id, _ in found}) == 30
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", custom_id) for custom_id, _ in found)
    assert all(custom_id.split("-")[1] == token for custom_id, token in found)


def test_the_room_of_the_queue_is_looked_at_again_for_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another builder may have filled it since it was shared out."""
    upload = brought_in(a_version(), texts(5))
    monkeypatch.setattr(build, "_fair_shares", lambda versions, *_: {versions[0]: {upload.pk: 5}})
    assert totals(built(setting(queue_limit=3))) == [3]


def test_two_builders_at_once_build_each_document_once() -> None:
    brought_in(a_version(), texts(300))
    brought_in(a_version("other"), texts(300))
    settings = setting(batch_requests=7)
    found = at_once(*[lambda: build.build_due(settings, timezone.now())] * 3)
    built_by_all = [batch for batches in found for batch in batches] + built(settings)
    assert sum(batch.request_total for batch in built_by_all) == Request.objects.count() == 600
    assert states() == {DocumentState.BATCHED: 600}


def test_two_builders_at_once_stay_below_the_queue_limit() -> None:
    brought_in(a_version(), texts(300))
    settings = setting(batch_requests=7, queue_limit=100)
    at_once(*[lambda: build.build_due(settings, timezone.now())] * 3)
    built(settings)
    assert Batch.objects.requests_in_queue() == 100


# A room that is too small for all


def taken(upload: Upload) -> int:
    return Document.objects.filter(upload=upload, state=DocumentState.BATCHED).count()


def test_a_large_upload_does_not_starve_small_ones_of_the_same_version() -> None:
    version = a_version()
    large = brought_in(version, texts(50, "large"))
    small = [brought_in(version, texts(3, word)) for word in ("one", "two")]
    assert totals(built(setting(batch_requests=8, queue_limit=20))) == [8, 8, 4]
    assert [taken(upload) for upload in (large, *small)] == [14, 3, 3]


def test_a_batch_knows_how_many_of_its_requests_belong_to_which_upload() -> None:
    version = a_version()
    uploads = [brought_in(version, texts(n, word)) for n, word in ((5, "one"), (3, "two"))]
    first, second = built(setting(batch_requests=6))
    assert dict(first.shares.values_list("upload", "requests")) == {uploads[0].pk: 5, uploads[1].pk: 1}
    assert dict(second.shares.values_list("upload", "requests")) == {uploads[1].pk: 2}


def test_a_large_upload_does_not_starve_another_version_of_the_same_priority() -> None:
    large = brought_in(a_version("large"), texts(50))
    small = brought_in(a_version("small"), texts(4))
    found = built(setting(queue_limit=10))
    assert [(batch.version.task.slug, batch.request_total) for batch in found] == [("large", 6), ("small", 4)]
    assert (taken(large), taken(small)) == (6, 4)


def test_large_uploads_share_equally_and_the_oldest_gets_what_is_odd() -> None:
    first, second = brought_in(a_version("first"), texts(50)), brought_in(a_version("second"), texts(40))
    built(setting(queue_limit=11))
    assert (taken(first), taken(second)) == (6, 5)


def test_a_task_of_higher_priority_goes_before_any_sharing() -> None:
    low = brought_in(a_version("low"), ["a", "b"])
    high = brought_in(a_version("high", priority=1), texts(50))
    built(setting(queue_limit=10))
    assert (taken(high), taken(low)) == (10, 0)


def test_the_version_with_the_oldest_upload_leaves_first() -> None:
    young, old = a_version("young"), a_version("old")
    brought_in(old, ["a"])
    brought_in(young, ["b"])
    assert [batch.version.task.slug for batch in built()] == ["old", "young"]


def test_copies_and_documents_that_wait_for_their_time_take_no_share() -> None:
    version = a_version()
    first = brought_in(version, texts(6))
    copies = brought_in(version, texts(6))
    waiting = brought_in(version, texts(6, "later"))
    Document.objects.filter(upload=waiting).update(not_before=timezone.now() + timedelta(hours=1))
    built(setting(queue_limit=4))
    assert [taken(upload) for upload in (first, copies, waiting)] == [4, 0, 0]


def test_the_oldest_documents_of_an_upload_go_first_though_it_gets_only_a_part() -> None:
    version = a_version()
    brought_in(version, texts(9))
    brought_in(version, texts(9, "other"))
    built(setting(batch_requests=3, queue_limit=8))
    sent_texts = Request.objects.order_by("pk").values_list("document__content__text", flat=True)
    assert list(sent_texts) == texts(4) + texts(4, "other")


def test_a_share_is_cut_by_bytes_like_everything() -> None:
    version = a_version()
    uploads = [brought_in(version, texts(20, word)) for word in ("one", "two")]
    limit = 5 * (bodies.request_bytes(version.spec) + 30)
    found = built(setting(batch_bytes=limit, queue_limit=17))
    assert sum(totals(found)) == 17
    assert all(batch.body_bytes <= limit for batch in found)
    assert [taken(upload) for upload in uploads] == [9, 8]


def test_however_large_an_upload_is_building_a_batch_takes_the_same_statements(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    brought_in(a_version(), texts(400))
    brought_in(a_version(), texts(3, "few"))
    with django_assert_max_num_queries(27):
        assert totals(built(setting(queue_limit=300))) == [300]


# The night


def queued_for_tonight(monkeypatch: pytest.MonkeyPatch, instant: datetime, count: int = 2) -> None:
    at(monkeypatch, instant)
    brought_in(a_version(), texts(count, f"{instant:%d %H}"), way=Way.TONIGHT)


def test_what_waits_for_tonight_leaves_when_the_night_is_due_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    queued_for_tonight(monkeypatch, NOON)
    assert built(now=MIDNIGHT - timedelta(seconds=1)) == []
    assert totals(built(now=MIDNIGHT)) == [2]
    night = Night.objects.get(date=MIDNIGHT.date())
    assert (night.due_at, night.left_at) == (MIDNIGHT, MIDNIGHT)
    assert Batch.objects.get().night == night


def test_a_cluster_that_was_down_at_midnight_submits_once_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    queued_for_tonight(monkeypatch, NOON)
    back = MIDNIGHT + timedelta(hours=7, minutes=13)
    assert totals(built(now=back)) == [2]
    assert built(now=back + timedelta(minutes=1)) == []
    night = Night.objects.get()
    assert (night.due_at, night.left_at) == (MIDNIGHT, back)


def test_an_upload_that_is_confirmed_after_midnight_waits_for_the_next_night(monkeypatch: pytest.MonkeyPatch) -> None:
    queued_for_tonight(monkeypatch, MIDNIGHT + timedelta(seconds=1))
    assert built(now=MIDNIGHT + timedelta(hours=23)) == []
    assert totals(built(now=MIDNIGHT + timedelta(hours=24))) == [2]


def test_documents_sent_back_to_the_night_at_noon_wait_for_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    queued_for_tonight(monkeypatch, NOON - timedelta(days=1))
    Document.objects.update(way=Way.NOW)
    at(monkeypatch, NOON)
    assert ways.change_way(Document.objects.all(), Way.TONIGHT) == 2
    assert built(now=NOON + timedelta(hours=1)) == []
    assert totals(built(now=MIDNIGHT)) == [2]


def test_the_hour_may_change_on_the_same_day(monkeypatch: pytest.MonkeyPatch) -> None:
    queued_for_tonight(monkeypatch, NOON - timedelta(days=1))
    assert totals(built(now=MIDNIGHT - timedelta(hours=11))) == [2]
    queued_for_tonight(monkeypatch, NOON + timedelta(hours=2))
    tonight = setting(night="18:00")
    assert built(tonight, NOON + timedelta(hours=5)) == []
    assert totals(built(tonight, NOON + timedelta(hours=6))) == [2]
    assert built(setting(night="19:00"), NOON + timedelta(hours=7)) == []
    assert Night.objects.filter(date=NOON.date()).count() == 1


def test_the_night_is_that_of_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    queued_for_tonight(monkeypatch, NOON)
    berlin = setting(time_zone="Europe/Berlin")
    assert built(berlin, MIDNIGHT - timedelta(hours=1, seconds=1)) == []
    assert totals(built(berlin, MIDNIGHT - timedelta(hours=1))) == [2]
    assert Night.objects.filter(date=MIDNIGHT.date(), due_at=MIDNIGHT - timedelta(hours=1)).exists()


def test_documents_that_go_again_do_not_wait_for_the_next_midnight(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    queued_for_tonight(monkeypatch, NOON)
    batch = built(now=MIDNIGHT)[0]
    at(monkeypatch, MIDNIGHT)
    submit.submit(batch, setting())
    fake.answers.extend([expired(), expired()])
    fake.end()
    at(monkeypatch, MIDNIGHT + timedelta(hours=1))
    polled()
    fetched()
    assert set(Document.objects.values_list("way", flat=True)) == {Way.NOW}
    assert built(now=MIDNIGHT + timedelta(hours=1, minutes=4)) == []
    assert totals(built(now=MIDNIGHT + timedelta(hours=1, minutes=5))) == [2]


@pytest.mark.parametrize(
    ("ready_after", "leaves_tonight"),
    [
        (timedelta(minutes=-1), True),
        (timedelta(minutes=1), True),
        (timedelta(minutes=120), True),
        (timedelta(minutes=121), False),
    ],
)
def test_an_upload_that_was_importing_at_midnight_goes_whole(
    monkeypatch: pytest.MonkeyPatch, ready_after: timedelta, leaves_tonight: bool
) -> None:
    at(monkeypatch, MIDNIGHT - timedelta(minutes=5))
    upload = confirmed(a_version(), b"a\nb\n", way=Way.TONIGHT)
    at(monkeypatch, MIDNIGHT + ready_after)
    assert intake.import_rows(upload, setting())
    seen = MIDNIGHT + max(ready_after, timedelta())
    assert totals(built(now=seen)) == ([2] if leaves_tonight else [])
    assert totals(built(now=MIDNIGHT + timedelta(hours=24))) == ([] if leaves_tonight else [2])


def test_what_leaves_now_does_not_wait_for_the_night(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, NOON)
    brought_in(a_version(), ["a"], way=Way.NOW)
    assert totals(built(now=NOON)) == [1]
    assert Batch.objects.get().night is None
