"""Trying a version on documents that are there: which ones, and what came of it beside the label in use and gold."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Count, Sum

from labeling.models import Document, DocumentTally, LabelingTask, LabelingTaskVersion, Request, Upload
from labeling.money.estimating import UNKNOWN, Load, Span
from labeling.reports.accuracy import Range, wilson
from labeling.reports.excerpts import ERASED, Excerpt, excerpts
from labeling.reports.prices import price_book
from labeling.states import DocumentState, FailureReason, Kind, UploadKind, UploadState, Way

TEXT_SHOWN = 240
"""Characters of a text that stand beside its answer."""

_SPARE = 4
"""Draws for each document that is wanted: some meet the same document, or one that cannot be taken."""

_WITHIN, _GOLD_WITHIN = 100, 1_000
"""Ids after a random place among which a document, or one with a gold label, is looked for."""

_DRAWN = """
    SELECT DISTINCT ON (found.sha256) found.id
    FROM unnest(%(uploads)s::bigint[], %(places)s::float8[]) AS draw(upload, place)
    CROSS JOIN LATERAL (
        SELECT (SELECT id FROM labeling_document WHERE upload_id = draw.upload ORDER BY id LIMIT 1) AS least,
            (SELECT id FROM labeling_document WHERE upload_id = draw.upload ORDER BY id DESC LIMIT 1) AS most
    ) AS ids
    CROSS JOIN LATERAL (
        SELECT d.id, d.sha256
        FROM labeling_document d
        CROSS JOIN LATERAL (
            SELECT t.gold_label FROM labeling_documenttext t WHERE t.document_id = d.id AND t.text <> '' LIMIT 1
        ) AS content
        WHERE d.upload_id = draw.upload AND d.state <> 'withdrawn' AND (NOT %(gold)s OR content.gold_label <> '')
            AND d.id >= ids.least + floor((ids.most - ids.least + 1) * draw.place)::bigint
            AND d.id < ids.least + floor((ids.most - ids.least + 1) * draw.place)::bigint + %(within)s
            AND (%(version)s::bigint IS NULL OR NOT EXISTS (
                SELECT 1 FROM labeling_document known
                WHERE known.version_id = %(version)s AND known.sha256 = d.sha256 AND known.leader_id IS NULL))
        ORDER BY d.id LIMIT 1
    ) AS found
"""


def choose(task_id: int, count: int, *, unknown_to: int | None = None, gold: bool = False) -> list[int]:
    """Ids of random documents of a task, each text once; of those whose texts a version does not know yet."""
    uploads = Upload.objects.filter(version__task=task_id, kind=UploadKind.FILE, accepted__gt=0, state__in=_IN_HAND)
    if gold:
        uploads = uploads.exclude(inspection__gold_column=None)
    sizes = dict(uploads.order_by("-pk").values_list("pk", "accepted")[:1_000])
    if not sizes:
        return []
    draws = random.choices(list(sizes), weights=list(sizes.values()), k=count * _SPARE)
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling the plan takes PostgreSQL longer than running it.
        cursor.execute("SET LOCAL jit = off")
        cursor.execute(
            _DRAWN,
            {
                "uploads": draws,
                "places": [random.random() for _ in draws],
                "within": _GOLD_WITHIN if gold else _WITHIN,
                "gold": gold,
                "version": unknown_to,
            },
        )
        found = [row[0] for row in cursor.fetchall()]
    random.shuffle(found)
    return found[:count]


def known_document(version: LabelingTaskVersion, document_id: int) -> list[int]:
    """The document, if it is one of the task."""
    found = Document.objects.filter(pk=document_id, version__task=version.task_id)
    return list(found.values_list("pk", flat=True))


_IN_HAND = (UploadState.READY, UploadState.DONE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one version said about a document; `label` None while there is none, `words` then say why."""

    label: str | None
    words: str = ""
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    document: Document
    excerpt: Excerpt
    original: int | None
    now: Answer
    tried: Answer
    compares: bool

    @property
    def is_right(self) -> bool | None:
        """Equal to gold; None where nothing can be compared."""
        return self._equals_gold(self.tried)

    @property
    def was_right(self) -> bool | None:
        return self._equals_gold(self.now)

    @property
    def differs(self) -> bool:
        return self.tried.label is not None and self.now.label is not None and not _same(self.tried, self.now)

    def _equals_gold(self, answer: Answer) -> bool | None:
        if not self.compares or not self.excerpt.gold_label or (answer.label is None and not answer.words):
            return None
        return answer.label is not None and answer.label.casefold() == self.excerpt.gold_label.casefold()


@dataclass(frozen=True, slots=True)
class Score:
    """Answers equal to gold."""

    equal: int
    of: int

    @property
    def range(self) -> Range | None:
        return wilson(self.equal, self.of) if self.of else None

    @property
    def percent(self) -> int:
        return 100 * self.equal // self.of


@dataclass(frozen=True, slots=True)
class Mistaken:
    """A gold label that not every answer met, and what was said most often instead."""

    label: str
    of: int
    now: int
    now_of: int
    tried: int
    instead: str


@dataclass(frozen=True, slots=True)
class Tried:
    """Money in USD; `paid` None where a price is unknown."""

    upload: Upload
    lines: Sequence[Line]
    paid: Decimal | None
    input_tokens: int
    output_tokens: int

    @property
    def waiting(self) -> int:
        return sum(line.document.state in (DocumentState.QUEUED, DocumentState.BATCHED) for line in self.lines)

    @property
    def differing(self) -> int:
        return sum(line.differs for line in self.lines)

    @property
    def score(self) -> Score:
        return _score([line.is_right for line in self.lines])

    @property
    def score_now(self) -> Score:
        """Of what is in use, over the same documents."""
        return _score([line.was_right for line in self.lines if line.is_right is not None])

    @property
    def is_close(self) -> bool:
        """The ranges overlap: the sample does not tell which is better."""
        tried, now = self.score.range, self.score_now.range
        return bool(tried and now and tried.low <= now.high and now.low <= tried.high)

    @property
    def mistaken(self) -> list[Mistaken]:
        by_label: dict[str, list[Line]] = {}
        for line in self.lines:
            if line.is_right is not None:
                by_label.setdefault(line.excerpt.gold_label, []).append(line)
        found = [_mistaken(label, lines) for label, lines in by_label.items()]
        wrong = [line for line in found if line.tried < line.of or line.now < line.now_of]
        return sorted(wrong, key=lambda line: (line.tried - line.of, line.label))


def tried(upload: Upload) -> Tried:
    """What came of a trial, at most a hundred documents."""
    documents = list(Document.objects.filter(upload=upload).prefetch_related("result").order_by("row_number"))
    ids = upload.options.get("originals", [])
    originals = Document.objects.filter(pk__in=ids).select_related("result", "version").in_bulk()
    texts = excerpts([document.pk for document in documents], TEXT_SHOWN)
    money = Request.objects.filter(document__in=[d.pk for d in documents], result__isnull=False).aggregate(
        paid=Sum("result__paid_usd"), priced=Count("result__paid_usd"), all=Count("pk"),
        fresh=Sum("result__input_tokens"), read=Sum("result__cache_read_tokens"),
        short=Sum("result__cache_write_5m_tokens"), long=Sum("result__cache_write_1h_tokens"),
        output=Sum("result__output_tokens"),
    )  # fmt: skip
    lines = [
        _line(document, texts.get(document.pk, ERASED), ids, originals, upload.version.kind) for document in documents
    ]
    is_done = not any(document.state in (DocumentState.QUEUED, DocumentState.BATCHED) for document in documents)
    return Tried(
        upload,
        sorted(lines, key=_telling) if is_done else lines,
        (money["paid"] or Decimal(0)) if money["priced"] == money["all"] else None,
        sum(money[name] or 0 for name in ("fresh", "read", "short", "long")),
        money["output"] or 0,
    )


def trials_of(task: LabelingTask, version: LabelingTaskVersion | None = None, most: int = 5) -> list[Upload]:
    """The newest trials, of a task or of one version of it."""
    uploads = Upload.objects.filter(kind=UploadKind.TRIAL, version__task=task)
    if version:
        uploads = uploads.filter(version=version)
    return list(uploads.select_related("version", "created_by").order_by("-pk")[:most])


def _line(document: Document, excerpt: Excerpt, ids: Sequence[int], originals: dict[int, Document], kind: str) -> Line:
    original = originals.get(ids[document.row_number - 1]) if document.row_number <= len(ids) else None
    now = _answer(original) if original else Answer(None)
    return Line(document, excerpt, original.pk if original else None, now, _answer(document), kind == Kind.CLASSIFY)


def _telling(line: Line) -> int:
    """What differs stands first, then what is wrong."""
    return 0 if line.differs else 1 if line.tried.label is None or line.is_right is False else 2


def _answer(document: Document) -> Answer:
    number = document.version.number if "version" in document._state.fields_cache else None
    if document.result is not None:
        return Answer(document.result.answer, "", number)
    if document.state == DocumentState.FAILED:
        return Answer(None, FailureReason(document.failure_reason).sentence, number)
    return Answer(None, "", number)


def _same(one: Answer, other: Answer) -> bool:
    return (one.label or "").casefold() == (other.label or "").casefold()


def _score(found: Sequence[bool | None]) -> Score:
    known = [right for right in found if right is not None]
    return Score(sum(known), len(known))


def _mistaken(label: str, lines: Sequence[Line]) -> Mistaken:
    wrong = Counter(line.tried.label or "no usable answer" for line in lines if not line.is_right)
    known = [line for line in lines if line.was_right is not None]
    return Mistaken(
        label,
        len(lines),
        sum(bool(line.was_right) for line in known),
        len(known),
        sum(bool(line.is_right) for line in lines),
        wrong.most_common(1)[0][0] if wrong else "",
    )


COUNTS = (1, 5, 10, 20, 50, 100)


@dataclass(frozen=True, slots=True)
class TryOffer:
    """What a version can be tried on, and about what each count of documents of average length costs in real time."""

    has_documents: bool
    has_gold: bool
    prices: Sequence[tuple[int, Span]]

    @property
    def each(self) -> Span:
        return dict(self.prices).get(1, UNKNOWN)


def offer(version: LabelingTaskVersion) -> TryOffer:
    uploads = Upload.objects.filter(version__task=version.task_id, kind=UploadKind.FILE, accepted__gt=0)
    gold_columns = list(uploads.order_by("-pk").values_list("inspection__gold_column", flat=True)[:1_000])
    average, book = _average(version.task_id), price_book([version.pk])
    prices = [(n, book.estimate(version.pk, average.part(n)).price(Way.URGENT)) for n in COUNTS]
    return TryOffer(bool(gold_columns), any(gold_columns), prices)


def _average(task_id: int) -> Load:
    """All documents of the task together: a part of them is as long as they are on average."""
    sums = DocumentTally.objects.filter(version__task=task_id).aggregate(n=Sum("leaders"), size=Sum("leader_bytes"))
    return Load(int(sums["n"] or 0), int(sums["size"] or 0))
