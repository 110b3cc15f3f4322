"""The API loses, delays and garbles its answers, and refuses: nothing is paid twice and nothing is lost."""

import pytest

from tests.faults.lost_answers import LOST_ANSWERS


@pytest.mark.parametrize("case", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_whatever_the_api_answers_every_document_is_paid_for_once(case, played):
    assert played(case) is None
