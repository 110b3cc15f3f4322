"""Money limits: reserved before anything leaves, replaced by what was paid, never exceeded by two at once."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db import close_old_connections
from django.db.models import Max, Sum
from django.utils import timezone

from labeling import waiting
from labeling.batch_api import Fault
from labeling.health import status, troubles
from labeling.models import Batch, Document, LimitRelease, ModelPrice, Request, Setting, SpendTally
from labeling.money import limits
from labeling.pipeline import build, canary, conductor, submit, urgent
from labeling.states import BatchState, DocumentState, Lane, LimitScope, WaitingReason, Way
from labeling.transitions.limits import release as release_having_seen
from labeling.transitions.tallies import fold
from tests.fake_api import FakeApi, errored, message, succeeded
from tests.pipeline.story import (
    a_version,
    anew,
    at_once,
    brought_in,
    built,
    ended,
    fetched,
    forget_waits,
    played,
    sent,
    setting,
    states,
    texts,
)

pytestmark = pytest.mark.usefixtures("house")

FREE = Decimal(0)


def release(scope: LimitScope, on: date, amount_usd: Decimal | None) -> LimitRelease:
    """An admin who saw what was released before."""
    seen = LimitRelease.objects.aggregate(n=Max("pk"))["n"] or 0
    row = release_having_seen(scope, on, amount_usd, seen=seen, by="ann", why="the month ends")
    assert row
    return row


def worst(version: Any, lane: Lane, text: str = "text number 0") -> Decimal:
    case = limits.worst_cases([version], lane)[version.pk]
    assert case is not None
    return case.usd(len(text) + 2)


def night(usd: Decimal | str, **more: Any) -> Any:
    return setting(night_limit_usd=Decimal(usd), **more)


def day(usd: Decimal | str, **more: Any) -> Any:
    return setting(urgent_limit_usd=Decimal(usd), **more)


def night_room(settings: Any) -> Decimal | None:
    return limits.night_standing(settings, timezone.now()).room_usd


def why(settings: Any) -> dict[WaitingReason | None, int]:
    return waiting.reasons(settings)


def test_without_a_limit_everything_leaves_and_its_worst_case_is_known_all_the_same() -> None:
    version = a_version()
    brought_in(version, texts(5))
    (batch,) = built()
    assert (batch.request_total, batch.reserved_usd) == (5, 5 * worst(version, Lane.BATCH))


def test_a_batch_is_cut_so_that_it_fits_and_what_is_over_waits_with_its_reason() -> None:
    version = a_version()
    brought_in(version, texts(5))
    settings = night(3 * worst(version, Lane.BATCH))
    (batch,) = built(settings)
    assert (batch.request_total, night_room(settings)) == (3, FREE)
    assert why(settings) == {WaitingReason.LIMIT: 2}
    assert built(settings) == []
    (trouble,) = [t for t in troubles.troubles(settings, timezone.now()) if t.kind == "limit"]
    assert "An admin can release more." in trouble.sentence


def test_what_was_paid_takes_the_place_of_what_was_reserved(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(5))
    settings = night(3 * worst(version, Lane.BATCH))
    played(fake, settings)
    standing = limits.night_standing(settings, timezone.now())
    assert (standing.paid_usd, standing.reserved_usd) == (3 * Decimal("0.000075"), FREE)
    assert [batch.request_total for batch in sent(settings)] == [2]


def test_answers_that_came_make_the_worst_case_of_the_next_smaller(fake: FakeApi) -> None:
    version = a_version()
    before = worst(version, Lane.BATCH)
    brought_in(version, texts(5))
    played(fake)
    assert worst(version, Lane.BATCH) < before


def test_what_was_refused_is_free_again(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    settings = night("1")
    (batch,) = built(settings)
    assert night_room(settings) < 1  # type: ignore[operator]
    fake.fail("create_batch", Fault.PERMANENT, status=400)
    submit.submit(batch, settings)
    assert anew(batch).state == BatchState.REJECTED
    assert night_room(settings) == 1


def test_doubt_keeps_what_is_reserved(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    settings = night("1")
    fake.lose_answer_of_create()
    (batch,) = sent(settings)
    assert batch.state == BatchState.UNKNOWN
    assert night_room(settings) == 1 - (batch.reserved_usd or 0)


def test_two_halves_reserve_what_the_whole_did(fake: FakeApi) -> None:
    brought_in(a_version(), texts(5))
    (batch,) = built(night("1"))
    whole = batch.reserved_usd
    fake.fail("create_batch", Fault.TOO_LARGE, status=413)
    submit.submit(batch, night("1"))
    halves = Batch.objects.order_by("pk")
    assert sum((half.reserved_usd or Decimal(0) for half in halves), Decimal(0)) == whole
    assert {half.limit_date for half in halves} == {batch.limit_date}


def test_what_leaves_now_counts_to_the_night_in_force_and_the_next_night_begins_anew() -> None:
    version = a_version()
    brought_in(version, texts(4), way=Way.NOW)
    settings = night(2 * worst(version, Lane.BATCH))
    now = timezone.now()
    assert [batch.request_total for batch in built(settings, now)] == [2]
    assert built(settings, now) == []
    tomorrow = build.build_due(settings, now + timedelta(days=1))
    assert [batch.request_total for batch in tomorrow] == [2]
    assert tomorrow[0].limit_date == now.date() + timedelta(days=1)


def test_what_waits_for_its_night_does_not_wait_for_the_limit() -> None:
    brought_in(a_version(), texts(4), way=Way.TONIGHT)
    assert why(night("0.000001")) == {WaitingReason.TONIGHT: 4}


def test_a_cheaper_document_is_not_kept_behind_one_that_does_not_fit() -> None:
    version = a_version()
    brought_in(version, ["x" * 5000, "short"])
    (batch,) = built(night(worst(version, Lane.BATCH, "short")))
    assert batch.request_total == 1
    assert Document.objects.get(state=DocumentState.BATCHED).encoded_bytes == len('"short"')


def test_a_model_without_a_price_waits_under_a_limit_and_leaves_without_one() -> None:
    version = a_version(model="claude-mythos-preview", max_tokens=2000)
    brought_in(version, texts(2))
    settings = night("1000")
    assert built(settings) == []
    assert why(settings) == {WaitingReason.LIMIT: 2}
    assert "Nobody knows the price" in waiting.of_everything(settings)[0].why.sentence
    (batch,) = built()
    assert batch.reserved_usd is None


def test_a_batch_of_unknown_price_fills_a_limit_that_was_set_later() -> None:
    brought_in(a_version(model="claude-mythos-preview", max_tokens=2000), texts(2))
    built()
    brought_in(a_version("others"), texts(2))
    settings = night("1000")
    assert night_room(settings) == 0
    assert built(settings) == []


def test_an_answer_without_a_known_price_stays_reserved(fake: FakeApi) -> None:
    brought_in(a_version(), texts(2))
    fake.answers.append({"type": "succeeded", "message": message('{"label":"red"}', input_tokens=0, output_tokens=0)})
    settings = night("1")
    (batch,) = played(fake, settings)
    assert batch.unpriced_results == 1
    assert night_room(settings) == 1 - (batch.reserved_usd or 0) < 1


def test_an_admin_releases_an_amount_or_everything() -> None:
    version = a_version()
    brought_in(version, texts(6))
    one = worst(version, Lane.BATCH)
    settings, today = night(2 * one), timezone.now().date()
    assert [batch.request_total for batch in built(settings)] == [2]
    release(LimitScope.NIGHT, today, 3 * one)
    assert [batch.request_total for batch in built(settings)] == [3]
    release(LimitScope.URGENT, today, None)
    release(LimitScope.NIGHT, today - timedelta(days=1), None)
    assert built(settings) == []
    release(LimitScope.NIGHT, today, None)
    assert [batch.request_total for batch in built(settings)] == [1]
    assert LimitRelease.objects.count() == 4


def test_real_time_calls_stop_at_the_limit_of_the_day(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(6), way=Way.URGENT)
    one = Decimal("0.00015")
    settings = day(worst(version, Lane.URGENT) + 2 * one, urgent_concurrency=1)
    assert urgent.drain(settings) == 3
    standing = limits.urgent_standing(settings, timezone.now())
    assert (standing.paid_usd, standing.reserved_usd) == (3 * one, FREE)
    assert states() == {"labeled": 3, "queued": 3}


def test_a_call_whose_answer_was_lost_stays_reserved_for_its_day(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(2), way=Way.URGENT)
    fake.fail("send_message", Fault.UNCLEAR)
    settings = day(worst(version, Lane.URGENT), urgent_concurrency=1)
    assert urgent.drain(settings) == 0
    assert limits.urgent_standing(settings, timezone.now()).room_usd == 0
    assert states() == {"failed": 1, "queued": 1}


def test_a_call_that_surely_never_left_is_free_again(fake: FakeApi) -> None:
    brought_in(a_version(), texts(1), way=Way.URGENT)
    fake.fail("send_message", Fault.TRANSIENT)
    settings = day("1", urgent_concurrency=1)
    urgent.drain(settings)
    assert limits.urgent_standing(settings, timezone.now()).room_usd == 1


def test_an_urgent_answer_without_a_known_price_stays_reserved(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(1), way=Way.URGENT)
    fake.answers.append({"type": "succeeded", "message": message('{"label":"red"}', input_tokens=0, output_tokens=0)})
    reserved = worst(version, Lane.URGENT)
    urgent.drain(day("1"))
    standing = limits.urgent_standing(day("1"), timezone.now())
    assert (standing.reserved_usd, standing.unknown) == (reserved, 0)


def test_the_canary_counts_too(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(101))
    settings = setting(canary=True, urgent_limit_usd=Decimal("0.000001"))
    canary.arrange(settings, timezone.now())
    assert urgent.drain(settings) == 0
    assert fake.called("send_message") == []
    assert why(settings)[WaitingReason.LIMIT] == 1


def test_a_limit_of_nights_does_not_stop_real_time_calls_and_the_other_way_round(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(1, "urgent"), way=Way.URGENT)
    brought_in(version, texts(1, "now"), way=Way.NOW)
    assert urgent.drain(night("0.000001")) == 1
    assert len(built(day("0.000001"))) == 1


def test_running_until_idle_ends_and_says_what_waits(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    report = conductor.run_until_idle(night("0.000001"), timeout=20)
    assert report.ending == conductor.Ending.NEEDS_A_PERSON
    assert "Documents wait for a money limit" in report.sentences[0]


def test_status_tells_how_each_limit_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert status.money_limits() == []
    version = a_version()
    brought_in(version, texts(2))
    monkeypatch.setenv("NIGHTSHIFT_NIGHT_LIMIT_USD", str(worst(version, Lane.BATCH)))
    built(night(worst(version, Lane.BATCH)))
    (found,) = status.money_limits()
    assert (found["scope"], found["room_usd"], found["something_waits"]) == ("night", "0", True)


def test_two_builders_at_once_never_exceed_the_limit() -> None:
    version = a_version()
    brought_in(version, texts(40))
    settings = night(5 * worst(version, Lane.BATCH), batch_requests=2)

    def build_all() -> int:
        close_old_connections()
        return sum(batch.request_total for batch in built(settings))

    at_once(*[build_all] * 4)
    assert Batch.objects.aggregate(n=Sum("reserved_usd"))["n"] <= settings.night_limit_usd
    built(settings)
    assert Batch.objects.aggregate(n=Sum("request_total"))["n"] == 5


def test_two_callers_at_once_never_exceed_the_limit(fake: FakeApi) -> None:
    """Every answer comes back unclear, so what was reserved stays: not one call more than fits."""
    version = a_version()
    brought_in(version, texts(40), way=Way.URGENT)
    for _ in range(40):
        fake.fail("send_message", Fault.UNCLEAR)
    settings = day(5 * worst(version, Lane.URGENT), urgent_concurrency=4)
    at_once(*[lambda: urgent.drain(settings)] * 4)
    assert len(fake.called("send_message")) == 5


def test_an_answer_that_is_booked_during_a_claim_is_never_counted_as_neither(fake: FakeApi) -> None:
    """Callers and answers in eight threads: what was paid and what is reserved stays under the limit at every claim."""
    version = a_version()
    brought_in(version, texts(60), way=Way.URGENT)
    settings = day(6 * worst(version, Lane.URGENT), urgent_concurrency=8)
    at_once(*[lambda: urgent.drain(settings)] * 4)
    spent = SpendTally.objects.aggregate(n=Sum("paid_usd"))["n"]
    assert spent <= settings.urgent_limit_usd
    assert limits.urgent_standing(settings, timezone.now()).reserved_usd == 0


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_built_answered_and_released_the_limits_hold(fake: FakeApi, seed: int) -> None:
    chance = Random(seed)
    versions = [a_version("colors"), a_version("others", model="claude-sonnet-4-5", max_tokens=200)]
    one = worst(versions[0], Lane.BATCH)
    settings = setting(
        night_limit_usd=12 * one, urgent_limit_usd=8 * one, batch_requests=3, urgent_concurrency=2, max_attempts=2
    )
    for step in _steps(chance, versions, fake, settings, one):
        step()
        forget_waits()
        for standing in (
            limits.night_standing(settings, timezone.now()), limits.urgent_standing(settings, timezone.now())
        ):  # fmt: skip
            assert standing.most_usd is None or standing.taken_usd <= standing.most_usd


def _steps(chance: Random, versions: list[Any], fake: FakeApi, settings: Any, one: Decimal) -> Iterator[Any]:
    today = timezone.now().date()

    def bring() -> None:
        ways = (Way.NOW, Way.URGENT, Way.TONIGHT)
        brought_in(
            chance.choice(versions), texts(chance.randrange(1, 6), f"t{chance.random()}"), way=chance.choice(ways)
        )

    def answer() -> None:
        if chance.random() < 0.3:
            fake.answers.append(errored(chance.choice(("api_error", "invalid_request_error"))))
        if chance.random() < 0.3:
            fake.answers.append(succeeded('{"label":"red"}', input_tokens=90, output_tokens=64))
        ended(fake, settings)
        fetched(settings)

    def fail() -> None:
        fake.fail("create_batch", chance.choice((Fault.TRANSIENT, Fault.TOO_LARGE, Fault.UNCLEAR)), status=413)
        sent(settings)

    def call() -> None:
        if chance.random() < 0.4:
            fake.fail("send_message", chance.choice((Fault.TRANSIENT, Fault.UNCLEAR)))
        urgent.drain(settings)
        Setting.objects.filter(key="urgent_not_before").delete()

    def let_go() -> None:
        scope = chance.choice(list(LimitScope))
        release(scope, today, one * chance.randrange(1, 3))

    acts = (bring, bring, lambda: built(settings), answer, fail, call, let_go, fold)
    for _ in range(25):
        yield chance.choice(acts)


def test_prices_that_changed_count_from_the_day_they_hold() -> None:
    version = a_version()
    before = worst(version, Lane.BATCH)
    ModelPrice.objects.create(
        model=version.model, effective_from=timezone.now().date(), input=10, output=50, cache_write_5m=1,
        cache_write_1h=1, cache_read=1,
    )  # fmt: skip
    assert worst(version, Lane.BATCH) == 10 * before


def test_requests_in_batches_carry_no_reservation_of_their_own() -> None:
    brought_in(a_version(), texts(3))
    built()
    assert not Request.objects.filter(reserved_usd__isnull=False).exists()


def test_of_two_who_release_the_same_at_once_one_does() -> None:
    today = timezone.now().date()

    def admin() -> LimitRelease | None:
        return release_having_seen(LimitScope.NIGHT, today, Decimal(5), seen=0, by="ann", why="the month ends")

    assert [row is None for row in at_once(admin, admin)].count(True) == 1
    assert LimitRelease.objects.count() == 1
