"""About how much: what documents that wait, failed, or are still in a file would cost, each way.

`price_book` is what every page and every button asks. It reads sums only: the versions, their prices, what the answers
of their tasks were; never a query per document, and none per estimate.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Sum

from labeling.models import AnswerTally, DocumentTally, LabelingTaskVersion
from labeling.money.estimating import Estimate, Evidence, Load, Measure, Terms, estimate
from labeling.money.terms import terms_of
from labeling.states import Basis, DocumentState, Way

MOST_PAST_ERRORS = 50
MOST_EARLIER_VERSIONS = 3
"""So many earlier versions of a task are looked at where a version has no answers of its own."""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Terms and evidence of some versions, read once; then any number of estimates without another query."""

    terms: Mapping[int, Terms]
    evidence: Mapping[int, Evidence]

    def estimate(self, version_id: int, load: Load, *, counted: Measure | None = None) -> Estimate:
        """What a load costs under a version; `counted` is a sample of its texts whose tokens the API counted."""
        return estimate(load, self.terms[version_id], replace(self.evidence[version_id], counted=counted))


def price_book(version_ids: Iterable[int], known: Mapping[int, LabelingTaskVersion] | None = None) -> PriceBook:
    """Everything that estimates of these versions need, in a fixed number of queries; `known` are not read again."""
    ids = set(version_ids)
    if not ids:
        return PriceBook({}, {})
    known = known or {}
    wanted = LabelingTaskVersion.objects.in_bulk(ids - known.keys()) | {pk: known[pk] for pk in ids & known.keys()}
    answered = _answered(wanted.values())
    earlier = _earlier(wanted.values(), answered)
    terms = terms_of([*wanted.values(), *earlier.values()])
    measures = {pk: _measure(answered[pk], terms[pk]) for pk in terms if pk in answered}
    errors = past_errors()
    evidence = {
        pk: Evidence(
            version=measures.get(pk),
            task=_together([measures[v.pk] for v in earlier.values() if v.task_id == version.task_id]),
            errors=errors,
        )
        for pk, version in wanted.items()
    }
    return PriceBook(terms, evidence)


def past_errors() -> dict[Basis, Decimal]:
    """The mean relative error that each basis had, over the newest uploads that are done; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_PAST_ERRORS, {"uploads": MOST_PAST_ERRORS})
        return {Basis(basis): error for basis, error in cursor.fetchall()}


_PAST_ERRORS = """
    WITH said AS (
        SELECT e.upload_id, e.basis, e.list_usd
        FROM labeling_uploadestimate e JOIN labeling_upload u ON u.id = e.upload_id
        WHERE u.state = 'done' AND e.list_usd > 0 AND e.is_whole ORDER BY e.upload_id DESC LIMIT %(uploads)s
    ), answered AS (
        SELECT upload_id, sum(list_usd) AS list_usd FROM labeling_answertally
        WHERE upload_id IN (SELECT upload_id FROM said) GROUP BY upload_id HAVING sum(unpriced) = 0
    )
    SELECT s.basis, avg(abs(a.list_usd / s.list_usd - 1)) FROM said s JOIN answered a USING (upload_id) GROUP BY s.basis
"""


def estimate_of(version_id: int, load: Load, *, counted: Measure | None = None) -> Estimate:
    """One estimate under one version."""
    return price_book([version_id]).estimate(version_id, load, counted=counted)


def waiting_loads(*, upload_id: int | None = None) -> dict[tuple[int, Way], Load]:
    """What waits, by version and way: of everything or of one upload. Copies cost nothing and are not in it."""
    tallies = DocumentTally.objects.filter(state=DocumentState.QUEUED)
    if upload_id is not None:
        tallies = tallies.filter(upload=upload_id)
    sums = tallies.order_by().values_list("version_id", "way").annotate(n=Sum("leaders"), size=Sum("leader_bytes"))
    return {(version_id, Way(way)): Load(int(n), int(size)) for version_id, way, n, size in sums if n}


def _answered(versions: Iterable[LabelingTaskVersion]) -> dict[int, dict[str, Any]]:
    """Sums over the answers of the versions and of every other version of their tasks."""
    tasks = {version.task_id for version in versions}
    rows = (
        AnswerTally.objects.filter(version__task__in=tasks)
        .order_by()
        .values("version_id")
        .annotate(
            n=Sum("answers"),
            no_price=Sum("unpriced"),
            size=Sum("document_bytes"),
            tokens_in=Sum("prompt_tokens"),
            tokens_out=Sum("output_tokens"),
            usd=Sum("list_usd"),
        )
    )
    return {row["version_id"]: dict(row) for row in rows} if tasks else {}


def _earlier(versions: Iterable[LabelingTaskVersion], answered: Mapping[int, object]) -> dict[int, LabelingTaskVersion]:
    """The newest other versions with answers, of the tasks whose version has none itself."""
    unanswered = {version.task_id for version in versions if version.pk not in answered}
    if not unanswered:
        return {}
    found: dict[int, list[LabelingTaskVersion]] = {}
    others = LabelingTaskVersion.objects.filter(task__in=unanswered, pk__in=list(answered)).order_by("-number")
    for version in others:
        found.setdefault(version.task_id, []).append(version)
    return {version.pk: version for group in found.values() for version in group[:MOST_EARLIER_VERSIONS]}


def _measure(sums: Mapping[str, Any], terms: Terms) -> Measure:
    answers = int(sums["n"])
    return Measure(
        basis=Basis.VERSION,
        requests=answers,
        request_bytes=answers * terms.frame_bytes + int(sums["size"]),
        prompt_tokens=int(sums["tokens_in"]),
        output_tokens=int(sums["tokens_out"]),
        list_usd=None if sums["no_price"] else Decimal(sums["usd"]),
    )


def _together(measures: list[Measure]) -> Measure | None:
    """What earlier versions show about a new one. Their prices may be those of another model, so they say nothing."""
    if not measures:
        return None
    return Measure(
        basis=Basis.TASK,
        requests=sum(m.requests for m in measures),
        request_bytes=sum(m.request_bytes for m in measures),
        prompt_tokens=sum(m.prompt_tokens for m in measures),
        output_tokens=sum(m.output_tokens or 0 for m in measures),
    )
