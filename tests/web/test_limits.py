"""The page of money limits: how they stand, and what an admin lets go."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Activity, Batch, LimitRelease
from labeling.states import BatchState
from tests.factories import make_batch, make_document, make_request, make_upload
from tests.web.reading import see, words


@pytest.fixture
def limited(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One document in a batch that takes all but a cent, one that waits."""
    monkeypatch.setenv("NIGHTSHIFT_NIGHT_LIMIT_USD", "5")
    upload = make_upload(way="now")
    batch = make_batch(upload.version, state=BatchState.IN_PROGRESS, limit_date=timezone.now().date())
    make_request(make_document(upload), batch=batch)
    Batch.objects.update(reserved_usd=Decimal("4.9999"))
    make_document(upload)


def test_without_limits_the_page_says_that_there_are_none(db: None, viewer: Client) -> None:
    assert see(viewer, "/limits/").count("No limit is set") == 2


def test_a_limit_shows_what_is_paid_and_what_is_reserved(limited: None, viewer: Client) -> None:
    seen = see(viewer, "/limits/")
    assert "Batches wait for a money limit" in seen
    assert "Limit $5.00 Paid so far $0.00 Reserved for what is open $5.00 May still leave $0.0001" in seen
    assert "Releasing more needs the role admin." in seen


def test_the_first_page_says_it_and_leads_here(limited: None, viewer: Client) -> None:
    assert "Documents wait for a money limit." in see(viewer, "/")
    assert 'href="/limits/"' in viewer.get("/").content.decode()


def test_an_admin_releases_an_amount_for_the_night_in_force(limited: None, admin: Client) -> None:
    admin.post("/limits/release", {"scope": "night", "amount": "12.50", "why": "the month ends"})
    row = LimitRelease.objects.get()
    assert (row.scope, row.date, row.amount_usd, row.why) == (
        "night", timezone.now().date(), Decimal("12.5"), "the month ends"
    )  # fmt: skip
    assert "$12.50 more the month ends" in see(admin, "/limits/")
    assert (
        Activity.objects.latest("pk").sentence
        == f"Released $12.5 more for the night limit of {row.date}: the month ends"
    )


def test_who_releases_twice_lets_go_once(limited: None, admin: Client) -> None:
    asked = {"scope": "night", "amount": "5", "why": "the month ends", "seen": "0"}
    admin.post("/limits/release", asked)
    told = words(admin.post("/limits/release", asked, follow=True).content)
    assert "Nothing was released. admin-person was first: released $5 more" in told
    newest = LimitRelease.objects.get().pk
    assert f'name="seen" value="{newest}"' in admin.get("/limits/").content.decode()
    admin.post("/limits/release", {**asked, "seen": newest})
    assert LimitRelease.objects.count() == 2


def test_an_empty_amount_is_everything(limited: None, admin: Client) -> None:
    admin.post("/limits/release", {"scope": "night", "amount": "", "why": "all"})
    assert LimitRelease.objects.get().amount_usd is None
    assert "No money limit holds anything back" in see(admin, "/limits/")


@pytest.mark.parametrize("wrong", [{"why": ""}, {"scope": "week"}, {"amount": "-3"}, {"amount": "0"}, {"amount": "x"}])
def test_what_cannot_be_read_releases_nothing(limited: None, admin: Client, wrong: dict[str, str]) -> None:
    response = admin.post("/limits/release", {"scope": "night", "amount": "1", "why": "because", **wrong}, follow=True)
    assert "Nothing was released." in words(response.content)
    assert not LimitRelease.objects.exists()


def test_a_release_of_another_night_is_none_of_this_one(limited: None, viewer: Client) -> None:
    LimitRelease.objects.create(scope="night", date=timezone.now().date() - timedelta(days=1), by="ann", why="then")
    assert "Batches wait for a money limit" in see(viewer, "/limits/")
