"""What time takes away is said before it is gone, wherever somebody may look; a standing house is said first."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule

from labeling.health import status
from labeling.health.doctor import examine
from labeling.models import Heartbeat
from labeling.states import BatchState
from tests.factories import make_batch, make_workers_well
from tests.web.reading import see, words

pytestmark = pytest.mark.django_db

MINUTES, HOURS, DAYS = (timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))


def said_of(kind: str) -> list[str]:
    return [str(trouble["sentence"]) for trouble in status.status()["troubles"] if trouble["kind"] == kind]


@pytest.mark.parametrize(
    ("kind", "words", "state", "near", "far"),
    [
        ("expiry_near", "runs out of time at", BatchState.IN_PROGRESS, 22 * HOURS, 20 * HOURS),
        ("not_fetched", "its results are not stored yet", BatchState.ENDED, 2 * HOURS, 30 * MINUTES),
        ("results_end_near", "are deleted 29 days after", BatchState.ENDED, 26 * DAYS, 24 * DAYS),
    ],
)
def test_time_that_runs_out_is_said_on_the_first_page_in_status_and_by_doctor(
    viewer: Client, kind: str, words: str, state: BatchState, near: timedelta, far: timedelta
) -> None:
    make_workers_well()
    now = timezone.now()
    make_batch(state=state, built_at=now - far, polled_at=now)
    assert said_of(kind) == []
    batch = make_batch(state=state, built_at=now - near, polled_at=now)
    (sentence,) = said_of(kind)
    assert words in sentence
    assert str(batch) in sentence
    assert sentence in examine()
    assert sentence in see(viewer, "/")


def test_a_schedule_that_stands_still_is_the_first_thing_on_the_first_page_within_three_minutes(viewer: Client) -> None:
    make_workers_well()
    assert 'class="sheet alarm"' not in live_part(viewer)
    # It had been due a minute after the last run, and stands still since three minutes.
    Schedule.objects.filter(name="nightshift tick").update(next_run=timezone.now() - timedelta(minutes=2, seconds=1))
    assert first_thing(viewer).startswith("Schedules stand still")
    assert "'nightshift tick' has not run since" in first_thing(viewer)


def test_a_queue_without_workers_is_the_first_thing_on_the_first_page_even_in_a_pause(operator: Client) -> None:
    make_workers_well()
    operator.post("/pause", {"reason": "lunch"})
    Heartbeat.objects.filter(queue="bulk").update(beaten_at=timezone.now() - timedelta(minutes=3))
    assert first_thing(operator).startswith("1 queue is silent")


def live_part(client: Client) -> str:
    page: str = client.get("/").content.decode()
    return page[page.index('id="live"') :]


def first_thing(client: Client) -> str:
    """The words of the live part, from its beginning."""
    part = live_part(client)
    return words(part[part.index(">") + 1 :].encode()).strip()
