"""The money limits: how much of a night or of a day is taken, what a person released, and who has to wait.

What leaves in batches, tonight or now, counts to the night that was due last; real-time calls count to the local day.
Taken is what was paid, and the worst case of everything that is still open. The claims ask in the transaction that
reserves, under the lock that lets one builder or one caller in; everybody else only looks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from django.db import connection
from django.db.models import Count, Q, Sum
from django.db.models.functions import Greatest

from labeling import nights
from labeling.configuration import Configuration
from labeling.models import (
    AnswerTally,
    Batch,
    DocumentTally,
    LabelingTaskVersion,
    LimitRelease,
    Upload,
)
from labeling.money.estimating import Load
from labeling.money.pricing import NOTHING
from labeling.money.terms import terms_of
from labeling.money.worst_case import WorstCase, worst_case
from labeling.states import BatchState, DocumentState, Lane, LimitScope, Way

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit on one date, in USD. `limit_usd` None: there is no limit. `unknown` is what has no known price."""

    scope: LimitScope
    date: date
    limit_usd: Decimal | None
    released_usd: Decimal
    all_released: bool
    paid_usd: Decimal
    reserved_usd: Decimal
    unknown: int

    @property
    def taken_usd(self) -> Decimal:
        return self.paid_usd + self.reserved_usd

    @property
    def most_usd(self) -> Decimal | None:
        return None if self.limit_usd is None or self.all_released else self.limit_usd + self.released_usd

    @property
    def room_usd(self) -> Decimal | None:
        """What may still be reserved; None without a limit. Where something has an unknown price, nobody can say."""
        if self.most_usd is None:
            return None
        return NOTHING if self.unknown else max(NOTHING, self.most_usd - self.taken_usd)

    @property
    def words(self) -> str:
        return f"the night of {self.date}" if self.scope is LimitScope.NIGHT else f"real-time calls on {self.date}"

    @property
    def sentence(self) -> str:
        """How the limit stands."""
        if self.most_usd is None:
            return f"There is no limit for {self.words}."
        unknown = f" {self.unknown:,} without a known price fill it." if self.unknown else ""
        return (
            f"The limit of {in_usd(self.most_usd)} for {self.words}: {in_usd(self.paid_usd)} paid, "
            f"{in_usd(self.reserved_usd)} reserved for what is open.{unknown}"
        )


@dataclass(frozen=True, slots=True)
class Over:
    """Versions whose next document does not fit, with what is known of each limit; nothing without limits."""

    night: Standing
    urgent: Standing
    batch_versions: frozenset[int] = frozenset()
    urgent_versions: frozenset[int] = frozenset()
    unpriced: frozenset[int] = frozenset()

    def versions(self, way: Way) -> frozenset[int]:
        return self.urgent_versions if way is Way.URGENT else self.batch_versions

    def standing(self, way: Way) -> Standing:
        return self.urgent if way is Way.URGENT else self.night

    def sentence(self, version_id: int, way: Way) -> str:
        """Why the documents of a version wait."""
        if version_id in self.unpriced:
            return "Nobody knows the price of its model, so it does not leave under a money limit."
        return f"It does not fit. {self.standing(way).sentence}"


def are_set(settings: Configuration) -> bool:
    return settings.night_limit_usd is not None or settings.urgent_limit_usd is not None


def in_usd(amount: Decimal) -> str:
    return f"${amount.quantize(CENT, ROUND_HALF_UP):,}"


def night_in_force(settings: Configuration, now: datetime) -> date:
    """The date of the night that was due last: whatever is built now counts to it."""
    return nights.latest_due(now, settings.night, settings.zone)[0]


def night_standing(settings: Configuration, now: datetime) -> Standing:
    """Of the night that was due last: everything that was built since counts to it."""
    day = night_in_force(settings, now)
    sums = Batch.objects.filter(limit_date=day).aggregate(
        paid=Sum("paid_usd", filter=Q(state=BatchState.INGESTED, reserved_usd=0)),
        held=Sum(Greatest("reserved_usd", "paid_usd"), filter=Q(reserved_usd__gt=0)),
        unknown=Count("pk", filter=Q(reserved_usd=None)),
    )
    released, everything = _released(LimitScope.NIGHT, day)
    return Standing(
        LimitScope.NIGHT, day, settings.night_limit_usd, released, everything,
        sums["paid"] or NOTHING, sums["held"] or NOTHING, sums["unknown"],
    )  # fmt: skip


def urgent_standing(settings: Configuration, now: datetime) -> Standing:
    """Of the local day. Calls that are open now count to it, whenever they began: they are booked when they end."""
    day = now.astimezone(settings.zone).date()
    midnight = datetime.combine(day, time(0), tzinfo=settings.zone)
    with connection.cursor() as cursor:
        cursor.execute(_URGENT, {"day": day, "midnight": midnight})
        paid, reserved, unknown = cursor.fetchone()
    released, everything = _released(LimitScope.URGENT, day)
    return Standing(
        LimitScope.URGENT, day, settings.urgent_limit_usd, released, everything, paid, reserved, int(unknown)
    )


_URGENT = """
    WITH booked AS (
        SELECT COALESCE(sum(paid_usd), 0) AS paid, COALESCE(sum(unpriced), 0) AS unpriced
        FROM labeling_spendtally WHERE day = %(day)s AND lane = 'urgent'
    ), calls AS (
        SELECT COALESCE(sum(reserved_usd), 0) AS usd, count(*) FILTER (WHERE reserved_usd IS NULL) AS unknown
        FROM labeling_request WHERE lane = 'urgent' AND outcome = 'open'
    ), ended AS (
        SELECT COALESCE(sum(reserved_usd), 0) AS usd, count(*) FILTER (WHERE outcome <> 'unclear') AS unpriced
        FROM labeling_request
        WHERE reserved_usd IS NOT NULL AND created_at >= %(midnight)s AND outcome <> 'open'
    )
    SELECT booked.paid, calls.usd + ended.usd, calls.unknown + GREATEST(0, booked.unpriced - ended.unpriced)
    FROM booked, calls, ended
"""
"""One statement, so that an answer is either still reserved or already paid, and never neither."""


def versions_waiting(lane: Lane) -> set[int]:
    """Ids of versions of which something waits to leave through the lane; from the counters."""
    ways = (Way.URGENT,) if lane is Lane.URGENT else (Way.NOW, Way.TONIGHT)
    waiting = DocumentTally.objects.filter(state=DocumentState.QUEUED, way__in=ways).order_by().values("version_id")
    return {row["version_id"] for row in waiting.annotate(n=Sum("leaders")).filter(n__gt=0)}


def standing_of(scope: LimitScope, settings: Configuration, now: datetime) -> Standing:
    return (night_standing if scope is LimitScope.NIGHT else urgent_standing)(settings, now)


def worst_cases(versions: Iterable[LabelingTaskVersion], lane: Lane) -> dict[int, WorstCase | None]:
    """The worst case of a request of each version; None where the price is unknown."""
    versions = list(versions)
    terms = terms_of(versions)
    averages = _average_prompts(versions)
    return {pk: worst_case(t, lane, average_prompt_tokens=averages.get(pk)) for pk, t in terms.items()}


def over(settings: Configuration, now: datetime, *, ignore_hour: bool = False) -> Over:
    """Who waits for a limit and for nothing else; from the counters, so it reads no document.

    A version is over where not even a document of its average length fits. What waits for its night is not over.
    """
    night, urgent = night_standing(settings, now), urgent_standing(settings, now)
    if night.room_usd is None and urgent.room_usd is None:
        return Over(night, urgent)
    _, last_due = nights.latest_due(now, settings.night, settings.zone)
    loads = _due_loads(None if ignore_hour else last_due)
    batch, batch_unpriced = _too_much(loads[Lane.BATCH], Lane.BATCH, night.room_usd)
    called, called_unpriced = _too_much(loads[Lane.URGENT], Lane.URGENT, urgent.room_usd)
    return Over(night, urgent, batch, called, batch_unpriced | called_unpriced)


def _due_loads(last_due: datetime | None) -> dict[Lane, dict[int, Load]]:
    """What nothing but money keeps from leaving, by lane and version; behind no gate and no hold."""
    rows = (
        DocumentTally.objects.filter(state=DocumentState.QUEUED, upload__in=Upload.objects.going_out())
        .exclude(version__task__gate__closed_at__isnull=False)
        .order_by()
        .values_list("version_id", "way", "upload__counts_from", "upload__hold_kind")
        .annotate(n=Sum("leaders"), size=Sum("leader_bytes"))
        .filter(n__gt=0)
    )
    loads: dict[Lane, dict[int, Load]] = {Lane.BATCH: {}, Lane.URGENT: {}}
    for version_id, way, counts_from, hold_kind, n, size in rows:
        lane = Lane.URGENT if way == Way.URGENT else Lane.BATCH
        waits_for_night = way == Way.TONIGHT and last_due is not None and counts_from and counts_from > last_due
        if waits_for_night or (hold_kind and lane is Lane.BATCH):
            continue
        loads[lane][version_id] = loads[lane].get(version_id, Load(0, 0)) + Load(int(n), int(size))
    return loads


def _too_much(loads: Mapping[int, Load], lane: Lane, room: Decimal | None) -> tuple[frozenset[int], frozenset[int]]:
    """Versions that do not fit, and those among them whose price nobody knows."""
    if room is None or not loads:
        return frozenset(), frozenset()
    cases = worst_cases(LabelingTaskVersion.objects.filter(pk__in=loads), lane)
    unpriced = frozenset(pk for pk, case in cases.items() if case is None)
    dear = {pk for pk, case in cases.items() if case and case.usd(loads[pk].part(1).encoded_bytes) > room}
    return unpriced | dear, unpriced


def _average_prompts(versions: Iterable[LabelingTaskVersion]) -> dict[int, int]:
    rows = (
        AnswerTally.objects.filter(version__in=[version.pk for version in versions])
        .order_by()
        .values_list("version_id")
        .annotate(tokens=Sum("prompt_tokens"), n=Sum("answers"))
        .filter(n__gt=0, tokens__gt=0)
    )
    return {pk: int((Decimal(tokens) / n).to_integral_value(ROUND_CEILING)) for pk, tokens, n in rows}


def _released(scope: LimitScope, day: date) -> tuple[Decimal, bool]:
    sums = LimitRelease.objects.filter(scope=scope, date=day).aggregate(
        usd=Sum("amount_usd"), everything=Count("pk", filter=Q(amount_usd=None))
    )
    return sums["usd"] or NOTHING, bool(sums["everything"])
