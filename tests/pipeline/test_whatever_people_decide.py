"""Whatever people decide in whatever order, the book holds and nothing held or withdrawn is ever sent."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from django.db.models import Q
from django.utils import timezone

from labeling import ledger, waiting
from labeling.models import Batch, Document, Request, SendOrder, SpendTally, Trial, Upload
from labeling.pipeline import hold, intake, send_now, submit, trial, urgent, wishes, withdraw
from labeling.states import BatchState, DocumentState, HoldKind, Outcome, UploadState, Way
from labeling.transitions import again, claims, withdrawing
from tests.fake_api import FakeApi, errored, expired, succeeded
from tests.pipeline.story import a_version, brought_in, built, fetched, forget_waits, polled, received, setting

pytestmark = pytest.mark.usefixtures("house")
STEPS = 40
SETTINGS = setting(batch_requests=4)


class Careful:
    """Looks at every document at the moment in which it is sent."""

    def __init__(self, fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent = 0
        create, claim = fake.create_batch, claims.claim_urgent

        def create_batch(body: Path, *, deadline: datetime) -> Any:
            entries = orjson.loads(body.read_bytes())["requests"]
            self.look([entry["custom_id"] for entry in entries])
            return create(body, deadline=deadline)

        def claim_urgent(**limits: Any) -> list[claims.Claimed]:
            claimed = claim(**limits)
            self.look([call.custom_id for call in claimed])
            return claimed

        monkeypatch.setattr("labeling.batch_api.create_batch", create_batch)
        monkeypatch.setattr(claims, "claim_urgent", claim_urgent)

    def look(self, custom_ids: list[str]) -> None:
        sent = Document.objects.filter(request__custom_id__in=custom_ids)
        kept = sent.filter(
            Q(unwanted=True)
            | ~Q(state=DocumentState.BATCHED)
            | Q(upload__state=UploadState.WITHDRAWN)
            | Q(upload__hold_kind=HoldKind.PERSON)
            | Q(upload__hold_kind=HoldKind.TRIAL, trialdocument__isnull=True)
        )
        assert not kept.exists(), list(kept)
        self.sent += len(custom_ids)


def answers(chance: Random) -> Iterator[dict[str, Any]]:
    while True:
        yield chance.choice(
            [*[succeeded('{"label":"red"}')] * 4, succeeded("nonsense"), expired(), errored("invalid_request_error")]
        )


class People:
    """Each act is one that somebody could press at this moment; most do nothing when it is not their turn."""

    def __init__(self, chance: Random) -> None:
        self.chance, self.version = chance, a_version()

    def an_upload(self) -> Upload:
        return self.chance.choice(list(Upload.objects.select_related("version__task")))

    def some_documents(self) -> Any:
        ids = list(Document.objects.values_list("pk", flat=True))
        return Document.objects.filter(pk__in=self.chance.sample(ids, min(3, len(ids))))

    def texts(self) -> list[str]:
        return [f"text {self.chance.randrange(14)}" for _ in range(self.chance.randrange(1, 9))]

    def imports(self) -> None:
        brought_in(self.version, self.texts(), way=self.chance.choice(list(Way)))

    def tries(self) -> None:
        upload = received(self.version, "".join(f"{text}\n" for text in self.texts()).encode(), way=Way.NOW)
        intake.confirm(upload, Way.NOW, try_first=2, by="ann")
        intake.import_rows(upload, SETTINGS)

    def sends_the_rest(self) -> None:
        for open_trial in Trial.objects.filter(decision="").select_related("upload")[:1]:
            trial.send_rest(open_trial, self.chance.choice([Way.NOW, Way.TONIGHT]), by="bob")

    def discards_the_rest(self) -> None:
        for open_trial in Trial.objects.filter(decision="").select_related("upload")[:1]:
            trial.discard_rest(open_trial, SETTINGS, by="bob")

    def holds(self) -> None:
        hold.hold_upload(self.an_upload(), by="ann", reason="wait", until=None)

    def releases(self) -> None:
        hold.release_upload(self.an_upload(), by="ann")

    def withdraws(self) -> None:
        withdraw.withdraw_upload(self.an_upload(), SETTINGS, by="ann", cancel_alone=self.chance.random() < 0.5)

    def takes_back(self) -> None:
        withdraw.restore_upload(self.an_upload(), SETTINGS, by="ann")

    def withdraws_some(self) -> None:
        withdrawing.withdraw(self.some_documents(), zone="UTC")

    def takes_some_back(self) -> None:
        withdrawing.restore(self.some_documents(), zone="UTC")

    def orders(self) -> None:
        send_now.send_upload(self.an_upload(), self.chance.choice([Way.NOW, Way.URGENT]), by="ann")

    def thinks_again(self) -> None:
        for order in SendOrder.objects.pending()[:1]:
            send_now.undo(order, by="bob")

    def retries(self) -> None:
        again.queue_again(self.some_documents(), Way.NOW)

    def time_passes(self) -> None:
        forget_waits()
        wishes.carry_out(SETTINGS, timezone.now() + send_now.TIME_TO_UNDO)

    def builds(self) -> None:
        built(SETTINGS)

    def sends(self) -> None:
        for batch in Batch.objects.filter(state=BatchState.BUILDING).select_related("version__task"):
            submit.submit(batch, SETTINGS)

    def calls(self) -> None:
        urgent.drain(SETTINGS)


def whatever(people: People, fake: FakeApi) -> list[Callable[[], None]]:
    def settles() -> None:
        fake.end()
        polled(SETTINGS)
        fetched(SETTINGS)

    acts = [getattr(people, name) for name in vars(People) if name[0] != "_" and name not in _NOT_ACTS]
    return [*acts, people.imports, people.builds, people.sends, settles, settles]


_NOT_ACTS = ("an_upload", "some_documents", "texts")


@pytest.mark.parametrize("seed", range(6))
def test_the_book_holds_and_nothing_kept_is_sent(seed: int, fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(seed)
    fake.answers.extend(answer for answer, _ in zip(answers(chance), range(2000), strict=False))
    careful, people = Careful(fake, monkeypatch), People(chance)
    people.imports()
    done = []
    for _ in range(STEPS):
        act = chance.choice(whatever(people, fake))
        done.append(act.__name__)
        act()
        wrong = [identity for identity in ledger.identities() if not identity.holds]
        assert not wrong, (done, wrong)
        assert sum(waiting.reasons(SETTINGS).values()) == Document.objects.waiting().count(), done
    everything_ends(people, fake)
    assert careful.sent, done
    once(done)


def everything_ends(people: People, fake: FakeApi) -> None:
    """Every hold ends, everything is taken back and sent: nothing was lost on the way."""
    for upload in Upload.objects.all():
        withdraw.restore_upload(upload, SETTINGS, by="ann")
        hold.release_upload(upload, by="ann")
    for open_trial in Trial.objects.filter(decision="").select_related("upload"):
        trial.send_rest(open_trial, Way.NOW, by="ann")
    withdrawing.restore(Document.objects.all(), zone="UTC")
    fake.answers.clear()
    for _ in range(40):
        people.time_passes()
        people.calls()
        people.builds()
        people.sends()
        fake.end()
        polled(SETTINGS)
        fetched(SETTINGS)
    rest = set(Document.objects.values_list("state", flat=True))
    assert rest <= {DocumentState.LABELED, DocumentState.FAILED}, rest


def once(done: list[str]) -> None:
    """No text has two usable answers, and with everything back the waste is that of unusable answers."""
    usable = Request.objects.filter(outcome=Outcome.SUCCEEDED, result__usable=True)
    texts = list(usable.values_list("document__sha256", flat=True))
    assert len(texts) == len({bytes(text) for text in texts}), done
    unusable = Request.objects.filter(outcome=Outcome.SUCCEEDED, result__usable=False)
    paid_for_nothing = sum(paid or 0 for paid in unusable.values_list("result__paid_usd", flat=True))
    assert sum(SpendTally.objects.values_list("wasted_usd", flat=True)) == paid_for_nothing, done
