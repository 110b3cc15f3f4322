"""verify_batch: what was sent, compared."""

import pytest

from labeling.models import DocumentText
from tests.commands.console import Console
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, brought_in, played

pytestmark = pytest.mark.usefixtures("house")


def test_what_was_sent_is_compared_by_a_command(console: Console, fake: FakeApi) -> None:
    brought_in(a_version(), ["a", "b"])
    (batch,) = played(fake)
    outcome = console("verify_batch", str(batch))
    assert outcome.code == 0
    assert outcome.summary["equal"] == outcome.summary["batches"] == 1
    DocumentText.objects.filter(text="a").update(text="changed since")
    outcome = console("verify_batch")
    assert (outcome.code, outcome.summary["differ"]) == (1, [str(batch)])


@pytest.mark.parametrize("name", ["B-999999", "batch", "12x"])
def test_a_batch_that_is_not_there_is_not_compared(console: Console, db: None, name: str) -> None:
    assert console("verify_batch", name).code == 2
