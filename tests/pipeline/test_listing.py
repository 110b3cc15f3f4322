"""Which models there are: asked seldom, kept when the API is away, and a change in a model's life wants a canary."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from labeling import counts
from labeling.batch_api import Fault
from labeling.models import Canary, ListedModel
from labeling.pipeline import canary, listing
from labeling.reports import listed
from labeling.states import CanaryState
from tests.fake_api import FakeApi
from tests.pipeline.story import MODEL, a_version, brought_in, built, setting, texts

pytestmark = pytest.mark.usefixtures("house")


def change(fake: FakeApi, monkeypatch: pytest.MonkeyPatch, **what: object) -> None:
    """From now on the API says something else about the model of these tests."""
    from labeling import batch_api

    said = [replace(model, **what) if model.id == MODEL else model for model in fake.models()]  # type: ignore[arg-type]
    monkeypatch.setattr(batch_api, "models", lambda: said)


def later(hours: float) -> bool:
    return listing.refresh(timezone.now() + timedelta(hours=hours))


def test_the_list_is_asked_for_every_few_hours_at_the_most(fake: FakeApi) -> None:
    assert listing.refresh(timezone.now())
    assert ListedModel.objects.get(pk=MODEL).lifecycle == "active"
    assert not listing.refresh(timezone.now())
    assert not later(5)
    assert later(7)
    assert len(fake.called("models")) == 2


def test_an_api_that_is_away_keeps_the_rows_and_the_age_says_so(fake: FakeApi) -> None:
    listing.refresh(timezone.now())
    before = listed.age().answered_at
    fake.fail("models", Fault.TRANSIENT, "There is no connection.")
    assert not later(7)
    assert ListedModel.objects.filter(is_listed=True).exists()
    assert (listed.age().answered_at, listed.age().error) == (before, "There is no connection.")


def test_after_a_failure_it_is_asked_again_soon(fake: FakeApi) -> None:
    fake.fail("models", Fault.TRANSIENT)
    assert not listing.refresh(timezone.now())
    assert not later(0.1)
    assert later(0.5)


def test_what_is_to_be_known_about_a_model_is_said(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    assert listed.look("nobody").warnings == []
    listing.refresh(timezone.now())
    assert listed.look(MODEL).warnings == []
    assert "does not list a model nobody" in listed.look("nobody").warnings[0]
    change(fake, monkeypatch, lifecycle="deprecated", retires_at=timezone.now() + timedelta(days=30))
    later(7)
    assert "is deprecated and retires on" in listed.look(MODEL).warnings[0]


def test_a_model_that_left_the_list_is_kept_and_marked(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    from labeling import batch_api

    listing.refresh(timezone.now())
    others = [model for model in fake.models() if model.id != MODEL]
    monkeypatch.setattr(batch_api, "models", lambda: others)
    later(7)
    assert "no more" in listed.look(MODEL).warnings[0]
    assert MODEL not in dict(listed.choices())


def test_a_canary_is_wanted_again_when_the_life_of_the_model_changed(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing.refresh(timezone.now())
    version = a_version()
    brought_in(version, texts(101))
    Canary.objects.create(
        version=version,
        document_id=1,
        state=CanaryState.PROVED,
        sent_at=timezone.now(),
        decided_at=timezone.now(),
    )
    assert counts.unproved_versions(timezone.now()) == set()
    change(fake, monkeypatch, lifecycle="deprecated")
    later(7)
    assert counts.unproved_versions(timezone.now()) == {version.pk}
    assert built(setting(canary=True)) == []
    canary.arrange(setting(canary=True), timezone.now())
    assert Canary.objects.filter(state=CanaryState.SENT).count() == 1


def test_the_first_list_takes_back_no_canary(fake: FakeApi) -> None:
    version = a_version()
    brought_in(version, texts(101))
    now = timezone.now()
    Canary.objects.create(version=version, document_id=1, state=CanaryState.PROVED, sent_at=now, decided_at=now)
    listing.refresh(timezone.now())
    assert counts.unproved_versions(timezone.now()) == set()
