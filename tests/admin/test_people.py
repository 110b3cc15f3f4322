"""Django's own pages of users and groups: nobody can take the last admin, and the roles stay what they are."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.admin.world import sign_in
from tests.web.reading import words

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> User:
    """The only one who may administer."""
    return User.objects.create_superuser("root", password="night-night-1")


@pytest.fixture
def client(root: User) -> Client:
    client = Client()
    client.force_login(root)
    return client


def form_of(user: User, **changes: object) -> dict[str, object]:
    """The form of a user's page as it stands; None leaves a box unticked."""
    form: dict[str, object] = {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "date_joined_0": "2026-11-01",
        "date_joined_1": "08:00:00",
        **changes,
    }
    return {name: value for name, value in form.items() if value is not None}


@pytest.mark.parametrize(
    ("page", "changes"),
    [
        ("{pk}/change/", {"is_active": None}),
        ("{pk}/change/", {"is_superuser": None}),
        ("{pk}/delete/", {"post": "yes"}),
        ("", {"action": "delete_selected", "post": "yes", "_selected_action": "{pk}"}),
    ],
)
def test_the_last_admin_stays(client: Client, root: User, page: str, changes: dict[str, str | None]) -> None:
    changes = {name: value and value.format(pk=root.pk) for name, value in changes.items()}
    response = client.post(f"/admin/auth/user/{page.format(pk=root.pk)}", form_of(root, **changes), follow=True)
    said = words(response.content)
    assert "Not done: nobody would be left who may administer." in said
    assert "successfully" not in said
    root.refresh_from_db()
    assert (root.is_active, root.is_superuser, root.has_usable_password()) == (True, True, True)


def test_nobody_is_left_without_a_password(client: Client, root: User) -> None:
    page = f"/admin/auth/user/{root.pk}/password/"
    assert b'name="usable_password"' not in client.get(page).content
    client.post(page, {"usable_password": "false", "unset-password": "yes"})
    root.refresh_from_db()
    assert root.has_usable_password()


def test_where_another_admin_is_left_anybody_can_go(client: Client, root: User) -> None:
    other = User.objects.create_user("anna", password="night-night-2", is_staff=True)
    other.groups.add(Group.objects.get(name="admin"))
    client.post(f"/admin/auth/user/{root.pk}/change/", form_of(root, is_active=None))
    root.refresh_from_db()
    assert not root.is_active


def test_an_admin_out_of_use_does_not_count(client: Client, root: User) -> None:
    other = User.objects.create_user("anna", password="night-night-2", is_active=False)
    other.groups.add(Group.objects.get(name="admin"))
    client.post(f"/admin/auth/user/{root.pk}/delete/", {"post": "yes"})
    assert User.objects.filter(pk=root.pk).exists()


def test_roles_are_looked_at_and_not_changed_or_deleted(client: Client) -> None:
    role = Group.objects.get(name="admin")
    assert client.get(f"/admin/auth/group/{role.pk}/change/").status_code == 200
    assert client.post(f"/admin/auth/group/{role.pk}/change/", {"name": "nobody"}).status_code == 403
    assert client.post(f"/admin/auth/group/{role.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post("/admin/auth/group/", {"action": "delete_selected", "post": "yes", "_selected_action": role.pk})
    assert Group.objects.filter(name="admin").exists()


def test_an_operator_has_no_page_of_users(root: User) -> None:
    operator = sign_in("otto", "operator")
    assert operator.post(f"/admin/auth/user/{root.pk}/delete/", {"post": "yes"}).status_code in (302, 403)
    assert User.objects.filter(pk=root.pk).exists()
