"""The same checks on the in-memory fake and on the real module against the sandbox process."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from labeling import batch_api
from labeling.batch_api import ApiError, Fault, MessageBatch
from labeling.messages import prompts
from labeling.messages.answers import AnswerReader
from labeling.states import ProcessingStatus
from tests.contract.conftest import SPEC, Scene, in_seconds


def create(scene: Scene, *custom_ids: str) -> MessageBatch:
    body = scene.body(*[(custom_id, f"My invoice is wrong, {custom_id}") for custom_id in custom_ids])
    return batch_api.create_batch(body, deadline=in_seconds(30)).batch


def test_a_created_batch_is_in_progress_with_every_request_processing(scene: Scene) -> None:
    body = scene.body(("a-1", "x"), ("a-2", "y"))
    created = batch_api.create_batch(body, deadline=in_seconds(30))
    assert created.batch.id.startswith("msgbatch_")
    assert created.batch.processing_status == ProcessingStatus.IN_PROGRESS
    assert (created.batch.counts.processing, created.batch.counts.total) == (2, 2)
    assert created.batch.expires_at - created.batch.created_at == timedelta(hours=24)
    assert abs(created.batch.created_at - datetime.now(UTC)) < timedelta(seconds=30)
    assert (created.batch.ended_at, created.batch.results_url) == (None, None)
    assert created.request_id
    assert created.workspace_id == created.batch.workspace_id


def test_the_same_body_sent_twice_makes_two_batches(scene: Scene) -> None:
    body = scene.body(("a-1", "x"))
    ids = {batch_api.create_batch(body, deadline=in_seconds(30)).batch.id for _ in range(2)}
    assert len(ids) == 2


def test_a_batch_is_found_again_by_its_id(scene: Scene) -> None:
    batch = create(scene, "a-1")
    found = batch_api.retrieve_batch(batch.id)
    assert (found.id, found.created_at, found.workspace_id) == (batch.id, batch.created_at, batch.workspace_id)


def test_an_unknown_batch_is_a_404_that_may_pass(scene: Scene) -> None:
    with pytest.raises(ApiError) as caught:
        batch_api.retrieve_batch("msgbatch_nobody")
    assert (caught.value.fault, caught.value.status) == (Fault.TRANSIENT, 404)


def test_batches_are_listed_newest_first(scene: Scene) -> None:
    ids = [create(scene, "a-1").id for _ in range(3)]
    assert [batch.id for batch in batch_api.list_batches()] == ids[::-1]


def test_small_pages_list_the_same_batches(scene: Scene) -> None:
    ids = [create(scene, "a-1").id for _ in range(3)]
    assert [batch.id for batch in batch_api.list_batches(limit=1)] == ids[::-1]


def test_a_list_may_start_behind_a_batch(scene: Scene) -> None:
    ids = [create(scene, "a-1").id for _ in range(3)]
    assert [batch.id for batch in batch_api.list_batches(after_id=ids[1])] == ids[:1]


def test_an_empty_workspace_has_no_batches_and_no_newest_id(scene: Scene) -> None:
    assert list(batch_api.list_batches()) == []
    assert batch_api.newest_batch_id() == ""


def test_the_newest_id_is_that_of_the_last_batch(scene: Scene) -> None:
    ids = [create(scene, "a-1").id for _ in range(2)]
    assert batch_api.newest_batch_id() == ids[-1]


def test_an_ended_batch_has_counts_that_add_up_and_one_line_per_request(scene: Scene) -> None:
    batch = create(scene, "a-1", "a-2", "a-3")
    scene.wait_for_end(batch.id)
    ended = batch_api.retrieve_batch(batch.id)
    assert ended.processing_status == ProcessingStatus.ENDED
    assert (ended.counts.processing, ended.counts.succeeded, ended.counts.total) == (0, 3, 3)
    assert ended.ended_at is not None
    assert ended.results_url is not None
    with batch_api.result_lines(batch.id) as lines:
        found = [orjson.loads(line) for line in lines]
    assert sorted(line["custom_id"] for line in found) == ["a-1", "a-2", "a-3"]
    assert {line["result"]["type"] for line in found} == {"succeeded"}


def test_the_answer_of_a_result_line_is_a_label_with_its_usage(scene: Scene) -> None:
    batch = create(scene, "a-1")
    scene.wait_for_end(batch.id)
    with batch_api.result_lines(batch.id) as lines:
        message = orjson.loads(next(lines))["result"]["message"]
    assert AnswerReader(SPEC).read(message).value in {"billing", "bug"}
    assert message["usage"]["input_tokens"] > 0


def test_results_before_the_end_are_an_error(scene: Scene) -> None:
    batch = create(scene, "a-1")
    with pytest.raises(ApiError), batch_api.result_lines(batch.id):
        pass


def test_a_canceled_batch_is_canceling(scene: Scene) -> None:
    batch = create(scene, "a-1")
    canceling = batch_api.cancel_batch(batch.id)
    assert canceling.id == batch.id
    assert canceling.processing_status == ProcessingStatus.CANCELING
    assert canceling.cancel_initiated_at is not None


def test_a_real_time_call_brings_a_message_and_ids(scene: Scene) -> None:
    params = orjson.dumps(prompts.params(SPEC, "My invoice is wrong"))
    answered = batch_api.send_message(params, timeout=30)
    assert AnswerReader(SPEC).read(orjson.loads(answered.raw)).value == "billing"
    assert answered.request_id


def test_tokens_of_params_can_be_counted(scene: Scene) -> None:
    assert batch_api.count_tokens(orjson.dumps(prompts.params(SPEC, "My invoice is wrong"))) > 0


def test_the_models_of_the_account_tell_their_limits(scene: Scene) -> None:
    found = {model.id: model for model in batch_api.models()}
    haiku = found["claude-haiku-5-5"]
    assert (haiku.lifecycle, haiku.batch, haiku.structured_outputs) == ("active", True, True)
    assert haiku.max_tokens == 128_000
