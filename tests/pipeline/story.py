"""The pipeline's own functions, put together to short sentences for tests."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import connections
from django.utils import timezone

from labeling.configuration import Configuration
from labeling.files import ReadOptions
from labeling.messages.prompts import Label, Spec
from labeling.models import Batch, Document, LabelingTaskVersion, Request, Upload
from labeling.pipeline import build, ingest, intake, poll, submit
from labeling.pipeline.define import Definition, define
from labeling.states import BatchState, DocumentState, Kind, Way

MODEL = "claude-haiku-4-5"
LABELS = ("red", "green", "blue")


class Killed(BaseException):
    """Ends a worker as a kill of its process does: nothing of the product catches it."""


def setting(**changes: Any) -> Configuration:
    """The settings of a test: defaults, no least disk, no wait before a poll, no canary."""
    return Configuration(**{"min_free_bytes": 0, "poll_seconds": 0.001, "canary": False, **changes})


def a_version(slug: str = "colors", *, priority: int = 0, **changes: Any) -> LabelingTaskVersion:
    """A task of colors in use, made as `load_tasks` makes it."""
    spec: dict[str, Any] = {
        "kind": Kind.CLASSIFY,
        "instructions": "Name the color.",
        "labels": tuple(map(Label, LABELS)),
        "model": MODEL,
        "max_tokens": 64,
    }
    definition = Definition(slug=slug, name=slug.title(), spec=Spec(**{**spec, **changes}), priority=priority)
    return define(definition, by="test").version


def received(
    version: LabelingTaskVersion, content: bytes, *, name: str = "texts.txt", way: Way = Way.NOW, **options: Any
) -> Upload:
    """A file that came in and was checked; nobody confirmed it yet."""
    upload = intake.receive(
        [content], file_name=name, version=version, way=way, options=ReadOptions(**options), settings=setting()
    )
    intake.check(upload, setting())
    return upload


def confirmed(version: LabelingTaskVersion, content: bytes, **more: Any) -> Upload:
    """A file that is to be imported now."""
    upload = received(version, content, **more)
    assert intake.confirm(upload, Way(upload.way))
    return upload


def brought_in(version: LabelingTaskVersion, texts: Iterable[str], **more: Any) -> Upload:
    """A text a line, imported: an upload that is ready."""
    upload = confirmed(version, "".join(f"{text}\n" for text in texts).encode(), **more)
    assert intake.import_rows(upload, setting())
    return upload


def texts(count: int, word: str = "text") -> list[str]:
    return [f"{word} number {n}" for n in range(count)]


def built(settings: Configuration | None = None, now: datetime | None = None) -> list[Batch]:
    """What a builder that ignores the hour builds; at a given time, what is due then."""
    return build.build_due(settings or setting(), now or timezone.now(), ignore_hour=now is None)


def sent(settings: Configuration | None = None) -> list[Batch]:
    """Everything that waits is built and sent."""
    batches = built(settings)
    for batch in batches:
        submit.submit(batch, settings or setting())
        batch.refresh_from_db()
    return batches


def polled(settings: Configuration | None = None) -> None:
    """Every batch at the API is asked for, whenever its next poll is."""
    Batch.objects.at_the_api().update(next_poll_at=None)
    poll.poll_due(settings or setting(), timezone.now())


def fetched(settings: Configuration | None = None) -> list[bool]:
    """The results of every ended batch are fetched, whenever they are due; which of them are complete."""
    ended = Batch.objects.filter(state=BatchState.ENDED).select_related("version__task").order_by("pk")
    return [ingest.ingest(batch, settings or setting()) for batch in list(ended)]


def ended(fake: Any, settings: Configuration | None = None) -> list[Batch]:
    """Sent, ended at the API and seen to have ended; the results are not fetched yet."""
    batches = sent(settings)
    fake.end()
    polled(settings)
    return again(batches)


def played(fake: Any, settings: Configuration | None = None) -> list[Batch]:
    """The whole way once: built, sent, ended, polled, fetched."""
    batches = ended(fake, settings)
    fetched(settings)
    return again(batches)


def again(batches: Sequence[Batch]) -> list[Batch]:
    """The same rows as they are now."""
    return [Batch.objects.select_related("version__task").get(pk=batch.pk) for batch in batches]


def anew(batch: Batch) -> Batch:
    """The row as it is now."""
    return again([batch])[0]


def states() -> dict[str, int]:
    """How many documents are in each state, those without any left out."""
    return dict(Counter(Document.objects.values_list("state", flat=True)))


def outcomes() -> dict[str, int]:
    return dict(Counter(Request.objects.values_list("outcome", flat=True)))


def the_document(text: str | None = None) -> Document:
    """The one leader, or the one with this text."""
    documents = Document.objects.leaders()
    return documents.get(content__text=text) if text is not None else documents.get()


def reasons() -> set[str]:
    return set(Document.objects.filter(state=DocumentState.FAILED).values_list("failure_reason", flat=True))


def forget_waits() -> None:
    """As if every back-off and every wait of a batch were over."""
    Document.objects.update(not_before=None)
    Batch.objects.update(not_before=None)


def at(monkeypatch: pytest.MonkeyPatch, instant: datetime) -> datetime:
    """The clock of the product stands at an instant."""
    monkeypatch.setattr(timezone, "now", lambda: instant)
    return instant


def later(monkeypatch: pytest.MonkeyPatch, **ago: float) -> datetime:
    """The clock of the product is ahead by so much, and stands."""
    return at(monkeypatch, timezone.now() + timedelta(**ago))


def body_of(path: Path) -> list[dict[str, Any]]:
    requests: list[dict[str, Any]] = orjson.loads(path.read_bytes())["requests"]
    return requests


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads with connections of their own, started together; their results or exceptions."""
    barrier, found = threading.Barrier(len(calls)), dict[int, Any]()

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            barrier.wait(10)
            found[place] = call()
        except Exception as error:  # handed to the test, which looks at it
            found[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [found[place] for place in range(len(calls))]
