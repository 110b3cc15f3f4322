"""Whatever people do in whatever order: nothing is lost or paid for twice, and the book holds at every step."""

import random
from collections import Counter
from contextlib import suppress

import pytest

from labeling import ledger
from labeling.models import Batch, Document, LabelingTask, LabelingTaskVersion, Request
from labeling.pipeline import drafts, submit, urgent
from labeling.pipeline.trying import NotTried, try_on_documents
from labeling.states import BatchState, UploadKind, Way
from labeling.transitions.imports import follow_settled_leaders
from tests.fake_api import FakeApi
from tests.pipeline.story import a_version, brought_in, built, fetched, played, polled, setting
from tests.pipeline.test_drafts import put, saved

pytestmark = pytest.mark.usefixtures("house")

STEPS = 14
WHAT = ("import", "import", "edit", "use", "use", "build", "night", "try", "try", "move", "discard")


def what_people_do(seed: int) -> list[tuple[str, object]]:
    """A life of a task, the same for the same seed."""
    chance = random.Random(seed)
    steps: list[tuple[str, object]] = []
    for _ in range(STEPS):
        what = chance.choice(WHAT)
        about: object = None
        if what == "import":
            about = chance.choices("abcdef", k=chance.randint(1, 5))
        elif what == "edit":
            about = chance.choice(("One.", "Two.", "Three."))
        elif what == "use":
            about = (chance.randint(0, 3), chance.random() < 0.7)
        steps.append((what, about))
    return steps


@pytest.mark.parametrize("seed", range(8))
def test_whatever_people_do_the_book_holds(fake: FakeApi, seed: int) -> None:
    steps = what_people_do(seed)
    task = a_version().task
    came_in = 0
    for what, about in steps:
        came_in += _do(what, about, task, fake)
        wrong = [identity for identity in ledger.identities() if not identity.holds]
        assert wrong == [], (what, about)
    drafts.move_the_rest(task, by="ada")
    _everything_comes_back(fake)
    of_the_task = Document.objects.filter(version__task=task)
    assert of_the_task.exclude(upload__kind=UploadKind.TRIAL).count() == came_in
    assert set(of_the_task.values_list("state", flat=True)) <= {"labeled"}
    paid = Counter(
        Request.objects.filter(version__task=task, outcome="succeeded").values_list("version", "document__sha256")
    )
    assert all(times == 1 for times in paid.values())


def _everything_comes_back(fake: FakeApi) -> None:
    urgent.drain(setting())
    built()
    for batch in Batch.objects.filter(state=BatchState.BUILDING).select_related("version__task"):
        submit.submit(batch, setting())
    fake.end()
    polled()
    fetched()
    follow_settled_leaders()


def _do(what: str, about: object, task: LabelingTask, fake: FakeApi) -> int:
    """One step of a person or a night; returns how many documents came in with it."""
    task = LabelingTask.objects.select_related("version_in_use").get(pk=task.pk)
    in_use = task.version_in_use
    assert in_use
    if what == "import" and isinstance(about, list):
        return brought_in(in_use, about, way=Way.NOW).accepted
    if what == "edit":
        saved(task, words=str(about))
    elif what == "use" and isinstance(about, tuple):
        others = list(LabelingTaskVersion.objects.filter(task=task).exclude(pk=in_use.pk).order_by("number"))
        if others:
            put(others[about[0] % len(others)], move=about[1])
    elif what == "build":
        built()
    elif what == "night":
        played(fake)
    elif what == "try" and task.draft:
        ids = Document.objects.filter(version__task=task).order_by("pk").values_list("pk", flat=True)[:3]
        with suppress(NotTried):
            try_on_documents(task.draft, list(ids), seen=task.draft.stamp, by="ada")
        urgent.drain(setting())
    elif what == "move":
        drafts.move_the_rest(task, by="ada")
    elif what == "discard" and task.draft:
        drafts.discard(task, seen=task.draft.stamp, by="ada")
    return 0
