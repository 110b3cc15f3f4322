"""Pausing and resuming from the admin, settings that are only looked at, and django-q's pages without their levers."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django_q.models import Failure, OrmQ, Schedule, Success

from labeling.models import Activity, Gate, Setting
from labeling.pipeline import pausing
from labeling.states import BatchState, Lane
from tests.admin.world import act, make_rows, messages
from tests.factories import make_batch, make_request, make_task

pytestmark = pytest.mark.django_db


def everything() -> Gate:
    return Gate.objects.get(task=None)


def test_an_operator_pauses_everything_and_reads_what_was_claimed_before(operator: Client) -> None:
    batch = make_batch(state=BatchState.SUBMITTING)
    make_request(lane=Lane.URGENT)
    answer = act(operator, [everything()], "pause", reason="the key is being changed")
    gate = everything()
    assert (gate.closed_by, gate.kind, gate.reason) == ("otto", "person", "the key is being changed")
    assert messages(answer) == [f"Paused everything. Claimed before and may still leave: {batch}, 1 real-time call."]
    assert Activity.objects.get().by == "otto"


def test_pausing_asks_for_a_reason_first(operator: Client) -> None:
    page = act(operator, [everything()], "pause")
    assert everything().closed_at is None
    assert "Pause everything" in page.text


def test_one_task_is_paused_and_resumed_without_the_others(operator: Client) -> None:
    held, other = (Gate.objects.create(task=make_task()) for _ in range(2))
    act(operator, [held], "pause", reason="wrong labels")
    assert [Gate.objects.get(pk=gate.pk).closed_at is None for gate in (held, other)] == [False, True]
    answer = act(operator, [held], "resume")
    assert Gate.objects.get(pk=held.pk).closed_at is None
    assert "otto had paused it: wrong labels" in messages(answer)[0]


def test_resuming_everything_names_every_gate_that_it_opens(operator: Client) -> None:
    task = make_task(name="Invoices")
    pausing.pause_everything(by="anna", reason="lunch")
    pausing.pause_task(task, by="canary", reason="a wrong model")
    answer = act(operator, [everything()], "resume")
    assert not Gate.objects.exclude(closed_at=None).exists()
    assert {sentence.split(" leaves")[0] for sentence in messages(answer)} == {"Everything", "Invoices"}


def test_what_is_paused_already_keeps_its_first_reason(operator: Client) -> None:
    pausing.pause_everything(by="anna", reason="lunch")
    answer = act(operator, [everything()], "pause", reason="me too")
    assert everything().reason == "lunch"
    assert messages(answer) == ["everything is paused already, by anna: lunch"]


def test_whoever_pauses_second_reads_the_first_reason(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from labeling.admin import operations

    def anna_is_faster(request: object) -> dict[str, str]:
        pausing.pause_everything(by="anna", reason="lunch")
        return {"reason": "me too"}

    monkeypatch.setattr(operations, "confirmed", anna_is_faster)
    answer = act(operator, [everything()], "pause", reason="me too")
    assert messages(answer) == ["everything is paused already, by anna: lunch"]


def test_what_is_open_is_not_resumed(operator: Client) -> None:
    answer = act(operator, [everything()], "resume")
    assert messages(answer) == ["everything is not paused."]
    assert not Activity.objects.exists()


@pytest.mark.parametrize(("action", "form"), [("pause", {"reason": "x"}), ("resume", {})])
def test_a_viewer_neither_pauses_nor_resumes(action: str, form: dict[str, object], viewer: Client) -> None:
    assert act(viewer, [everything()], action, **form).status_code == 403
    assert everything().closed_at is None


def test_a_setting_says_what_it_means_and_where_it_is_changed(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting.objects.create(key="max_attempts", value=5)
    monkeypatch.setenv("NIGHTSHIFT_MAX_ATTEMPTS", "4")
    page = viewer.get(reverse("admin:labeling_setting_change", args=(setting.pk,))).text
    assert "Attempts of one document before a person must look" in page
    assert "NIGHTSHIFT_MAX_ATTEMPTS" in page


@pytest.mark.parametrize("model", [Success, Failure, Schedule, OrmQ])
def test_djangos_queue_pages_have_no_actions_at_all(model: type, superuser: Client) -> None:
    rows = make_rows()
    page = superuser.get(reverse(f"admin:django_q_{model.__name__.lower()}_changelist")).text
    assert "esubmit" not in page
    assert 'name="action"' not in page
    assert str(admin.site.get_model_admin(model).__module__) == "labeling.admin.queues"
    assert rows[model]


def test_a_failed_run_is_not_resubmitted_by_a_post(superuser: Client) -> None:
    failure = make_rows()[Failure]
    queued = OrmQ.objects.count()
    assert act(superuser, [failure], "resubmit_task").status_code == 403
    assert OrmQ.objects.count() == queued
    assert Failure.objects.filter(pk=failure.pk).exists()


def test_a_schedule_is_not_edited(superuser: Client) -> None:
    schedule = make_rows()[Schedule]
    url = reverse("admin:django_q_schedule_change", args=(schedule.pk,))
    assert superuser.post(url, {"func": "os.system", "schedule_type": "I"}).status_code == 403
    schedule.refresh_from_db()
    assert schedule.func == "labeling.tasks.tick"
