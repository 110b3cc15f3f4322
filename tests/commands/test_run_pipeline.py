"""run_pipeline: one pass, until idle, and its exit codes."""

from pathlib import Path
from typing import Any

import pytest

from batchsite.environment import read_environment
from labeling.batch_api import Fault
from labeling.models import Batch
from labeling.pipeline import conductor
from tests.commands.console import Console
from tests.fake_api import FakeApi
from tests.pipeline.conftest import House
from tests.pipeline.story import a_version, brought_in, built

pytestmark = pytest.mark.usefixtures("house")


@pytest.mark.usefixtures("no_sandbox")
def test_one_pass_ends_with_0_and_obeys_the_hour(console: Console, fake: FakeApi, five_rows: Path) -> None:
    a_version()
    console("import_documents", five_rows, "--task", "colors")
    found = console("run_pipeline")
    assert (found.code, found.summary["queued"]) == (0, 4)
    assert fake.called("create_batch") == []


@pytest.mark.usefixtures("no_sandbox")
def test_a_run_whose_time_is_over_ends_with_3(console: Console, fake: FakeApi, five_rows: Path) -> None:
    a_version()
    console("import_documents", five_rows, "--task", "colors")
    found = console("run_pipeline", "--until-idle", "--timeout", "0.2")
    assert (found.code, found.summary["batched"]) == (3, 3)
    assert "The time was over" in found.err


@pytest.mark.usefixtures("no_sandbox")
def test_a_refusal_ends_with_1_and_is_named(console: Console, fake: FakeApi, five_rows: Path) -> None:
    a_version()
    console("import_documents", five_rows, "--task", "colors")
    fake.fail("create_batch", Fault.PERMANENT, "Your credit is used up.", status=402)
    found = console("run_pipeline", "--until-idle", "--timeout", "20")
    assert (found.code, found.summary["queued"]) == (1, 4)
    assert "Your credit is used up." in found.err
    assert console("status", "--json").summary["paused"][0]["kind"] == "refusal"


@pytest.mark.usefixtures("no_sandbox")
def test_what_a_person_paused_ends_with_0_and_is_named(console: Console, fake: FakeApi, five_rows: Path) -> None:
    a_version()
    console("import_documents", five_rows, "--task", "colors")
    assert console("pause", "--reason", "the model is being changed").summary["paused"]
    found = console("run_pipeline", "--until-idle", "--timeout", "20")
    assert (found.code, found.summary["queued"]) == (0, 4)
    assert "the model is being changed" in found.err
    assert fake.called("create_batch") == []


@pytest.mark.usefixtures("no_sandbox")
def test_what_nobody_foresaw_is_a_sentence_and_the_trace_is_in_the_log(
    console: Console,
    fake: FakeApi,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError("the unforeseen")

    monkeypatch.setattr(conductor, "run_pass", break_down)
    found = console("run_pipeline")
    assert (found.code, len(found.err.splitlines())) == (1, 1)
    assert "RuntimeError: the unforeseen" in found.err
    logs = read_environment().home / "logs"
    assert any("the unforeseen" in file.read_text() for file in logs.glob("*") if file.is_file())


@pytest.mark.usefixtures("no_sandbox")
def test_a_request_total_that_no_body_has_is_never_sent(console: Console, fake: FakeApi, house: House) -> None:
    brought_in(a_version(), ["a", "b"])
    (batch,) = built()
    Batch.objects.filter(pk=batch.pk).update(request_total=3)
    house.balances = False
    assert console("run_pipeline").code == 1
    assert fake.called("create_batch") == []
