"""One glance finds what is seldom there, and asks nothing more where there is nothing."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling import glance
from labeling.models import Gate

pytestmark = pytest.mark.django_db


def test_where_there_is_nothing_one_question_is_enough() -> None:
    with CaptureQueriesContext(connection) as queries:
        seen = glance.glance()
        assert [row for kind in glance._KINDS for row in seen.of(kind)] == []
        assert not seen.of(glance.TO_CONFIRM).count()
    assert len(queries) == 1


def test_what_is_there_is_read_as_it_is() -> None:
    Gate.objects.filter(task=None).update(
        closed_at=timezone.now(), closed_by="Ada", kind="person", reason="stocktaking"
    )
    seen = glance.glance()
    assert [gate.reason for gate in seen.of(glance.CLOSED_GATES)] == ["stocktaking"]
    assert not seen.of(glance.ORDERS)
