"""The exact requests of a batch can be rebuilt, downloaded, and compared with what was sent."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.utils import timezone

from labeling import exact, exports, tasks
from labeling.exports import batch_files
from labeling.messages import prompts
from labeling.models import Batch, DocumentText, LabelingTaskVersion, Request, ResultLine
from labeling.pipeline import erase, prove, submit
from labeling.states import Proof
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, anew, body_of, brought_in, built, ended, fetched, played, setting, texts

pytestmark = pytest.mark.usefixtures("house")

HARD = ["plain", 'quo"tes \\ and\ttabs', "ümläut €", "emoji 🌙", "line\u2028separator", "</script>"]


def lines_of(batch: Batch) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in b"".join(exports.batch_requests(anew(batch))).splitlines()]


def test_the_file_of_requests_is_what_was_sent(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    brought_in(a_version(), HARD)
    (batch,) = built()
    bodies: list[list[dict[str, Any]]] = []
    create = fake.create_batch

    def kept(body: Path, *, deadline: Any) -> Any:
        bodies.append(body_of(body))
        return create(body, deadline=deadline)

    monkeypatch.setattr("labeling.batch_api.create_batch", kept)
    assert submit.submit(batch, setting())
    assert lines_of(batch) == bodies[0]
    assert [request["params"]["messages"][0]["content"] for request in bodies[0]] == HARD


def test_its_hash_is_kept_when_the_body_is_written(fake: FakeApi) -> None:
    brought_in(a_version(), HARD)
    (batch,) = built()
    before = b"".join(exports.batch_requests(anew(batch)))
    submit.submit(batch, setting())
    assert anew(batch).requests_sha256 == hashlib.sha256(before).hexdigest()
    assert b"".join(exports.batch_requests(anew(batch))) == before


def test_what_is_rebuilt_is_compared_when_the_results_are_in(fake: FakeApi) -> None:
    brought_in(a_version(), HARD)
    (batch,) = played(fake)
    assert batch.proof == Proof.DUE
    assert prove.prove_due() == [Proof.EQUAL]
    assert (anew(batch).proof, anew(batch).proved_at is not None) == (Proof.EQUAL, True)
    assert prove.prove_due() == []


@pytest.mark.parametrize("change", ["a text", "an id", "the version", "one request less"])
def test_whatever_was_changed_since_is_noticed(fake: FakeApi, change: str) -> None:
    version = a_version()
    brought_in(version, texts(3))
    (batch,) = played(fake)
    first = Request.objects.earliest("pk")
    if change == "a text":
        DocumentText.objects.filter(document=first.document_id).update(text="another")
    elif change == "an id":
        Request.objects.filter(pk=first.pk).update(custom_id="another")
    elif change == "the version":
        LabelingTaskVersion.objects.filter(pk=version.pk).update(instructions="Other words.")
    else:
        Request.objects.filter(pk=first.pk).update(batch=None, lane="urgent")
    assert prove.prove(anew(batch)) is Proof.DIFFERENT
    if change == "one request less":
        Request.objects.filter(pk=first.pk).update(batch=batch, lane="batch")


def test_erased_texts_are_said_and_never_made_up(fake: FakeApi) -> None:
    brought_in(a_version(), texts(3))
    (batch,) = played(fake)
    DocumentText.objects.filter(text="text number 1").delete()
    assert prove.prove(batch) is Proof.ERASED
    first, second, third = lines_of(batch)
    assert (second["params"], second["erased"]) == (None, True)
    assert {line["params"]["messages"][0]["content"] for line in (first, third)} == {"text number 0", "text number 2"}


def test_a_proof_does_not_outlive_the_texts_that_it_was_made_of(fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2))
    (batch,) = played(fake)
    prove.prove_due()
    assert anew(batch).proof == Proof.EQUAL
    upload.refresh_from_db()
    erase.erase_upload(upload, by="anna", reason="asked for")
    erase.carry_out(setting(), until=timezone.now() + timedelta(minutes=1))
    assert anew(batch).proof == Proof.DUE
    assert prove.prove_due() == [Proof.ERASED]


def test_a_batch_that_left_before_hashes_were_kept_says_that(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    (batch,) = played(fake)
    Batch.objects.update(requests_sha256="")
    assert prove.prove(anew(batch)) is Proof.NOTHING_KEPT
    assert not prove.ask_for_proof(batch)


def test_a_worker_compares_again_when_somebody_asks(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    brought_in(a_version(), ["a"])
    (batch,) = played(fake)
    prove.prove_due()
    Batch.objects.update(lease_until=None)  # as the worker that read the results leaves it
    handed: list[tuple[str, int]] = []
    monkeypatch.setattr(
        tasks, "async_task", lambda name, pk=0, **_: handed.append((name, pk)) if "prove" in name else None
    )
    tasks.hand_out()
    assert handed == []
    assert prove.ask_for_proof(batch)
    assert not prove.ask_for_proof(batch)
    tasks.hand_out()
    assert handed == [("labeling.tasks.prove_batch", batch.pk)]
    assert tasks.prove_batch(batch.pk) == f"{batch}: equal"


def test_nothing_is_compared_before_the_results_are_in(fake: FakeApi) -> None:
    brought_in(a_version(), ["a"])
    (batch,) = ended(fake)
    assert not prove.ask_for_proof(batch)
    fetched()
    assert anew(batch).proof == Proof.DUE


def test_requests_are_read_page_by_page(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    version = a_version()
    brought_in(version, texts(7))
    (batch,) = played(fake)
    monkeypatch.setattr(exact, "PAGE", 2)
    assert [text for _, text in exact.requests(batch)] == texts(7)
    assert prove.prove(batch) is Proof.EQUAL
    assert orjson.loads(next(exact.lines(batch)))["params"] == prompts.params(version.spec, texts(1)[0])


def test_raw_results_come_as_they_came(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    brought_in(a_version(), texts(5))
    (batch,) = played(fake)
    monkeypatch.setattr(batch_files, "PAGE", 2)
    stored = list(ResultLine.objects.order_by("pk").values_list("line", flat=True))
    assert b"".join(exports.batch_results(batch)).decode().splitlines() == stored
    assert len(stored) == 5
