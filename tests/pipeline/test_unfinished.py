"""Long work that ends its worker again and again is set aside, while what others asked for goes on."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.utils import timezone

from labeling import configuration, tasks
from labeling.health.troubles import troubles
from labeling.models import (
    BulkAct,
    Document,
    Erasure,
    LabelingTaskVersion,
    Restoration,
    Selection,
    UnfinishedWork,
    Upload,
)
from labeling.pipeline import bulk, conductor, erase, settle
from labeling.querysets import MOST_UNFINISHED_TRIES
from labeling.states import BulkKind, Work
from labeling.transitions import unfinished
from tests.fake_api import FakeApi
from tests.pipeline.story import Killed, a_version, brought_in, setting, texts

pytestmark = pytest.mark.usefixtures("house")

DEATHS = MOST_UNFINISHED_TRIES


@pytest.fixture(autouse=True)
def _small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_MIN_FREE_BYTES", "0")


def die(*_: object) -> None:
    raise Killed


@dataclass(frozen=True)
class Case:
    begin: Callable[[], int]
    """Something to do; returns the number of its row."""
    run: Callable[[int], str]
    name: str
    """Of the task that is handed out."""
    deadly: str
    is_done: Callable[[], bool]


def a_selection() -> int:
    brought_in(a_version(), texts(3))
    return Selection.objects.create(filters={"state": "queued"}, below=10**9, created_by="ada").pk


def a_bulk_act() -> int:
    brought_in(a_version(), texts(3))
    chosen = bulk.choose(Document.objects.values_list("pk", flat=True), by="ada")
    return BulkAct.objects.create(selection=chosen, kind=BulkKind.WITHDRAW, by="ada").pk


def an_upload() -> int:
    return brought_in(a_version(), texts(3)).pk


def a_move() -> int:
    version = a_version()
    brought_in(version, texts(3))
    LabelingTaskVersion.objects.filter(pk=version.pk).update(moves_to=a_version(max_tokens=65))
    return version.pk


def an_erasure(slug: str = "colors") -> int:
    return erase.erase_upload(brought_in(a_version(slug), texts(3, slug)), by="ada", reason="asked for").pk


def a_restoration() -> int:
    times = dict.fromkeys(("backup_made_at", "restored_at", "listed_from", "listed_until"), timezone.now())
    return Restoration.objects.create(backup_name="evening.backup", restored_by="ada", **times).pk


CASES = {
    Work.SELECTION: Case(
        a_selection,
        lambda pk: tasks.freeze_selection(pk),
        "freeze_selection",
        "labeling.pipeline.bulk._freeze",
        lambda: Selection.objects.get().documents == 3,
    ),
    Work.BULK_ACT: Case(
        a_bulk_act,
        lambda pk: tasks.carry_out(pk),
        "carry_out",
        "labeling.pipeline.bulk._next_piece",
        lambda: BulkAct.objects.get().moved == 3,
    ),
    Work.WORDS: Case(
        an_upload,
        lambda pk: tasks.make_searchable(pk),
        "make_searchable",
        "labeling.transitions.words._next_chunk",
        lambda: Upload.objects.get().searchable_at is not None,
    ),
    Work.MOVE: Case(
        a_move,
        lambda _: tasks.move_documents(),
        "move_documents",
        "labeling.pipeline.moving._surely",
        lambda: not LabelingTaskVersion.objects.filter(moves_to__isnull=False).exists(),
    ),
    Work.ERASURE: Case(
        an_erasure,
        lambda _: tasks.erase(),
        "erase",
        "labeling.pipeline.erase._portion",
        lambda: Erasure.objects.get().done_at is not None,
    ),
    Work.RESTORATION: Case(
        a_restoration,
        lambda _: tasks.look_up_what_left(),
        "look_up_what_left",
        "labeling.pipeline.restored._account",
        lambda: Restoration.objects.get().listed_at is not None,
    ),
}


def handed_out(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the ticks give to workers, when every lease is over: names with their numbers."""
    for model in (Selection, BulkAct, Upload):
        model.objects.update(lease_until=None)
    given: list[tuple[object, ...]] = []
    with monkeypatch.context() as watched:
        watched.setattr(tasks, "async_task", lambda name, *pk, **_: given.append((name.rpartition(".")[2], *pk)))
        tasks.hand_out()
        tasks.recover()
    return given


def set_aside(work: Work, monkeypatch: pytest.MonkeyPatch) -> int:
    case = CASES[work]
    pk = case.begin()
    with monkeypatch.context() as deadly:
        deadly.setattr(case.deadly, die)
        for _ in range(DEATHS):
            with pytest.raises(Killed):
                case.run(pk)
        case.run(pk)
    return pk


def sentences() -> list[str]:
    return [each.sentence for each in troubles(configuration.load(), timezone.now()) if each.kind == "set_aside"]


@pytest.mark.parametrize("work", Work)
def test_work_that_ends_its_worker_again_and_again_stands_still_until_a_person_says(
    work: Work, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, pk = CASES[work], set_aside(work, monkeypatch)
    case.run(pk)
    assert not case.is_done()
    assert sentences() == [f"{work.sentence.format(pk)} ended its worker {DEATHS} times and was set aside."]
    assert case.name not in {name for name, *_ in handed_out(monkeypatch)}
    assert settle.try_again(UnfinishedWork.objects.get(), by="ada")
    assert sentences() == []
    assert case.name in {name for name, *_ in handed_out(monkeypatch)}
    case.run(pk)
    assert case.is_done()
    assert not UnfinishedWork.objects.exists()


@pytest.mark.parametrize("work", [Work.MOVE, Work.RESTORATION])
def test_a_command_that_waits_for_it_says_what_stands_still(
    work: Work, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_aside(work, monkeypatch)
    report = conductor.run_until_idle(setting(), timeout=20)
    assert (report.ending, report.sentences) == (conductor.Ending.NEEDS_A_PERSON, sentences())


def test_the_words_of_other_uploads_are_made_all_the_same(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    set_aside(Work.WORDS, monkeypatch)
    other = brought_in(a_version(), texts(3, "other"))
    assert ("make_searchable", other.pk) in handed_out(monkeypatch)


def test_what_others_want_erased_is_erased_all_the_same(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    first = set_aside(Work.ERASURE, monkeypatch)
    second = an_erasure("sizes")
    assert ("erase",) in handed_out(monkeypatch)
    tasks.erase()
    assert list(Erasure.objects.filter(done_at=None).values_list("pk", flat=True)) == [first]
    assert Erasure.objects.get(pk=second).documents == 3


def test_work_that_is_continued_piece_by_piece_has_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    act, upload = a_bulk_act(), Upload.objects.get()
    monkeypatch.setattr(tasks, "PATIENCE", 0.0)
    for _ in range(DEATHS + 1):
        assert tasks.carry_out(act).endswith("to be continued")
        assert tasks.make_searchable(upload.pk).endswith("to be continued")
    assert not UnfinishedWork.objects.exists()


def test_work_that_breaks_with_an_error_has_come_back() -> None:
    def breaks() -> None:
        with unfinished.counted(Work.BULK_ACT, 1) as may_try:
            assert may_try
            raise OSError("the disk is full")

    for _ in range(DEATHS + 1):
        with pytest.raises(OSError, match="full"):
            breaks()
    assert not UnfinishedWork.objects.exists()
