"""A draft is saved over until it is used; putting it in use moves what waits, or leaves it."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import connection

from labeling.messages.prompts import Label
from labeling.models import Activity, Document, LabelingTask, LabelingTaskVersion, Request, Upload
from labeling.pipeline import drafts, moving
from labeling.pipeline.drafts import Saved, Stale
from labeling.states import DocumentState, Way
from labeling.transitions import claims
from tests.fake_api import FakeApi, succeeded
from tests.pipeline.story import (
    a_version,
    at_once,
    brought_in,
    built,
    confirmed,
    played,
    setting,
    states,
    texts,
    the_document,
)

pytestmark = pytest.mark.usefixtures("house")


def saved(task: LabelingTask, *, words: str = "Say the color.", based_on: str | None = None, by: str = "ada") -> Any:
    task = LabelingTask.objects.get(pk=task.pk)
    base = drafts.base_of(task)
    assert base
    spec = replace(base.spec, instructions=words)
    return drafts.save(task, spec, name=task.name, priority=0, based_on=based_on or base.stamp, by=by)


def put(version: LabelingTaskVersion, *, move: bool = True) -> drafts.PutInUse:
    """As a person who saw everything as it is."""
    version = LabelingTaskVersion.objects.select_related("task__version_in_use").get(pk=version.pk)
    task = version.task
    in_use = task.version_in_use
    assert in_use
    return drafts.put_in_use(task, version, seen=version.stamp, seen_in_use=in_use.stamp, move=move, by="ada")


def by_version() -> dict[int, int]:
    numbers = Document.objects.values_list("version__number", flat=True)
    return {number: list(numbers).count(number) for number in set(numbers)}


def test_saving_makes_a_draft_and_nothing_is_labeled_with_it() -> None:
    first = a_version()
    outcome = saved(first.task)
    assert (outcome.what, outcome.version.number, outcome.version.is_draft) == (Saved.DRAFTED, 2, True)
    assert LabelingTask.objects.get().version_in_use == first


def test_a_draft_that_nobody_used_is_saved_over() -> None:
    first = a_version()
    saved(first.task)
    outcome = saved(first.task, words="Name its color.")
    assert (outcome.what, outcome.version.number, outcome.version.revision) == (Saved.SAVED_OVER, 2, 2)
    assert LabelingTaskVersion.objects.get(number=2).instructions == "Name its color."


def test_a_draft_that_was_used_keeps_its_words_and_another_takes_its_place() -> None:
    first = a_version()
    draft = saved(first.task).version
    Upload.objects.create(version=draft, file_name="tried", sha256="0" * 64, size_bytes=0)
    outcome = saved(first.task, words="Name its color.")
    assert (outcome.what, outcome.version.number) == (Saved.REPLACED, 3)
    draft.refresh_from_db()
    assert (draft.instructions, draft.is_draft, draft.set_aside_by) == ("Say the color.", False, "ada")


def test_saving_the_same_words_changes_nothing() -> None:
    first = a_version()
    assert saved(first.task, words=first.instructions).what is Saved.UNCHANGED
    assert LabelingTaskVersion.objects.count() == 1


def test_a_stale_edit_is_refused_with_who_saved() -> None:
    first = a_version()
    saved(first.task, by="grace")
    with pytest.raises(Stale) as refusal:
        saved(first.task, words="Mine.", based_on=first.stamp)
    assert refusal.value.newest
    assert (refusal.value.act, refusal.value.newest.number) == ("saved", 2)
    assert LabelingTaskVersion.objects.get(number=2).instructions == "Say the color."


def test_of_two_who_save_at_the_same_time_one_is_first_and_the_other_reads_it() -> None:
    first = a_version()
    found = at_once(*(partial(saved, first.task, words=word, based_on=first.stamp) for word in ("One.", "Two.")))
    refused = [outcome for outcome in found if isinstance(outcome, Stale)]
    assert len(refused) == 1
    assert LabelingTaskVersion.objects.filter(number=2).count() == 1


def test_a_stale_put_in_use_is_refused_and_nothing_changes() -> None:
    first = a_version()
    draft = saved(first.task).version
    a_version(instructions="From the file.")
    with pytest.raises(Stale) as refusal:
        drafts.put_in_use(first.task, draft, seen=draft.stamp, seen_in_use=first.stamp, move=True, by="ada")
    assert refusal.value.act == "put in use"
    in_use = LabelingTask.objects.get().version_in_use
    assert in_use
    assert in_use.number == 3


def test_putting_words_in_use_that_were_saved_over_meanwhile_is_refused() -> None:
    first = a_version()
    draft = saved(first.task).version
    seen = draft.stamp
    saved(first.task, words="Other words.", by="grace")
    with pytest.raises(Stale):
        drafts.put_in_use(first.task, draft, seen=seen, seen_in_use=first.stamp, move=False, by="ada")
    assert LabelingTask.objects.get().version_in_use == first


def test_a_discarded_draft_is_set_aside_and_can_be_put_in_use_after_all() -> None:
    first = a_version()
    draft = saved(first.task).version
    drafts.discard(first.task, seen=draft.stamp, by="ada")
    assert LabelingTask.objects.get().draft is None
    with pytest.raises(Stale):
        drafts.discard(first.task, seen=draft.stamp, by="ada")
    put(draft)
    draft.refresh_from_db()
    assert (LabelingTask.objects.get().version_in_use, draft.set_aside_at) == (draft, None)


def test_load_tasks_puts_in_use_at_once_and_takes_the_draft_that_says_the_same() -> None:
    first = a_version()
    draft = saved(first.task).version
    loaded = a_version(instructions="Say the color.")
    assert (loaded.pk, loaded.is_draft) == (draft.pk, False)


def test_what_waits_moves_and_what_is_built_stays(fake: FakeApi) -> None:
    first = a_version()
    brought_in(first, texts(3))
    built()
    brought_in(first, texts(4, "later"))
    draft = saved(first.task).version
    outcome = put(draft)
    assert (outcome.moved, outcome.is_still_moving) == (4, False)
    assert by_version() == {1: 3, 2: 4}
    assert [batch.version.number for batch in built()] == [2]


def test_left_documents_keep_their_version(fake: FakeApi) -> None:
    first = a_version()
    brought_in(first, texts(4))
    put(saved(first.task).version, move=False)
    assert by_version() == {1: 4}
    assert [batch.version.number for batch in built()] == [1]


def test_copies_follow_their_leader_over_uploads() -> None:
    first = a_version()
    brought_in(first, ["a", "a", "b"])
    brought_in(first, ["b", "c"])
    assert put(saved(first.task).version).moved == 5
    assert by_version() == {2: 5}
    assert Document.objects.leaders().count() == 3


def test_a_copy_of_what_is_in_flight_stays_with_it(fake: FakeApi) -> None:
    first = a_version()
    brought_in(first, ["a"])
    built()
    brought_in(first, ["a", "b"])
    assert put(saved(first.task).version).moved == 1
    assert by_version() == {1: 2, 2: 1}


def known_to_the_draft(fake: FakeApi, *labeled: str) -> LabelingTaskVersion:
    """A second version that has labeled some texts; the first is in use again."""
    first = a_version()
    second = a_version(instructions="Say the color.")
    brought_in(second, labeled)
    played(fake)
    put(first, move=False)
    return second


def test_a_text_that_the_new_version_has_labeled_is_not_paid_again(fake: FakeApi) -> None:
    second = known_to_the_draft(fake, "a")
    brought_in(LabelingTaskVersion.objects.get(number=1), ["a", "a", "b"])
    put(second)
    assert states() == {DocumentState.LABELED: 3, DocumentState.QUEUED: 1}
    played(fake)
    assert states() == {DocumentState.LABELED: 4}
    assert Request.objects.count() == 2


def test_a_text_that_waits_there_already_leaves_with_the_faster_of_both(fake: FakeApi) -> None:
    first = a_version()
    second = a_version(instructions="Say the color.")
    brought_in(second, ["a"], way=Way.TONIGHT)
    put(first, move=False)
    brought_in(first, ["a"], way=Way.URGENT)
    put(second)
    assert the_document("a").way == Way.URGENT
    assert Document.objects.leaders().count() == 1


def test_a_failed_text_is_failed_with_the_same_reason(fake: FakeApi) -> None:
    first = a_version()
    second = a_version(instructions="Say the color.")
    fake.answers.append(succeeded("nonsense"))
    brought_in(second, ["a"])
    played(fake)
    put(first, move=False)
    brought_in(first, ["a"])
    put(second)
    assert states() == {DocumentState.FAILED: 2}


def test_an_import_under_way_goes_on_with_the_new_version() -> None:
    first = a_version()
    upload = confirmed(first, b"a\nb\n")
    put(saved(first.task).version)
    from labeling.pipeline import intake

    assert intake.import_rows(Upload.objects.get(pk=upload.pk), setting())
    assert by_version() == {2: 2}


def test_what_is_to_move_does_not_leave_before_it_moved(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that died between putting in use and moving."""
    first = a_version()
    brought_in(first, texts(3))
    brought_in(first, ["u"], way=Way.URGENT)
    draft = saved(first.task).version
    monkeypatch.setattr(moving, "move_waiting", lambda until=None: 0)
    assert put(draft).is_still_moving
    assert built() == []
    assert (
        claims.claim_urgent(
            installation="x",
            account_id=1,
            most=9,
            concurrency=9,
            deadline=_now(),
            now=_now(),
            gate_tasks=[],
            worst={},
            room_usd=lambda: None,
        )
        == []
    )
    monkeypatch.undo()
    assert moving.move_waiting() == 4
    assert not LabelingTaskVersion.objects.filter(moves_to__isnull=False).exists()
    assert [batch.version.number for batch in built()] == [2]


def test_moving_goes_on_where_it_was_interrupted(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    from labeling.transitions import versions

    first = a_version()
    brought_in(first, texts(5))
    draft = saved(first.task).version
    monkeypatch.setattr(moving, "move_waiting", lambda until=None: 0)
    put(draft)
    monkeypatch.undo()
    first.refresh_from_db()
    step = versions.move_some(first, versions.THE_BEGINNING, most=2)
    assert (step.documents, by_version()) == (2, {1: 3, 2: 2})
    assert moving.move_waiting() == 3


def test_rows_that_somebody_holds_are_passed_over_and_moved_later() -> None:
    first = a_version()
    brought_in(first, ["a", "b"])
    draft = saved(first.task).version
    held = the_document("a").pk

    def hold(then: Any) -> Any:
        from django.db import transaction

        with transaction.atomic():
            Document.objects.select_for_update().get(pk=held)
            return at_once(then)[0]

    outcome = hold(lambda: put(draft))
    assert (outcome.moved, outcome.is_still_moving) == (1, True)
    assert moving.move_waiting() == 1
    assert by_version() == {2: 2}


def test_the_move_races_with_building_and_every_document_is_sent_once(fake: FakeApi) -> None:
    for round_ in range(6):
        first = a_version(f"race-{round_}")
        brought_in(first, texts(300, f"round {round_}"))
        draft = saved(first.task).version
        found = at_once(partial(put, draft), partial(built, setting(batch_requests=40)), built)
        assert not [one for one in found if isinstance(one, Exception)]
        moving.move_waiting()
        built()
        of_the_task = Document.objects.filter(version__task=first.task)
        assert of_the_task.filter(state=DocumentState.BATCHED).count() == 300
        open_ones = Request.objects.filter(version__task=first.task, outcome="open")
        assert open_ones.count() == 300
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM labeling_request r JOIN labeling_document d ON d.id = r.document_id "
                "WHERE r.version_id <> d.version_id"
            )
            assert cursor.fetchone() == (0,)


def test_the_move_races_with_an_import_of_the_same_texts(fake: FakeApi) -> None:
    for round_ in range(6):
        first = a_version(f"import-{round_}")
        brought_in(first, texts(200, f"round {round_}"))
        draft = saved(first.task).version
        found = at_once(partial(put, draft), partial(_again_under_the_version_in_use, first, round_))
        assert not [one for one in found if isinstance(one, Exception)], found
        # An upload that was received just before is left with the version that it came in with.
        drafts.move_the_rest(first.task, by="ada")
        leaders = Document.objects.leaders().filter(version__task=first.task)
        assert leaders.count() == 200


def test_two_who_put_in_use_at_the_same_time_one_is_first(fake: FakeApi) -> None:
    first = a_version()
    second = a_version(instructions="Two.")
    put(first, move=False)
    third = saved(first.task, words="Three.").version
    brought_in(first, texts(10))

    def one(version: LabelingTaskVersion) -> Any:
        return drafts.put_in_use(
            first.task, version, seen=version.stamp, seen_in_use=first.stamp, move=True, by="somebody"
        )

    second.refresh_from_db()
    found = at_once(lambda: one(second), lambda: one(third))
    assert len([outcome for outcome in found if isinstance(outcome, Stale)]) == 1
    in_use = LabelingTask.objects.get().version_in_use
    assert in_use
    assert by_version() == {in_use.number: 10}


def test_an_earlier_version_can_be_put_in_use_again() -> None:
    first = a_version()
    second = a_version(instructions="Two.", labels=(Label("red"),))
    brought_in(second, ["a"])
    put(first)
    assert LabelingTask.objects.get().version_in_use == first
    assert by_version() == {1: 1}


def test_every_act_has_its_line() -> None:
    first = a_version()
    put(saved(first.task).version)
    said = list(Activity.objects.filter(by="ada").order_by("pk").values_list("sentence", flat=True))
    assert said == ["Saved the draft Colors v2", "Colors v2 is in use; documents that wait move to it"]


def _again_under_the_version_in_use(first: LabelingTaskVersion, round_: int) -> Upload:
    in_use = LabelingTask.objects.get(pk=first.task_id).version_in_use or first
    return brought_in(in_use, reversed(texts(200, f"round {round_}")))


def _now() -> Any:
    from django.utils import timezone

    return timezone.now()
