"""How many tokens a request has: a worker asks, once, and keeps no text."""

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.batch_api import Fault
from labeling.models import TokenCount
from labeling.pipeline import counting
from labeling.transitions import token_counts
from tests.fake_api import FakeApi

pytestmark = pytest.mark.usefixtures("house")
PARAMS = b'{"model": "x", "messages": []}'


def test_a_count_is_asked_for_once_and_its_text_is_not_kept(fake: FakeApi) -> None:
    row, ask = token_counts.want(PARAMS, timezone.now())
    assert ask
    assert counting.count(row.pk) == len(PARAMS) // 4
    assert counting.count(row.pk) is None
    row.refresh_from_db()
    assert (row.tokens, row.params) == (len(PARAMS) // 4, "")
    assert token_counts.want(PARAMS, timezone.now())[1] is False
    assert len(fake.called("count_tokens")) == 1


def test_a_refusal_is_said_and_can_be_asked_again(fake: FakeApi) -> None:
    fake.fail("count_tokens", Fault.PERMANENT, "The model is not there.")
    row, _ = token_counts.want(PARAMS, timezone.now())
    counting.count(row.pk)
    row.refresh_from_db()
    assert (row.tokens, row.error, row.params) == (None, "The model is not there.", "")
    again, ask = token_counts.want(PARAMS, timezone.now())
    assert ask
    assert counting.count(again.pk)


def test_a_question_whose_worker_died_is_asked_again(fake: FakeApi) -> None:
    token_counts.want(PARAMS, timezone.now())
    assert token_counts.want(PARAMS, timezone.now())[1] is False
    assert token_counts.want(PARAMS, timezone.now() + timedelta(minutes=1))[1] is True


def test_old_counts_are_forgotten(fake: FakeApi) -> None:
    token_counts.want(PARAMS, timezone.now())
    assert token_counts.forget(timezone.now()) == 0
    assert token_counts.forget(timezone.now() + timedelta(days=2)) == 1
    assert not TokenCount.objects.exists()
