"""What a file would cost before it is imported, and afterwards what it did cost beside what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from labeling.messages import prompts
from labeling.models import AnswerTally, Upload, UploadEstimate
from labeling.money.estimating import Estimate, Load, Measure
from labeling.states import Basis, RefusalReason

from .prices import estimate_of


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of row that will be refused, with its first lines."""

    reason: RefusalReason
    rows: int
    lines: Sequence[int]


@dataclass(frozen=True, slots=True)
class BeforeImport:
    found: UploadEstimate
    estimate: Estimate

    @property
    def problems(self) -> list[Problem]:
        """The most rows first."""
        kinds = [
            Problem(RefusalReason(name), told["rows"], told["lines"]) for name, told in self.found.problems.items()
        ]
        return sorted(kinds, key=lambda problem: -problem.rows)

    @property
    def refused(self) -> int:
        return self.found.rows - self.found.documents

    @property
    def parts(self) -> list[tuple[str, int, str]]:
        return [("ok", self.found.documents, "good"), ("err", self.refused, "refused")]


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Real-time prices in USD: what was said, None where nothing was, and what the answers so far cost."""

    said: UploadEstimate | None
    list_usd: Decimal
    paid_usd: Decimal
    answers: int
    unpriced: int

    @property
    def saved_usd(self) -> Decimal:
        return self.list_usd - self.paid_usd

    @property
    def error(self) -> Decimal | None:
        """Paid above what was said, as a part of it; None where either is unknown."""
        if self.said is None or not self.said.list_usd or self.unpriced:
            return None
        return self.list_usd / self.said.list_usd - 1


def before_import(upload: Upload) -> BeforeImport | None:
    """None while nobody has counted the file."""
    found = UploadEstimate.objects.filter(upload=upload).first()
    return BeforeImport(found, estimate_file(upload, found)) if found else None


def estimate_file(upload: Upload, found: UploadEstimate) -> Estimate:
    counted = None
    if found.sampled:
        frame = found.sampled * _frame_bytes(upload)
        counted = Measure(Basis.COUNTED, found.sampled, frame + found.sample_bytes, found.sample_tokens)
    return estimate_of(upload.version_id, Load(found.documents, found.text_bytes), counted=counted)


def afterwards(upload: Upload) -> Afterwards | None:
    """None where nothing has been answered."""
    sums = AnswerTally.objects.filter(upload=upload).aggregate(
        listed=Sum("list_usd"), paid=Sum("paid_usd"), n=Sum("answers"), no_price=Sum("unpriced")
    )
    if not sums["n"]:
        return None
    said = UploadEstimate.objects.filter(upload=upload, estimated_at__isnull=False).first()
    return Afterwards(said, sums["listed"], sums["paid"], int(sums["n"]), int(sums["no_price"]))


def _frame_bytes(upload: Upload) -> int:
    return sum(map(len, prompts.frame(upload.version.spec)))
