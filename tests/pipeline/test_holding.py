"""Held for tonight or until released; sent now with thirty seconds to think again."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from labeling.models import Activity, Batch, Document, Gate, SendOrder, Upload
from labeling.pipeline import conductor, hold, pausing, send_now, wishes, withdraw
from labeling.states import BatchState, DocumentState, OrderState, Way
from labeling.transitions import orders, ways
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, at, brought_in, built, sent, setting, states, texts

pytestmark = pytest.mark.usefixtures("house")
DAY = timedelta(days=1)
MIDNIGHT = timedelta(hours=12, minutes=1)


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> datetime:
    today = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) + DAY
    return at(monkeypatch, today)


def tick(now: datetime) -> list[int]:
    """What a tick at an instant builds."""
    wishes.carry_out(setting(), now)
    return [batch.request_total for batch in built(now=now)]


def test_held_for_tonight_a_night_is_skipped_and_the_next_one_takes_it(
    fake: FakeApi, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = brought_in(a_version(), texts(3), way=Way.TONIGHT)
    until = hold.night_after_next(setting(), noon)
    assert until == noon + timedelta(hours=12) + DAY
    assert hold.hold_upload(upload, by="ann", reason="wrong prices", until=until)
    assert tick(at(monkeypatch, noon + MIDNIGHT)) == []
    assert tick(at(monkeypatch, noon + DAY)) == []
    assert tick(at(monkeypatch, noon + MIDNIGHT + DAY)) == [3]


def test_a_task_held_for_tonight_opens_by_itself(
    fake: FakeApi, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = a_version()
    brought_in(version, texts(3), way=Way.TONIGHT)
    assert hold.hold_task(version.task, by="ann", reason="wait", until=hold.night_after_next(setting(), noon))
    assert tick(at(monkeypatch, noon + MIDNIGHT)) == []
    assert Gate.objects.get(task=version.task).closed_by == "ann"
    assert tick(at(monkeypatch, noon + MIDNIGHT + DAY)) == [3]
    assert Gate.objects.get(task=version.task).closed_at is None


def test_held_until_released_it_leaves_with_the_night_after_its_release(
    fake: FakeApi, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = brought_in(a_version(), texts(3), way=Way.TONIGHT)
    assert hold.hold_upload(upload, by="ann", reason="wait", until=None)
    assert tick(at(monkeypatch, noon + 10 * DAY)) == []
    assert hold.release_upload(upload, by="bob")
    assert tick(at(monkeypatch, noon + 10 * DAY)) == []
    assert tick(at(monkeypatch, noon + 10 * DAY + MIDNIGHT)) == [3]


def test_of_two_who_hold_the_first_stays_and_of_two_who_release_one_wins(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(3))
    assert hold.hold_upload(upload, by="ann", reason="one", until=None)
    assert not hold.hold_upload(upload, by="bob", reason="two", until=None)
    assert upload.held_by == "ann"
    assert hold.release_upload(upload, by="ann")
    assert not hold.release_upload(upload, by="bob")


def test_what_is_in_a_batch_that_was_not_sent_is_held_too(fake: FakeApi) -> None:
    version = a_version()
    upload = brought_in(version, texts(2))
    brought_in(version, texts(3, "other"))
    (batch,) = built()
    assert hold.hold_upload(upload, by="ann", reason="wait", until=None)
    assert Batch.objects.get(pk=batch.pk).state == BatchState.REJECTED
    assert [again.request_total for again in sent()] == [3]
    assert states() == {DocumentState.QUEUED: 2, DocumentState.BATCHED: 3}


def test_a_run_until_idle_obeys_a_hold_and_names_it(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "_nap", lambda _: None)
    upload = brought_in(a_version(), texts(2))
    assert hold.hold_upload(upload, by="ann", reason="wrong prices", until=None)
    report = conductor.run_until_idle(setting(), timeout=30)
    assert report.ending == conductor.Ending.IDLE
    assert any("ann" in sentence and "wrong prices" in sentence for sentence in report.sentences)
    assert states() == {DocumentState.QUEUED: 2}


def test_who_held_and_released_is_in_the_activity(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2))
    assert hold.hold_upload(upload, by="ann", reason="wrong prices", until=None)
    assert hold.release_upload(upload, by="bob")
    told = list(Activity.objects.filter(subject=f"U-{upload.pk}").values_list("by", "sentence"))
    assert told == [
        ("bob", f"{upload.file_name} leaves again"),
        ("ann", f"Holds {upload.file_name} until released: wrong prices"),
    ]


# --- send now -------------------------------------------------------------------------------------------------------


def rows() -> list[tuple[object, ...]]:
    return sorted(Document.objects.values_list("pk", "state", "way", "queued_at", "not_before"))


def test_it_leaves_after_thirty_seconds(fake: FakeApi, noon: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = brought_in(a_version(), texts(3), way=Way.TONIGHT)
    assert send_now.send_upload(upload, Way.NOW, by="ann")
    assert tick(at(monkeypatch, noon + timedelta(seconds=29))) == []
    assert tick(at(monkeypatch, noon + timedelta(seconds=30))) == [3]
    assert SendOrder.objects.get().documents == 3


def test_taken_back_in_time_everything_is_exactly_as_it_was(
    fake: FakeApi, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = a_version()
    upload = brought_in(version, texts(3), way=Way.TONIGHT)
    ways.change_way(Document.objects.filter(row_number=1), Way.NOW)
    before = rows()
    order = send_now.send_upload(upload, Way.URGENT, by="ann")
    assert order
    assert send_now.undo(order, by="bob")
    assert rows() == before
    assert tick(at(monkeypatch, noon + timedelta(minutes=5))) == [1]
    assert SendOrder.objects.get().ended_by == "bob"


def test_too_late_is_told_and_changes_nothing(fake: FakeApi, noon: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = brought_in(a_version(), texts(3), way=Way.TONIGHT)
    order = send_now.send_upload(upload, Way.NOW, by="ann")
    assert order
    assert tick(at(monkeypatch, noon + timedelta(seconds=31))) == [3]
    assert not send_now.undo(order, by="bob")
    assert order.state == OrderState.DONE
    assert states() == {DocumentState.BATCHED: 3}


def test_a_large_one_leaves_portion_by_portion_and_once_begun_it_goes_on(
    fake: FakeApi, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "PORTION", 2)
    order = send_now.send_upload(brought_in(a_version(), texts(5), way=Way.TONIGHT), Way.NOW, by="ann")
    assert order
    above = orders.carry_out(order, noon + timedelta(seconds=30), above=0)
    assert above
    assert not send_now.undo(order, by="bob")
    assert [way for _, _, way, *_ in rows()] == [Way.NOW, Way.NOW, *[Way.TONIGHT] * 3]
    assert send_now.carry_out_due(noon + timedelta(seconds=31)) == 3
    order.refresh_from_db()
    assert (order.state, order.documents, order.ended_by) == (OrderState.DONE, 5, "ann")
    assert {way for _, _, way, *_ in rows()} == {Way.NOW}


def test_a_tick_sends_for_a_while_and_the_next_one_goes_on(
    fake: FakeApi, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_now, "PER_TICK", 0.0)
    assert send_now.send_upload(brought_in(a_version(), texts(2), way=Way.TONIGHT), Way.NOW, by="ann")
    assert send_now.carry_out_due(noon + timedelta(seconds=30)) == 0
    monkeypatch.setattr(send_now, "PER_TICK", 15.0)
    assert send_now.carry_out_due(noon + timedelta(seconds=31)) == 2


def test_of_two_who_send_one_wins(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(3), way=Way.TONIGHT)
    assert send_now.send_upload(upload, Way.NOW, by="ann")
    assert send_now.send_upload(upload, Way.URGENT, by="bob") is None
    pending = send_now.pending(upload=upload)
    assert pending
    assert (pending.ordered_by, pending.way) == ("ann", Way.NOW)


def test_everything_of_a_task_that_waits_for_tonight_leaves_but_what_is_held(
    fake: FakeApi, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, other = a_version(), a_version("shapes")
    held = brought_in(version, texts(2, "held"), way=Way.TONIGHT)
    brought_in(version, texts(3), way=Way.TONIGHT)
    brought_in(other, texts(4), way=Way.TONIGHT)
    assert hold.hold_upload(held, by="ann", reason="wait", until=None)
    assert send_now.send_task(version.task, by="ann")
    assert tick(at(monkeypatch, noon + timedelta(seconds=30))) == [3]
    assert Document.objects.filter(upload=held, way=Way.TONIGHT).count() == 2


def test_an_order_sends_nothing_that_was_withdrawn_or_paused_meanwhile(
    fake: FakeApi, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = a_version()
    first, second = (brought_in(version, texts(2, word), way=Way.TONIGHT) for word in ("a", "b"))
    assert send_now.send_upload(first, Way.NOW, by="ann")
    assert send_now.send_upload(second, Way.NOW, by="ann")
    assert withdraw.withdraw_upload(first, setting(), by="bob")
    assert pausing.pause_task(version.task, by="bob", reason="stop")
    assert tick(at(monkeypatch, noon + timedelta(seconds=40))) == []


def test_an_order_that_is_carried_out_twice_moves_once(fake: FakeApi, noon: datetime) -> None:
    upload = brought_in(a_version(), texts(3), way=Way.TONIGHT)
    assert send_now.send_upload(upload, Way.NOW, by="ann")
    assert send_now.carry_out_due(noon + timedelta(seconds=30)) == 3
    assert send_now.carry_out_due(noon + timedelta(seconds=30)) == 0
    assert Upload.objects.get().way == Way.TONIGHT
