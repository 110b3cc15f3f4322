"""Settings: everybody sees them, admins change them, nobody undoes what he has not seen."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django_q.models import OrmQ

from labeling import configuration
from labeling.models import Activity, Notice, Setting
from labeling.outgoing import trying
from tests.outgoing.conftest import set_addresses  # noqa: F401  a fixture
from tests.web.reading import see, words


def form_of(client: Client) -> dict[str, str]:
    """What the page would send when nothing is changed."""
    html = client.get("/settings/").content.decode()
    values = dict(re.findall(r'<input class="inp" id="s-\w+" name="(\w+)" value="([^"]*)"', html))
    chosen = re.findall(r'<select class="sel" id="s-\w+" name="(\w+)".*?<option value="(\w+)" selected>', html)
    seen = dict(re.findall(r'name="(seen)" value="(\w+)"', html))
    return {**values, **dict(chosen), **seen}


def test_nothing_changed_is_nothing_saved(admin: Client) -> None:
    assert "Nothing was changed" in words(admin.post("/settings/", form_of(admin), follow=True).content)
    assert not Activity.objects.filter(subject="settings").exists()


def test_settings_are_saved_and_counted_from_then_on(admin: Client) -> None:
    admin.post("/settings/", {**form_of(admin), "night": "22:30", "time_zone": "Europe/Berlin", "canary": "no"})
    settings = configuration.load()
    assert (f"{settings.night:%H:%M}", settings.time_zone, settings.canary) == ("22:30", "Europe/Berlin", False)
    assert set(Setting.objects.filter(updated_by="admin-person").values_list("key", flat=True)) == {
        "night", "time_zone", "canary",
    }  # fmt: skip
    assert "Nights leave at 22:30, Europe/Berlin" in see(admin, "/settings/")


def test_a_change_is_a_line_in_activity_with_before_and_after(admin: Client) -> None:
    admin.post("/settings/", {**form_of(admin), "night": "22:30", "night_limit_usd": "25"})
    line = Activity.objects.get(subject="settings")
    assert line.sentence == "Changed night from 00:00 to 22:30, night_limit_usd from none to 25"
    assert line.detail == {"night": ["00:00", "22:30"], "night_limit_usd": [None, "25"]}


def test_a_change_on_an_old_page_is_refused_and_says_who_was_first(
    admin: Client, person: Callable[..., object]
) -> None:
    old = form_of(admin)
    admin.post("/settings/", {**form_of(admin), "max_attempts": "7"})
    response = admin.post("/settings/", {**old, "max_attempts": "2", "night": "21:00"})
    said = words(response.content)
    assert response.status_code == 409
    assert "Nothing was saved: the settings were changed meanwhile. admin-person," in said
    assert "Changed max_attempts from 3 to 7." in said
    assert 'value="21:00"' in response.content.decode()
    assert configuration.load().max_attempts == 7
    again = dict(re.findall(r'name="(seen)" value="(\w+)"', response.content.decode()))
    assert admin.post("/settings/", {**old, **again, "night": "21:00", "max_attempts": "7"}).status_code == 302
    assert f"{configuration.load().night:%H:%M}" == "21:00"


def test_a_post_that_does_not_say_what_it_saw_is_old(admin: Client) -> None:
    form = form_of(admin)
    del form["seen"]
    assert admin.post("/settings/", {**form, "max_attempts": "9"}).status_code == 409


def test_a_setting_that_cannot_be_read_is_marked_and_nothing_is_saved(admin: Client) -> None:
    response = admin.post("/settings/", {**form_of(admin), "time_zone": "Berlin", "max_attempts": "9"})
    assert response.status_code == 422
    assert "Berlin is not a time zone" in words(response.content)
    assert not Setting.objects.filter(key="max_attempts").exists()


def test_an_emptied_setting_goes_back_to_its_default(admin: Client) -> None:
    admin.post("/settings/", {**form_of(admin), "max_attempts": "7"})
    assert configuration.load().max_attempts == 7
    admin.post("/settings/", {**form_of(admin), "max_attempts": ""})
    assert configuration.load().max_attempts == 3


def test_an_emptied_limit_of_money_is_no_limit_again(admin: Client) -> None:
    admin.post("/settings/", {**form_of(admin), "night_limit_usd": "25.50"})
    assert str(configuration.load().night_limit_usd) == "25.50"
    assert admin.post("/settings/", {**form_of(admin), "night_limit_usd": ""}).status_code == 302
    assert configuration.load().night_limit_usd is None
    assert not Setting.objects.filter(key="night_limit_usd").exists()


def test_what_the_environment_fixes_is_shown_and_not_changed(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_MAX_ATTEMPTS", "5")
    assert "5 fixed by the environment" in see(admin, "/settings/")
    admin.post("/settings/", {**form_of(admin), "max_attempts": "9"})
    assert not Setting.objects.filter(key="max_attempts").exists()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("queue_limit", "abc", "Write a whole number."),
        ("night", "22:30+05:00", "Write the hour like 22:30."),
        ("night", "22:30:15", "Write the hour like 22:30."),
        ("report_at", "7 o'clock", "Write the hour like 22:30."),
        ("report_when", "sometimes", "Choose one of the list."),
        ("night_limit_usd", "much", "Write an amount of dollars"),
        ("time_zone", "Mars/Phobos", "Mars/Phobos is not a time zone"),
    ],
)
def test_a_wrong_setting_is_explained_in_plain_words(admin: Client, name: str, value: str, sentence: str) -> None:
    response = admin.post("/settings/", {**form_of(admin), name: value})
    seen = words(response.content)
    assert response.status_code == 422
    assert sentence in seen
    assert "Value error" not in seen


def test_every_setting_is_on_the_page_once(admin: Client) -> None:
    html = admin.get("/settings/").content.decode()
    names = re.findall(r' id="s-(\w+)"', html)
    assert sorted(names) == sorted(configuration.Configuration.model_fields)


# --- the zone --------------------------------------------------------------------------------------------------------


def test_as_long_as_nobody_chose_a_zone_an_admin_is_offered_the_browsers(admin: Client, operator: Client) -> None:
    assert "Nights and days are in UTC until you choose a time zone." in see(admin, "/tasks/")
    admin.cookies["nightshift_zone"] = "Europe/Berlin"
    assert "Use Europe/Berlin" in see(admin, "/tasks/")
    assert "until you choose" not in see(operator, "/tasks/")
    admin.post("/settings/zone", {"zone": "Europe/Berlin"})
    assert configuration.load().time_zone == "Europe/Berlin"
    assert "until you choose" not in see(admin, "/tasks/")
    assert "Chose the time zone Europe/Berlin" in Activity.objects.get(subject="settings").sentence


def test_utc_is_a_choice_too(admin: Client) -> None:
    admin.post("/settings/zone", {"zone": "UTC"})
    assert "until you choose" not in see(admin, "/tasks/")


def test_a_zone_that_is_none_or_was_chosen_already_is_refused(admin: Client) -> None:
    refused = admin.post("/settings/zone", {"zone": "Mars/Phobos"}, follow=True)
    assert "Choose a time zone from the list" in words(refused.content)
    admin.post("/settings/zone", {"zone": "Asia/Tokyo"})
    late = admin.post("/settings/zone", {"zone": "Europe/Berlin"}, follow=True)
    assert "Somebody chose a time zone already" in words(late.content)
    assert configuration.load().time_zone == "Asia/Tokyo"


def test_a_zone_that_the_environment_fixes_is_chosen(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_TIME_ZONE", "Asia/Tokyo")
    assert "until you choose" not in see(admin, "/tasks/")
    admin.post("/settings/zone", {"zone": "Europe/Berlin"})
    assert not Setting.objects.filter(key="time_zone").exists()


# --- who is told -----------------------------------------------------------------------------------------------------


def test_addresses_are_shown_by_their_kinds_and_never_with_a_secret(
    viewer: Client,
    set_addresses: Callable[..., object],  # noqa: F811
) -> None:
    set_addresses(
        SMTP_URL="smtps://me%40example.com:hunter2-hunter2@mail.example.com",
        ALARM_MAIL_TO="ops@example.com",
        ALARM_URLS="slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        PING_URL="https://hc.example.com/ping/5ad1c2f7",
    )
    html = viewer.get("/settings/").content.decode()
    assert "set, 2 addresses: mailto, slack" in words(html.encode())
    for secret in ("hunter2", "TIiajk", "5ad1c2f7", "mail.example.com", "ops@example.com"):
        assert secret not in html


def test_a_test_is_made_by_the_button_and_delivered_by_a_worker(
    admin: Client,
    set_addresses: Callable[..., object],  # noqa: F811
) -> None:
    set_addresses(ALARM_URLS="json://127.0.0.1:9/")
    admin.post("/settings/test")
    assert Notice.objects.get().kind == "test"
    assert "labeling.tasks.outgoing" in {task.func() for task in OrmQ.objects.all()}
    assert "json: on the way" in see(admin, "/settings/")
    trying.deliver_test(Notice.objects.get().subject)
    assert "json: did not arrive" in see(admin, "/settings/")


def test_without_an_address_a_test_goes_to_nobody_and_says_so(
    admin: Client,
    set_addresses: Callable[..., object],  # noqa: F811
) -> None:
    set_addresses()
    assert "nobody to send a test to" in words(admin.post("/settings/test", follow=True).content)
    assert Notice.objects.count() == 0
    assert "Nobody is told when something breaks" in see(admin, "/settings/")


def test_alarms_are_listed_with_who_was_told(viewer: Client) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from labeling.models import Alarm

    now = timezone.now()
    alarm = Alarm.objects.create(
        kind="disk", sentence="Only 3 bytes are free.", raised_at=now - timedelta(hours=1), seen_at=now, told_at=now
    )
    Notice.objects.create(kind="alarm", subject=str(alarm), receiver="slack:1", next_at=now, delivered_at=now)
    Notice.objects.create(
        kind="alarm", subject=str(alarm), receiver="mailto:1", next_at=now, tries=3, last_error="It answered 503."
    )
    seen = see(viewer, "/settings/")
    assert "Stands Only 3 bytes are free." in seen
    assert "1 address," in seen
    assert "mailto: 3 tries, It answered 503." in seen
