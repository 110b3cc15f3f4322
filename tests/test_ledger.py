"""The book balances while the story goes on, and says so when a row was changed behind its back."""

# ruff: noqa: F811  fixtures come by import, and a test names them as parameters

import pytest
from django.db import connection

from labeling import ledger
from labeling.health import doctor, status
from labeling.models import Document, LedgerCheck, Request, Result, SpendTally
from labeling.pipeline import intake
from tests.fake_api import FakeApi, errored, expired, succeeded
from tests.pipeline.conftest import House, db, fake, house, quick_commits  # noqa: F401  fixtures
from tests.pipeline.story import a_version, brought_in, confirmed, ended, fetched, played, sent, setting, states, texts


def wrong() -> list[str]:
    return [identity.name for identity in ledger.identities() if not identity.holds]


def a_story(api: FakeApi) -> None:
    """Documents in every state but withdrawn, refused rows, copies, requests of several outcomes."""
    version = a_version()
    confirmed_upload = confirmed(version, b"one\n\ntwo\n")
    intake.import_rows(confirmed_upload, setting())
    api.answers.extend([succeeded('{"label":"red"}'), succeeded("nonsense")])
    played(api)
    brought_in(version, ["three", "one", "two", "four"])
    api.answers.extend([expired(), errored("invalid_request_error")])
    played(api)
    brought_in(version, ["five"])
    sent()
    brought_in(version, ["six", "six"])


def test_an_empty_book_balances(house: House) -> None:
    assert wrong() == []


def test_the_book_balances_at_every_step_of_a_story(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, [*texts(4), "number", "number"])
    assert wrong() == []
    sent(setting(batch_requests=2))
    assert wrong() == []
    fake.answers.extend([expired(), errored("invalid_request_error"), succeeded("nonsense")])
    ended(fake)
    assert wrong() == []
    fetched()
    assert wrong() == []
    a_story(fake)
    assert wrong() == []
    assert set(states()) == {"queued", "batched", "labeled", "failed"}


def test_both_sides_of_an_identity_are_told(fake: FakeApi) -> None:
    a_story(fake)
    sides = {identity.name: (identity.left, identity.right) for identity in ledger.identities()}
    assert sides["rows = accepted + refused"] == ("10", "10")
    assert sides["refused = refused rows kept"] == ("1", "1")
    assert sides["accepted = queued + batched + labeled + failed + withdrawn"] == ("9", "9")


TAMPERED = {
    "a document is gone": "DELETE FROM labeling_document WHERE id = (SELECT max(id) FROM labeling_document)",
    "a refused row is gone": "DELETE FROM labeling_refusedrow",
    "a result is gone": "DELETE FROM labeling_result WHERE paid_usd > 0",
    "a result became cheaper": "UPDATE labeling_result SET paid_usd = 0 WHERE paid_usd > 0",
    "a result became dearer at real-time prices": "UPDATE labeling_result SET list_usd = 1 WHERE list_usd > 0",
    "a booking is gone": "DELETE FROM labeling_spendtally WHERE paid_usd > 0",
    "a request is gone": "DELETE FROM labeling_request WHERE outcome = 'succeeded'",
    "an open request ended by itself": "UPDATE labeling_request SET outcome = 'missing', ended_at = now() "
    "WHERE outcome = 'open'",
    "a batch says another number of requests": "UPDATE labeling_batch SET request_total = request_total + 1",
    "a batch says other money": "UPDATE labeling_batch SET paid_usd = 1 WHERE state = 'ingested'",
    "an upload says other rows": "UPDATE labeling_upload SET rows = rows + 1, accepted = accepted + 1",
    "a counter of documents drifted": "UPDATE labeling_documenttally SET documents = documents + 1",
    "a counter of leaders drifted": "UPDATE labeling_documenttally SET leaders = leaders + 1",
    "money is reserved for what is over": "UPDATE labeling_batch SET reserved_usd = 1 WHERE state = 'ingested'",
    "a counter of failures drifted": "UPDATE labeling_failuretally SET documents = documents + 1",
    "counters of failures are gone": "DELETE FROM labeling_failuretally",
    "counters of documents are gone": "DELETE FROM labeling_documenttally",
    "a batch of a night lost a request": "UPDATE labeling_request SET batch_id = NULL, lane = 'urgent' "
    "WHERE id = (SELECT min(id) FROM labeling_request WHERE batch_id IS NOT NULL)",
    "counters of requests are gone": "DELETE FROM labeling_requesttally",
}


@pytest.mark.parametrize("sql", TAMPERED.values(), ids=TAMPERED.keys())
def test_the_book_shows_that(house: House, fake: FakeApi, sql: str) -> None:
    a_story(fake)
    assert wrong() == []
    with connection.cursor() as cursor:
        cursor.execute(sql)
    house.balances = False
    assert wrong() != []
    assert any("does not balance" in sentence for sentence in doctor.examine())
    assert not ledger.check().holds


def test_a_document_moved_past_the_counters_is_seen(house: House, fake: FakeApi) -> None:
    """A write that no trigger saw, as a restore of a part of a backup would make it."""
    a_story(fake)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE labeling_document SET state = 'withdrawn' WHERE state = 'labeled'")
        cursor.execute("SET session_replication_role = DEFAULT")
    house.balances = False
    assert wrong() == ["counted documents that differ from the rows = 0"]


def test_a_waiting_document_counted_under_another_way_is_seen(house: House, fake: FakeApi) -> None:
    """The builder reads these counters: a document counted under another way would never leave."""
    a_story(fake)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE labeling_document SET way = 'urgent' WHERE state = 'queued'")
        cursor.execute("SET session_replication_role = DEFAULT")
    house.balances = False
    assert wrong() != []


def test_a_check_is_remembered_with_both_sides(fake: FakeApi) -> None:
    a_story(fake)
    check = ledger.check()
    assert check.holds
    assert LedgerCheck.objects.latest() == check
    assert {"name", "left", "right", "holds"} == set(check.identities[0])


def test_status_and_the_rows_say_the_same(fake: FakeApi) -> None:
    a_story(fake)
    numbers = status.status()
    assert {state: n for state, n in numbers["documents"].items() if n} == states()
    assert numbers["requests"]["open"] == Request.objects.filter(outcome="open").count()
    assert sum(numbers["documents"].values()) == Document.objects.count()
    assert SpendTally.objects.exists()
    assert numbers["money"]["paid_usd"] == str(sum(r.paid_usd or 0 for r in Result.objects.all()))
    assert sum(numbers["waiting"].values()) == Document.objects.waiting().count()
