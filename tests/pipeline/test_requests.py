"""A request never leaves its end, whoever comes late."""

import pytest

from labeling.models import Request
from labeling.states import DocumentState, FailureReason, Outcome
from labeling.transitions import requests
from tests.factories import make_batch, make_result
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, brought_in, outcomes, played, sent, states

pytestmark = pytest.mark.usefixtures("house")


def test_what_was_answered_is_neither_released_nor_ended_again(fake: FakeApi) -> None:
    brought_in(a_version(), ["a", "b"])
    (batch,) = played(fake)
    answered = list(Request.objects.values_list("pk", flat=True))
    assert requests.release_unsent(batch=batch) == 0
    assert requests.release_unsent(request_ids=answered) == 0
    assert requests.end_without_answer(answered, Outcome.MISSING, FailureReason.MISSING) == 0
    assert (outcomes(), states()) == ({Outcome.SUCCEEDED: 2}, {DocumentState.LABELED: 2})


def test_a_line_of_one_batch_does_not_settle_the_request_of_another(fake: FakeApi) -> None:
    brought_in(version := a_version(), ["a"])
    sent()
    request = Request.objects.get()
    request.batch = make_batch(version, message_batch_id="msgbatch_another")
    with pytest.raises(AssertionError, match="is not open"):
        make_result(request)
    assert outcomes() == {Outcome.OPEN: 1}
