"""When the queue that sends alarms is itself silent, the watchdog sends them."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.health.heartbeat import beat
from labeling.management.commands import watchdog
from labeling.models import Heartbeat
from tests.outgoing.receiver import Receiver

pytestmark = pytest.mark.django_db


def test_a_silent_queue_of_ticks_is_told_by_the_watchdog(chat: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    watchdog._tell_if_nobody_does()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(minutes=1))
    watchdog._tell_if_nobody_does()
    titles = [json.loads(call.body)["title"] for call in chat.calls]
    assert len(titles) == 3
    assert "No worker of the queue ticks has beaten" in titles[0]


def test_while_the_queue_of_ticks_beats_it_leaves_alarms_to_it(chat: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    beat("ticks")
    now = timezone.now()
    for minute in range(3):
        monkeypatch.setattr(timezone, "now", lambda minute=minute: now + timedelta(minutes=minute))
        Heartbeat.objects.update(beaten_at=timezone.now())
        watchdog._tell_if_nobody_does()
    assert chat.calls == []
