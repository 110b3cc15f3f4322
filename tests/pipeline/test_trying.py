"""A draft is tried on documents that are there: in the book like every other, and never paid for twice."""

import pytest

from labeling.exports import reading
from labeling.models import Document, LabelingTask, LabelingTaskVersion, Request, SpendTally, Upload
from labeling.pipeline import drafts, urgent
from labeling.pipeline.trying import NotTried, try_on_documents, try_on_text
from labeling.reports import trying as report
from labeling.states import DocumentState, UploadKind, UploadState
from labeling.transitions import uploads
from tests.fake_api import FakeApi, succeeded
from tests.pipeline.story import a_version, brought_in, built, played, received, setting, states
from tests.pipeline.test_drafts import put, saved

pytestmark = pytest.mark.usefixtures("house")


def a_draft(*texts: str) -> LabelingTaskVersion:
    """A draft of a task whose version in use has these documents, waiting."""
    first = a_version()
    brought_in(first, texts)
    draft = saved(first.task).version
    assert isinstance(draft, LabelingTaskVersion)
    return draft


def ids() -> list[int]:
    return list(Document.objects.filter(upload__kind=UploadKind.FILE).order_by("pk").values_list("pk", flat=True))


def tried(draft: LabelingTaskVersion, document_ids: list[int]) -> Upload:
    return try_on_documents(draft, document_ids, seen=draft.stamp, by="ada")


def test_a_draft_is_tried_in_real_time_and_answers_stand_beside_the_label_in_use(fake: FakeApi) -> None:
    draft = a_draft("a", "b")
    played(fake)
    fake.answers.extend([succeeded('{"label": "green"}')] * 2)
    upload = tried(draft, ids())
    urgent.drain(setting())
    seen = report.tried(upload)
    assert [(line.now.label, line.tried.label, line.differs) for line in seen.lines] == [("red", "green", True)] * 2
    assert seen.paid
    assert seen.paid > 0
    assert uploads.finish() == 2
    assert set(Upload.objects.values_list("state", flat=True)) == {UploadState.DONE}


def test_gold_labels_come_along_and_are_compared(fake: FakeApi) -> None:
    first = a_version()
    upload = received(first, b"text,gold\na,red\nb,blue\n", name="gold.csv", gold_column="gold")
    from labeling.pipeline import intake
    from labeling.states import Way

    assert intake.confirm(upload, Way.NOW)
    assert intake.import_rows(upload, setting())
    played(fake)
    draft = saved(first.task).version
    chosen = report.choose(draft.task_id, 5, unknown_to=draft.pk, gold=True)
    assert sorted(chosen) == ids()
    trial = tried(draft, chosen)
    urgent.drain(setting())
    seen = report.tried(trial)
    assert (seen.score.equal, seen.score.of, seen.score_now.of) == (1, 2, 2)
    assert seen.is_close
    assert [(line.label, line.instead) for line in seen.mistaken] == [("blue", "red")]


def test_what_was_tried_is_not_paid_again_when_the_draft_is_put_in_use(fake: FakeApi) -> None:
    draft = a_draft("a", "b", "c")
    tried(draft, ids()[:2])
    urgent.drain(setting())
    put(draft)
    assert states() == {DocumentState.LABELED: 4, DocumentState.QUEUED: 1}
    played(fake)
    assert states() == {DocumentState.LABELED: 5}
    assert Request.objects.count() == 3
    assert sum(SpendTally.objects.values_list("results", flat=True)) == 3


def test_a_trial_that_is_under_way_while_its_draft_is_put_in_use_leads_its_copies(fake: FakeApi) -> None:
    draft = a_draft("a", "b")
    tried(draft, ids())
    put(draft)
    assert built() == []
    urgent.drain(setting())
    assert states() == {DocumentState.LABELED: 4}
    assert Request.objects.count() == 2


def test_the_export_of_the_task_leaves_trials_out_and_that_of_the_trial_has_it(fake: FakeApi) -> None:
    draft = a_draft("a", "b")
    trial = tried(draft, ids())
    urgent.drain(setting())
    task = LabelingTask.objects.get()
    assert len(list(reading.rows(task=task))) == 2
    assert len(list(reading.rows(task=task, upload=trial))) == 2


def test_a_used_draft_is_not_saved_over(fake: FakeApi) -> None:
    draft = a_draft("a")
    tried(draft, ids())
    outcome = saved(draft.task, words="Other words.")
    assert outcome.what is drafts.Saved.REPLACED
    draft.refresh_from_db()
    assert draft.instructions == "Say the color."


def test_words_that_changed_meanwhile_are_not_tried(fake: FakeApi) -> None:
    draft = a_draft("a")
    seen = draft.stamp
    saved(draft.task, words="Other words.", by="grace")
    with pytest.raises(NotTried):
        try_on_documents(draft, ids(), seen=seen, by="ada")
    assert not Upload.objects.filter(kind=UploadKind.TRIAL).exists()


def test_a_text_of_ones_own_can_be_tried(fake: FakeApi) -> None:
    draft = a_draft("a")
    upload = try_on_text(draft, "A violet thing.", seen=draft.stamp, by="ada")
    urgent.drain(setting())
    assert [line.tried.label for line in report.tried(upload).lines] == ["red"]
    with pytest.raises(NotTried):
        try_on_text(draft, " ", seen=draft.stamp, by="ada")


def test_random_documents_are_of_the_task_each_text_once_and_not_tried_before(fake: FakeApi) -> None:
    draft = a_draft(*"aabbccdd")
    brought_in(a_version("others"), ["x", "y"])
    chosen = report.choose(draft.task_id, 100, unknown_to=draft.pk)
    found = set(Document.objects.filter(pk__in=chosen).values_list("content__text", flat=True))
    assert found == set("abcd")
    assert len(chosen) == 4
    tried(draft, chosen)
    assert report.choose(draft.task_id, 100, unknown_to=draft.pk) == []


def test_what_failed_while_it_was_tried_asks_nobody_for_a_decision(fake: FakeApi) -> None:
    draft = a_draft("a")
    fake.answers.append(succeeded("nonsense"))
    upload = tried(draft, ids())
    urgent.drain(setting())
    assert Document.objects.get(upload=upload).state == DocumentState.FAILED
    assert not Document.objects.need_a_person().exists()
    assert "not on the list" in report.tried(upload).lines[0].tried.words


def test_a_trial_of_a_draft_does_not_move_to_another_version(fake: FakeApi) -> None:
    draft = a_draft("a")
    trial = tried(draft, ids())
    a_version(instructions="From the file.")
    drafts.move_the_rest(draft.task, by="ada")
    assert Document.objects.get(upload=trial).version == draft
