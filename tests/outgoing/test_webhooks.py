"""The signed webhook of an upload that is done: at least once, always with the same id, and two ticks are one."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from labeling.configuration import Configuration
from labeling.models import Document, Notice, Upload
from labeling.outgoing import delivery, go_round, uploads
from labeling.states import UploadState, Way
from labeling.transitions import withdrawing
from labeling.transitions.again import label_again
from labeling.transitions.uploads import finish
from tests.factories import make_document, make_request, make_result, make_upload
from tests.outgoing.conftest import SECRET
from tests.outgoing.receiver import Receiver
from tests.pipeline.story import at_once

SETTINGS = Configuration.model_validate({"min_free_bytes": 0})


@pytest.fixture
def hook(receiver: Receiver, set_addresses: Callable[..., object]) -> Receiver:
    set_addresses(WEBHOOK_URL=f"{receiver.url}/hook", WEBHOOK_SECRET=SECRET)
    return receiver


def done_upload() -> Upload:
    upload = make_upload(file_name="mail.csv")
    make_result(make_request(make_document(upload, text="Erika Mustermann")), answer="red")
    assert finish() == 1
    upload.refresh_from_db()
    return upload


@pytest.mark.django_db
def test_an_upload_that_is_done_is_told_with_counts_and_a_link_and_no_text(hook: Receiver) -> None:
    go_round(SETTINGS)
    upload = done_upload()
    go_round(SETTINGS)
    (call,) = hook.calls
    said = Webhook(SECRET).verify(call.body, call.headers)
    assert said["type"] == "upload.done"
    data = said["data"]
    assert (data["upload"], data["accepted"], data["labeled"], data["failed"]) == (upload.pk, 1, 1, 0)
    assert data["file_url"] == f"http://127.0.0.1:8000/uploads/{upload.pk}/original"
    assert "Mustermann" not in call.body
    assert "red" not in str(data.values())


@pytest.mark.django_db
def test_what_goes_again_is_told_again_when_it_is_done_anew(hook: Receiver) -> None:
    go_round(SETTINGS)
    upload = done_upload()
    go_round(SETTINGS)
    label_again(Document.objects.filter(upload=upload), Way.NOW)
    upload.refresh_from_db()
    assert upload.state == UploadState.READY
    assert finish() == 0
    make_result(make_request(Document.objects.get(upload=upload)), answer="blue")
    assert finish() == 1
    go_round(SETTINGS)
    go_round(SETTINGS)
    assert len(hook.calls) == 2
    assert len({call.headers["webhook-id"] for call in hook.calls}) == 2


@pytest.mark.django_db
def test_what_is_taken_back_and_done_anew_is_told_again(hook: Receiver) -> None:
    go_round(SETTINGS)
    upload = make_upload()
    waiting = Document.objects.filter(pk=make_document(upload).pk)
    withdrawing.withdraw(waiting, zone="UTC")
    assert finish() == 1
    withdrawing.restore(waiting, zone="UTC")
    assert finish() == 0
    withdrawing.withdraw(waiting, zone="UTC")
    assert finish() == 1
    go_round(SETTINGS)
    assert len(hook.calls) == 1, "the completion before was over before it could be told"


@pytest.mark.django_db
def test_somebody_elses_body_or_secret_does_not_verify(hook: Receiver) -> None:
    go_round(SETTINGS)
    done_upload()
    go_round(SETTINGS)
    (call,) = hook.calls
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(call.body.replace("1", "2"), call.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 44).verify(call.body, call.headers)


@pytest.mark.django_db
def test_every_try_has_the_same_id_and_body(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    go_round(SETTINGS)
    done_upload()
    hook.answers = [500, 404, 301]
    now = timezone.now()
    for minute in range(12):
        monkeypatch.setattr(timezone, "now", lambda minute=minute: now + timedelta(minutes=minute))
        go_round(SETTINGS)
    assert len(hook.calls) == 4
    assert len({(call.headers["webhook-id"], call.body) for call in hook.calls}) == 1
    assert len({call.headers["webhook-timestamp"] for call in hook.calls}) == 4
    notice = Notice.objects.get()
    assert (notice.tries, notice.delivered_at is not None) == (4, True)


@pytest.mark.django_db
def test_a_redirect_is_not_followed(hook: Receiver) -> None:
    go_round(SETTINGS)
    done_upload()
    hook.answers, hook.location = [302], f"{hook.url}/elsewhere"
    go_round(SETTINGS)
    assert [call.path for call in hook.calls] == ["/hook"]
    assert Notice.objects.get().last_error == "It answered 302."


@pytest.mark.django_db
def test_uploads_that_were_done_before_the_webhook_was_set_are_not_told_of(hook: Receiver) -> None:
    done_upload()
    go_round(SETTINGS)
    assert hook.calls == []
    done_upload()
    go_round(SETTINGS)
    assert len(hook.calls) == 1


@pytest.mark.django_db
def test_a_receiver_that_is_gone_is_named_without_its_address(
    hook: Receiver, set_addresses: Callable[..., object]
) -> None:
    go_round(SETTINGS)
    done_upload()
    set_addresses(WEBHOOK_URL="http://127.0.0.1:9/secret123token", WEBHOOK_SECRET=SECRET)
    go_round(SETTINGS)
    assert Notice.objects.get().last_error == "No answer: ConnectError."


@pytest.mark.django_db
def test_elsewhere_is_not_called_when_only_loopback_is_allowed(set_addresses: Callable[..., object]) -> None:
    set_addresses(WEBHOOK_URL="https://hooks.example.com/", WEBHOOK_SECRET=SECRET)
    go_round(SETTINGS)
    done_upload()
    go_round(SETTINGS)
    assert "NIGHTSHIFT_LOOPBACK_ONLY" in Notice.objects.get().last_error


@pytest.mark.django_db(transaction=True)
def test_two_rounds_at_once_tell_once(hook: Receiver) -> None:
    go_round(SETTINGS)
    told = [done_upload().pk for _ in range(3)]
    at_once(*[lambda: go_round(SETTINGS)] * 3)
    assert sorted(json.loads(call.body)["data"]["upload"] for call in hook.calls) == told
    assert set(Notice.objects.values_list("tries", flat=True)) == {1}


@pytest.mark.django_db
def test_a_worker_that_dies_after_the_call_leaves_it_to_be_told_again_with_the_same_id(
    hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_round(SETTINGS)
    done_upload()

    def dies(notice: Notice, now: object) -> bool:
        raise SystemExit

    lives, now = delivery.notices.delivered, timezone.now()
    monkeypatch.setattr(delivery.notices, "delivered", dies)
    with pytest.raises(SystemExit):
        go_round(SETTINGS)
    monkeypatch.setattr(delivery.notices, "delivered", lives)
    go_round(SETTINGS)
    assert len(hook.calls) == 1
    monkeypatch.setattr(timezone, "now", lambda: now + delivery.notices.LEASE * 2)
    go_round(SETTINGS)
    assert len({call.headers["webhook-id"] for call in hook.calls}) == 1
    assert len(hook.calls) == 2


@pytest.mark.django_db
def test_without_a_webhook_nothing_is_remembered(set_addresses: Callable[..., object], hook: Receiver) -> None:
    go_round(SETTINGS)
    set_addresses()
    go_round(SETTINGS)
    from labeling.models import Setting

    assert not Setting.objects.filter(key=uploads.SINCE).exists()


@pytest.mark.django_db
def test_the_tries_stand_on_the_page_of_the_upload(hook: Receiver) -> None:
    from tests.admin.world import sign_in
    from tests.web.reading import see

    go_round(SETTINGS)
    upload = done_upload()
    viewer = sign_in("vera", "viewer")
    page = f"/uploads/{upload.pk}/"
    assert "Webhook" not in see(viewer, page)
    hook.answers = [503]
    go_round(SETTINGS)
    assert "1 try so far. It answered 503. Again" in see(viewer, page)
    Notice.objects.update(next_at=timezone.now())
    go_round(SETTINGS)
    assert ", 2 tries." in see(viewer, page)
