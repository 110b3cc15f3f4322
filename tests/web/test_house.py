"""Activity, cancel, zones."""

from collections.abc import Callable
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_q.models import OrmQ

from labeling.models import Setting
from labeling.states import UploadState
from tests.factories import (
    make_batch,
    make_document,
    make_request,
    make_upload,
)
from tests.web.reading import see, words


def test_activity_is_filtered_by_who_and_by_what(operator: Client, admin: Client) -> None:
    operator.post("/pause", {"reason": "one"})
    admin.post("/resume")
    assert "leaves again" not in see(operator, "/activity/?by=operator-person")
    assert "Paused everything: one" in see(operator, "/activity/?by=operator-person")


def test_a_canceled_batch_remembers_who_wished_it(operator: Client, admin: Client) -> None:
    batch = make_batch()
    make_request(make_document(make_upload(batch.version)), batch=batch)
    admin.post(f"/batches/{batch.pk}/cancel", {"rest": "withdraw"})
    response = operator.post(f"/batches/{batch.pk}/cancel", {"rest": "queue"}, follow=True)
    batch.refresh_from_db()
    assert (batch.cancel_requested_by, batch.withdraw_canceled) == ("admin-person", True)
    assert "admin-person was first" in words(response.content)


def test_an_upload_that_stands_still_says_why(viewer: Client) -> None:
    upload = make_upload(state=UploadState.IMPORTING, error="Only 3 bytes of disk are free; 5 are wanted.")
    seen = see(viewer, f"/uploads/{upload.pk}/")
    assert "Only 3 bytes of disk are free" in seen
    assert "The rows so far are safe" in seen


def test_times_are_in_the_zone_of_the_browser(viewer: Client) -> None:
    Setting.objects.create(key="night", value="22:00")
    assert "Next submission 22:00" in see(viewer, "/tasks/") or "Next submission" in see(viewer, "/tasks/")
    viewer.cookies["nightshift_zone"] = "Asia/Tokyo"
    assert "Times in Asia/Tokyo" in see(viewer, "/tasks/")
    viewer.cookies["nightshift_zone"] = "../../etc/passwd"
    assert "Times in UTC" in see(viewer, "/tasks/")


def test_days_of_the_chart_reach_from_the_first_to_today(viewer: Client) -> None:
    from labeling.reports.savings import savings

    found = savings(date(2026, 11, 22), period="month", group="task")
    assert (found.bars[0].day, found.bars[-1].day, len(found.bars)) == (date(2026, 11, 1), date(2026, 11, 22), 22)
    assert len(savings(date(2026, 11, 22), period="year", group="task").bars) == 47


def test_a_command_wakes_a_worker_at_once_and_not_without_end(operator: Client) -> None:
    for _ in range(9):
        operator.post("/resume")
    waiting = list(OrmQ.objects.filter(key="ticks"))
    assert 1 <= len(waiting) <= 6
    assert {task.func() for task in waiting} == {"labeling.tasks.tick"}


def test_each_money_limit_leads_to_how_it_stands(admin: Client) -> None:
    assert see(admin, "/settings/").count("How it stands") == 2


@pytest.mark.parametrize("path", ["/activity/?by=%00", "/activity/?subject=a%00b", "/batches/?task=%00"])
def test_a_filter_that_no_text_can_equal_is_ignored(viewer: Client, path: str) -> None:
    assert viewer.get(path).status_code == 200


ELSEWHERE = ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)"]


@pytest.mark.parametrize("place", ELSEWHERE)
def test_the_theme_is_a_cookie_and_leads_nowhere_else(client: Client, db: None, place: str) -> None:
    response = client.post("/theme", {"theme": "dark", "next": place})
    assert (response["Location"], response.cookies["nightshift_theme"].value) == ("/", "dark")
    assert 'data-theme="dark"' in client.get("/login").content.decode()


def test_the_theme_leads_back_to_where_it_was_chosen(client: Client, db: None) -> None:
    assert client.post("/theme", {"theme": "dark", "next": "/batches/?tab=open"})["Location"] == "/batches/?tab=open"


@pytest.mark.parametrize("place", ELSEWHERE)
def test_signing_in_leads_nowhere_else(client: Client, person: Callable[[str], User], place: str) -> None:
    name = person("viewer").username
    response = client.post(f"/login?next={place}", {"username": name, "password": "night-night-1", "next": place})
    assert response["Location"] == "/"
