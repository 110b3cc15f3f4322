"""Accounts and roles: who may what, one-time passwords, and somebody who may administer is always left."""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labeling.models import Activity, OneTimePassword, SignInTries
from labeling.signing_in import MOST_TRIES, WINDOW
from labeling.transitions import accounts
from tests.pipeline.story import at_once
from tests.web.reading import see, words

OWN = "a-password-of-my-own"


def given(response: object) -> str:
    found = re.search(r'id="one-time">([\w-]+)<', response.content.decode())  # type: ignore[attr-defined]
    assert found
    return found[1]


def sign_in(name: str, password: str, client: Client | None = None) -> tuple[Client, int]:
    client = client or Client()
    return client, client.post("/login", {"username": name, "password": password}).status_code


def test_an_added_account_signs_in_once_and_chooses_its_own_password_first(admin: Client) -> None:
    password = given(admin.post("/accounts/add", {"name": "nora", "role": "operator"}))
    client, status = sign_in("nora", password)
    assert status == 302
    assert client.get("/")["Location"] == "/password"
    assert client.get("/live/night", headers={"HX-Request": "true"})["HX-Redirect"] == "/password"
    assert "Choose a password of your own" in see(client, "/password")
    client.post("/password", {"old_password": password, "new_password1": OWN, "new_password2": OWN})
    assert client.get("/").status_code == 200
    assert not OneTimePassword.objects.exists()
    assert sign_in("nora", password)[1] == 422
    assert sign_in("nora", OWN)[1] == 302
    said = set(Activity.objects.filter(subject="user:nora").values_list("by", "sentence"))
    assert said == {("admin-person", "Added the account nora as operator"), ("nora", "Changed the own password")}


def test_a_one_time_password_is_in_one_answer_and_nowhere_else(admin: Client) -> None:
    response = admin.post("/accounts/add", {"name": "nora", "role": "viewer"})
    password = given(response)
    assert "no-store" in response["Cache-Control"]
    assert password not in admin.get("/accounts/").content.decode()
    assert password not in str(list(Activity.objects.values()))
    assert password not in str(dict(admin.session.items())) + str(admin.cookies)


def test_a_one_time_password_ends(admin: Client) -> None:
    password = given(admin.post("/accounts/add", {"name": "nora", "role": "viewer"}))
    OneTimePassword.objects.update(ends_at=timezone.now())
    assert sign_in("nora", password)[1] == 422
    assert "One-time password ended" in see(admin, "/accounts/")


def test_a_new_one_time_password_signs_out_and_forgives(admin: Client, person: Callable[[str], User]) -> None:
    user = person("viewer")
    client, _ = sign_in(user.username, "night-night-1")
    for _ in range(MOST_TRIES + 1):
        sign_in(user.username, "wrong")
    password = given(admin.post(f"/accounts/{user.pk}/password"))
    assert client.get("/")["Location"].startswith("/login")
    assert sign_in(user.username, password)[1] == 302


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Write a user name."),
        ("two words", "Only letters, digits and @ . + - _ in a user name."),
        ("Admin-Person", "There is an account of that name already."),
    ],
)
def test_a_name_that_cannot_be_is_explained(admin: Client, name: str, sentence: str) -> None:
    response = admin.post("/accounts/add", {"name": name, "role": "viewer"})
    assert response.status_code == 422
    assert sentence in words(response.content)


def test_a_role_that_is_none_is_refused(admin: Client, person: Callable[[str], User]) -> None:
    user = person("viewer")
    assert admin.post("/accounts/add", {"name": "nora", "role": "owner"}).status_code == 422
    admin.post(f"/accounts/{user.pk}/role", {"role": "owner"})
    assert accounts.role_of(user) == "viewer"


def test_a_role_counts_at_once_and_leaves_a_line(admin: Client, person: Callable[[str], User]) -> None:
    user = person("viewer")
    client, _ = sign_in(user.username, "night-night-1")
    assert client.get("/uploads/new/").status_code == 403
    admin.post(f"/accounts/{user.pk}/role", {"role": "operator"})
    assert client.get("/uploads/new/").status_code == 200
    line = Activity.objects.get(subject="user:viewer-person")
    assert line.sentence == "Changed the role of viewer-person from viewer to operator"
    assert line.detail == {"role": ["viewer", "operator"]}
    admin.post(f"/accounts/{user.pk}/role", {"role": "operator"})
    assert Activity.objects.filter(subject="user:viewer-person").count() == 1


def test_an_account_out_of_use_is_signed_out_at_once_and_can_come_back(
    admin: Client, person: Callable[[str], User]
) -> None:
    user = person("viewer")
    client, _ = sign_in(user.username, "night-night-1")
    admin.post(f"/accounts/{user.pk}/active", {"active": "no"})
    assert client.get("/")["Location"].startswith("/login")
    assert sign_in(user.username, "night-night-1")[1] == 422
    admin.post(f"/accounts/{user.pk}/active", {"active": "yes"})
    assert sign_in(user.username, "night-night-1")[1] == 302


@pytest.mark.parametrize(("act", "form"), [("role", {"role": "viewer"}), ("active", {"active": "no"})])
def test_the_last_admin_cannot_lock_the_house(admin: Client, act: str, form: dict[str, str]) -> None:
    me = User.objects.get(username="admin-person")
    response = admin.post(f"/accounts/{me.pk}/{act}", form, follow=True)
    assert "admin-person is the last admin in use" in words(response.content)
    me.refresh_from_db()
    assert (me.is_active, accounts.role_of(me)) == (True, "admin")
    assert not Activity.objects.exists()


def test_a_superuser_is_an_admin_until_somebody_gives_a_smaller_role(admin: Client) -> None:
    root = User.objects.create_superuser("root", password=OWN)
    assert accounts.role_of(root) == "admin"
    admin.post(f"/accounts/{root.pk}/role", {"role": "viewer"})
    root = User.objects.get(pk=root.pk)
    assert (root.is_superuser, root.is_staff, root.has_perm("labeling.administer")) == (False, False, False)


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_demote_each_other_at_once_leave_one(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are held where they would see each other, were one not made to wait before it looks."""
    meeting, take = threading.Barrier(2), accounts._take_role

    def take_and_wait(user: User, role: str) -> None:
        take(user, role)
        with suppress(threading.BrokenBarrierError):
            meeting.wait(2)

    pair = [accounts.add(name, "admin", by="test")[0] for name in ("anna", "bert")]
    monkeypatch.setattr(accounts, "_take_role", take_and_wait)
    found = at_once(*[lambda user=user: accounts.set_role(user, "viewer") for user in pair])
    assert [type(each) for each in found if isinstance(each, Exception)] == [accounts.LastAdmin]
    assert accounts.admins().count() == 1


# --- signing in ------------------------------------------------------------------------------------------------------


def test_an_error_names_no_field_and_gives_the_tries_left(person: Callable[[str], User], client: Client) -> None:
    user = person("viewer")
    for name in (user.username, "nobody-of-that-name"):
        response = client.post("/login", {"username": name, "password": "wrong"})
        assert response.status_code == 422
        assert "That name and password do not match. 4 tries left." in words(response.content)


def test_after_five_tries_the_right_password_must_wait_too(
    person: Callable[[str], User], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = person("viewer")
    for _ in range(MOST_TRIES):
        sign_in(user.username.upper(), "wrong", client)
    locked = client.post("/login", {"username": user.username, "password": "night-night-1"})
    assert locked.status_code == 429
    assert "Too many tries. Wait until" in words(locked.content)
    later = timezone.now() + WINDOW
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert sign_in(user.username, "night-night-1", client)[1] == 302
    assert not SignInTries.objects.exists()


def test_tries_from_elsewhere_do_not_lock_somebody_out(person: Callable[[str], User]) -> None:
    user = person("viewer")
    attacker = Client(REMOTE_ADDR="203.0.113.9")
    for _ in range(MOST_TRIES + 2):
        sign_in(user.username, "wrong", attacker)
    assert sign_in(user.username, "night-night-1")[1] == 302


def test_the_admins_own_door_counts_the_same_tries(person: Callable[[str], User], client: Client) -> None:
    user = User.objects.create_superuser("root", password=OWN)
    for _ in range(MOST_TRIES):
        client.post("/admin/login/", {"username": user.username, "password": "wrong"})
    client.post("/admin/login/", {"username": user.username, "password": OWN})
    assert "_auth_user_id" not in client.session


def test_names_that_were_tried_are_not_kept(db: None, client: Client) -> None:
    sign_in("my-password-in-the-wrong-field", "x", client)
    assert "my-password" not in str(list(SignInTries.objects.values()))


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_time_are_all_counted(transactional_db: None) -> None:
    accounts.add("anna", "admin", by="test")
    found = at_once(*[lambda n=n: sign_in("anna", f"guess {n}")[1] for n in range(MOST_TRIES + 5)])
    assert sorted(found) == [422] * MOST_TRIES + [429] * 5


def test_old_tries_are_pruned_and_a_password_change_needs_the_old_one(viewer: Client) -> None:
    from labeling.tasks import prune

    SignInTries.objects.create(name="x", address="y", since=timezone.now() - timedelta(days=9))
    prune()
    assert not SignInTries.objects.exists()
    form = {"old_password": "wrong", "new_password1": OWN, "new_password2": OWN}
    assert "entered incorrectly" in words(viewer.post("/password", form).content)
