"""A request never leaves its end, whoever comes late."""

import pytest

from labeling.models import Request
from labeling.states import DocumentState, FailureReason, Outcome
from labeling.transitions import requests
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, brought_in, outcomes, played, states

pytestmark = pytest.mark.usefixtures("house")


def test_what_was_answered_is_neither_released_nor_ended_again(fake: FakeApi) -> None:
    brought_in(a_version(), ["a", "b"])
    (batch,) = played(fake)
    answered = list(Request.objects.values_list("pk", flat=True))
    assert requests.release_unsent(batch=batch) == 0
    assert requests.release_unsent(request_ids=answered) == 0
    assert requests.end_without_answer(answered, Outcome.MISSING, FailureReason.MISSING) == 0
    assert (outcomes(), states()) == ({Outcome.SUCCEEDED: 2}, {DocumentState.LABELED: 2})
