"""What leaves next: held for tonight, sent now with thirty seconds to undo it, and who was first."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Activity, Document, Gate, LabelingTask, SendOrder
from labeling.pipeline import send_now
from labeling.states import OrderState, Way
from labeling.transitions import gates
from tests.factories import make_document, make_task, make_upload, make_version
from tests.web.reading import see, words


@pytest.fixture
def task(db: None) -> LabelingTask:
    """Two documents of it wait for tonight."""
    task = make_task(slug="letters", name="Letters")
    upload = make_upload(make_version(task))
    make_document(upload)
    make_document(upload)
    return task


def test_a_task_is_held_for_tonight_and_released(operator: Client, task: LabelingTask) -> None:
    response = operator.post("/leaving/letters/hold", follow=True)
    assert "Letters stays tonight; it leaves" in words(response.content)
    gate = Gate.objects.get(task=task)
    assert gate.until
    assert timezone.now() + timedelta(hours=24) < gate.until < timezone.now() + timedelta(hours=49)
    assert "Letters stays until" in see(operator, "/")
    assert "Letters leaves again" in words(operator.post("/leaving/letters/release", follow=True).content)
    assert Gate.objects.get(task=task).closed_at is None


def test_a_held_task_of_which_nothing_waits_for_tonight_is_released_at_a_price_too(
    operator: Client, task: LabelingTask
) -> None:
    gates.close_gate(task, by="ann", kind="person", reason="new wording")
    Document.objects.update(way=Way.NOW)
    assert re.search(r"Letters is held by ann .* Release, \$0\.\d+ to at most", see(operator, "/"))
    Document.objects.update(state="withdrawn", withdrawn_from="queued")
    make_document(make_upload(make_version(make_task(slug="others"))))
    assert "Release, nothing waits" in see(operator, "/")


def test_what_no_person_holds_is_not_let_go_from_the_night(operator: Client, task: LabelingTask) -> None:
    gates.close_gate(task, by="canary", kind="canary", reason="The canary of Letters v1 failed: cut off")
    seen = see(operator, "/")
    assert "Letters is paused, 2 documents. canary," in seen
    assert "Let it leave" not in seen
    response = operator.post("/leaving/letters/release", follow=True)
    assert "Not released: Letters is paused by canary" in words(response.content)
    assert Gate.objects.get(task=task).closed_at
    assert "Send another canary" in see(operator, "/tasks/letters/")
    response = operator.post("/tasks/letters/resume", {"seen": "person"}, follow=True)
    assert "Not resumed: by now Letters is paused by canary" in words(response.content)
    assert Gate.objects.get(task=task).closed_at
    assert "Letters leaves again." in words(
        operator.post("/tasks/letters/resume", {"seen": "canary"}, follow=True).content
    )


def test_who_holds_second_reads_who_was_first(operator: Client, admin: Client, task: LabelingTask) -> None:
    admin.post("/leaving/letters/hold")
    response = operator.post("/leaving/letters/hold", follow=True)
    assert "Letters was held already by admin-person: not tonight." in words(response.content)


def test_send_now_waits_for_thirty_seconds_and_names_its_price(operator: Client, task: LabelingTask) -> None:
    assert "Send now, " in see(operator, "/")
    response = operator.post("/leaving/letters/send", follow=True)
    assert "Until then it can be undone." in words(response.content)
    assert "Undo" in see(operator, "/")
    assert b'hx-trigger="every 5s"' in operator.get("/").content
    send_now.carry_out_due(timezone.now())
    assert Document.objects.filter(way=Way.NOW).count() == 0
    send_now.carry_out_due(timezone.now() + timedelta(seconds=31))
    assert Document.objects.filter(way=Way.NOW).count() == 2


def test_what_was_undone_does_not_leave(operator: Client, task: LabelingTask) -> None:
    operator.post("/leaving/letters/send")
    assert "Undone: Letters waits for tonight again." in words(
        operator.post("/leaving/letters/undo", follow=True).content
    )
    send_now.carry_out_due(timezone.now() + timedelta(seconds=31))
    assert Document.objects.filter(way=Way.TONIGHT).count() == 2
    assert SendOrder.objects.get().state == OrderState.UNDONE
    assert Activity.objects.filter(subject="task:letters").count() == 2


def test_undoing_too_late_says_so(operator: Client, task: LabelingTask) -> None:
    operator.post("/leaving/letters/send")
    send_now.carry_out_due(timezone.now() + timedelta(seconds=31))
    response = operator.post("/leaving/letters/undo", follow=True)
    assert "Not undone: Letters left already" in words(response.content)


def test_who_sends_second_reads_who_was_first(operator: Client, admin: Client, task: LabelingTask) -> None:
    admin.post("/leaving/letters/send")
    response = operator.post("/leaving/letters/send", follow=True)
    assert "is about to leave already. admin-person was first." in words(response.content)


def test_a_viewer_sees_no_button(viewer: Client, task: LabelingTask) -> None:
    html = viewer.get("/").content
    assert b"/leaving/letters" not in html
