"""What a person was told that an upload would cost, kept beside what it did cost."""

from django.utils import timezone

from labeling.models import Upload, UploadEstimate
from labeling.money.estimating import Estimate


def remember(upload: Upload, estimate: Estimate) -> None:
    """As it stood when the import was confirmed."""
    span = estimate.real_time
    UploadEstimate.objects.filter(upload=upload).update(
        estimated_at=timezone.now(),
        basis=estimate.basis,
        list_usd=span.likely,
        low_usd=span.low,
        high_usd=span.high,
    )
