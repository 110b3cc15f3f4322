"""Alarms: once per event, once when it is over, whatever runs twice or fails, and never a word of a document."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from labeling.configuration import Configuration
from labeling.health import troubles
from labeling.health.heartbeat import beat
from labeling.health.troubles import Trouble
from labeling.models import Alarm, Notice
from labeling.outgoing import alarms, delivery, go_round
from labeling.outgoing.receivers import addresses, names
from labeling.pipeline import pausing
from labeling.states import NoticeKind, UploadState
from labeling.transitions import alarms as life
from labeling.transitions import notices
from tests.factories import make_upload
from tests.outgoing.receiver import Mailbox, Receiver

SETTINGS = Configuration.model_validate({"min_free_bytes": 0})
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


class World:
    """Troubles as the test wants them, and a clock that moves by minutes."""

    def __init__(self) -> None:
        self.now = datetime.fromisoformat("2026-11-22T02:00:00+00:00")
        self.found: list[Trouble] = []

    def pass_minutes(self, count: int, *found: Trouble) -> None:
        for _ in range(count):
            self.found = list(found)
            alarms.look(SETTINGS, self.now)
            delivery.deliver(5)
            self.now += MINUTE


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(alarms, "troubles", lambda settings, now: made.found)
    monkeypatch.setattr(timezone, "now", lambda: made.now)
    return made


DISK = Trouble("disk", "Only 3 bytes of disk are free: imports and results wait.")


def titles(chat: Receiver) -> list[str]:
    return [json.loads(call.body)["title"] for call in chat.calls]


def test_an_event_is_told_once_and_once_when_it_is_over(world: World, chat: Receiver) -> None:
    world.pass_minutes(30, DISK)
    assert titles(chat) == ["Nightshift sandbox: Only 3 bytes of disk are free: imports and results wait."]
    world.pass_minutes(30)
    assert titles(chat)[1:] == ["Nightshift sandbox: over: Only 3 bytes of disk are free: imports and results wait."]
    assert "From 22 Nov 2026 02:00 (UTC) to 22 Nov 2026 02:29 (UTC)." in json.loads(chat.calls[1].body)["message"]
    alarm = Alarm.objects.get()
    assert alarm.cleared_at is not None
    assert alarm.cleared_at - alarm.seen_at >= life.CALM


def test_what_only_one_look_sees_is_never_told(world: World, chat: Receiver) -> None:
    world.pass_minutes(1, DISK)
    world.pass_minutes(20)
    assert chat.calls == []
    assert Alarm.objects.get().told_at is None


def test_a_second_queue_that_falls_silent_is_told_too(chat: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    start = timezone.now()
    for minute in range(8):
        monkeypatch.setattr(timezone, "now", lambda minute=minute: start + minute * MINUTE)
        for queue in ("ticks", "bulk", "urgent"):
            if queue == "ticks" or (queue == "bulk" and minute < 3):
                beat(queue)
        go_round(SETTINGS)
    told = [title.partition("No worker of the queue ")[2].partition(" ")[0] for title in titles(chat)]
    assert [queue for queue in told if queue] == ["urgent", "bulk"]


def test_what_flaps_is_told_a_few_times_and_not_at_every_turn(world: World, chat: Receiver) -> None:
    for _ in range(24):
        world.pass_minutes(2, DISK)
        world.pass_minutes(12)
    assert Alarm.objects.filter(told_at__isnull=False).count() <= 2
    assert len(chat.calls) <= 4
    assert Alarm.objects.latest("pk").returns > 8


def test_an_event_that_comes_back_after_a_calm_day_is_told_again(world: World, chat: Receiver) -> None:
    world.pass_minutes(3, DISK)
    world.pass_minutes(15)
    world.now += timedelta(days=2)
    world.pass_minutes(3, DISK)
    assert [": over: " in title for title in titles(chat)] == [False, True, False]
    assert Alarm.objects.latest("pk").returns == 0


def test_two_events_of_one_kind_are_two_alarms(world: World, chat: Receiver) -> None:
    first, second = (Trouble("expiry_near", f"B-{n} runs out of time.", f"B-{n}") for n in (1, 2))
    world.pass_minutes(3, first, second)
    assert len(titles(chat)) == 2


def test_a_receiver_that_is_down_is_tried_again_after_longer_and_longer_waits(world: World, chat: Receiver) -> None:
    chat.answers = [503] * 4
    world.pass_minutes(30, DISK)
    notice = Notice.objects.get()
    assert (notice.tries, notice.delivered_at is None, len(chat.calls)) == (5, False, 5)
    assert notice.last_error == ""


def test_what_was_over_before_it_could_be_told_is_told_as_over_alone(world: World, chat: Receiver) -> None:
    chat.answers = [503] * 6
    world.pass_minutes(3, DISK)
    world.pass_minutes(240)
    arrived = Notice.objects.filter(delivered_at__isnull=False)
    assert [notice.kind for notice in arrived] == ["clearing"]
    assert Notice.objects.get(kind="alarm").last_error == alarms.OVERTAKEN


def test_after_three_days_a_message_is_given_up(world: World, chat: Receiver) -> None:
    chat.answers = [500] * 500
    world.pass_minutes(3, DISK)
    Notice.objects.update(made_at=world.now - timedelta(days=3))
    world.now += timedelta(hours=1)
    delivery.deliver(5)
    notice = Notice.objects.get()
    assert notice.given_up_at == world.now
    assert notice.last_error


def test_a_message_belongs_to_one_worker_until_its_lease_is_over(world: World) -> None:
    notices.make(NoticeKind.ALARM, "A-1", ["json:1"], title="t", now=world.now)
    assert notices.claim(world.now) is not None
    assert notices.claim(world.now) is None
    world.now += notices.LEASE
    again = notices.claim(world.now)
    assert again is not None
    assert again.tries == 2


def test_a_worker_whose_lease_was_over_does_not_speak_for_the_next(world: World) -> None:
    notices.make(NoticeKind.ALARM, "A-1", ["json:1"], title="t", now=world.now)
    late = notices.claim(world.now)
    next_one = notices.claim(world.now + notices.LEASE)
    assert late is not None
    assert next_one is not None
    assert not notices.failed(late, "too late", world.now)
    assert notices.delivered(next_one, world.now)
    assert not notices.delivered(late, world.now)


def test_an_address_that_is_set_later_hears_of_what_still_stands(
    world: World, receiver: Receiver, set_addresses: Callable[..., object]
) -> None:
    set_addresses()
    world.pass_minutes(5, DISK)
    assert Notice.objects.count() == 0
    set_addresses(ALARM_URLS=receiver.url.replace("http", "json"))
    world.pass_minutes(5, DISK)
    assert len(receiver.calls) == 1


def test_an_address_that_is_not_set_any_more_is_not_waited_for(
    world: World, chat: Receiver, set_addresses: Callable[..., object]
) -> None:
    notices.make(NoticeKind.ALARM, "A-1", ["slack:gone"], title="t", now=world.now)
    assert delivery.deliver(5) == 0
    notice = Notice.objects.get()
    assert (notice.last_error, notice.given_up_at) == ("This address is not set any more.", world.now)


def test_mail_goes_by_smtp_and_one_mailbox_that_refuses_does_not_tell_the_other_twice(
    world: World, mailbox: Mailbox, set_addresses: Callable[..., object]
) -> None:
    set_addresses(
        SMTP_URL=f"smtp://127.0.0.1:{mailbox.port}",
        MAIL_FROM="nightshift@nightshift.example",
        ALARM_MAIL_TO="ops@nightshift.example, gone@nightshift.example",
    )
    mailbox.refused = "gone@"
    world.pass_minutes(10, DISK)
    (mail,) = mailbox.mails
    assert "ops@nightshift.example" in mail
    assert "Only 3 bytes" in mail
    well, ill = Notice.objects.order_by("tries")
    assert (well.tries, well.last_error, ill.delivered_at) == (1, "", None)
    assert (ill.tries > 2, ill.last_error) == (True, 'Sending email to "…" failed.')


def test_only_this_machine_is_called_when_only_loopback_is_allowed(
    world: World, set_addresses: Callable[..., object]
) -> None:
    set_addresses(ALARM_URLS="slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    world.pass_minutes(3, DISK)
    assert "NIGHTSHIFT_LOOPBACK_ONLY" in Notice.objects.get().last_error


def test_what_others_wrote_stays_in_the_house(chat: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason, an error with a column's name, the name of a file: on the pages, in no message."""
    pausing.pause_everything(by="anna", reason="the patient Erika Mustermann")
    make_upload(state=UploadState.IMPORTING, file_name="erika.csv", error="There is no column “Mustermann”.")
    now = timezone.now()
    assert {"paused_by_person", "import"} <= {each.kind for each in troubles.troubles(SETTINGS, now)}
    assert any("Mustermann" in each.sentence for each in troubles.troubles(SETTINGS, now))
    go_round(SETTINGS)
    monkeypatch.setattr(timezone, "now", lambda: now + MINUTE)
    go_round(SETTINGS)
    told = " ".join(f"{notice.title} {notice.body}" for notice in Notice.objects.all())
    assert "Everything is paused by anna." in told
    assert "The import of U-" in told
    assert "Mustermann" not in told
    assert "erika" not in told


def test_a_look_that_fails_keeps_no_other_from_telling(
    world: World, chat: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices.make(NoticeKind.ALARM, "A-1", names(addresses().alarms), title="t", body="b", now=world.now)
    monkeypatch.setattr(alarms, "troubles", lambda *_: 1 / 0)
    assert go_round(SETTINGS) == 1
