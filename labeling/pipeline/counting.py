"""A person's question how many tokens a request has -> the API's own count; free of charge."""

from django.utils import timezone

from labeling import batch_api
from labeling.batch_api import ApiError
from labeling.models import TokenCount


def count(pk: int) -> int | None:
    """Ask the API; None where it did not say. Twice is harmless."""
    row = TokenCount.objects.filter(pk=pk, counted_at=None).exclude(params="").first()
    if row is None:
        return None
    try:
        tokens = batch_api.count_tokens(row.params.encode())
    except ApiError as error:
        TokenCount.objects.filter(pk=pk).update(error=str(error), params="")
        return None
    TokenCount.objects.filter(pk=pk).update(tokens=tokens, counted_at=timezone.now(), params="", error="")
    return tokens
