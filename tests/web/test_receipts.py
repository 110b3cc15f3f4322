"""Trial, hold, send now with undo, withdraw and take back, import again: what people read and press."""

# ruff: noqa: F811  fixtures come by import, and a test names them as parameters

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labeling.models import Activity, Document, Gate, SendOrder, Trial, Upload
from labeling.pipeline import intake, urgent, wishes
from labeling.states import BatchState, DocumentState, HoldKind, OrderState, UploadState, Way
from labeling.transitions import withdrawing
from tests.fake_api import FakeApi
from tests.pipeline.conftest import db, fake, house, quick_commits  # noqa: F401  fixtures
from tests.pipeline.story import a_version, brought_in, built, received, sent, setting, states, texts
from tests.web.conftest import signed_in
from tests.web.reading import see, words

pytestmark = pytest.mark.usefixtures("house")
CSV = b"text,color\n" + b"".join(f"thing {n},red\n".encode() for n in range(30))


@pytest.fixture
def ann(people: None, person: Callable[[str], User]) -> Client:
    return signed_in(person("operator"))


@pytest.fixture
def people(house: object) -> Iterator[None]:
    """Rows are really committed here, and accounts are not among those that the house empties."""
    from labeling.foundations import lay_foundations

    lay_foundations()
    yield
    User.objects.all().delete()


def bob(house: object = None) -> Client:
    from django.contrib.auth.models import Group

    user = User.objects.create_user("bob")
    user.groups.add(Group.objects.get(name="operator"))
    return signed_in(user)


def press(client: Client, address: str, **values: str) -> str:
    """What is read after pressing a button, without JavaScript."""
    response = client.post(address, values, follow=True)
    assert response.status_code == 200
    return words(response.content)


def url(upload: Upload, act: str = "") -> str:
    return f"/uploads/{upload.pk}/{act}"


def checked() -> Upload:
    return received(a_version(), CSV, name="things.csv", text_column="text", gold_column="color")


def tried(client: Client, count: str = "3") -> Upload:
    upload = checked()
    press(client, url(upload, "import"), way="tonight", act="try", try_first=count)
    upload.refresh_from_db()
    intake.import_rows(upload, setting())
    return upload


# --- try first ------------------------------------------------------------------------------------------------------


def test_the_check_offers_to_try_and_says_what_it_costs(ann: Client, fake: FakeApi) -> None:
    seen = see(ann, url(checked()))
    assert "Try these first, and hold the rest" in seen
    assert "20 cost $" in seen


def test_an_unknown_price_is_said_to_be_unknown(ann: Client, fake: FakeApi) -> None:
    from labeling.models import ModelPrice

    upload = checked()
    prices = list(ModelPrice.objects.filter(model=upload.version.model))
    ModelPrice.objects.filter(model=upload.version.model).delete()
    try:
        assert "20 cost price not known" in see(ann, url(upload)).replace("cost about", "cost")
    finally:
        ModelPrice.objects.bulk_create(prices)


@pytest.mark.parametrize("count", ["0", "101", "", "many"])
def test_only_1_to_100_are_tried(ann: Client, fake: FakeApi, count: str) -> None:
    upload = checked()
    assert "Not imported" in press(ann, url(upload, "import"), way="tonight", act="try", try_first=count)
    assert Upload.objects.get().state == UploadState.CHECKED


def test_the_answers_stand_beside_the_texts_and_the_gold_labels(ann: Client, fake: FakeApi) -> None:
    upload = tried(ann)
    assert "0 of 3 came back" in see(ann, url(upload))
    urgent.drain(setting())
    seen = see(ann, url(upload))
    assert "3 of 3 came back" in seen
    assert "3 of 3 equal to the right label" in seen
    assert "27 documents wait for your decision" in seen
    assert seen.count("thing ") >= 3


def test_the_rest_is_sent_with_way_count_and_price_on_the_button(ann: Client, fake: FakeApi) -> None:
    upload = tried(ann)
    urgent.drain(setting())
    page = see(ann, url(upload))
    assert "Send the other 27 documents?" in page
    assert "In a batch now, about $" in page
    press(ann, url(upload, "trial/send"), way="now")
    wishes.carry_out(setting(), timezone.now())
    assert [batch.request_total for batch in sent()] == [27]


def test_the_rest_is_discarded_and_can_be_taken_back(ann: Client, fake: FakeApi) -> None:
    upload = tried(ann)
    urgent.drain(setting())
    assert "what was tried stays" in press(ann, url(upload, "trial/discard"))
    assert states() == {DocumentState.LABELED: 3, DocumentState.WITHDRAWN: 27}
    assert "27 documents came back" in press(ann, url(upload, "restore"))
    assert states() == {DocumentState.LABELED: 3, DocumentState.QUEUED: 27}


def test_who_decides_second_reads_who_was_first(ann: Client, fake: FakeApi) -> None:
    upload = tried(ann)
    press(ann, url(upload, "trial/discard"))
    assert "operator-person was first" in press(bob(), url(upload, "trial/send"), way="now")
    assert Trial.objects.get().decided_by == "operator-person"


def test_an_upload_without_a_trial_has_nothing_to_decide(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2))
    assert "Nothing of this upload was tried" in press(ann, url(upload, "trial/send"), way="now")


# --- hold -----------------------------------------------------------------------------------------------------------


def test_a_held_upload_is_shown_with_who_why_and_until_when(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2), way=Way.TONIGHT)
    press(ann, url(upload, "hold"), until="tonight", reason="wrong prices")
    for page in (url(upload), "/", f"/documents/{Document.objects.earliest('pk').pk}/", "/uploads/"):
        seen = see(ann, page)
        assert "operator-person" in seen, page
        assert "wrong prices" in seen, page
    assert Upload.objects.get().held_until
    assert "It is released" in press(ann, url(upload, "release"))
    assert built() != []


def test_releasing_and_taking_back_name_the_price_of_what_leaves_then(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2), way=Way.TONIGHT)
    press(ann, url(upload, "hold"), until="released", reason="wrong prices")
    for page in (url(upload), "/"):
        assert re.search(r"Release, \$0\.\d+ to at most \$0\.\d+", see(ann, page)), page
    press(ann, url(upload, "release"))
    press(ann, url(upload, "withdraw/"))
    withdrawing.sweep(upload.pk, zone="UTC")
    seen = see(ann, url(upload))
    assert re.search(r"Take it back: 2 documents wait again, \$0\.\d+ to at most \$0\.\d+", seen)


def test_holding_needs_a_reason(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2))
    assert "Not held: say why" in press(ann, url(upload, "hold"), until="released")


def test_who_holds_second_reads_who_was_first(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2))
    press(ann, url(upload, "hold"), until="released", reason="mine")
    assert "operator-person was first" in press(bob(), url(upload, "hold"), until="released", reason="theirs")
    press(ann, url(upload, "release"))
    assert Upload.objects.get().hold_kind == ""


def test_a_task_is_held_for_tonight(ann: Client, fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(2), way=Way.TONIGHT)
    assert "held for tonight" in press(ann, "/tasks/colors/pause", until="tonight", reason="wrong prices")
    gate = Gate.objects.get(task=version.task)
    assert gate.until
    assert "wrong prices" in see(ann, "/tasks/colors/")


# --- send now -------------------------------------------------------------------------------------------------------


def test_what_is_sent_now_can_be_taken_back(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2), way=Way.TONIGHT)
    assert "It leaves in 30 seconds" in press(ann, url(upload, "way"), way="now")
    assert "Undo" in see(ann, url(upload))
    assert "everything is as it was" in press(ann, url(upload, "undo"))
    assert set(Document.objects.values_list("way", flat=True)) == {Way.TONIGHT}
    assert "operator-person took it back already" in press(ann, url(upload, "undo"))


def test_the_toast_has_the_undo(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2), way=Way.TONIGHT)
    response = ann.post(url(upload, "way"), {"way": "now"}, headers={"HX-Request": "true"})
    assert f'action="{url(upload, "undo")}" data-undo' in response.content.decode()


def test_after_half_a_minute_it_is_too_late(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2), way=Way.TONIGHT)
    press(ann, url(upload, "way"), way="now")
    wishes.carry_out(setting(), timezone.now() + timedelta(seconds=30))
    assert "Too late: 2 documents left" in press(ann, url(upload, "undo"))
    assert SendOrder.objects.get().state == OrderState.DONE


def test_who_sends_second_reads_who_was_first(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2), way=Way.TONIGHT)
    press(ann, url(upload, "way"), way="now")
    assert "operator-person was first" in press(bob(), url(upload, "way"), way="urgent")


def test_a_held_upload_is_not_sent_now(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(2), way=Way.TONIGHT)
    press(ann, url(upload, "hold"), until="released", reason="mine")
    assert "Release it first" in press(ann, url(upload, "way"), way="now")
    assert not SendOrder.objects.exists()


def test_everything_of_a_task_is_sent_now_and_taken_back(ann: Client, fake: FakeApi) -> None:
    brought_in(a_version(), texts(2), way=Way.TONIGHT)
    assert "Send 2 now instead of tonight" in see(ann, "/tasks/colors/")
    assert "leaves at" in press(ann, "/tasks/colors/send")
    assert "operator-person was first" in press(bob(), "/tasks/colors/send")
    assert "everything is as it was" in press(ann, "/tasks/colors/undo")


# --- withdraw and import again --------------------------------------------------------------------------------------


def test_the_page_says_what_withdrawing_does(ann: Client, fake: FakeApi) -> None:
    version = a_version()
    upload = brought_in(version, texts(5))
    sent(setting(batch_requests=3))
    brought_in(version, texts(1, "other"))
    seen = see(ann, url(upload, "withdraw/"))
    assert "5 in flight" in seen
    assert "alone in 2 batches" in seen
    assert "Cancel 2 batches that carry only this file" in seen


def test_a_shared_batch_is_finished(ann: Client, fake: FakeApi) -> None:
    version = a_version()
    upload = brought_in(version, texts(3))
    brought_in(version, texts(2, "other"))
    sent()
    seen = see(ann, url(upload, "withdraw/"))
    assert "3 of these in 1 batch with documents of others" in seen
    assert "that carries only this file" not in seen


def test_an_upload_is_withdrawn_with_its_batches_and_taken_back(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(3))
    (batch,) = sent()
    assert "is withdrawn" in press(ann, url(upload, "withdraw/"), cancel="yes")
    batch.refresh_from_db()
    assert batch.cancel_requested_at
    assert batch.state == BatchState.IN_PROGRESS
    assert "each document is what it was" in press(ann, url(upload, "restore"))
    acts = list(Activity.objects.filter(subject=f"U-{upload.pk}").values_list("sentence", flat=True))
    assert acts == [f"Restored {upload.file_name}", f"Withdrew {upload.file_name}"]


def test_who_withdraws_second_reads_who_was_first(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(3))
    press(ann, url(upload, "withdraw/"))
    assert "operator-person was first" in press(bob(), url(upload, "withdraw/"))


def test_the_same_file_is_imported_again_under_another_task(ann: Client, fake: FakeApi) -> None:
    upload = brought_in(a_version(), texts(3))
    a_version("shapes")
    a_version("animals")
    assert '<option value="colors" selected>' in ann.get(url(upload, "again/")).content.decode()
    assert "is read again" in press(ann, url(upload, "again/"), task="shapes")
    again = Upload.objects.latest("pk")
    assert (again.sha256, again.version.task.slug, again.state) == (upload.sha256, "shapes", UploadState.RECEIVED)
    intake.check(again, setting())
    assert intake.confirm(again, Way.NOW)
    assert intake.import_rows(again, setting())
    assert again.accepted == 3


def test_a_file_that_is_not_kept_any_more_is_not_imported_again(ann: Client, fake: FakeApi) -> None:
    from labeling import store

    upload = brought_in(a_version(), texts(3, "gone"))
    store.upload_path(upload.sha256).unlink()
    response = ann.post(url(upload, "again/"), {"task": "colors"})
    assert response.status_code == 422
    assert "not kept any more" in words(response.content)


def test_a_viewer_reads_why_it_waits_and_has_no_buttons(
    ann: Client, fake: FakeApi, person: Callable[[str], User]
) -> None:
    upload = tried(ann)
    viewer = signed_in(person("viewer"))
    assert "An operator decides" in see(viewer, url(upload))
    assert "Waits for the decision about a trial" in see(viewer, url(upload))
    assert upload.hold_kind == HoldKind.TRIAL
