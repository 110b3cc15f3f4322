"""What may be asked without an account: whether the house is well, in a word for each part."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling import ledger
from labeling.health.heartbeat import beat
from labeling.models import LedgerCheck, Setting


def test_the_health_of_the_workers_needs_no_account(db: None, client: Client) -> None:
    response = client.get(reverse("workers_health"))
    assert response.status_code == 503
    assert response.json() == {"database": True, "queues": {"ticks": False, "bulk": False, "urgent": False}}


def test_the_health_is_well_when_every_queue_has_beaten(db: None, client: Client) -> None:
    for queue in ("ticks", "bulk", "urgent"):
        beat(queue)
    assert client.get(reverse("workers_health")).status_code == 200


def test_the_health_of_the_house_is_a_word_for_each_part_and_nothing_secret(db: None, client: Client) -> None:
    sick = client.get("/healthz")
    assert (sick.status_code, sick.json()) == (503, {"database": "up", "queues": "silent", "book": "unchecked"})
    for queue in ("ticks", "bulk", "urgent"):
        beat(queue)
    ledger.check()
    well = client.get("/healthz")
    assert (well.status_code, well.json()) == (200, {"database": "up", "queues": "beating", "book": "balances"})


def test_workers_that_beat_and_fail_in_what_they_do_are_not_well(db: None, client: Client) -> None:
    for queue in ("ticks", "bulk", "urgent"):
        beat(queue)
    since = {"since": (timezone.now() - timedelta(minutes=4)).isoformat(), "error": "AttributeError"}
    Setting.objects.create(key="failing nightshift tick", value=since)
    response = client.get("/healthz")
    assert (response.status_code, response.json()["queues"]) == (503, "failing")


@pytest.mark.parametrize(("columns", "word"), [({"holds": False}, "wrong"), ({"holds": True}, "stale")])
def test_a_book_that_is_wrong_or_was_not_checked_for_long_is_not_well(
    db: None, client: Client, columns: dict[str, bool], word: str
) -> None:
    check = LedgerCheck.objects.create(identities=[], **columns)
    LedgerCheck.objects.filter(pk=check.pk).update(checked_at=timezone.now() - timedelta(hours=1))
    response = client.get("/healthz")
    assert (response.status_code, response.json()["book"]) == (503, word)
