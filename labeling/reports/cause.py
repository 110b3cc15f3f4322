"""One cause with its documents: what to change, what a tryout brought, what sending the rest costs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from labeling.models import Document, LabelingTask, LabelingTaskVersion, Result, Tryout
from labeling.money.estimating import Estimate
from labeling.states import DocumentState, FailureReason

from .failures import Cause, Example, cause_of, documents_of, examples
from .paging import WORDING, Page, page_of
from .prices import price_book

MOST_VERSIONS = 12
SAMPLE = 200
MOST_ANSWERS = 5
TRIED_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class TryoutResult:
    """What became of the documents that were sent ahead: still on the way, labeled, failed again."""

    tryout: Tryout
    on_the_way: int
    labeled: int
    failed: Counter[str]
    list_usd: Decimal | None

    @property
    def failed_total(self) -> int:
        return self.failed.total()


@dataclass(frozen=True, slots=True)
class CausePage:
    """`cause` is None where nothing of it is open any more; `version` is the one that would be sent with."""

    task: LabelingTask
    reason: FailureReason
    cause: Cause | None
    versions: Sequence[LabelingTaskVersion]
    version: LabelingTaskVersion | None
    estimate: Estimate | None
    try_estimate: Estimate | None
    each: Estimate | None
    try_count: int
    tryout: TryoutResult | None
    page: Page[Document]
    lines: Sequence[Example]
    answers: Sequence[tuple[str, int]]
    sampled: int

    @property
    def raised(self) -> int:
        """What to try instead of the max_tokens that was too little."""
        return 2 * self.base.max_tokens if self.base else 0

    @property
    def base(self) -> LabelingTaskVersion | None:
        """What a change begins with: the draft, else the version in use."""
        return next((version for version in self.versions if version.is_draft), self.task.version_in_use)


def cause_page(
    task: LabelingTask, reason: FailureReason, *, number: int | None, before: int | None, after: int | None
) -> CausePage:
    """A fixed number of queries. `number` is that of the version to send with; without one the one tried last."""
    cause = cause_of(task, reason)
    tryout = Tryout.objects.filter(task=task, reason=reason).select_related("version").first()
    versions = list(task.versions.filter(set_aside_at=None).select_related("task")[:MOST_VERSIONS])
    version = _chosen(versions, number, tryout, task)
    page = page_of(documents_of(task, reason).select_related("version").defer(*WORDING), before=before, after=after)
    book = price_book([version.pk]) if version and cause else None
    count = min(TRIED_AT_ONCE, cause.documents) if cause else 0
    answers, sampled = _answers(task, reason)
    return CausePage(
        task=task,
        reason=reason,
        cause=cause,
        versions=versions,
        version=version,
        estimate=book.estimate(version.pk, cause.load) if book and version and cause else None,
        try_estimate=book.estimate(version.pk, cause.load.part(count)) if book and version and cause else None,
        each=book.estimate(version.pk, cause.load.part(1)) if book and version and cause else None,
        try_count=count,
        tryout=_result(tryout) if tryout else None,
        page=page,
        lines=examples(page.rows),
        answers=answers,
        sampled=sampled,
    )


def stand(found: CausePage) -> str:
    """Changes whenever the forms of the page would say something else."""
    newest = found.versions[0].stamp if found.versions else ""
    return f"{found.cause.documents if found.cause else 0}-{newest}"


def _chosen(
    versions: Sequence[LabelingTaskVersion], number: int | None, tryout: Tryout | None, task: LabelingTask
) -> LabelingTaskVersion | None:
    wanted = number or (tryout.version.number if tryout else None)
    named = next((version for version in versions if version.number == wanted), None)
    return named or next((version for version in versions if version.pk == task.version_in_use_id), None)


def _result(tryout: Tryout) -> TryoutResult:
    documents = Document.objects.filter(pk__in=tryout.documents).values_list("state", "failure_reason", "result_id")
    rows = list(documents)
    states = Counter(state for state, _, _ in rows)
    prices = Result.objects.filter(pk__in=[result_id for _, _, result_id in rows if result_id])
    known = [price for price in prices.values_list("list_usd", flat=True) if price is not None]
    return TryoutResult(
        tryout=tryout,
        on_the_way=states[DocumentState.QUEUED] + states[DocumentState.BATCHED],
        labeled=states[DocumentState.LABELED],
        failed=Counter(reason for state, reason, _ in rows if state == DocumentState.FAILED),
        list_usd=sum(known, Decimal(0)) if known else None,
    )


def _answers(task: LabelingTask, reason: FailureReason) -> tuple[list[tuple[str, int]], int]:
    """What came most often instead of a label, among the newest documents of the cause."""
    if reason is not FailureReason.NOT_A_LABEL:
        return [], 0
    newest = list(documents_of(task, reason).order_by("-pk")[:SAMPLE])
    said = Counter(example.said for example in examples(newest) if example.said)
    return said.most_common(MOST_ANSWERS), len(newest)
