"""A file is measured before anything of it is queued; what was said stands beside what was paid."""

from decimal import Decimal
from typing import Any

import pytest

from labeling.batch_api import Fault
from labeling.messages import prompts
from labeling.models import Upload, UploadEstimate
from labeling.money.estimating import Load
from labeling.pipeline import intake, measure, urgent
from labeling.reports.estimates import afterwards, before_import
from labeling.reports.prices import estimate_of, past_errors
from labeling.states import Basis, UploadState, Way
from labeling.tasks import check_upload
from labeling.transitions.estimates import remember
from labeling.transitions.uploads import finish
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, played, setting

pytestmark = pytest.mark.usefixtures("house")


def checked(version: Any, lines: list[str], way: Way = Way.NOW) -> Upload:
    upload = intake.receive(
        ["".join(f"{line}\n" for line in lines).encode()],
        file_name="texts.txt", version=version, way=way, options=intake.ReadOptions(), settings=setting(),
    )  # fmt: skip
    check_upload(upload.pk)
    upload.refresh_from_db()
    assert upload.state == UploadState.CHECKED
    return upload


def test_rows_and_bytes_are_counted_and_a_sample_by_the_api(fake: FakeApi) -> None:
    version = a_version()
    upload = checked(version, ["red", "", "blue", *(f"text {n}" for n in range(40))])
    found = upload.estimate
    assert (found.rows, found.documents, found.is_whole, found.sampled) == (43, 42, True, 20)
    assert found.problems == {"blank_text": {"rows": 1, "lines": [2]}}
    assert len(fake.called("count_tokens")) == 20
    before = before_import(upload)
    assert before is not None
    frame = sum(map(len, prompts.frame(version.spec)))
    assert (before.estimate.basis, before.estimate.documents) == (Basis.COUNTED, 42)
    assert abs(before.estimate.input_tokens - (42 * frame + found.text_bytes) // 4) <= 42
    assert before.estimate.real_time.likely is None


def test_where_the_api_does_not_count_the_length_must_do(fake: FakeApi) -> None:
    fake.fail("count_tokens", Fault.TRANSIENT, "It is too busy.")
    before = before_import(checked(a_version(), ["red"]))
    assert before is not None
    assert (before.estimate.basis, before.found.sampled, before.found.trouble) == (Basis.LENGTH, 0, "It is too busy.")


def test_a_file_that_takes_too_long_is_counted_in_part(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "MOST_SECONDS", -1.0)
    found = checked(a_version(), [f"text {n}" for n in range(1500)]).estimate
    assert (found.rows, found.is_whole) == (1000, False)


def test_what_was_said_stands_beside_what_was_paid_and_makes_the_next_range(fake: FakeApi) -> None:
    version = a_version()
    first = checked(version, [f"first {n}" for n in range(5)], Way.URGENT)
    _agreed(first)
    urgent.drain(setting())
    upload = checked(version, [f"other {n}" for n in range(10)])
    _agreed(upload)
    played(fake)
    finish()
    after = afterwards(upload)
    assert after is not None
    assert (after.answers, after.paid_usd, after.list_usd) == (10, Decimal("0.00075"), Decimal("0.0015"))
    assert after.error is not None
    errors = past_errors()
    assert set(errors) == {Basis.COUNTED}
    assert abs(errors[Basis.COUNTED] - abs(after.error)) < Decimal("1e-9")
    again = before_import(checked(version, ["another"]))
    assert again is not None
    assert again.estimate.error == errors[Basis.COUNTED]


def test_an_upload_without_a_likely_price_teaches_nothing(fake: FakeApi) -> None:
    version = a_version()
    _agreed(checked(version, ["red"]))
    played(fake)
    finish()
    assert past_errors() == {}
    assert estimate_of(version.pk, Load(1, 5)).error is None


def _agreed(upload: Upload) -> None:
    before = before_import(upload)
    assert before is not None
    assert intake.confirm(upload, Way(upload.way))
    remember(upload, before.estimate)
    upload.refresh_from_db()
    assert intake.import_rows(upload, setting())
    assert UploadEstimate.objects.get(upload=upload).estimated_at is not None
