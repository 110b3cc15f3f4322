"""A few random documents go in real time; the others are held until a person decides."""

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling import faults, waiting
from labeling.batch_api import Fault
from labeling.models import (
    Canary,
    Document,
    LabelingTaskVersion,
    ListedModel,
    Request,
    Trial,
    TrialDocument,
    Upload,
)
from labeling.pipeline import canary, conductor, intake, trial, urgent, wishes, withdraw
from labeling.states import CanaryState, DocumentState, HoldKind, UploadState, WaitingReason, Way
from tests.fake_api import FakeApi, errored, succeeded
from tests.pipeline.story import MODEL, a_version, brought_in, built, received, sent, setting, states, texts

pytestmark = pytest.mark.usefixtures("house")


def tried(version: LabelingTaskVersion, words: list[str], wanted: int, *, way: Way = Way.NOW) -> Upload:
    """Imported with a trial of so many; nothing was sent yet."""
    upload = received(version, "".join(f"{word}\n" for word in words).encode(), way=way)
    assert intake.confirm(upload, way, try_first=wanted, by="ann")
    assert intake.import_rows(upload, setting())
    return upload


def carried_out() -> None:
    wishes.carry_out(setting(), timezone.now())


def the_trial() -> Trial:
    return Trial.objects.select_related("upload").get()


def test_so_many_go_in_real_time_and_the_others_are_held(fake: FakeApi) -> None:
    tried(a_version(), texts(10), 3)
    assert built() == []
    urgent.drain(setting())
    assert states() == {DocumentState.LABELED: 3, DocumentState.QUEUED: 7}
    assert len(fake.called("send_message")) == 3
    assert waiting.reasons(setting()) == {WaitingReason.TRIAL: 7}


def test_the_rest_is_sent_and_what_was_tried_is_not_paid_again(fake: FakeApi) -> None:
    tried(a_version(), texts(10), 3)
    urgent.drain(setting())
    assert trial.send_rest(the_trial(), Way.NOW, by="bob")
    assert [batch.request_total for batch in sent()] == [7]
    assert Request.objects.count() == 10
    assert Upload.objects.get().hold_kind == ""


def test_the_rest_can_leave_another_way_than_was_said_at_first(fake: FakeApi) -> None:
    tried(a_version(), texts(10), 3, way=Way.TONIGHT)
    assert trial.send_rest(the_trial(), Way.NOW, by="bob")
    carried_out()
    assert set(Document.objects.values_list("way", flat=True)) == {Way.URGENT, Way.NOW}
    assert Document.objects.filter(way=Way.NOW).count() == 7


def test_the_rest_is_discarded_and_what_was_tried_stays(fake: FakeApi) -> None:
    tried(a_version(), texts(10), 3)
    urgent.drain(setting())
    assert trial.discard_rest(the_trial(), setting(), by="bob")
    assert states() == {DocumentState.LABELED: 3, DocumentState.WITHDRAWN: 7}
    assert Upload.objects.get().state == UploadState.READY
    assert Upload.objects.get().hold_kind == ""


def test_of_two_who_decide_one_wins(fake: FakeApi) -> None:
    tried(a_version(), texts(5), 2)
    mine, theirs = the_trial(), the_trial()
    assert trial.discard_rest(mine, setting(), by="ann")
    assert not trial.send_rest(theirs, Way.NOW, by="bob")
    assert built() == []
    assert the_trial().decided_by == "ann"


def test_copies_of_what_was_tried_are_labeled_with_it(fake: FakeApi) -> None:
    tried(a_version(), ["a", "a", "a"], 2)
    urgent.drain(setting())
    assert states() == {DocumentState.LABELED: 3}
    assert TrialDocument.objects.count() == 1


def test_a_file_of_known_texts_has_nothing_to_try_and_is_decided_all_the_same(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, ["a", "b"])
    sent()
    tried(version, ["a", "b"], 20)
    assert not TrialDocument.objects.exists()
    assert trial.send_rest(the_trial(), Way.NOW, by="bob")


def test_the_choice_is_made_once_although_the_import_died(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    version = a_version()
    upload = received(version, "".join(f"{word}\n" for word in texts(40)).encode())
    assert intake.confirm(upload, Way.NOW, try_first=5, by="ann")
    monkeypatch.setattr(intake, "CHUNK_ROWS", 10)
    store, stored = intake.store_rows, list[int]()

    def dies(*arguments: object) -> None:
        if len(stored) == 2:
            raise KeyboardInterrupt
        stored.append(1)
        store(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "store_rows", dies)
    with pytest.raises(KeyboardInterrupt):
        intake.import_rows(upload, setting())
    assert (Upload.objects.get().rows, Upload.objects.get().hold_kind) == (20, HoldKind.TRIAL)
    assert not TrialDocument.objects.exists()
    monkeypatch.setattr(intake, "store_rows", store)
    assert intake.import_rows(upload, setting())
    assert TrialDocument.objects.count() == 5


def test_the_choice_is_random(fake: FakeApi) -> None:
    version = a_version()
    tried(version, texts(60), 20)
    assert set(TrialDocument.objects.values_list("document__row_number", flat=True)) != set(range(1, 21))


def test_a_trial_whose_calls_fail_lets_a_person_decide(fake: FakeApi) -> None:
    tried(a_version(), texts(5), 2)
    fake.answers.append(errored("invalid_request_error"))
    fake.fail("send_message", Fault.UNCLEAR)
    urgent.drain(setting())
    assert states() == {DocumentState.FAILED: 2, DocumentState.QUEUED: 3}
    assert trial.send_rest(the_trial(), Way.NOW, by="bob")
    assert [batch.request_total for batch in sent()] == [3]


def test_the_answers_of_a_trial_prove_a_version(fake: FakeApi) -> None:
    on = setting(canary=True)
    tried(a_version(), texts(130), 3)
    urgent.drain(on)
    assert trial.send_rest(the_trial(), Way.NOW, by="bob")
    canary.arrange(on, timezone.now())
    assert Canary.objects.get().state == CanaryState.PROVED
    assert [batch.request_total for batch in built(on)] == [127]
    assert len(fake.called("send_message")) == 3


def test_a_trial_that_was_cut_off_proves_nothing(fake: FakeApi) -> None:
    on = setting(canary=True)
    tried(a_version(), texts(130), 1)
    fake.answers.append(succeeded("{", stop_reason="max_tokens"))
    urgent.drain(on)
    assert trial.send_rest(the_trial(), Way.NOW, by="bob")
    canary.arrange(on, timezone.now())
    assert Canary.objects.get().state == CanaryState.SENT
    assert built(on) == []


def test_a_trial_of_yesterday_proves_nothing_today(fake: FakeApi) -> None:
    tried(a_version(), texts(130), 1)
    urgent.drain(setting())
    Request.objects.update(ended_at=timezone.now() - timedelta(hours=25))
    canary.arrange(setting(canary=True), timezone.now())
    assert not Canary.objects.filter(state=CanaryState.PROVED).exists()


def test_a_trial_from_before_the_life_of_its_model_changed_proves_nothing(fake: FakeApi) -> None:
    tried(a_version(), texts(130), 1)
    urgent.drain(setting())
    now = timezone.now()
    ListedModel.objects.create(id=MODEL, display_name=MODEL, seen_at=now, lifecycle_changed_at=now)
    canary.arrange(setting(canary=True), timezone.now())
    assert not Canary.objects.filter(state=CanaryState.PROVED).exists()


def test_a_discard_that_dies_goes_on_and_nothing_leaves_meanwhile(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried(a_version(), texts(10), 3)

    def dies(place: str) -> None:
        if place == "trial: rest discarded":
            raise KeyboardInterrupt

    monkeypatch.setattr(faults, "reach", dies)
    with pytest.raises(KeyboardInterrupt):
        trial.discard_rest(the_trial(), setting(), by="bob")
    monkeypatch.undo()
    fake.install(monkeypatch)
    assert built() == []
    carried_out()
    assert states() == {DocumentState.WITHDRAWN: 7, DocumentState.QUEUED: 3}


def test_a_withdrawn_upload_is_not_decided_and_its_trial_comes_back_with_it(fake: FakeApi) -> None:
    upload = tried(a_version(), texts(5), 2)
    assert withdraw.withdraw_upload(upload, setting(), by="ann")
    assert not trial.send_rest(the_trial(), Way.NOW, by="bob")
    assert withdraw.restore_upload(upload, setting(), by="ann")
    assert waiting.reasons(setting()) == {WaitingReason.TRIAL: 3, None: 2}


def test_a_run_until_idle_obeys_a_trial_and_names_it(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "_nap", lambda _: None)
    tried(a_version(), texts(5), 2)
    report = conductor.run_until_idle(setting(), timeout=30)
    assert report.ending == conductor.Ending.IDLE
    assert any("trial of ann" in sentence for sentence in report.sentences)
    assert states() == {DocumentState.LABELED: 2, DocumentState.QUEUED: 3}
