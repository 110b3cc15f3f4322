"""A night as a thing of its own: its title in every situation, its rail, its sheet, and the list of all nights."""

import re
from datetime import date, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Batch, LabelingTaskVersion, Night
from labeling.states import BatchState, Lane
from tests.factories import (
    make_batch,
    make_document,
    make_request,
    make_result,
    make_task,
    make_upload,
    make_version,
    make_workers_well,
)
from tests.web.reading import see, words


@pytest.fixture
def version(db: None) -> LabelingTaskVersion:
    """A house whose workers are well, with one document in it."""
    make_workers_well()
    version = make_version(make_task(slug="letters", name="Letters"))
    make_document(make_upload(version))
    return version


def make_night(hours_ago: float = 1) -> Night:
    due = timezone.now() - timedelta(hours=hours_ago)
    return Night.objects.create(date=due.date(), due_at=due, left_at=due)


def stored(night: Night | None, version: LabelingTaskVersion, requests: int, usable: int, **columns: object) -> Batch:
    """A batch whose results are stored."""
    totals = {"request_total": requests, "usable_results": usable, "succeeded": requests, "list_usd": 2, "paid_usd": 1}
    not_usable = {"cut_off": requests - usable} if usable < requests else {}
    return make_batch(version, night=night, state=BatchState.INGESTED, not_usable=not_usable, **{**totals, **columns})


def title(client: Client, path: str = "/") -> str:
    html = client.get(path).content
    return words(html.partition(b"<h1>")[2].partition(b"</h1>")[0])


def test_a_night_that_is_done_says_what_it_sent_and_what_was_labeled(
    viewer: Client, version: LabelingTaskVersion
) -> None:
    night = make_night()
    batch = stored(night, version, 10, 8)
    by = timezone.localtime(batch.ingested_at).strftime("%H:%M")
    assert title(viewer) == f"Last night: 10 sent, 8 labeled by {by}, nothing needs you"
    assert "$1.00 paid, $1.00 saved." in see(viewer, "/")


def test_a_night_in_which_everything_was_labeled_says_so(viewer: Client, version: LabelingTaskVersion) -> None:
    stored(make_night(), version, 10, 10)
    assert title(viewer).startswith("Last night: 10 sent, all labeled by ")


def test_a_night_that_still_runs_is_tonight_and_says_so_far(viewer: Client, version: LabelingTaskVersion) -> None:
    night = make_night()
    stored(night, version, 10, 9)
    make_batch(version, night=night, request_total=5)
    assert title(viewer) == "Tonight: 15 sent, 9 labeled so far, nothing needs you"


def test_before_anything_is_back_nothing_is_claimed(viewer: Client, version: LabelingTaskVersion) -> None:
    make_batch(version, night=make_night(), request_total=5)
    assert title(viewer) == "Tonight: 5 sent, none back yet, nothing needs you"


def test_what_is_built_and_not_sent_is_not_called_sent(viewer: Client, version: LabelingTaskVersion) -> None:
    make_batch(version, night=make_night(), request_total=5, state=BatchState.BUILDING)
    assert title(viewer) == "Tonight: nothing sent yet, 5 still to send, nothing needs you"


def test_a_night_without_anything_says_that_nothing_was_sent(viewer: Client, version: LabelingTaskVersion) -> None:
    make_night()
    assert title(viewer) == "Last night: nothing was sent, nothing needs you"


def test_a_batch_in_doubt_is_in_the_title_and_not_among_what_was_sent(
    viewer: Client, version: LabelingTaskVersion
) -> None:
    night = make_night()
    stored(night, version, 10, 10)
    make_batch(version, night=night, request_total=7, state=BatchState.UNKNOWN)
    assert title(viewer).startswith("Tonight: 10 sent, all labeled")
    assert title(viewer).endswith(", 7 in doubt, 1 thing needs you")


def test_a_paused_house_says_that_first(operator: Client, version: LabelingTaskVersion) -> None:
    stored(make_night(), version, 10, 10)
    operator.post("/pause", {"reason": "wrong labels"})
    assert title(operator).startswith("Sending is paused. Last night: 10 sent")


def test_a_day_without_a_night_tells_of_the_day(viewer: Client, version: LabelingTaskVersion) -> None:
    make_night()
    stored(None, version, 4, 4)
    assert title(viewer).startswith("Today: 4 sent, all labeled by ")


def test_an_unknown_price_is_said_to_be_unknown(viewer: Client, version: LabelingTaskVersion) -> None:
    stored(make_night(), version, 4, 4, list_usd=0, paid_usd=0, unpriced_results=4)
    seen = see(viewer, "/")
    assert "The price of 4 is not known." in seen
    assert "$0.00 paid" not in seen


def test_the_rail_has_a_lane_per_task_and_counts_batches(viewer: Client, version: LabelingTaskVersion) -> None:
    night = make_night()
    for _ in range(3):
        stored(night, version, 10, 9)
    make_batch(version, night=night, request_total=4)
    make_batch(make_version(make_task(slug="bills", name="Bills")), night=night, request_total=6)
    html = viewer.get("/").content
    assert "3 of 4 batches back, 30 of 34" in words(html)
    assert "0 of 1 batch back, 0 of 6" in words(html)
    assert html.count(b'class="back part"') == 3
    assert b"83%" not in html


def test_the_rail_has_a_lane_per_upload_with_its_part_of_every_batch(
    viewer: Client, version: LabelingTaskVersion
) -> None:
    night = make_night()
    first, second = make_upload(version, file_name="monday.csv"), make_upload(version, file_name="tuesday.csv")
    shared = make_batch(version, night=night)
    make_result(make_request(make_document(first), batch=shared))
    make_result(make_request(make_document(second), batch=shared))
    Batch.objects.filter(pk=shared.pk).update(state=BatchState.INGESTED, ingested_at=timezone.now(), usable_results=2)
    alone = make_batch(version, night=night)
    for _ in range(2):
        make_request(make_document(second), batch=alone)
    seen = see(viewer, "/")
    assert "monday.csv 1 of 1 batch back, 1 of 1 · Letters" in seen
    assert "tuesday.csv 1 of 2 batches back, 1 of 3 · Letters" in seen
    assert "all back" in seen


def test_many_uploads_of_a_task_are_one_lane(viewer: Client, version: LabelingTaskVersion) -> None:
    batch = make_batch(version, night=make_night())
    for _ in range(5):
        make_request(make_document(make_upload(version)), batch=batch)
    assert "Letters 0 of 1 batch back, 0 of 5 · 5 uploads" in see(viewer, "/")


def test_a_lane_that_runs_names_its_24_hour_limit_beside_the_usual_finish(
    viewer: Client, version: LabelingTaskVersion
) -> None:
    night = make_night()
    for _ in range(3):
        stored(night, version, 10, 10)
    make_batch(version, night=night, request_total=10, built_at=timezone.now() - timedelta(minutes=1))
    assert re.search(r"expected [\w: ]+ limit ", see(viewer, "/"))


def test_the_sheet_of_a_night_has_the_urgent_calls_of_its_day(viewer: Client, version: LabelingTaskVersion) -> None:
    make_night(hours_ago=12)  # most of its sheet lies in today, whatever the hour
    make_result(make_request(make_document(make_upload(version)), lane=Lane.URGENT))
    seen = see(viewer, "/")
    assert re.search(r"Urgently 1 was answered, \$0\.00015\.", seen)
    assert "Letters 1 1 $0.00015" in seen


def test_a_lane_names_the_batch_that_is_past_its_usual_time(viewer: Client, version: LabelingTaskVersion) -> None:
    night = make_night()
    for _ in range(3):
        stored(night, version, 10, 10)
    late = make_batch(version, night=night, request_total=10, built_at=timezone.now() - timedelta(minutes=50))
    seen = see(viewer, "/")
    assert "usually done by" in seen
    assert f"{late} " in seen


def test_an_old_night_keeps_its_sheet_and_shows_nothing_of_today(viewer: Client, version: LabelingTaskVersion) -> None:
    old, new = make_night(50), make_night(2)
    stored(old, version, 10, 7)
    stored(new, version, 20, 20)
    path = f"/nights/{old.date.isoformat()}/"
    assert title(viewer, path).startswith(f"Night of {old.date.day} {old.date:%B}: 10 sent, 7 labeled by ")
    seen = see(viewer, path)
    assert "10 sent = 7 labeled + 3 not labeled + 0 in flight" in seen
    assert "The answer was cut off" in seen
    assert "What leaves next" not in seen
    assert b"hx-trigger" not in viewer.get(path).content


def test_what_left_by_day_is_on_the_sheet_of_the_night_before(viewer: Client, version: LabelingTaskVersion) -> None:
    old = make_night(30)
    make_night(6)
    stored(old, version, 10, 10, built_at=timezone.now() - timedelta(hours=29))
    stored(None, version, 5, 4, built_at=timezone.now() - timedelta(hours=20))
    stored(None, version, 3, 3, built_at=timezone.now() - timedelta(hours=2))
    seen = see(viewer, f"/nights/{old.date.isoformat()}/")
    assert "By day 5 more were sent, 4 labeled." in seen


def test_all_nights_are_paged_by_date(viewer: Client, version: LabelingTaskVersion) -> None:
    for day in range(1, 41):
        at = datetime(2026, 1, 1, tzinfo=timezone.get_default_timezone()) + timedelta(days=day)
        Night.objects.create(date=at.date(), due_at=at)
    stored(Night.objects.get(date=date(2026, 2, 10)), version, 10, 8)
    first = see(viewer, "/nights/")
    assert "N-2026-02-10 Tuesday 1 10 sent 8 labeled 2 not" in first
    assert "N-2026-01-02" not in first
    assert "N-2026-01-02" in see(viewer, "/nights/?before=2026-01-11")
    assert see(viewer, "/nights/?before=nonsense")


@pytest.mark.parametrize("path", ["/nights/2026-11-18/", "/nights/2026-02-31/", "/live/nights/2026-11-18"])
def test_a_night_that_never_was_is_not_found(viewer: Client, path: str) -> None:
    assert viewer.get(path).status_code == 404


def test_what_a_night_labeled_stands_beside_what_nights_usually_label(
    viewer: Client, version: LabelingTaskVersion
) -> None:
    for days_ago, labeled in ((3, 4), (2, 9), (1, 5), (0, 7)):
        stored(make_night(24 * days_ago + 1), version, 10, labeled)
        make_document(make_upload(version))
    seen = see(viewer, "/")
    assert re.search(r"Labeled since [\d:]+ +7 in batches, usually 5 a night", seen)
